//! A rule whose rows fail.

use super::{Condition, Moment, Seen, Severity};
use crate::alert::subject::Subject;
use std::time::Duration;

pub(super) static RULE_FAILED: Condition = Condition {
    name: "rule_failed",
    severity: Severity::Warning,
    after: Duration::ZERO,
    limit: 0.0,
    about: "A rule has counted failures within the last ten minutes.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    let failing = moment.snapshot.rules.iter();
    failing
        .filter(|rule| rule.enabled && moment.failing.contains(&rule.name))
        .map(|rule| {
            let stats = rule.last_stats.as_ref();
            let why = stats.and_then(|stats| stats.last_error.as_ref());
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            Seen::wrong(
                Subject::rule(&rule.name),
                format!("the rule {} fails{why}", rule.name),
            )
        })
        .collect()
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut moment = super::tests::ruled();
    if fires {
        moment.failing.insert("copy".into());
    }
    moment
}
