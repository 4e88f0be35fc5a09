//! A server that does not let the monitor in.

use super::{Condition, Moment, Seen, Severity, Sight, each_replica, wrong};
use replica_core::State;
use std::time::Duration;

pub(super) static DOWN: Condition = Condition {
    name: "down",
    severity: Severity::Critical,
    after: Duration::from_secs(15),
    limit: 0.0,
    about: "The replica does not answer, or refuses the monitor. Held back while the monitor itself is likelier to be cut off.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    each_replica(moment, |project, replica| match replica.state {
        State::Down if moment.cut_off.is_some() => Some(Sight::Unsure),
        State::Down => {
            let why = replica.state_reason().map(|why| format!(": {why}"));
            let why = why.unwrap_or_default();
            wrong(format!("{} / {} is down{why}", project.name, replica.name))
        }
        _ => None,
    })
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut replica = super::tests::slave();
    if fires {
        replica.state = State::Down;
    }
    super::tests::moment(vec![replica])
}
