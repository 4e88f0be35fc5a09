//! One sample, as it stands in a file that was exported.

use crate::history::{Metric, SeriesKey, Subject, Value};
use replica_core::ReplicaKey;
use serde::{Deserialize, Serialize};

/// The fields of [`Line`].
pub(super) const HEAD: [&str; 7] = [
    "time_ms", "project", "replica", "rule", "metric", "value", "unknown",
];

/// One sample. Of `value` and `unknown` it has one.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) time_ms: i64,
    #[serde(default)]
    pub(super) project: Option<String>,
    #[serde(default)]
    pub(super) replica: Option<String>,
    #[serde(default)]
    pub(super) rule: Option<String>,
    pub(super) metric: String,
    #[serde(default)]
    pub(super) value: Option<i64>,
    #[serde(default)]
    pub(super) unknown: Option<String>,
}

impl Line {
    pub(super) fn of(key: &SeriesKey, time_ms: i64, value: Value) -> Self {
        let (project, replica, rule) = match &key.subject {
            Subject::Monitor => (None, None, None),
            Subject::Replica(key) => (Some(key.project.to_string()), Some(key.replica.to_string()), None),
            Subject::Rule(rule) => (None, None, Some(rule.to_string())),
        };
        let (value, unknown) = match value {
            Value::Known(figure) => (Some(figure), None),
            Value::Unknown(why) => (None, Some(why.to_string())),
        };
        Self {
            time_ms,
            project,
            replica,
            rule,
            metric: key.metric.word().to_owned(),
            value,
            unknown,
        }
    }

    /// What it says, or what is wrong with it.
    pub(super) fn sample(self) -> Result<(SeriesKey, Value), String> {
        let subject = match (self.project, self.replica, self.rule) {
            (None, None, None) => Subject::Monitor,
            (Some(project), Some(replica), None) => Subject::Replica(ReplicaKey::new(project, replica)),
            (None, None, Some(rule)) => Subject::Rule(rule.into()),
            _ => return Err("it needs a project and a replica, or a rule, or none of them".to_owned()),
        };
        let metric =
            Metric::from_word(&self.metric).ok_or_else(|| format!("there is no metric {:?}", self.metric))?;
        let value = match (self.value, self.unknown) {
            (Some(figure), None) => Value::Known(figure),
            (None, Some(why)) => Value::Unknown(why.into()),
            _ => return Err("it needs either a value or why that is unknown".to_owned()),
        };
        Ok((SeriesKey { subject, metric }, value))
    }
}
