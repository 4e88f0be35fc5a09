//! PagerDuty's Events API v2: each alert is an incident of its own, which its end resolves.
//!
//! The form: <https://developer.pagerduty.com/docs/events-api-v2-overview>.

use super::post::Post;
use super::{Deliver, Kind, Made, Secrets, Undelivered, fields};
use crate::alert::notice::{Line, Notice};
use crate::words;
use replica_core::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

pub(super) static PAGERDUTY: Kind = Kind {
    name: "pagerduty",
    repeat: None,
    make,
    #[cfg(test)]
    sample,
};

/// Longer summaries are refused, in characters.
const LONGEST: usize = 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    routing_key: String,
    #[serde(default = "events")]
    url: String,
}

fn events() -> String {
    "https://events.pagerduty.com/v2/enqueue".to_owned()
}

struct PagerDuty {
    post: Post,
    routing_key: Secret<String>,
}

fn make(given: Value, secrets: &Secrets<'_>) -> Made {
    let given: Fields = fields(given)?;
    Ok(Arc::new(PagerDuty {
        post: Post::to(secrets.url(&given.url)?),
        routing_key: secrets.find(&given.routing_key)?,
    }))
}

impl PagerDuty {
    fn event(&self, line: &Line) -> Value {
        // At most 255 characters, which names may exceed; the same alert has the same key, so coming twice is harmless.
        let key = hex::encode(Sha256::digest(&line.id));
        let (routing_key, action) = (
            self.routing_key.expose(),
            if line.is_over() { "resolve" } else { "trigger" },
        );
        let summary: String = line.summary.chars().take(LONGEST).collect();
        json!({
            "routing_key": routing_key,
            "event_action": action,
            "dedup_key": key,
            "client": "replica-monitor",
            "payload": {
                "summary": summary,
                "source": line.subject.words(),
                "severity": line.severity.word(),
                "timestamp": words::time(line.since),
                "component": line.subject.replica,
                "group": line.subject.project,
                "class": line.condition,
                "custom_details": line,
            },
        })
    }
}

impl Deliver for PagerDuty {
    fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        // One by one: if one fails, all are sent again, which changes nothing for those that were taken.
        notice
            .alerts
            .iter()
            .try_for_each(|line| self.post.json(&self.event(line)))
    }
}

#[cfg(test)]
fn sample(listener: &super::tests::Listener) -> (Value, &'static str) {
    let given = json!({ "url": listener.url(), "routingKey": "${KEY}" });
    (given, r#""event_action":"trigger""#)
}
