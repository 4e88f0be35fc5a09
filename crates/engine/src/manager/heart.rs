//! Writes a heartbeat to a project's master once a second, if that was asked for, and keeps what was acknowledged.
//!
//! Only to a server that said in its last look that it leads and takes writes, and only while it is the only one: with two masters
//! nobody is written to. A beat that hangs delays no look; it is its own task with its own connection and deadline.

use super::slot::Slot;
use super::view::{View, root};
use crate::beat::{Beat, Row, Seen};
use crate::driver::driver_of;
use crate::fault::{Fault, FaultKind};
use crate::lag::{Beats, Measured};
use crate::look::Look;
use replica_core::lag::Reason;
use replica_core::observed::Evidence;
use replica_core::{Lag, Name, Verdict};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How often.
const PERIOD: Duration = Duration::from_secs(1);
/// How long connecting and committing may take together.
const DEADLINE: Duration = Duration::from_secs(1);
/// A look older than this many ticks does not tell who leads.
const FRESH_TICKS: u32 = 3;

/// The heartbeats of one project.
pub(super) struct Heart {
    /// The row's key.
    pub(super) id: i16,
    src: Name,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seq: i64,
    beats: Beats,
    /// Who was written to last.
    writes_to: Option<Arc<Slot>>,
    /// Why the last beat was not written.
    trouble: Option<Reason>,
}

impl Heart {
    pub(super) fn new(id: i16) -> Self {
        let mut bytes = [0; 6];
        // Without the system's randomness only two monitors that share a row could mistake each other.
        let _ = getrandom::fill(&mut bytes);
        let random: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            id,
            src: format!("replica-monitor-{random}").into(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the beat in `look` tells of its lag, as evidence and as a figure.
    pub(super) fn tell(&self, look: &Look) -> (Option<Evidence>, Option<Lag>) {
        let state = self.state();
        let age = |at: Instant| u64::try_from(at.elapsed().as_millis()).ok();
        let say = |says: String| {
            Some(Evidence {
                source: "heartbeat",
                says,
                age_ms: age(look.at),
            })
        };
        let seq = match &look.beat {
            Seen::NotAsked => return (None, None),
            Seen::Unreadable(why) => return (say(format!("cannot be read: {why}")), None),
            Seen::Absent => {
                let why = state
                    .trouble
                    .as_deref()
                    .map(|why| format!("; none is written: {why}"));
                let says = format!("the row has not arrived{}", why.unwrap_or_default());
                return (say(says), None);
            }
            Seen::Row { src, .. } if *src != self.src => {
                let says = "the row is an earlier run's, or another monitor's with the same id";
                return (say(says.to_owned()), None);
            }
            Seen::Row { seq, .. } => *seq,
        };
        let lag = match state.beats.measure(seq, look.at, PERIOD) {
            Measured::Exact(lag) => Lag::exact(ms(lag)),
            Measured::AtLeast(lag) => Lag {
                verdict: Verdict::AtLeast(ms(lag)),
                as_of_ms: None,
            },
            _ => {
                let why = state.trouble.as_deref().unwrap_or("none was acknowledged lately");
                return (say(format!("beat {seq}; not written any more: {why}")), None);
            }
        };
        let seconds = lag.ms().unwrap_or_default() as f64 / 1000.0;
        let last = state.beats.last().map_or(seq, |(last, _)| last);
        (
            say(format!("{seconds:.1} s behind: beat {seq} of {last}")),
            Some(lag),
        )
    }

    /// Writes beats to whoever leads `slots`, until it is aborted.
    pub(super) async fn beat(self: Arc<Self>, slots: Vec<Arc<Slot>>, tick: Duration) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut kept = None;
        loop {
            ticks.tick().await;
            let outcome = match leader(&slots, tick) {
                Ok(slot) => self.beat_once(&slot, &mut kept).await,
                Err(why) => Err(Fault::new(FaultKind::NotAsked, why)),
            };
            if outcome.is_err() {
                kept = None;
            }
            self.note(outcome.err());
        }
    }

    async fn beat_once(&self, slot: &Arc<Slot>, kept: &mut Option<Box<dyn Beat>>) -> Result<(), Fault> {
        let (seq, moved) = self.next(slot);
        let writer = match kept.take().filter(|_| !moved) {
            Some(writer) => kept.insert(writer),
            None => kept.insert(writer_of(slot)?),
        };
        let row = Row {
            id: self.id,
            src: &self.src,
            seq,
            ts_us: now_us(),
        };
        match timeout(DEADLINE, writer.beat(row)).await {
            Ok(written) => written?,
            Err(_) => return Err(Fault::new(FaultKind::TimedOut, "no answer within a second")),
        }
        self.state().beats.acknowledge(seq, Instant::now());
        Ok(())
    }

    /// The number of the next beat, and whether it goes elsewhere than the last: then what the last one acknowledged counts
    /// no more.
    fn next(&self, slot: &Arc<Slot>) -> (i64, bool) {
        let mut state = self.state();
        state.seq += 1;
        let moved = !state
            .writes_to
            .as_ref()
            .is_some_and(|last| Arc::ptr_eq(last, slot));
        if moved {
            state.beats.clear();
            state.writes_to = Some(Arc::clone(slot));
        }
        (state.seq, moved)
    }

    fn note(&self, fault: Option<Fault>) {
        let trouble = fault.map(|fault| fault.message);
        let mut state = self.state();
        if state.trouble != trouble
            && let Some(why) = &trouble
        {
            tracing::warn!(id = self.id, "no heartbeat is written: {why}");
        }
        state.trouble = trouble;
    }
}

fn ms(lag: Duration) -> u64 {
    u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn writer_of(slot: &Slot) -> Result<Box<dyn Beat>, Fault> {
    let target = slot.target.clone()?;
    let beat = driver_of(target.dialect()).and_then(|driver| driver.beat);
    let beat = beat.ok_or_else(|| Fault::new(FaultKind::NotAsked, "its dialect has no heartbeat"))?;
    Ok(beat(target))
}

/// The only one that leads and takes writes, as it said a moment ago.
fn leader(slots: &[Arc<Slot>], tick: Duration) -> Result<Arc<Slot>, &'static str> {
    let views: Vec<View> = slots.iter().map(View::of).collect();
    let writing = views.iter().filter(|view| view.takes_writes()).count();
    if writing > 1 {
        return Err("several servers of the project take writes");
    }
    let view = &views[root(&views)?];
    let look = view.answer().ok_or("the master does not answer")?;
    if look.at.elapsed() > tick * FRESH_TICKS {
        return Err("the master was not looked at lately");
    }
    if !view.takes_writes() || look.writable != Some(true) {
        return Err("the master takes no writes");
    }
    Ok(Arc::clone(&view.slot))
}
