//! `sync`: runs a rule once.

use super::Failure;
use super::history::spinner;
use super::settings::tree_path;
use super::tree;
use crate::words::{duration, plain};
use indicatif::ProgressBar;
use replica_core::RuleMode;
use replica_core::rule::CollectionStats;
use replica_engine::rules::{Direction, Plan, Progress, Rejected, SnapshotRun};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Run a rule of a tree once: make its target hold the same rows as its source, and tell what was done.
///
/// Rows that the source does not have are deleted from the target. What is the same is left alone, so a run that was cut off (Ctrl-C, a kill) is
/// finished by the next one. Exit code 0: all of it is mirrored. 1: something is not; it is told what and why.
#[derive(clap::Args)]
pub(super) struct Sync {
    /// The rule
    #[arg(value_name = "RULE")]
    rule: String,
    /// The tree file [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    /// One JSON object on standard output instead of lines
    #[arg(long)]
    json: bool,
}

/// What one way of a rule came to.
struct Outcome {
    from: String,
    to: String,
    details: Vec<CollectionStats>,
    rejected: Vec<Rejected>,
    refused: BTreeMap<String, String>,
    /// Why it ended before its end.
    stopped: Option<String>,
    ms: u64,
}

impl Sync {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let tree = tree::read(&tree_path(self.tree.as_deref())?)?;
        let plan = Plan::of(&tree, &self.rule).map_err(|error| Failure::Usage(error.to_string()))?;
        if plan.rule.mode == RuleMode::Bidirectional {
            return Err(Failure::Usage(format!(
                "the rule {:?} is bidirectional: mirroring one way would undo what the other side wrote",
                self.rule
            )));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let outcomes = runtime.block_on(all(&plan));
        runtime.shutdown_background();
        match self.json {
            true => writeln!(out, "{}", as_json(&self.rule, &outcomes))?,
            false => outcomes.iter().try_for_each(|outcome| tell(outcome, out))?,
        }
        match outcomes.iter().all(Outcome::is_well) {
            true => Ok(()),
            false => Err(Failure::Told(1)),
        }
    }
}

/// Each way after the other, until somebody asks to stop.
async fn all(plan: &Plan) -> Vec<Outcome> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    tokio::spawn(async move {
        // Where signals cannot be heard, a kill is as good: the next run goes on.
        if tokio::signal::ctrl_c().await.is_ok() {
            asked.store(true, Ordering::Relaxed);
        }
    });
    let mut outcomes = Vec::new();
    for direction in &plan.directions {
        outcomes.push(one(plan, direction, &stop).await);
    }
    outcomes
}

async fn one(plan: &Plan, direction: &Direction, stop: &AtomicBool) -> Outcome {
    let begun = Instant::now();
    let mut outcome = Outcome {
        from: direction.from.words(),
        to: direction.to.words(),
        details: Vec::new(),
        rejected: Vec::new(),
        refused: BTreeMap::new(),
        stopped: None,
        ms: 0,
    };
    let (source, target) = match direction.ends().await {
        Ok(ends) => ends,
        Err(stopped) => {
            outcome.stopped = Some(stopped.to_string());
            return outcome;
        }
    };
    let stopped = || stop.load(Ordering::Relaxed);
    let bar = spinner();
    let told = |progress: &Progress| show(&bar, progress);
    let mut run = SnapshotRun::new(source, target, &told, &stopped).named(plan.names());
    let ended = run.run(&plan.rule.collections).await;
    bar.finish_and_clear();
    outcome.stopped = ended.err().map(|stopped| stopped.to_string());
    (outcome.details, outcome.rejected, outcome.refused) = (run.details, run.rejected, run.refused);
    outcome.ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    outcome
}

/// Where somebody looks.
fn show(bar: &ProgressBar, progress: &Progress) {
    let (table, (done, all), rows) = (plain(&progress.table), progress.tables, progress.rows);
    let of = progress
        .expected
        .map_or(String::new(), |all| format!(" of about {all}"));
    let left = progress.left.map_or(String::new(), |left| {
        let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        format!(", {} left", duration(left.div_ceil(1000) * 1000))
    });
    bar.set_message(format!(
        "{table} ({} of {all} tables), {rows}{of} rows read{left}",
        done + 1
    ));
    bar.tick();
}

impl Outcome {
    fn is_well(&self) -> bool {
        self.stopped.is_none() && self.refused.is_empty() && self.details.iter().all(|done| done.errors == 0)
    }
}

fn tell(outcome: &Outcome, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(
        out,
        "{} → {} in {}",
        plain(&outcome.from),
        plain(&outcome.to),
        duration(outcome.ms)
    )?;
    for done in &outcome.details {
        let name = plain(&done.collection);
        let CollectionStats {
            created,
            updated,
            deleted,
            skipped,
            errors,
            ..
        } = done;
        writeln!(
            out,
            "    {name}: {created} inserted, {updated} updated, {deleted} deleted, {skipped} the same, {errors} failed"
        )?;
    }
    for rejected in &outcome.rejected {
        let (table, key, why) = (plain(&rejected.table), plain(&rejected.key), plain(&rejected.why));
        writeln!(out, "    {table}, row {key}: {why}")?;
    }
    for (table, why) in &outcome.refused {
        writeln!(out, "    {}: left alone: {}", plain(table), plain(why))?;
    }
    if let Some(why) = &outcome.stopped {
        writeln!(out, "    ended early: {}", plain(why))?;
    }
    Ok(())
}

fn as_json(rule: &str, outcomes: &[Outcome]) -> Value {
    let detail = |done: &CollectionStats| {
        json!({
            "collection": done.collection, "created": done.created, "updated": done.updated,
            "deleted": done.deleted, "skipped": done.skipped, "errors": done.errors,
        })
    };
    let rejected = |row: &Rejected| json!({ "table": row.table, "key": row.key, "why": row.why });
    let outcome = |outcome: &Outcome| {
        json!({
            "from": outcome.from, "to": outcome.to, "durationMs": outcome.ms, "stopped": outcome.stopped,
            "details": outcome.details.iter().map(detail).collect::<Vec<_>>(),
            "rejected": outcome.rejected.iter().map(rejected).collect::<Vec<_>>(),
            "refused": outcome.refused,
        })
    };
    json!({
        "rule": rule, "ok": outcomes.iter().all(Outcome::is_well),
        "directions": outcomes.iter().map(outcome).collect::<Vec<_>>(),
    })
}
