//! When something that is done again and again begins anew: after a while, or at the times that a cron expression names.

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::errors::CronError;
use std::str::FromStr;
use std::time::Duration;

/// The shortest pause: what is begun more often than that is followed better, or asks too much of its source.
const LEAST: Duration = Duration::from_millis(100);

/// A schedule.
#[derive(Clone, Debug)]
pub struct Schedule(Times);

#[derive(Clone, Debug)]
enum Times {
    /// So long after the end of the last one.
    After(Duration),
    /// In UTC.
    Cron(Box<Cron>),
}

/// When it begins next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// So long after the end of the last one.
    After(Duration),
    /// Then, in milliseconds since 1970.
    At(i64),
    /// Not again.
    Never,
}

impl FromStr for Schedule {
    type Err = String;

    /// A duration such as `15m`, or a cron expression: minute, hour, day, month and day of the week, with seconds before them if there are six
    /// fields, or a word such as `@daily`. Times are in UTC.
    fn from_str(text: &str) -> Result<Self, String> {
        match humantime::parse_duration(text.trim()) {
            Ok(pause) if pause < LEAST => Err("must be 100ms or more".to_owned()),
            Ok(pause) => Ok(Self(Times::After(pause))),
            Err(_) => Ok(Self(Times::Cron(Box::new(cron(text)?)))),
        }
    }
}

impl Schedule {
    /// When it begins next, seen from then on, in milliseconds since 1970.
    pub fn next(&self, now_ms: i64) -> Next {
        match &self.0 {
            Times::After(pause) => Next::After(*pause),
            Times::Cron(cron) => {
                let now = DateTime::<Utc>::from_timestamp_millis(now_ms);
                let next = now.and_then(|now| cron.find_next_occurrence(&now, false).ok());
                next.map_or(Next::Never, |next| Next::At(next.timestamp_millis()))
            }
        }
    }
}

/// A cron expression that comes true some day.
fn cron(text: &str) -> Result<Cron, String> {
    let cron = Cron::from_str(text).map_err(|error| {
        let why = match error {
            CronError::InvalidPattern(why)
            | CronError::IllegalCharacters(why)
            | CronError::ComponentError(why) => why,
            other => other.to_string(),
        };
        format!(
            "must be a duration (`15m`) or a cron expression (`0 3 * * *`, in UTC): {}",
            why.trim_end_matches('.')
        )
    })?;
    match cron.find_next_occurrence(&DateTime::<Utc>::UNIX_EPOCH, false) {
        Ok(_) => Ok(cron),
        Err(_) => Err("is a cron expression for a time that never comes".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &str, now_ms: i64) -> Next {
        Schedule::from_str(text).unwrap().next(now_ms)
    }

    #[test]
    fn a_pause_and_a_cron_expression_are_told_apart() {
        // 2026-11-27T17:40:30Z, a Friday.
        let now = 1_795_801_230_000;
        assert_eq!(next("1h 30m", now), Next::After(Duration::from_secs(5400)));
        let at = |hours: i64, minutes: i64| Next::At(now - 30_000 + (hours * 60 + minutes) * 60_000);
        assert_eq!(next("*/5 * * * *", now), at(0, 5));
        assert_eq!(next("0 3 * * *", now), at(9, 20));
        assert_eq!(next("@hourly", now), at(0, 20));
        // Saturday at noon; and with seconds.
        assert_eq!(next("0 12 * * SAT", now), at(18, 20));
        assert_eq!(next("*/10 * * * * *", now), Next::At(now + 10_000));
    }

    #[test]
    fn what_is_neither_is_refused_with_a_reason() {
        let why = |text: &str| Schedule::from_str(text).unwrap_err();
        assert!(why("often").contains("`0 3 * * *`"), "{}", why("often"));
        assert!(
            why("61 * * * *").ends_with("out of bounds"),
            "{}",
            why("61 * * * *")
        );
        assert!(why("").contains("must be"), "{}", why(""));
        assert_eq!(why("1ms"), "must be 100ms or more");
        assert!(why("0 0 30 2 *").contains("never comes"));
    }
}
