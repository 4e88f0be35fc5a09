//! What an alert is made of, and the recording rules that alerts read.

use super::replay::Look;
use crate::alert::Subject;

/// What an alert is about: the labels that it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Replica,
    Project,
    Rule,
    Monitor,
}

impl About {
    pub(super) fn of(subject: &Subject) -> Self {
        match (&subject.project, &subject.replica, &subject.rule) {
            (Some(_), Some(_), _) => Self::Replica,
            (Some(_), None, _) => Self::Project,
            (None, _, Some(_)) => Self::Rule,
            (None, _, None) => Self::Monitor,
        }
    }
}

/// One alert.
pub(super) struct Alert {
    pub(super) name: &'static str,
    pub(super) about: About,
    /// `critical`: somebody should get up. `warning`: somebody should look today.
    pub(super) severity: &'static str,
    /// `JOB` stands for the matcher of the scrape job.
    pub(super) expr: &'static str,
    /// How long it must hold.
    pub(super) hold: &'static str,
    /// The same as `expr`, of what the history keeps: how `rules replay` judges it. A test holds it against a real Prometheus.
    pub(super) holds: fn(&Look<'_>) -> bool,
    /// Templates of Prometheus. So that a test can tell what becomes of them, they use labels by name, and the value once.
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) fires: Sample,
    /// Series with which it keeps quiet.
    pub(super) quiet: &'static [Series],
}

/// Series with which an alert fires, and what it then says.
pub(super) struct Sample {
    pub(super) series: &'static [Series],
    /// Labels beyond those of what it is about.
    pub(super) labels: &'static [(&'static str, &'static str)],
    /// What its template makes of the value.
    pub(super) value: &'static str,
}

/// The name, labels beyond those of what the alert is about, and the values in the form of promtool.
pub(super) type Series = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// The recording rules that do not come from a tree: name and expression.
pub(super) static RECORDS: &[(&str, &str)] = &[
    (
        "project_replica:lag_limit_seconds:max",
        "max by (project, replica) (replica_lag_tolerance_seconds) or max by (project, replica) (project_replica:declared_lag_limit_seconds) or max by (project, replica) (replica_lag_known * 0 + 5)",
    ),
    (
        "project_replica:lag_within_limit_seconds:max",
        "max by (project, replica) ((replica_lag_seconds unless ignoring (verdict) replica_lag_verdict{verdict=\"at_least\"} == 1) <= on (project, replica) group_left () project_replica:lag_limit_seconds:max)",
    ),
    (
        "project:lag_seconds:max",
        "max by (project) (replica_lag_seconds)",
    ),
    (
        "project:lag_unknown:count",
        "count by (project) (max by (project, replica) (replica_lag_known) == 0)",
    ),
];
