//! What is left of a snapshot when its figures are taken out.

use replica_core::{Lag, Observed, Replica, Rule, Runway, State, SyncStats};
use std::sync::Arc;

/// The replica with all that is sampled, or is another at each look, left out: so that the same compares the same.
pub(super) fn without_figures(replica: &Replica) -> Replica {
    let nothing = || Lag::unknown("not sampled");
    let observed = replica.observed.as_deref().map(|observed| {
        let mut links = observed.links.clone();
        for link in &mut links {
            link.lag = nothing();
            if let Runway::Seconds(_) = link.runway {
                link.runway = Runway::Unknown("not sampled".into());
            }
        }
        Arc::new(Observed {
            links,
            reason: observed.reason.clone(),
            role: observed.role,
            writable: observed.writable,
            version: observed.version.clone(),
            identity: observed.identity.clone(),
            missing: observed.missing.clone(),
            drift: observed.drift.clone(),
            strangers: observed.strangers.clone(),
            // Positions, evidence and what else is another at each look.
            ..Observed::default()
        })
    });
    Replica {
        lag: nothing(),
        state: State::Unknown,
        pool_usage: None,
        last_ping_ms: None,
        observed,
        ..replica.clone()
    }
}

/// The rule without what its last run counted; the last failure stays.
pub(super) fn without_counts(rule: &Rule) -> Rule {
    let stats = rule.last_stats.as_ref().map(|stats| {
        let last_error = stats.last_error.clone();
        Arc::new(SyncStats {
            last_error,
            ..SyncStats::default()
        })
    });
    Rule {
        last_stats: stats,
        ..rule.clone()
    }
}
