//! What a metric is, and the few forms that the table writes them in.

use super::Kind;
use super::own::Own;
use super::text::Samples;
use replica_core::{Replica, Rule};

/// One metric.
pub(crate) struct Metric {
    /// As Prometheus sees it.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// A sentence without line breaks, quotes or backslashes.
    pub(crate) help: &'static str,
    /// The labels of its samples.
    pub(crate) labels: &'static [&'static str],
    pub(super) read: Read,
}

/// Where a metric is read from.
pub(super) enum Read {
    Replica(fn(&Replica, &mut Samples<'_>)),
    Rule(fn(&Rule, &mut Samples<'_>)),
    Own(fn(&Own, &mut Samples<'_>)),
}

const REPLICA: &[&str] = &["project", "replica"];
pub(super) const LINK: &[&str] = &["project", "replica", "link"];
pub(super) const PUSHED: &[&str] = &["protocol"];
const RULE: &[&str] = &["rule"];
const NONE: &[&str] = &[];

pub(super) const fn replica(
    name: &'static str,
    help: &'static str,
    read: fn(&Replica, &mut Samples<'_>),
) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        help,
        labels: REPLICA,
        read: Read::Replica(read),
    }
}

pub(super) const fn rule(
    name: &'static str,
    help: &'static str,
    read: fn(&Rule, &mut Samples<'_>),
) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        help,
        labels: RULE,
        read: Read::Rule(read),
    }
}

pub(super) const fn own(name: &'static str, help: &'static str, read: fn(&Own, &mut Samples<'_>)) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        help,
        labels: NONE,
        read: Read::Own(read),
    }
}

pub(super) const fn counter(metric: Metric) -> Metric {
    Metric {
        kind: Kind::Counter,
        ..metric
    }
}

pub(super) const fn labelled(metric: Metric, labels: &'static [&'static str]) -> Metric {
    Metric { labels, ..metric }
}
