//! A history that is not written.

use super::{Condition, Moment, Seen, Severity};
use crate::alert::subject::Subject;
use std::time::Duration;

pub(super) static HISTORY: Condition = Condition {
    name: "history",
    severity: Severity::Warning,
    after: Duration::from_secs(60),
    limit: 0.0,
    about: "The history should be kept and is not written: what happens now will not be found later.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    let why = moment.history.iter();
    why.map(|why| Seen::wrong(Subject::MONITOR, format!("the history is not written: {why}")))
        .collect()
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut moment = super::tests::moment(vec![super::tests::slave()]);
    moment.history = fires.then(|| "the disk is full".to_owned());
    moment
}
