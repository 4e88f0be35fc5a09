//! What somebody is told: several alerts together, as words and as JSON.

use super::book::{Alert, Phase};
use super::condition::Severity;
use super::subject::Subject;
use serde::{Deserialize, Serialize};

/// One message to one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// Names it: one that comes twice, because an answer was lost, has the same.
    pub(crate) id: String,
    /// When it was written, in milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) alerts: Vec<Line>,
    /// Whether all of it was told before.
    #[serde(default)]
    pub(crate) reminder: bool,
}

/// How one alert stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) condition: String,
    pub(crate) severity: Severity,
    /// `firing` or `resolved`.
    pub(crate) state: Phase,
    #[serde(flatten)]
    pub(crate) subject: Subject,
    pub(crate) since: i64,
    pub(crate) resolved_at: Option<i64>,
    pub(crate) summary: String,
}

impl Line {
    pub(super) fn of(alert: &Alert) -> Self {
        Self {
            id: alert.id(),
            condition: alert.condition.clone(),
            severity: alert.severity,
            state: alert.phase,
            subject: alert.subject.clone(),
            since: alert.since,
            resolved_at: alert.resolved_at,
            summary: alert.summary.clone(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.state == Phase::Resolved
    }

    /// In a line.
    pub(crate) fn words(&self) -> String {
        match self.is_over() {
            true => format!(
                "RESOLVED {} of {}: {}",
                self.condition,
                self.subject.words(),
                self.summary
            ),
            false => format!("{}: {}", self.severity.word().to_uppercase(), self.summary),
        }
    }
}

impl Notice {
    /// One that nothing has happened for, to try a channel with.
    pub(crate) fn sample(at: i64) -> Self {
        let line = Line {
            id: "down:p/r".to_owned(),
            condition: "down".to_owned(),
            severity: Severity::Critical,
            state: Phase::Firing,
            subject: Subject::replica(&"p".into(), &"r".into()),
            since: at,
            resolved_at: None,
            summary: "p / r is down: no answer".to_owned(),
        };
        Self {
            id: format!("sample-{at:x}"),
            at,
            alerts: vec![line],
            reminder: false,
        }
    }

    /// All of it, with its title and text; what an alert has not is null, so that templates find every field.
    pub(crate) fn document(&self) -> serde_json::Value {
        let mut document = serde_json::to_value(self).unwrap_or_default();
        let alerts = document["alerts"].as_array_mut();
        for fields in alerts
            .into_iter()
            .flatten()
            .filter_map(|line| line.as_object_mut())
        {
            for name in ["project", "replica", "rule"] {
                fields.entry(name).or_insert(serde_json::Value::Null);
            }
        }
        document["title"] = self.title().into();
        document["text"] = self.text().into();
        document
    }

    /// In a line, for subjects and titles.
    pub(crate) fn title(&self) -> String {
        let firing = self.alerts.iter().filter(|line| !line.is_over()).count();
        match (self.alerts.as_slice(), firing) {
            ([one], _) => one.words(),
            (all, 0) => format!("{} alerts are over", all.len()),
            (all, firing) if firing == all.len() => format!("{firing} alerts"),
            (all, firing) => format!("{firing} alerts, and {} over", all.len() - firing),
        }
    }

    /// In a line each.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<String> = self.alerts.iter().map(Line::words).collect();
        lines.join("\n")
    }
}
