//! More than one server of a project that takes writes as its master.

use super::{Condition, Moment, Seen, Severity};
use crate::alert::subject::Subject;
use replica_core::State;
use replica_core::observed::DriftKind;
use std::time::Duration;

pub(super) static TWO_MASTERS: Condition = Condition {
    name: "two_masters",
    severity: Severity::Critical,
    after: Duration::from_secs(10),
    limit: 0.0,
    about: "Two servers of a project take writes that cannot be joined again.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    let mut all = Vec::new();
    for project in &moment.snapshot.projects {
        let drift = |replica: &replica_core::Replica| {
            let seen = replica.observed.as_ref()?;
            let mut drift = seen.drift.iter();
            let found = drift.find(|drift| drift.kind == DriftKind::TwoMasters)?;
            Some(format!("{} / {}: {}", project.name, replica.name, found.message))
        };
        let subject = || Subject::project(&project.name);
        match project.replicas.iter().find_map(drift) {
            Some(summary) => all.push(Seen::wrong(subject(), summary)),
            // One that is not seen may still take writes.
            None if project.replicas.iter().any(|replica| replica.state != State::Up) => {
                all.push(Seen::unsure(subject()));
            }
            None => {}
        }
    }
    all
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    super::tests::drifting(fires, DriftKind::TwoMasters)
}
