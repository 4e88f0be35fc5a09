//! The text of `/metrics` → series, so that both always tell the same.
//!
//! A series that is not told any more gets one last sample that says so: without it a receiver would go on with the last value for
//! five minutes, and what is unknown by now would look known.

use crate::metrics::is_own;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// One series: the name of its metric, and its labels in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Series {
    pub(super) name: Arc<str>,
    pub(super) labels: Vec<(String, String)>,
}

/// What the text says of a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) is_counter: bool,
    /// It is the monitor's own, and counts from its start.
    pub(super) is_own: bool,
    pub(super) help: String,
}

/// A series and its value; none ends it.
pub(super) type Sample = (Series, Option<f64>);

/// What is sent at one time.
#[derive(Clone, Copy)]
pub(super) struct Batch<'t> {
    /// Labels that all of them have.
    pub(super) common: &'t [(String, String)],
    pub(super) families: &'t HashMap<Arc<str>, Family>,
    pub(super) samples: &'t [Sample],
    pub(super) at_ms: i64,
    /// When the monitor started.
    since_ms: i64,
}

impl Batch<'_> {
    pub(super) fn is_counter(&self, name: &str) -> bool {
        self.families.get(name).is_some_and(|family| family.is_counter)
    }

    /// Since when that one counts, as far as that is known: a rule is older than the monitor that tells of it.
    pub(super) fn counts_since_ms(&self, name: &str) -> Option<i64> {
        let family = self.families.get(name)?;
        (family.is_counter && family.is_own).then_some(self.since_ms)
    }
}

/// Remembers which series were told last.
pub(super) struct Teller {
    common: Vec<(String, String)>,
    families: HashMap<Arc<str>, Family>,
    told: HashSet<Series>,
    samples: Vec<Sample>,
    since_ms: i64,
    at_ms: i64,
}

impl Teller {
    /// Every series gets those labels too.
    pub(super) fn new(common: &[(String, String)], since_ms: i64) -> Self {
        Self {
            common: common.to_vec(),
            families: HashMap::new(),
            told: HashSet::new(),
            samples: Vec::new(),
            since_ms,
            at_ms: since_ms,
        }
    }

    /// Takes in the samples of a text, and the ends of those that are missing in it.
    pub(super) fn take(&mut self, text: &str, at_ms: i64) {
        self.at_ms = at_ms;
        self.samples.clear();
        for line in text.lines() {
            match line.strip_prefix('#') {
                Some(comment) => self.describe(comment.trim_start()),
                None => self.samples.extend(self.read(line)),
            }
        }
        let now: HashSet<Series> = self.samples.iter().map(|(series, _)| series.clone()).collect();
        let ended = self.told.difference(&now).cloned();
        self.samples.extend(ended.map(|series| (series, None)));
        self.told = now;
    }

    /// What was taken in, in batches of at most so many samples.
    pub(super) fn batches(&self, most: usize) -> impl Iterator<Item = Batch<'_>> {
        self.samples.chunks(most).map(|samples| Batch {
            common: &self.common,
            families: &self.families,
            samples,
            at_ms: self.at_ms,
            since_ms: self.since_ms,
        })
    }

    /// `HELP name What it is.` or `TYPE name counter`.
    fn describe(&mut self, comment: &str) {
        let mut words = comment.splitn(3, ' ');
        let (Some(what), Some(name), Some(says)) = (words.next(), words.next(), words.next()) else {
            return;
        };
        let family = match self.families.get_mut(name) {
            Some(family) => family,
            None => self.families.entry(name.into()).or_insert_with(|| Family {
                is_own: is_own(name),
                ..Family::default()
            }),
        };
        match what {
            "TYPE" => family.is_counter = says == "counter",
            "HELP" if family.help != says => says.clone_into(&mut family.help),
            _ => {}
        }
    }

    /// `name{a="b"} 1`, as our own text has it.
    fn read(&self, line: &str) -> Option<Sample> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, rest) = series.split_at(series.find('{').unwrap_or(series.len()));
        let labels = read_labels(rest.trim_start_matches('{').trim_end_matches('}'));
        let known = self
            .families
            .get_key_value(name)
            .map(|(name, _)| Arc::clone(name));
        let name = known.unwrap_or_else(|| name.into());
        Some((Series { name, labels }, Some(value.parse().ok()?)))
    }
}

/// `a="b",c="d"`. A label that says nothing is left out, as remote write wants; elsewhere it says as little.
fn read_labels(text: &str) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut letters = after.char_indices();
        let mut end = after.len();
        while let Some((place, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = place + 1;
                    break;
                }
                '\\' => match letters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, other)) => value.push(other),
                    None => break,
                },
                other => value.push(other),
            }
        }
        if !value.is_empty() {
            labels.push((name.trim_start_matches(',').to_owned(), value));
        }
        rest = &after[end..];
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(series: &Series) -> Vec<(&str, &str)> {
        let labels = series.labels.iter();
        labels.map(|(name, value)| (&**name, &**value)).collect()
    }

    #[test]
    fn the_text_becomes_series() {
        let mut teller = Teller::new(&[("job".to_owned(), "j".to_owned())], 5);
        let text = "# HELP a_total So many.\n# TYPE a_total counter\na_total{z=\"1\",b=\"q\\\"u\\\\o\\nte, {x}\",e=\"\"} 2.5\nplain 3\n";
        teller.take(text, 7);
        let batch = teller.batches(9).next().unwrap();
        let [(first, one), (second, two)] = batch.samples else {
            panic!("{:?}", batch.samples);
        };
        assert_eq!(pairs(first), [("z", "1"), ("b", "q\"u\\o\nte, {x}")]);
        assert_eq!((&*first.name, &*second.name), ("a_total", "plain"));
        assert_eq!((*one, *two, batch.at_ms), (Some(2.5), Some(3.0), 7));
        assert!(batch.is_counter("a_total") && !batch.is_counter("plain"));
        assert_eq!(batch.families["a_total"].help, "So many.");
        assert_eq!(
            teller.batches(1).count(),
            2,
            "what is too much for one request makes two"
        );
    }

    #[test]
    fn only_our_own_counters_count_since_our_start() {
        let mut teller = Teller::new(&[], 5);
        let names = [
            "process_cpu_seconds_total",
            "replica_rule_rows_total",
            "process_open_fds",
        ];
        let types = ["counter", "counter", "gauge"];
        let lines = names
            .iter()
            .zip(types)
            .map(|(name, kind)| format!("# TYPE {name} {kind}\n{name} 1\n"));
        teller.take(&lines.collect::<String>(), 7);
        let batch = teller.batches(9).next().unwrap();
        let since = names.map(|name| batch.counts_since_ms(name));
        assert_eq!(since, [Some(5), None, None]);
    }

    #[test]
    fn a_series_that_is_gone_is_ended_once() {
        let mut teller = Teller::new(&[], 0);
        teller.take("lag{r=\"a\"} 1\n", 1);
        teller.take("other 1\n", 2);
        let (last, value) = teller.samples.last().unwrap();
        assert_eq!(
            (&*last.name, pairs(last), *value),
            ("lag", vec![("r", "a")], None)
        );
        teller.take("other 1\n", 3);
        assert_eq!(teller.samples.len(), 1);
    }
}
