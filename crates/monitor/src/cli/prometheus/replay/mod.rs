//! `rules replay`: how often each alert for Prometheus would have fired on what the history recorded.

mod judge;
mod kept;
mod look;
mod report;
#[cfg(test)]
mod tests;

pub(super) use look::Look;

use crate::cli::Failure;
use crate::cli::settings::history_path;
use crate::cli::tree;
use crate::clock::now_ms;
use crate::history::Reader;
use judge::Replay;
use replica_core::ReplicaKey;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tell how often each alert of `rules --prometheus` would have fired on the recorded history.
///
/// A monitor may be writing the history meanwhile. Limits are those of the time, or of --tree: to see what other limits would have done.
#[derive(clap::Args)]
pub(in crate::cli) struct RulesReplay {
    /// The history's file [default: history.db in the state folder] [env: MONITOR_HISTORY]
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// From so long ago
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = humantime::parse_duration)]
    since: Duration,
    /// Until this time, in UTC: `2026-12-01T22:00:00Z`; now, if left out
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    until: Option<SystemTime>,
    /// Between two scrapes, and two evaluations
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = humantime::parse_duration)]
    every: Duration,
    /// Take the limits of this tree's replicas instead of those that were recorded
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    /// As JSON, with every time that an alert fired
    #[arg(long)]
    json: bool,
}

impl RulesReplay {
    pub(in crate::cli) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        if self.every < Duration::from_secs(1) {
            return Err(Failure::Usage("--every must be 1s or more".to_owned()));
        }
        let limits = self.tree.as_deref().map(limits).transpose()?.unwrap_or_default();
        let file = history_path(self.history.as_deref())?;
        // SQLite would only say that it cannot open it.
        std::fs::metadata(&file).map_err(|error| unreadable(&file, &error))?;
        let reader = Reader::open(&file).map_err(|error| unreadable(&file, &error))?;
        let begins = reader.begins_ms().map_err(|error| unreadable(&file, &error))?;
        let to_ms = self.until.map_or_else(now_ms, ms);
        let since_ms = i64::try_from(self.since.as_millis()).unwrap_or(i64::MAX);
        let asked_ms = to_ms.saturating_sub(since_ms);
        let Some(begins) = begins.filter(|begins| *begins <= to_ms) else {
            return Err(Failure::Failed(format!(
                "{} keeps nothing of that time",
                file.display()
            )));
        };
        let replay = Replay {
            reader: &reader,
            from_ms: begins.max(asked_ms),
            to_ms,
            every_ms: self.every.as_millis() as i64,
            limits,
        };
        let outcome = replay.run().map_err(|error| unreadable(&file, &error))?;
        match self.json {
            true => report::json(&replay, &outcome, out),
            false => report::table(&replay, &outcome, out),
        }
    }
}

fn ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn limits(tree: &Path) -> Result<HashMap<ReplicaKey, u64>, Failure> {
    let tree = tree::read(tree)?;
    let slaves = super::rules::slaves(&tree);
    let limit = |slave: super::rules::Slave| {
        let key = ReplicaKey::new(slave.project, slave.replica);
        (key, slave.limit_ms)
    };
    Ok(slaves.into_iter().map(limit).collect())
}

fn unreadable(file: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::Failed(format!("cannot read {}: {error}", file.display()))
}
