//! A lag that nobody can tell, though somebody looks.

use super::{Condition, Moment, Seen, Severity, Sight, each_replica, wrong};
use replica_core::{State, Verdict};
use std::time::Duration;

pub(super) static UNKNOWN: Condition = Condition {
    name: "unknown",
    severity: Severity::Warning,
    after: Duration::from_secs(5 * 60),
    limit: 0.0,
    about: "The replica answers, but how far it is behind cannot be told.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    each_replica(moment, |project, replica| {
        let names = format!("{} / {}", project.name, replica.name);
        match &replica.lag.verdict {
            // That is told already.
            _ if replica.state == State::Down => Some(Sight::Unsure),
            Verdict::Unknown(why) => wrong(format!("nobody can tell how far {names} is behind: {why}")),
            Verdict::NotApplicable(_) => None,
            _ if replica.lag.as_of_ms.is_some() => wrong(format!(
                "nobody can tell how far {names} is behind: its master cannot be reached"
            )),
            _ => None,
        }
    })
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut replica = super::tests::slave();
    if fires {
        replica.lag = replica_core::Lag::unknown("the grant is missing");
    }
    super::tests::moment(vec![replica])
}
