//! A source that does not answer, so that everything else stands still.

use super::{Condition, Moment, Seen, Severity};
use crate::alert::subject::Subject;
use crate::words::rough;
use std::time::Duration;

pub(super) static SOURCE: Condition = Condition {
    name: "source",
    severity: Severity::Critical,
    after: Duration::from_secs(15),
    limit: 0.0,
    about: "The source of everything that is shown does not answer: figures stand still, and nothing else can be judged.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, _: f64) -> Vec<Seen> {
    let since = moment.stalled_since.iter();
    since
        .map(|since| {
            let age = u64::try_from(moment.at_ms.saturating_sub(*since)).unwrap_or(0);
            let age = rough(age);
            Seen::wrong(
                Subject::MONITOR,
                format!("the source has not answered for {age}; every figure is as of then"),
            )
        })
        .collect()
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut moment = super::tests::moment(vec![super::tests::slave()]);
    moment.stalled_since = fires.then_some(0);
    moment
}
