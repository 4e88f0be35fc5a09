//! Entries of the tree that cannot be used.

use super::{Condition, Moment, Seen, Severity};
use crate::alert::subject::Subject;
use std::time::Duration;

pub(super) static TREE: Condition = Condition {
    name: "tree",
    severity: Severity::Warning,
    after: Duration::from_secs(60),
    limit: 0.0,
    about: "The tree has problems; what they concern is not watched as it was meant to be.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    let problems = &moment.snapshot.problems;
    let Some(first) = problems.first() else {
        return Vec::new();
    };
    let more = match problems.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    vec![Seen::wrong(
        Subject::MONITOR,
        format!("the tree: {}{more}", first.sentence()),
    )]
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut moment = super::tests::moment(vec![super::tests::slave()]);
    let mut snapshot = replica_core::Snapshot::clone(&moment.snapshot);
    if fires {
        snapshot.problems.push(replica_core::Problem::error("no comma"));
    }
    moment.snapshot = std::sync::Arc::new(snapshot);
    moment
}
