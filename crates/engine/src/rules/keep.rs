//! Keeps every way of a rule going, each on a task of its own: followed where its source has a log, otherwise mirrored again and again.

use super::brake::Brake;
use super::plan::{Direction, Plan};
use super::progress::Progress;
use super::report::{Missing, Phase, Report, Told};
use super::schedule::Next;
use super::snapshot::SnapshotRun;
use super::stopped::Stopped;
use super::stream::Stream;
use super::twoway::{TwoWay, Way};
use super::valve::Allowance;
use replica_core::{RuleMode, Throttle};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a named time is waited for at a time.
const NAP: Duration = Duration::from_secs(30);

/// How a rule is kept going.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Between the end of a mirror and the next one, where there is no log to follow and the rule has no schedule.
    pub every: Duration,
    /// How fast each way writes, at most, beside what is declared.
    pub throttle: Throttle,
    /// What the replicas of its ends bear, if somebody looks at them.
    pub valve: Option<watch::Receiver<Allowance>>,
    /// Nothing begins before the last sender of this is gone: whoever kept the rule going before might still claim its cursor.
    pub after: Option<watch::Receiver<()>>,
}

impl Pace {
    /// As fast as it goes, and a mirror begins so long after the last one.
    pub fn every(every: Duration) -> Self {
        Self {
            every,
            throttle: Throttle::default(),
            valve: None,
            after: None,
        }
    }
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
pub fn keep(plan: &Arc<Plan>, pace: &Pace, stop: &watch::Receiver<bool>) -> Vec<Kept> {
    if plan.rule.mode == RuleMode::Bidirectional {
        return both_ways(plan, pace, stop);
    }
    let starts = plan.directions.iter().enumerate().map(|(at, direction)| {
        let (plan, told) = (Arc::clone(plan), Told::new(stop.clone()));
        let report = told.seen();
        let (from, to) = (direction.from.words(), direction.to.words());
        let Pace {
            every,
            throttle,
            valve,
            after,
        } = pace.clone();
        let task = tokio::spawn(async move {
            let direction = &plan.directions[at];
            if !its_turn(after, &told).await {
                return told.ended("it was asked to");
            }
            let mut brake = Brake::new(direction.throttle.and(throttle), valve);
            let unfollowed = match plan.follows(direction) {
                true => Stream::new(&plan, direction, told).run(&mut brake).await,
                false => Some(told),
            };
            if let Some(told) = unfollowed {
                repeat(&plan, direction, every, (&told, &mut brake)).await;
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

/// Starts a rule that goes both ways: one task, of which each way tells.
fn both_ways(plan: &Arc<Plan>, pace: &Pace, stop: &watch::Receiver<bool>) -> Vec<Kept> {
    let way = |direction: &Direction| Way {
        told: Told::new(stop.clone()),
        brake: Brake::new(direction.throttle.and(pace.throttle), pace.valve.clone()),
    };
    let ways: Vec<Way> = plan.directions.iter().map(way).collect();
    let reports: Vec<watch::Receiver<Report>> = ways.iter().map(|way| way.told.seen()).collect();
    let (running, after) = (Arc::clone(plan), pace.after.clone());
    let mut task = Some(tokio::spawn(async move {
        if let (Some(rule), Ok(mut ways)) = (TwoWay::new(&running), <[Way; 2]>::try_from(ways)) {
            if !its_turn(after, &ways[0].told).await {
                return ways.iter().for_each(|way| way.told.ended("it was asked to"));
            }
            rule.run(&mut ways).await;
        }
    }));
    let kept = plan.directions.iter().zip(reports).map(|(direction, report)| {
        let mut seen = report.clone();
        Kept {
            from: direction.from.words(),
            to: direction.to.words(),
            report,
            // The one of the second ends with the first.
            task: task
                .take()
                .unwrap_or_else(|| tokio::spawn(async move { while seen.changed().await.is_ok() {} })),
        }
    });
    kept.collect()
}

/// Waits until whoever was before is gone; false if it is to stop.
async fn its_turn(after: Option<watch::Receiver<()>>, told: &Told) -> bool {
    let Some(mut before) = after else { return true };
    let gone = async { while before.changed().await.is_ok() {} };
    told.stop_or(gone).await.is_some()
}

/// Mirrors, rests, and mirrors again.
async fn repeat(plan: &Plan, direction: &Direction, every: Duration, (told, brake): (&Told, &mut Brake)) {
    let why = match plan.rule.mode {
        RuleMode::Snapshot => "it is mirrored as a whole",
        _ => "the changes of its source cannot be followed yet: it is mirrored as a whole",
    };
    let schedule = plan.schedule.as_ref();
    let next = || schedule.map_or(Next::After(every), |schedule| schedule.next(now_ms()));
    let first = next();
    // Who names times wants nothing to be read before.
    if !matches!(first, Next::After(_)) {
        told.tell(|report| {
            report.phase = Phase::Resting {
                next: first,
                is_mirrored: false,
            }
        });
        if rested(first, told).await {
            return told.ended("it was asked to");
        }
    }
    loop {
        let begun = now_ms();
        let (phase, missing, rest) = match mirror(plan, direction, why, (told, brake)).await {
            Ok(()) => {
                let next = next();
                (
                    Phase::Resting {
                        next,
                        is_mirrored: true,
                    },
                    Missing::Since(begun),
                    next,
                )
            }
            // A night is too long to wait for what may be mended in a minute.
            Err(stopped) => {
                let why = stopped.to_string();
                (Phase::Waiting { why }, Missing::Unknown, Next::After(every))
            }
        };
        told.tell(|report| (report.phase, report.missing) = (phase, missing));
        if rested(rest, told).await {
            return told.ended("it was asked to");
        }
    }
}

/// Waits until then; whether it is to stop.
async fn rested(next: Next, told: &Told) -> bool {
    loop {
        let left_ms = match next {
            Next::After(pause) => return told.stopped_within(pause).await,
            Next::At(at_ms) => u64::try_from(at_ms.saturating_sub(now_ms())).unwrap_or(0),
            Next::Never => u64::MAX,
        };
        if left_ms == 0 {
            return false;
        }
        // In pieces: a clock that is set, or a machine that slept, moves the time.
        if told.stopped_within(Duration::from_millis(left_ms).min(NAP)).await {
            return true;
        }
    }
}

async fn mirror(
    plan: &Plan,
    direction: &Direction,
    why: &str,
    (told, brake): (&Told, &mut Brake),
) -> Result<(), Stopped> {
    let (source, target) = direction.ends().await?;
    told.copying(why);
    let (progress, stop) = (|now: &Progress| told.progress(now), || told.is_to_stop());
    let mut run = SnapshotRun::new(source, target, &progress, &stop)
        .named(plan.names())
        .braked(brake, told);
    let ended = run.run(&plan.rule.collections).await;
    told.tell(|report| {
        run.details.iter().for_each(|done| report.add(done));
        report.owed = std::mem::take(&mut run.rejected);
        report.refused = std::mem::take(&mut run.refused);
    });
    ended
}

/// Of this machine: whoever compares it with a source's own clock must know how far they are apart.
pub(super) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
