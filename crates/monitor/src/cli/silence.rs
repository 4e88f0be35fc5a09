//! `silence`: nobody is told of some alerts for a while; `--end` ends that.

use super::Failure;
use super::remote::Remote;
use crate::words::{plain, time};
use serde_json::{Map, Value};
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Silence alerts of a running monitor for a while; they are shown all the same. Needs the operator's token.
#[derive(clap::Args)]
pub(super) struct Silence {
    #[command(flatten)]
    remote: Remote,
    /// Of this project only
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Of this replica only
    #[arg(long, value_name = "NAME", requires = "project")]
    replica: Option<String>,
    /// Of this rule only
    #[arg(long, value_name = "NAME", conflicts_with = "project")]
    rule: Option<String>,
    /// Of this condition only: `lag`, `down` … (`alerts --all` lists them)
    #[arg(long, value_name = "NAME")]
    condition: Option<String>,
    /// When it begins, in UTC: `2026-12-01T22:00:00Z`; now, if left out
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    from: Option<SystemTime>,
    /// For how long: `30m`, `2h`, `1d`; at most 90 days
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration, required_unless_present = "end")]
    span: Option<Duration>,
    /// Why, for whoever comes next
    #[arg(long, value_name = "TEXT", required_unless_present = "end")]
    why: Option<String>,
    /// Say that work is being done there
    #[arg(long)]
    maintenance: bool,
    /// End this silence instead (`alerts` lists their ids)
    #[arg(long, value_name = "ID", conflicts_with_all = ["project", "replica", "rule", "condition", "from", "span", "why", "maintenance"])]
    end: Option<String>,
}

impl Silence {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let client = self.remote.client()?;
        if let Some(id) = &self.end {
            client.post("/api/alerts/unsilence", &serde_json::json!({ "id": id }))?;
            return Ok(writeln!(out, "the silence {} is over", plain(id))?);
        }
        let told: Value = client.post("/api/alerts/silence", &self.wanted())?;
        let id = told["id"].as_str().unwrap_or_default();
        let until = time(told["until"].as_i64().unwrap_or_default());
        Ok(writeln!(
            out,
            "silent until {until}; end it with: silence --end {}",
            plain(id)
        )?)
    }

    fn wanted(&self) -> Value {
        let texts = [
            ("project", &self.project),
            ("replica", &self.replica),
            ("rule", &self.rule),
            ("condition", &self.condition),
            ("why", &self.why),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into())));
        let mut wanted: Map<String, Value> = texts.collect();
        let ms = self
            .span
            .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        wanted.insert("forMs".to_owned(), ms.into());
        let from = self.from.and_then(|from| from.duration_since(UNIX_EPOCH).ok());
        let from = from.and_then(|from| u64::try_from(from.as_millis()).ok());
        wanted.insert("from".to_owned(), from.into());
        wanted.insert("maintenance".to_owned(), self.maintenance.into());
        wanted.into()
    }
}
