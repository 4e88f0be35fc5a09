//! Which lag is tolerated, and whether a replica certainly stays within it.

use replica_core::{Replica, Verdict};

/// In milliseconds, where the tree does not say; as on the page.
const USUAL_MS: u64 = 5000;

/// The lag that is tolerated, in milliseconds.
pub(crate) fn tolerance_ms(declared: Option<u64>) -> u64 {
    declared.unwrap_or(USUAL_MS)
}

/// Whether its lag is known, of now, and certainly tolerated.
pub(crate) fn is_within(replica: &Replica) -> bool {
    let most = match replica.lag.verdict {
        Verdict::Exact(ms) | Verdict::AtMost(ms) if replica.lag.as_of_ms.is_none() => ms,
        _ => return false,
    };
    most <= tolerance_ms(replica.lag_tolerance_ms)
}
