//! A rule that has once moved rows, has failed since, and moves none.

use super::{Condition, Moment, Seen, Severity};
use crate::alert::subject::Subject;
use std::time::Duration;

pub(super) static RULE_STALLED: Condition = Condition {
    name: "rule_stalled",
    severity: Severity::Critical,
    after: Duration::from_secs(5 * 60),
    limit: 0.0,
    about: "A rule fails and moves no rows at all.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    let rules = moment.snapshot.rules.iter();
    rules
        .filter(|rule| {
            rule.enabled && moment.failing.contains(&rule.name) && !moment.moving.contains(&rule.name)
        })
        .map(|rule| {
            Seen::wrong(
                Subject::rule(&rule.name),
                format!("the rule {} fails and moves no rows", rule.name),
            )
        })
        .collect()
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut moment = super::tests::ruled();
    moment.failing.insert("copy".into());
    if !fires {
        moment.moving.insert("copy".into());
    }
    moment
}
