//! A stream that will not go on by itself.

use super::{Condition, Moment, Seen, Severity, each_answering, wrong};
use replica_core::LinkState;
use std::time::Duration;

pub(super) static LINK: Condition = Condition {
    name: "link",
    severity: Severity::Critical,
    after: Duration::from_secs(30),
    limit: 0.0,
    about: "A stream into the replica is broken, stopped or has parted from its master's history: nothing is applied until somebody mends it.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    each_answering(moment, |project, replica| {
        let links = &replica.observed.as_ref()?.links;
        let ill = |state| {
            matches!(
                state,
                LinkState::Broken | LinkState::Diverged | LinkState::Stopped
            )
        };
        let link = links.iter().find(|link| ill(link.state))?;
        let name = match link.name.is_empty() {
            true => String::new(),
            false => format!(" {}", link.name),
        };
        let why = link.reason.as_ref().map(|why| format!(": {why}"));
        let (state, why) = (link.state.word(), why.unwrap_or_default());
        wrong(format!(
            "the stream{name} into {} / {} is {state}{why}",
            project.name, replica.name
        ))
    })
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let state = if fires {
        LinkState::Broken
    } else {
        LinkState::Paused
    };
    super::tests::linked(|link| link.state = state)
}
