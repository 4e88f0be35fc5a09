//! How far the clocks of two ends are apart: what is written carries its own database's time, and a rule compares those. Sets no clock.

use super::keep::now_ms;
use super::plan::{Direction, Plan};
use super::store::Store;
use crate::fault::Fault;
use replica_core::{ConflictResolution, RuleMode};
use std::time::Instant;

/// Nearer than that is what NTP leaves, and what a person does not see: ms.
const NEAR_MS: i64 = 1000;

/// The clock of a database, seen from here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// How far it is ahead of this machine's, ms.
    ahead_ms: i64,
    /// By how much that may be wrong, ms: its answer tells of some moment between the question and the answer.
    doubt_ms: i64,
}

impl Clock {
    /// Asks it.
    pub(super) async fn of(store: &mut dyn Store) -> Result<Self, Fault> {
        let (asked_ms, asked) = (now_ms(), Instant::now());
        let theirs_ms = store.clock().await?;
        let took_ms = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
        Ok(Self {
            ahead_ms: theirs_ms.saturating_sub(asked_ms).saturating_sub(took_ms / 2),
            doubt_ms: took_ms / 2 + 1,
        })
    }

    /// How far it is surely ahead of another one, ms; nothing where that is near.
    fn surely_ahead_of(self, other: Self) -> Option<i64> {
        let ahead_ms = self.ahead_ms.saturating_sub(other.ahead_ms);
        let sure_ms = ahead_ms.saturating_sub(self.doubt_ms.saturating_add(other.doubt_ms));
        (sure_ms > NEAR_MS).then_some(ahead_ms)
    }
}

/// This machine's own.
const OURS: Clock = Clock {
    ahead_ms: 0,
    doubt_ms: 0,
};

/// What goes wrong, though a rule runs, because of the clocks of both ends.
pub(super) fn warnings(plan: &Plan, direction: &Direction, from: Clock, to: Clock) -> Vec<String> {
    let mut warnings = Vec::new();
    let seconds = |ms: i64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
    let compares = plan.rule.mode == RuleMode::Bidirectional
        && plan.rule.conflict_resolution == ConflictResolution::Timestamp;
    // Of the two directions only the one whose target is ahead tells it.
    if let Some(ahead_ms) = to.surely_ahead_of(from).filter(|_| compares) {
        let (from, to) = (direction.from.words(), direction.to.words());
        warnings.push(format!(
            "the clock of {to} is {} ahead of that of {from}: whatever {to} stamps wins over what {from} stamps so long after it. Set both by NTP",
            seconds(ahead_ms)
        ));
    }
    let off = from.surely_ahead_of(OURS).map(|ms| (ms, "ahead of"));
    if let Some((ms, whither)) = off.or_else(|| OURS.surely_ahead_of(from).map(|ms| (ms, "behind"))) {
        warnings.push(format!(
            "the clock of {} is {} {whither} this machine's: how long its changes have waited is told wrong by that",
            direction.from.words(),
            seconds(ms)
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_way_to_a_database_may_have_taken_is_no_difference() {
        let of = |ahead_ms, doubt_ms| Clock { ahead_ms, doubt_ms };
        assert_eq!(of(5000, 10).surely_ahead_of(OURS), Some(5000));
        assert_eq!(of(5000, 4000).surely_ahead_of(OURS), None);
        assert_eq!(of(5000, 10).surely_ahead_of(of(4500, 10)), None);
        assert_eq!(OURS.surely_ahead_of(of(-90_000, 10)), Some(90_000));
        assert_eq!(of(-90_000, 10).surely_ahead_of(OURS), None);
    }
}
