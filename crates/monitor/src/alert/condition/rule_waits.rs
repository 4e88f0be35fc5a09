//! A rule that is kept going and does not go.

use super::{Condition, Moment, Seen, Severity};
use crate::alert::subject::Subject;
use std::time::Duration;

pub(super) static RULE_WAITS: Condition = Condition {
    name: "rule_waits",
    severity: Severity::Critical,
    after: Duration::from_secs(60),
    limit: 0.0,
    about: "A rule that the monitor keeps going waits for something that is broken, or has ended.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    let rules = moment.snapshot.rules.iter().filter(|rule| rule.enabled);
    rules
        .filter_map(|rule| {
            let stats = rule.last_stats.as_ref()?;
            let phase = stats.phase.as_deref()?;
            let doing = stats.doing.as_deref().unwrap_or(phase);
            matches!(phase, "waiting" | "ended").then(|| {
                let summary = format!("the rule {} is {doing}", rule.name);
                Seen::wrong(Subject::rule(&rule.name), summary)
            })
        })
        .collect()
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    super::tests::kept(|stats| {
        let phase = if fires { "waiting" } else { "streaming" };
        stats.phase = Some(phase.into());
    })
}
