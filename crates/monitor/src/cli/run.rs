//! `run`: keeps the rules of a tree going, without a page.

use super::Failure;
use super::serve::signals;
use super::settings::{Environment, tree_path};
use super::tree;
use crate::flow::{phase, sentence};
use crate::words::{plain, time};
use replica_core::{Rule, Throttle};
use replica_engine::rules::{Kept, Pace, Plan, Report, keep};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Keep the rules of a tree going until Ctrl-C or SIGTERM: those that are enabled, or the ones that are named.
///
/// A `cdc` rule whose source has a log is followed change by change, a `bidirectional` one both ways; a `snapshot` rule, and one whose source has
/// no log yet, is mirrored as a whole again and again. It may be killed at any time: the next run goes on where it was. Whoever runs a rule last has it; the
/// former one ends. Exit code 0: it was asked to stop. 1: a rule cannot be run, or all of them have ended.
#[derive(clap::Args)]
pub(super) struct Run {
    /// The rules [default: every one that is enabled]
    #[arg(value_name = "RULE")]
    rules: Vec<String>,
    /// The tree file [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    /// Between two mirrors, where there is no log to follow [default: 1m] [env: REPLICATOR_INTERVAL_MS, in milliseconds]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    every: Option<Duration>,
    /// Write at most so many rows a second, of each rule
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    throttle: Option<u32>,
    /// Write at most so many bytes of values a second, of each rule
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    throttle_bytes: Option<u64>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// One way of a rule.
struct Way {
    rule: Arc<str>,
    kept: Kept,
    /// What was printed of it last.
    said: String,
}

impl Run {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let tree = tree::read(&tree_path(self.tree.as_deref())?)?;
        let every = match self.every {
            Some(every) => every,
            None => Environment::read(Path::new(""))?.rules_every()?,
        };
        if every < Duration::from_millis(100) {
            return Err(Failure::Usage("--every must be 100ms or more".to_owned()));
        }
        let pace = Pace {
            every,
            throttle: Throttle {
                rows: self.throttle,
                bytes: self.throttle_bytes,
            },
            valve: None,
            after: None,
        };
        let wanted = |rule: &&Rule| match self.rules.is_empty() {
            true => rule.enabled,
            false => self.rules.iter().any(|name| **name == *rule.name),
        };
        let known = |name: &&String| !tree.rules.iter().any(|rule| *rule.name == ***name);
        let mut plans = Vec::new();
        // Planning one that is not there tells which there are.
        let missing = self.rules.iter().filter(known).map(String::as_str);
        for name in missing.chain(tree.rules.iter().filter(wanted).map(|rule| &*rule.name)) {
            let plan = Plan::of(&tree, name).map_err(|error| Failure::Usage(error.to_string()))?;
            plans.push(Arc::new(plan));
        }
        if plans.is_empty() {
            return Err(Failure::Usage("the tree has no enabled rules".to_owned()));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.keep(&plans, &pace, out))
    }

    async fn keep(&self, plans: &[Arc<Plan>], pace: &Pace, out: &mut dyn Write) -> Result<(), Failure> {
        let stopped = signals()?;
        let (stop, asked) = watch::channel(false);
        let mut ways = Vec::new();
        for plan in plans {
            for kept in keep(plan, pace, &asked) {
                let (rule, said) = (Arc::clone(&plan.rule.name), String::new());
                ways.push(Way { rule, kept, said });
            }
        }
        let (changed, mut changes) = mpsc::channel(ways.len());
        for (at, way) in ways.iter().enumerate() {
            let (mut report, changed) = (way.kept.report.clone(), changed.clone());
            tokio::spawn(async move {
                // It ends with the way, after its last change was seen.
                while changed.send(at).await.is_ok() && report.changed().await.is_ok() {}
                changed.send(at).await
            });
        }
        drop(changed);
        tokio::pin!(stopped);
        let asked_to = loop {
            tokio::select! {
                at = changes.recv() => match at {
                    Some(at) => self.say(&mut ways[at], out)?,
                    None => break false,
                },
                () = &mut stopped => break true,
            }
        };
        // Nobody may be left to hear it.
        let _ = stop.send(true);
        for way in &mut ways {
            // A panic there was reported already.
            let _ = (&mut way.kept.task).await;
            self.say(way, out)?;
        }
        match asked_to {
            true => Ok(()),
            false => Err(Failure::Failed("every rule has ended".to_owned())),
        }
    }

    /// One line, if there is something new to say.
    fn say(&self, way: &mut Way, out: &mut dyn Write) -> Result<(), Failure> {
        let report = way.kept.report.borrow().clone();
        let said = sentence(&report);
        if way.said != said {
            way.said.clone_from(&said);
            match self.json {
                true => writeln!(out, "{}", as_json(way, &report, &said))?,
                false => {
                    let (rule, from, to) = (plain(&way.rule), plain(&way.kept.from), plain(&way.kept.to));
                    let now = time(crate::clock::now_ms());
                    writeln!(out, "{now} {rule}: {from} → {to}: {}", plain(&said))?;
                }
            }
            // Whoever reads along a pipe waits for it.
            out.flush()?;
        }
        Ok(())
    }
}

fn as_json(way: &Way, report: &Report, said: &str) -> serde_json::Value {
    let details = report.details.values().map(|done| {
        json!({
            "collection": done.collection, "created": done.created, "updated": done.updated,
            "deleted": done.deleted, "skipped": done.skipped, "errors": done.errors,
        })
    });
    json!({
        "ts": crate::clock::now_ms(), "rule": way.rule, "from": way.kept.from, "to": way.kept.to, "state": phase(report),
        "says": said, "lagMs": report.lag_ms, "conflicts": report.conflicts, "backlog": report.backlog, "backlogBytes": report.backlog_bytes, "details": details.collect::<Vec<_>>(),
        "refused": report.refused, "owed": report.owed.len(),
    })
}
