//! `GET /metrics`: what is known now, for Prometheus and whatever speaks its formats.
//!
//! One table, [`METRICS`], says what there is; docs/METRICS.md is written from it. What is not known is an absent sample, never 0. Nothing is
//! remembered here: a scrape tells of the moment.

mod metric;
mod names;
mod own;
mod read;
mod text;

pub(crate) use names::METRICS;
pub(crate) use own::{Own, Process};
pub(crate) use text::{Format, bounded, label};

use metric::Read;
use replica_core::Snapshot;
use text::Text;

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up; its samples end in `_total`.
    Counter,
    /// Always 1; what it says stands in its labels.
    Info,
}

impl Kind {
    /// The word of the exposition formats.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Info => "info",
        }
    }
}

/// Whether the metric of that name is of the monitor itself: then it counts from the monitor's start.
pub(crate) fn is_own(name: &str) -> bool {
    METRICS
        .iter()
        .any(|metric| metric.name == name && matches!(metric.read, Read::Own(_)))
}

/// Everything that follows from a snapshot: the same until the next one.
pub(crate) fn of_snapshot(snapshot: &Snapshot, format: Format) -> Vec<u8> {
    let mut text = Text::new(format);
    let labels = text::labels_of(snapshot);
    for metric in METRICS {
        match metric.read {
            Read::Replica(read) => {
                text.family(metric);
                for ((_, replica), labels) in snapshot.replicas().zip(&labels) {
                    read(replica, &mut text.at(metric, labels));
                }
            }
            Read::Rule(read) => {
                text.family(metric);
                for rule in &snapshot.rules {
                    read(rule, &mut text.at(metric, &text::rule_labels(rule)));
                }
            }
            Read::Own(_) => {}
        }
    }
    text.done()
}

/// Everything about the monitor itself, and the end of the text.
pub(crate) fn of_monitor(own: &Own, format: Format) -> Vec<u8> {
    let mut text = Text::new(format);
    for metric in METRICS {
        if let Read::Own(read) = metric.read {
            text.family(metric);
            read(own, &mut text.at(metric, ""));
        }
    }
    text.end();
    text.done()
}

#[cfg(test)]
mod tests;
