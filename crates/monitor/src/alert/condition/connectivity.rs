//! The monitor itself cut off, rather than everybody else.

use super::{Condition, Moment, Seen, Severity};
use crate::alert::subject::Subject;
use std::time::Duration;

pub(super) static CONNECTIVITY: Condition = Condition {
    name: "connectivity",
    severity: Severity::Critical,
    after: Duration::from_secs(10),
    limit: 0.0,
    about: "Every replica on every other machine went silent at once, two machines or more: the monitor's own network is likelier than all of theirs.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    let why = moment.cut_off.iter();
    why.map(|why| Seen::wrong(Subject::MONITOR, why.clone()))
        .collect()
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut moment = super::tests::moment(vec![super::tests::slave()]);
    moment.cut_off = fires.then(|| "none of 2 machines can be reached".to_owned());
    moment
}
