//! `alerts`: what is wrong at a running monitor; and whether a channel reaches anybody.

mod table;
mod trial;

use super::Failure;
use super::remote::Remote;
use serde::Deserialize;
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;

/// List the alerts of a running monitor, the most urgent first.
///
/// Exit code 0: nothing fires (or only what is silenced). 1: something fires.
#[derive(clap::Args)]
pub(super) struct AlertsCommand {
    #[command(flatten)]
    remote: Remote,
    /// Also those that are over, and all silences, channels and conditions
    #[arg(long, short)]
    all: bool,
    /// The answer of `/api/alerts`
    #[arg(long)]
    json: bool,
    /// Send a notice of nothing by this channel of the file for --alerts, from here, and tell how that went
    #[arg(long, value_name = "CHANNEL", requires = "alerts", conflicts_with_all = ["all", "json"])]
    try_channel: Option<String>,
    /// The file for `serve --alerts`, for --try-channel
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
}

/// What is read of the answer.
#[derive(Deserialize)]
struct Answer {
    now: i64,
    alerts: Vec<Alert>,
    silences: Vec<Silence>,
    channels: Vec<Channel>,
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    id: String,
    severity: String,
    state: String,
    since: i64,
    resolved_at: Option<i64>,
    summary: String,
    ack: Option<Ack>,
    silence: Option<Silenced>,
}

#[derive(Deserialize)]
struct Ack {
    by: String,
    why: String,
}

#[derive(Deserialize)]
struct Silenced {
    by: String,
    why: String,
    until: i64,
}

#[derive(Deserialize)]
struct Silence {
    id: String,
    by: String,
    why: String,
    until: i64,
    maintenance: bool,
    condition: Option<String>,
    project: Option<String>,
    replica: Option<String>,
    rule: Option<String>,
}

#[derive(Deserialize)]
struct Channel {
    name: String,
    kind: String,
    state: String,
    why: Option<String>,
    delivered: u64,
    waiting: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    name: String,
    severity: String,
    after_ms: u64,
    about: String,
    off: bool,
}

impl AlertsCommand {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        if let (Some(channel), Some(file)) = (&self.try_channel, &self.alerts) {
            return trial::run(channel, file, out);
        }
        let client = self.remote.client()?;
        let body = client.text("/api/alerts")?;
        let unreadable =
            |error| Failure::Failed(format!("{} answers no list of alerts: {error}", client.base()));
        let answer: Answer = serde_json::from_str(&body).map_err(unreadable)?;
        match self.json {
            true => writeln!(
                out,
                "{}",
                serde_json::from_str::<Value>(&body).map_err(unreadable)?
            )?,
            false => table::write(&answer, self.all, out)?,
        }
        let fires = |alert: &Alert| alert.state == "firing" && alert.silence.is_none();
        match answer.alerts.iter().any(fires) {
            true => Err(Failure::Told(1)),
            false => Ok(()),
        }
    }
}
