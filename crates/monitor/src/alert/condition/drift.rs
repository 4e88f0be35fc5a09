//! A server that is not what its tree declares.

use super::{Condition, Moment, Seen, Severity, each_answering, wrong};
use replica_core::observed::DriftKind;
use std::time::Duration;

pub(super) static DRIFT: Condition = Condition {
    name: "drift",
    severity: Severity::Warning,
    after: Duration::from_secs(60),
    limit: 0.0,
    about: "The server differs from its tree: role, upstream, writability, history, or a replica that the tree lacks.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    each_answering(moment, |project, replica| {
        let seen = replica.observed.as_ref()?;
        let drift = seen.drift.iter();
        let others = drift.filter(|drift| drift.kind != DriftKind::TwoMasters);
        let messages: Vec<&str> = others.map(|drift| drift.message.as_str()).collect();
        let all = messages.join("; ");
        (!messages.is_empty())
            .then(|| wrong(format!("{} / {}: {all}", project.name, replica.name)))
            .flatten()
    })
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    super::tests::drifting(fires, DriftKind::WritableSlave)
}
