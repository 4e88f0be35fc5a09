//! A rule whose target falls behind: what the source has and the target lacks grows old.

use super::{Condition, Moment, Seen, Severity};
use crate::alert::subject::Subject;
use crate::words::rough;
use std::time::Duration;

pub(super) static RULE_BEHIND: Condition = Condition {
    name: "rule_behind",
    severity: Severity::Warning,
    after: Duration::from_secs(120),
    limit: 60_000.0,
    about: "What a rule has still to write is older than the limit, in milliseconds.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, limit: f64) -> Vec<Seen> {
    let rules = moment.snapshot.rules.iter().filter(|rule| rule.enabled);
    rules
        .filter_map(|rule| {
            let lag = rule.last_stats.as_ref()?.lag_ms?;
            (lag as f64 > limit).then(|| {
                let summary = format!("the rule {} is {} behind", rule.name, rough(lag));
                Seen::wrong(Subject::rule(&rule.name), summary)
            })
        })
        .collect()
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    super::tests::kept(|stats| stats.lag_ms = Some(if fires { 61_000 } else { 60_000 }))
}
