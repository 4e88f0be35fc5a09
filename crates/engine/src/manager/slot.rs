//! What is known of one replica, and the record of its positions if it is a master.
//!
//! A slot is written by its own watcher alone and read by whoever assembles a snapshot; the lock is held for moments.

use crate::fault::Fault;
use crate::lag::Timeline;
use crate::look::Look;
use crate::target::Target;
use replica_core::tree::TreeReplica;
use replica_core::{ReplicaKey, Role};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Of so many looks the one with the shortest round trip tells the clock's offset.
const CLOCK_LOOKS: usize = 10;

/// One replica of the tree.
pub(super) struct Slot {
    pub(super) key: ReplicaKey,
    /// Changes with the tree while the address stays.
    declared: Mutex<Arc<TreeReplica>>,
    pub(super) target: Result<Target, Fault>,
    seen: Mutex<Seen>,
}

/// What its watcher saw.
#[derive(Default)]
pub(super) struct Seen {
    /// The last look that succeeded.
    pub(super) look: Option<Arc<Look>>,
    /// The one before it.
    pub(super) before: Option<Arc<Look>>,
    /// The wall clock at the last one, in milliseconds.
    pub(super) look_ms: Option<i64>,
    /// What went wrong since, if anything.
    pub(super) fault: Option<Fault>,
    /// Looks in a row that failed.
    pub(super) misses: u32,
    /// Where it was when, while it is a master.
    pub(super) timeline: Timeline,
    /// Round trip and offset of the clock, of the last looks.
    clocks: VecDeque<(Duration, i64)>,
    /// Grows with everything that is written here.
    pub(super) changes: u64,
}

impl Slot {
    pub(super) fn new(key: ReplicaKey, declared: TreeReplica) -> Self {
        let target = Target::declared(&declared);
        Self {
            key,
            declared: Mutex::new(Arc::new(declared)),
            target,
            seen: Mutex::default(),
        }
    }

    pub(super) fn declared(&self) -> Arc<TreeReplica> {
        Arc::clone(&self.declared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over a declaration of the same server.
    pub(super) fn redeclare(&self, declared: TreeReplica) {
        *self.declared.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(declared);
        self.seen().changes += 1;
    }

    /// Whether `declared` names the same server with the same login.
    pub(super) fn is_same_server(&self, declared: &TreeReplica) -> bool {
        let ours = self.declared();
        ours.uri == declared.uri && ours.dialect == declared.dialect
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the outcome of one look.
    pub(super) fn take(&self, outcome: Result<Look, Fault>) {
        let declared_master = self.declared().role == Role::Master;
        let mut seen = self.seen();
        seen.changes += 1;
        match outcome {
            Err(fault) => {
                seen.misses = seen.misses.saturating_add(1);
                seen.fault = Some(fault);
            }
            Ok(look) => {
                seen.fault = None;
                seen.misses = 0;
                seen.take(look, declared_master);
            }
        }
    }
}

impl Seen {
    fn take(&mut self, look: Look, declared_master: bool) {
        let leads = look.role.map_or(declared_master, |role| role == Role::Master);
        match &look.epoch {
            Some(epoch) if leads && !look.position.is_empty() => {
                self.timeline.record(look.at, epoch, &look.position, look.writes);
            }
            _ => self.timeline = Timeline::default(),
        }
        let wall_us = wall_clock_us() - i64::try_from(look.at.elapsed().as_micros()).unwrap_or_default();
        if let Some(clock) = look.clock_us {
            self.clocks.push_back((look.took, (clock - wall_us) / 1000));
            if self.clocks.len() > CLOCK_LOOKS {
                self.clocks.pop_front();
            }
        }
        self.look_ms = Some(wall_us / 1000);
        self.before = self.look.replace(Arc::new(look));
    }

    /// The server's clock minus ours, in milliseconds.
    pub(super) fn clock_offset_ms(&self) -> Option<i64> {
        self.clocks
            .iter()
            .min_by_key(|(took, _)| *took)
            .map(|(_, offset)| *offset)
    }
}

/// Microseconds since 1970, now.
fn wall_clock_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A moment of the monitor's own clock as milliseconds since 1970.
pub(super) fn wall_ms(at: Instant) -> i64 {
    (wall_clock_us() - i64::try_from(at.elapsed().as_micros()).unwrap_or_default()) / 1000
}
