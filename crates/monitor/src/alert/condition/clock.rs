//! A server whose clock is not the monitor's.

use super::{Condition, Moment, Seen, Severity, Sight, each_answering, wrong};
use crate::words::duration;
use std::time::Duration;

pub(super) static CLOCK: Condition = Condition {
    name: "clock",
    severity: Severity::Warning,
    after: Duration::from_secs(5 * 60),
    limit: 1000.0,
    about: "The clock of the server is off by more than the limit, in milliseconds. Measured lag does not depend on it; timestamps that applications compare do.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, ms: f64) -> Vec<Seen> {
    each_answering(moment, |project, replica| {
        let Some(offset) = replica.observed.as_ref().and_then(|seen| seen.clock_offset_ms) else {
            return Some(Sight::Unsure);
        };
        let off = offset as f64;
        let way = if off > 0.0 { "ahead of" } else { "behind" };
        (off.abs() > ms)
            .then(|| {
                wrong(format!(
                    "the clock of {} / {} is {} {way} the monitor's",
                    project.name,
                    replica.name,
                    duration(off.abs() as u64)
                ))
            })
            .flatten()
    })
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    super::tests::observing(|seen| seen.clock_offset_ms = Some(if fires { -1001 } else { 1000 }))
}
