//! The two text formats of Prometheus, written into memory.
//!
//! Ours, because the libraries keep a registry of values that somebody updates, and here everything is read from one snapshot; the formats
//! are a page each: <https://prometheus.io/docs/instrumenting/exposition_formats/> and OpenMetrics 1.0.

use super::Kind;
use super::metric::Metric;
use replica_core::{Rule, Snapshot};
use sha2::{Digest, Sha256};
use std::io::Write;

/// A label may be this long; a longer name is cut and told apart by a hash. Every label is kept by whoever scrapes, for as long as that keeps its data.
const LONGEST_LABEL: usize = 128;

/// Which of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus's own, version 0.0.4.
    Plain,
    /// OpenMetrics 1.0.
    Open,
}

impl Format {
    /// The one that an `accept` header prefers; what is asked for by nobody in particular is the older one.
    pub(crate) fn of(accept: &str) -> Self {
        match accept.contains("application/openmetrics-text") {
            true => Self::Open,
            false => Self::Plain,
        }
    }

    /// The `content-type` header.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A text that grows.
pub(super) struct Text {
    format: Format,
    bytes: Vec<u8>,
}

impl Text {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            bytes: Vec::new(),
        }
    }

    /// Begins a metric.
    pub(super) fn family(&mut self, metric: &Metric) {
        // OpenMetrics names the family without the ending of its samples, and knows infos.
        let (name, kind) = match (self.format, metric.kind) {
            (Format::Open, Kind::Counter) => (metric.name.trim_end_matches("_total"), "counter"),
            (Format::Open, Kind::Info) => (metric.name.trim_end_matches("_info"), "info"),
            (Format::Plain, Kind::Info) => (metric.name, "gauge"),
            (_, kind) => (metric.name, kind.word()),
        };
        let help = metric.help;
        // Writing to memory cannot fail.
        let _ = write!(self.bytes, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// The samples of something with those labels, which are without their braces.
    pub(super) fn at<'t>(&'t mut self, metric: &'t Metric, labels: &'t str) -> Samples<'t> {
        Samples {
            name: metric.name,
            labels,
            bytes: &mut self.bytes,
        }
    }

    /// The last line, which OpenMetrics wants.
    pub(super) fn end(&mut self) {
        if self.format == Format::Open {
            self.bytes.extend_from_slice(b"# EOF\n");
        }
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.bytes
    }
}

/// Where the samples of one replica, rule or monitor go.
pub(crate) struct Samples<'t> {
    name: &'static str,
    labels: &'t str,
    bytes: &'t mut Vec<u8>,
}

impl Samples<'_> {
    /// A value, or nothing where there is none.
    pub(super) fn value(&mut self, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            self.labelled("", value);
        }
    }

    /// Milliseconds, told in seconds.
    pub(super) fn milliseconds(&mut self, ms: Option<u64>) {
        self.value(ms.map(|ms| ms as f64 / 1000.0));
    }

    /// Yes is 1, no is 0.
    pub(super) fn flag(&mut self, flag: impl Into<Option<bool>>) {
        self.value(flag.into().map(|flag| f64::from(u8::from(flag))));
    }

    /// One sample for each of the words: 1 for the one that holds, 0 for the others.
    pub(super) fn which(&mut self, label: &str, words: &[&str], holds: &str) {
        for word in words {
            self.sample(&[label, "=\"", word, "\""], f64::from(u8::from(*word == holds)));
        }
    }

    /// A value with more labels.
    pub(super) fn labelled(&mut self, more: &str, value: f64) {
        match more {
            "" => self.sample(&[], value),
            more => self.sample(&[more], value),
        }
    }

    /// A line of the text: there are hundreds of thousands, so nothing is put together elsewhere.
    fn sample(&mut self, more: &[&str], value: f64) {
        let out = &mut *self.bytes;
        out.extend_from_slice(self.name.as_bytes());
        if !self.labels.is_empty() || !more.is_empty() {
            out.push(b'{');
            out.extend_from_slice(self.labels.as_bytes());
            if !self.labels.is_empty() && !more.is_empty() {
                out.push(b',');
            }
            more.iter()
                .for_each(|part| out.extend_from_slice(part.as_bytes()));
            out.push(b'}');
        }
        out.push(b' ');
        // Most are 0 and 1. Whole numbers have no fraction, as Prometheus itself writes them.
        match value {
            0.0 => out.push(b'0'),
            1.0 => out.push(b'1'),
            value => drop(write!(out, "{value}")),
        }
        out.push(b'\n');
    }
}

/// The labels of every replica, in the snapshot's order.
pub(super) fn labels_of(snapshot: &Snapshot) -> Vec<String> {
    let both = snapshot.projects.iter().flat_map(|project| {
        let name = label("project", &project.name);
        let replicas = project.replicas.iter();
        replicas.map(move |replica| format!("{name},{}", label("replica", &replica.name)))
    });
    both.collect()
}

pub(super) fn rule_labels(rule: &Rule) -> String {
    label("rule", &rule.name)
}

/// `name="value"`, whatever the value holds.
pub(crate) fn label(name: &str, value: &str) -> String {
    let mut text = format!("{name}=\"");
    for letter in bounded(value).chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

/// A name as a label holds it: cut where it is too long.
pub(crate) fn bounded(value: &str) -> std::borrow::Cow<'_, str> {
    match value.char_indices().nth(LONGEST_LABEL) {
        None => value.into(),
        Some((end, _)) => {
            let hash = hex::encode(&Sha256::digest(value)[..6]);
            format!("{}…{hash}", &value[..end]).into()
        }
    }
}
