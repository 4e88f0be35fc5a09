//! A server that will soon refuse connections.

use super::{Condition, Moment, Seen, Severity, Sight, each_answering, wrong};
use std::time::Duration;

pub(super) static CONNECTIONS: Condition = Condition {
    name: "connections",
    severity: Severity::Warning,
    after: Duration::from_secs(60),
    limit: 90.0,
    about: "More than the limit, in percent, of the server's connections is in use; when none is left, applications and replicas are refused.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, percent: f64) -> Vec<Seen> {
    each_answering(moment, |project, replica| {
        let Some(connections) = replica.observed.as_ref().and_then(|seen| seen.connections) else {
            return Some(Sight::Unsure);
        };
        let (used, max) = (connections.used, connections.max);
        let full = f64::from(used) * 100.0 > f64::from(max) * percent;
        full.then(|| {
            wrong(format!(
                "{} / {} has {used} of {max} connections in use",
                project.name, replica.name
            ))
        })
        .flatten()
    })
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let connections = replica_core::observed::Connections {
        used: if fires { 91 } else { 90 },
        max: 100,
    };
    super::tests::observing(|seen| seen.connections = Some(connections))
}
