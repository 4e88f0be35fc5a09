//! Slack's incoming webhooks, and those of Mattermost, Rocket.Chat and others that take the same.
//!
//! The form: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.

use super::post::Post;
use super::{Deliver, Kind, Made, Secrets, Undelivered, fields};
use crate::alert::notice::{Line, Notice};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) static SLACK: Kind = Kind {
    name: "slack",
    repeat: None,
    make,
    #[cfg(test)]
    sample,
};

/// Lines of one message; a longer one is not read.
const LINES: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    url: String,
}

struct Slack(Post);

fn make(given: Value, secrets: &Secrets<'_>) -> Made {
    let given: Fields = fields(given)?;
    Ok(Arc::new(Slack(Post::to(secrets.url(&given.url)?))))
}

/// The three characters by which foreign text could become a link or call everybody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

impl Deliver for Slack {
    fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        let mut lines: Vec<String> = notice.alerts.iter().take(LINES).map(Line::words).collect();
        if notice.alerts.len() > LINES {
            lines.insert(0, notice.title());
            lines.push(format!("… and {} more", notice.alerts.len() - LINES));
        }
        self.0.json(&json!({ "text": escaped(&lines.join("\n")) }))
    }
}

#[cfg(test)]
fn sample(listener: &super::tests::Listener) -> (Value, &'static str) {
    (
        json!({ "url": listener.url() }),
        r#"{"text":"CRITICAL: p / r is down: no answer"}"#,
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn foreign_text_calls_nobody() {
        assert_eq!(super::escaped("<!channel> & co"), "&lt;!channel&gt; &amp; co");
    }
}
