//! From a look and its master's record to a lag: the state table, in code.

use super::slot::wall_ms;
use super::view::View;
use crate::lag::{Measured, SameHistory, Timeline};
use crate::look::{LinkSeen, Look};
use replica_core::lag::Reason;
use replica_core::{Lag, LinkState, Verdict};
use std::time::Duration;
use tokio::time::Instant;

/// A record that has not grown for this many ticks has stopped.
const FRESH_TICKS: f64 = 1.5;

/// What a link is measured against.
pub(super) struct Against<'a> {
    pub(super) master: &'a View,
    pub(super) tick: Duration,
}

/// How far `look` is behind over `link`.
pub(super) fn lag(look: &Look, before: Option<&Look>, link: &LinkSeen, against: &Against<'_>) -> Lag {
    match link.state {
        LinkState::Resyncing => {
            return Lag::unknown("it loads everything anew: what it serves is old or partial");
        }
        LinkState::Diverged => return Lag::unknown(link.reason.clone().unwrap_or_else(|| PARTED.into())),
        _ => {}
    }
    let seen = against.master.slot.seen();
    let timeline = &seen.timeline;
    let Some(looked) = timeline.looked() else {
        drop(seen);
        return native(look, unmeasured(against.master));
    };
    if before
        .is_some_and(|before| comparable(timeline, before) && timeline.is_ahead(before.at, &before.position))
    {
        return Lag::unknown(PARTED);
    }
    let stopped = look.at.saturating_duration_since(looked) > against.tick.mul_f64(FRESH_TICKS);
    let at = if stopped { looked } else { look.at };
    let measured = match link.measured_at_upstream {
        false if look.position.is_empty() => {
            return native(look, look.no_position.unwrap_or("it tells no position").into());
        }
        false => timeline.measure(at, look.epoch.as_ref(), &look.position),
        true => match acknowledged(against.master, link) {
            Ok(position) => timeline.measure(looked, None, &position),
            Err(why) => return Lag::unknown(why),
        },
    };
    drop(seen);
    let lag = verdict(measured, look);
    frozen(lag, stopped.then_some(looked))
}

const PARTED: &str =
    "its history and its master's have parted: it holds writes that its master does not have";

fn comparable(timeline: &Timeline, look: &Look) -> bool {
    match (timeline.epoch(), &look.epoch) {
        (Some(ours), Some(theirs)) => ours.compare(theirs) == SameHistory::Yes,
        _ => false,
    }
}

/// A figure that was true at the last look at the master, and what it is worth since.
fn frozen(lag: Lag, since: Option<Instant>) -> Lag {
    Lag {
        as_of_ms: since.filter(|_| lag.ms().is_some()).map(wall_ms),
        ..lag
    }
}

/// Up to where a logical follower has acknowledged, in its master's positions.
fn acknowledged(master: &View, link: &LinkSeen) -> Result<crate::lag::Position, Reason> {
    let slot = link
        .slot
        .as_ref()
        .ok_or("its subscription has no replication slot")?;
    let consumer = master
        .look
        .as_ref()
        .and_then(|look| look.consumers.iter().find(|consumer| consumer.name == *slot));
    let consumer = consumer.ok_or("its master has no slot of the name that its subscription uses")?;
    consumer
        .acknowledged
        .map(crate::lag::Position::offset)
        .ok_or_else(|| "its slot at the master has acknowledged nothing yet".into())
}

fn verdict(measured: Measured, look: &Look) -> Lag {
    let ms = |lag: Duration| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
    match measured {
        Measured::Exact(lag) => Lag::exact(ms(lag)),
        Measured::AtLeast(lag) => match native(look, "".into()).verdict {
            // The server's own figure reaches further back than our record.
            Verdict::AtMost(most) if most >= ms(lag) => Lag {
                verdict: Verdict::AtMost(most),
                as_of_ms: None,
            },
            _ => Lag {
                verdict: Verdict::AtLeast(ms(lag)),
                as_of_ms: None,
            },
        },
        Measured::Incomparable(SameHistory::OtherBranch) => {
            Lag::unknown("it is on another branch of the history than its master (timeline)")
        }
        Measured::Incomparable(SameHistory::Unseen) => {
            Lag::unknown("the branch of its history cannot be seen: grant pg_monitor")
        }
        Measured::Incomparable(_) => Lag::unknown("its history is not its master's"),
        Measured::Nothing => native(look, "its master's positions are not recorded".into()),
    }
}

/// The server's own figure, where ours is missing; an upper bound, since it includes idle time.
fn native(look: &Look, otherwise: Reason) -> Lag {
    match &look.native {
        Some(verdict) => Lag {
            verdict: verdict.clone(),
            as_of_ms: None,
        },
        None => Lag::unknown(otherwise),
    }
}

/// Why there is no record of a master's positions.
fn unmeasured(master: &View) -> Reason {
    match (&master.fault, &master.look) {
        (Some(fault), _) => format!("its master cannot be asked: {}", fault.message).into(),
        (None, None) => "its master has not answered yet".into(),
        (None, Some(look)) => look.no_position.unwrap_or("its master tells no position").into(),
    }
}
