//! How long until a follower falls off its master's log, at the present rate of writing.

use super::view::View;
use crate::look::{Hold, LinkSeen, Look, Retention};
use replica_core::{Lag, Runway};

/// The runway of one link into `look`, whose lag is `lag`. Its log is kept by `upstream`, which may itself follow, and
/// grows as fast as `master` writes.
pub(super) fn runway(look: &Look, link: &LinkSeen, lag: &Lag, upstream: &View, master: &View) -> Runway {
    let Some(leading) = upstream.answer() else {
        return Runway::Unknown("its upstream does not answer".into());
    };
    let rate = master.slot.seen().timeline.rate();
    let slot = link
        .slot
        .as_ref()
        .and_then(|slot| leading.consumers.iter().find(|consumer| consumer.name == *slot));
    match (slot.map(|slot| slot.hold), leading.retention) {
        (Some(Hold::Forever), _) | (None, Some(Retention::Forever)) => Runway::Unbounded,
        (Some(Hold::Lost), _) => Runway::Over,
        (Some(Hold::Bytes(bytes)), _) => at_rate(bytes, rate),
        (None, Some(Retention::Positions(kept))) => {
            let behind = look.position.behind(&leading.position);
            match kept.checked_sub(behind) {
                Some(left) => at_rate(left, rate),
                None => Runway::Over,
            }
        }
        (None, Some(Retention::Time(kept))) => match lag.ms() {
            Some(ms) => Runway::Seconds(kept.as_secs().saturating_sub(ms / 1000)),
            None => Runway::Unknown("its lag is unknown".into()),
        },
        (None, None) => Runway::Unknown("its master does not tell how long it keeps its log".into()),
    }
}

fn at_rate(left: u64, rate: Option<f64>) -> Runway {
    match rate {
        None => Runway::Unknown("how fast its master writes is not known yet".into()),
        Some(rate) if rate <= 0.0 => Runway::Unknown("its master has written nothing lately".into()),
        // A century is as good as for ever, and keeps the cast within its range.
        Some(rate) => Runway::Seconds((left as f64 / rate).min(3.2e9) as u64),
    }
}
