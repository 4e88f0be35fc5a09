//! Prometheus's Alertmanager, by its API v2, which routes, groups and silences by itself.
//!
//! The form: `POST /api/v2/alerts` of <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>. An alert of which nothing is heard
//! for its `resolve_timeout` (five minutes unless it is set) is over there, so what fires is told every minute.

use super::post::Post;
use super::{Deliver, Kind, Made, Secrets, Undelivered, fields};
use crate::alert::notice::{Line, Notice};
use crate::words;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(super) static ALERTMANAGER: Kind = Kind {
    name: "alertmanager",
    repeat: Some(Duration::from_secs(60)),
    make,
    #[cfg(test)]
    sample,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// Without the path of the API.
    url: String,
    /// Labels of every alert, to tell monitors apart.
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

struct Alertmanager {
    post: Post,
    labels: BTreeMap<String, String>,
}

fn make(given: Value, secrets: &Secrets<'_>) -> Made {
    let given: Fields = fields(given)?;
    let base = secrets.url(&given.url)?;
    let url = format!("{}/api/v2/alerts", base.expose().trim_end_matches('/'));
    Ok(Arc::new(Alertmanager {
        post: Post::to(url.into()),
        labels: given.labels,
    }))
}

impl Alertmanager {
    fn alert(&self, line: &Line) -> Value {
        let mut labels = self.labels.clone();
        let mut label = |name: &str, value: Option<&str>| {
            labels.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        };
        label("alertname", Some(&line.condition));
        label("severity", Some(line.severity.word()));
        label("project", line.subject.project.as_deref());
        label("replica", line.subject.replica.as_deref());
        label("rule", line.subject.rule.as_deref());
        let mut alert = json!({
            "labels": labels,
            "annotations": { "summary": line.summary },
            "startsAt": words::time(line.since),
        });
        if let Some(at) = line.resolved_at {
            alert["endsAt"] = words::time(at).into();
        }
        alert
    }
}

impl Deliver for Alertmanager {
    fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        let alerts: Vec<Value> = notice.alerts.iter().map(|line| self.alert(line)).collect();
        self.post.json(&alerts.into())
    }
}

#[cfg(test)]
fn sample(listener: &super::tests::Listener) -> (Value, &'static str) {
    (json!({ "url": listener.url() }), "/api/v2/alerts")
}
