//! The text of `/metrics` → series, so that both always tell the same.
//!
//! A series that is not told any more gets one last sample that says so: without it a receiver would go on with the last value for
//! five minutes, and what is unknown by now would look known.

use super::message::{Label, Sample, TimeSeries, WriteRequest};
use std::collections::HashSet;

/// The value that means "ended": one particular NaN.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Remembers which series were told last.
pub(super) struct Teller {
    common: Vec<Label>,
    told: HashSet<Vec<Label>>,
}

impl Teller {
    /// Every series gets those labels too.
    pub(super) fn new(common: &[(String, String)]) -> Self {
        Self {
            common: common.iter().map(|(name, value)| label(name, value)).collect(),
            told: HashSet::new(),
        }
    }

    /// The samples of a text, at a time, and the ends of those that are missing in it.
    pub(super) fn tell(&mut self, text: &str, at_ms: i64) -> WriteRequest {
        let sample = |labels: Vec<Label>, value: f64| TimeSeries {
            labels,
            samples: vec![Sample {
                value,
                timestamp: at_ms,
            }],
        };
        let now: Vec<(Vec<Label>, f64)> = text.lines().filter_map(|line| self.read(line)).collect();
        let names: HashSet<Vec<Label>> = now.iter().map(|(labels, _)| labels.clone()).collect();
        let ended = self.told.difference(&names).cloned();
        let ended: Vec<TimeSeries> = ended
            .map(|labels| sample(labels, f64::from_bits(STALE)))
            .collect();
        self.told = names;
        let living = now.into_iter().map(|(labels, value)| sample(labels, value));
        WriteRequest {
            timeseries: living.chain(ended).collect(),
        }
    }

    /// `name{a="b"} 1`, as our own text has it.
    fn read(&self, line: &str) -> Option<(Vec<Label>, f64)> {
        if line.starts_with('#') {
            return None;
        }
        let (series, value) = line.rsplit_once(' ')?;
        let (name, rest) = series.split_at(series.find('{').unwrap_or(series.len()));
        let mut labels = self.common.clone();
        labels.push(label("__name__", name));
        read_labels(rest.trim_start_matches('{').trim_end_matches('}'), &mut labels);
        labels.sort();
        Some((labels, value.parse().ok()?))
    }
}

fn label(name: &str, value: &str) -> Label {
    Label {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

/// `a="b",c="d"`. A label that says nothing is left out, as the protocol wants.
fn read_labels(text: &str, labels: &mut Vec<Label>) {
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
            labels.push(label(name.trim_start_matches(','), &value));
        }
        rest = &after[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(series: &TimeSeries) -> Vec<(&str, &str)> {
        let labels = series.labels.iter();
        labels.map(|label| (&*label.name, &*label.value)).collect()
    }

    #[test]
    fn the_text_becomes_series_with_sorted_labels() {
        let mut teller = Teller::new(&[("job".to_owned(), "j".to_owned())]);
        let text = "# TYPE a gauge\na{z=\"1\",b=\"q\\\"u\\\\o\\nte, {x}\",e=\"\"} 2.5\nplain 3\n";
        let request = teller.tell(text, 7);
        let [first, second] = &request.timeseries[..] else {
            panic!("{request:?}");
        };
        let wanted = [
            ("__name__", "a"),
            ("b", "q\"u\\o\nte, {x}"),
            ("job", "j"),
            ("z", "1"),
        ];
        assert_eq!(pairs(first), wanted);
        assert_eq!((first.samples[0].value, first.samples[0].timestamp), (2.5, 7));
        assert_eq!(pairs(second), [("__name__", "plain"), ("job", "j")]);
    }

    #[test]
    fn a_series_that_is_gone_is_ended_once() {
        let mut teller = Teller::new(&[]);
        teller.tell("lag{r=\"a\"} 1\n", 1);
        let ended = teller.tell("other 1\n", 2);
        let last = ended.timeseries.last().unwrap();
        assert_eq!(pairs(last), [("__name__", "lag"), ("r", "a")]);
        assert_eq!(last.samples[0].value.to_bits(), STALE);
        assert_eq!(teller.tell("other 1\n", 3).timeseries.len(), 1);
    }
}
