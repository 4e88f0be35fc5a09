//! A replica that will soon have lost its place in its master's log.

use super::{Condition, Moment, Seen, Severity, each_answering, wrong};
use crate::tolerance::is_within;
use crate::words::rough;
use replica_core::{LinkState, Runway};
use std::time::Duration;

pub(super) static RUNWAY: Condition = Condition {
    name: "runway",
    severity: Severity::Critical,
    after: Duration::from_secs(15),
    limit: 3600.0,
    about: "A replica that does not certainly keep up falls off the retained log within the limit, in seconds, or has fallen off: it must then be loaded anew.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, seconds: f64) -> Vec<Seen> {
    each_answering(moment, |project, replica| {
        let links = replica.observed.as_ref()?.links.iter();
        // One that keeps up has all of that time for an outage, however short it is.
        let within = is_within(replica);
        let keeps_up = |state| within && matches!(state, LinkState::Streaming | LinkState::Delayed);
        let shortest = links
            .filter_map(|link| match link.runway {
                Runway::Over => Some(0),
                Runway::Seconds(left) if !keeps_up(link.state) && (left as f64) < seconds => Some(left),
                _ => None,
            })
            .min()?;
        let names = format!("{} / {}", project.name, replica.name);
        match shortest {
            0 => wrong(format!(
                "what {names} needs next is no longer kept: it must be loaded anew"
            )),
            left => wrong(format!(
                "{names} falls off the retained log in {}",
                rough(left.saturating_mul(1000))
            )),
        }
    })
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut moment = super::tests::linked(|link| link.runway = Runway::Seconds(3000));
    if fires {
        super::tests::change(&mut moment, |replica| {
            replica.lag = replica_core::Lag::exact(9000)
        });
    }
    moment
}
