//! Who looks when: one task for each replica, with its own connection, deadline and patience.
//!
//! A server that hangs costs its own task its deadline and nobody else anything. The replicas of a project look just after their
//! master has been looked at, so that positions are read back to back.

use super::slot::Slot;
use crate::beat::Seen;
use crate::driver::{Probe, probe_of};
use crate::fault::{Fault, FaultKind};
use crate::look::Look;
use replica_core::lag::Reason;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};

/// A replica waits no longer than this for its master's look.
const WAIT_FOR_MASTER: Duration = Duration::from_millis(100);
/// A login that was refused is not tried at every tick: some servers lock a user out. At most this many are left out.
const MOST_LEFT_OUT: u32 = 15;

/// When to look, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often.
    pub tick: Duration,
    /// How long connecting, logging in and asking may take together.
    pub deadline: Duration,
    /// The id of the row to write heartbeats to, once a second at each project's master. None: nothing is ever written.
    pub heartbeat: Option<i16>,
}

impl Pace {
    /// A look every `tick`, and three quarters of that to answer.
    pub fn every(tick: Duration) -> Self {
        Self {
            tick,
            deadline: tick * 3 / 4,
            heartbeat: None,
        }
    }
}

/// When a project's master was last looked at.
pub(super) type Pulse = watch::Sender<Option<Instant>>;

/// What a watcher needs besides its slot.
pub(super) struct Surroundings {
    pub(super) pace: Pace,
    pub(super) pulse: Arc<Pulse>,
    /// Called after every look.
    pub(super) looked: Arc<dyn Fn() + Send + Sync>,
    /// The moment from which all ticks are counted.
    pub(super) start: Instant,
}

/// Looks at one replica until it is aborted.
pub(super) async fn watch(slot: Arc<Slot>, leads: bool, around: Surroundings) {
    let mut ticks = interval_at(around.start + phase(&slot, around.pace.tick), around.pace.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut probe = None;
    let mut left_out = 0;
    let mut refused = 0;
    loop {
        let due = ticks.tick().await;
        if left_out > 0 {
            left_out -= 1;
            continue;
        }
        if !leads {
            after_master(&around.pulse, due).await;
        }
        let deadline = Instant::now() + around.pace.deadline;
        let outcome = match &slot.target {
            Err(fault) => Err(fault.clone()),
            Ok(_) => look(&slot, &mut probe, deadline, around.pace.heartbeat).await,
        };
        refused = match &outcome {
            Err(fault) if fault.kind == FaultKind::Misconfigured => refused + 1,
            _ => 0,
        };
        left_out = (1_u32 << refused.min(5)).saturating_sub(2).min(MOST_LEFT_OUT);
        slot.take(outcome);
        if leads {
            around.pulse.send_replace(Some(Instant::now()));
        }
        (around.looked)();
    }
}

/// Projects take their turns over the tick, so that a thousand looks do not begin at once.
fn phase(slot: &Slot, tick: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    slot.key.project.hash(&mut hasher);
    tick.mul_f64((hasher.finish() % 1000) as f64 / 1000.0)
}

/// Waits for the look at the master that belongs to this tick, but not for long.
async fn after_master(pulse: &Pulse, due: Instant) {
    let mut pulse = pulse.subscribe();
    let looked = pulse.wait_for(|at| at.is_some_and(|at| at >= due));
    // A master that does not answer in time must not delay its replicas.
    let _ = tokio::time::timeout(WAIT_FOR_MASTER, looked).await;
}

/// One look over the kept probe. After any failure the connection is not used again: an answer that comes late would be
/// taken for the next one's.
async fn look(
    slot: &Slot,
    kept: &mut Option<Box<dyn Probe>>,
    deadline: Instant,
    heartbeat: Option<i16>,
) -> Result<Look, Fault> {
    let fresh = kept.is_none();
    let mut outcome = look_once(slot, kept, deadline, heartbeat).await;
    // A kept connection that the server has closed says nothing about the server.
    if !fresh && matches!(&outcome, Err(fault) if fault.kind == FaultKind::Closed) {
        outcome = look_once(slot, kept, deadline, heartbeat).await;
    }
    outcome
}

async fn look_once(
    slot: &Slot,
    kept: &mut Option<Box<dyn Probe>>,
    deadline: Instant,
    heartbeat: Option<i16>,
) -> Result<Look, Fault> {
    let mut probe = match kept.take() {
        Some(probe) => probe,
        None => probe_of(slot.target.clone()?),
    };
    let looked = timeout_at(deadline, probe.look()).await;
    let mut look =
        looked.unwrap_or_else(|_| Err(Fault::new(FaultKind::TimedOut, "no answer within the deadline")))?;
    if let Some(id) = heartbeat {
        // A heartbeat that cannot be read says nothing about the server; but its connection is not used again.
        look.beat = match timeout_at(deadline, probe.seen_beat(id)).await {
            Ok(Ok(seen)) => seen,
            Ok(Err(fault)) => return Ok(without_beat(look, fault.message)),
            Err(_) => return Ok(without_beat(look, "no answer within the deadline".into())),
        };
    }
    *kept = Some(probe);
    Ok(look)
}

fn without_beat(look: Look, why: Reason) -> Look {
    Look {
        beat: Seen::Unreadable(why),
        ..look
    }
}
