//! Further behind than its tree tolerates, for certain.

use super::{Condition, Moment, Seen, Severity, Sight, each_answering};
use crate::tolerance::tolerance_ms;
use crate::words::duration;
use replica_core::{ReplicaKey, Verdict};
use std::time::Duration;

/// What catches up after an outage needs its time.
const CATCHING_UP: Duration = Duration::from_secs(15 * 60);

pub(super) static LAG: Condition = Condition {
    name: "lag",
    severity: Severity::Warning,
    after: Duration::from_secs(60),
    limit: 1.0,
    about: "The lag is above the lagTolerance of the replica (5 s where the tree does not say) times the limit.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, times: f64) -> Vec<Seen> {
    each_answering(moment, |project, replica| {
        let limit = tolerance_ms(replica.lag_tolerance_ms) as f64 * times;
        let frozen = replica.lag.as_of_ms.is_some();
        let (ms, least) = match replica.lag.verdict {
            Verdict::NotApplicable(_) => return None,
            _ if frozen => return Some(Sight::Unsure),
            Verdict::Exact(ms) => (ms, ""),
            Verdict::AtLeast(ms) => (ms, "at least "),
            Verdict::AtMost(ms) if ms as f64 <= limit => return None,
            Verdict::AtMost(_) | Verdict::Unknown(_) => return Some(Sight::Unsure),
        };
        if ms as f64 <= limit {
            // At least so much may be more.
            return (!least.is_empty()).then_some(Sight::Unsure);
        }
        let key = ReplicaKey::new(project.name.clone(), replica.name.clone());
        let easing = moment.falling.contains(&key);
        let trend = if easing { ", and catching up" } else { "" };
        let (behind, limit) = (duration(ms), duration(limit as u64));
        Some(Sight::Wrong {
            summary: format!(
                "{} / {} is {least}{behind} behind, where {limit} is tolerated{trend}",
                project.name, replica.name
            ),
            patience: easing.then_some(CATCHING_UP),
        })
    })
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut replica = super::tests::slave();
    replica.lag = replica_core::Lag::exact(if fires { 5001 } else { 5000 });
    super::tests::moment(vec![replica])
}
