//! Keeps every way of a rule going, each on a task of its own: followed where its source has a log, otherwise mirrored again and again.

use super::plan::{Direction, Plan};
use super::report::{Phase, Report, Told};
use super::snapshot::{Progress, SnapshotRun};
use super::stopped::{Stopped, within};
use super::stream::Stream;
use replica_core::RuleMode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a rule is kept going.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between the end of a mirror and the next one, where there is no log to follow.
    pub every: Duration,
    /// Rows a second that a stream writes, at most.
    pub throttle: Option<u32>,
}

/// One way of a rule that is kept going.
pub struct Kept {
    /// From where, as `project / replica`.
    pub from: String,
    /// To where.
    pub to: String,
    /// How it is.
    pub report: watch::Receiver<Report>,
    /// Ends when it has stopped.
    pub task: JoinHandle<()>,
}

/// Starts every way of the rule. They end when `stop` turns true, or its sender is gone.
pub fn keep(plan: &Arc<Plan>, pace: Pace, stop: &watch::Receiver<bool>) -> Vec<Kept> {
    let starts = plan.directions.iter().enumerate().map(|(at, direction)| {
        let (plan, told) = (Arc::clone(plan), Told::new(stop.clone()));
        let report = told.seen();
        let (from, to) = (direction.from.words(), direction.to.words());
        let task = tokio::spawn(async move {
            let direction = &plan.directions[at];
            let unfollowed = match plan.follows(direction) {
                true => Stream::new(&plan, direction, pace.throttle, told).run().await,
                false => Some(told),
            };
            if let Some(told) = unfollowed {
                repeat(&plan, direction, pace.every, &told).await;
            }
        });
        Kept {
            from,
            to,
            report,
            task,
        }
    });
    starts.collect()
}

/// Mirrors, rests, and mirrors again.
async fn repeat(plan: &Plan, direction: &Direction, every: Duration, told: &Told) {
    let why = match plan.rule.mode {
        RuleMode::Snapshot => "it is mirrored as a whole",
        _ => "the changes of its source cannot be followed yet: it is mirrored as a whole",
    };
    loop {
        let phase = match mirror(plan, direction, why, told).await {
            Ok(()) => Phase::Resting { every },
            Err(stopped) => Phase::Waiting {
                why: stopped.to_string(),
            },
        };
        told.tell(|report| report.phase = phase);
        if told.stopped_within(every).await {
            return told.ended("it was asked to");
        }
    }
}

async fn mirror(plan: &Plan, direction: &Direction, why: &str, told: &Told) -> Result<(), Stopped> {
    let source = within("source", direction.from.open()).await?;
    let target = within("target", direction.to.open()).await?;
    told.copying(why);
    let (progress, stop) = (|now: &Progress| told.progress(now), || told.is_to_stop());
    let mut run = SnapshotRun::new(source, target, &progress, &stop);
    let ended = run.run(&plan.rule.collections).await;
    told.tell(|report| {
        run.details.iter().for_each(|done| report.add(done));
        report.owed = std::mem::take(&mut run.rejected);
        report.refused = std::mem::take(&mut run.refused);
    });
    ended
}
