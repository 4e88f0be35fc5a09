//! How far a copy is, and how long it takes yet.

use std::time::Duration;

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The table that it is at.
    pub table: String,
    /// How many tables are done, and how many there are.
    pub tables: (usize, usize),
    /// How many rows of the source were read so far.
    pub rows: u64,
    /// About how many it has, if it can tell.
    pub expected: Option<u64>,
    /// How long the rest takes at the pace until now.
    pub left: Option<Duration>,
}

/// A pace is one after so long.
const PACE: Duration = Duration::from_secs(1);

impl Progress {
    /// Learns how long the rest takes, after that time.
    pub(super) fn learn(&mut self, passed: Duration) {
        let pace = match passed < PACE || self.rows == 0 {
            true => None,
            false => Some(passed.as_secs_f64() / self.rows as f64),
        };
        // Who has read more than was expected knows nothing of the rest.
        let rest = self.expected.and_then(|expected| expected.checked_sub(self.rows));
        self.left = pace
            .zip(rest.filter(|rest| *rest > 0))
            .and_then(|(pace, rest)| Duration::try_from_secs_f64(pace * rest as f64).ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_its_rows_or_nobody_knows() {
        let left = |rows, expected, seconds| {
            let mut progress = Progress {
                rows,
                expected,
                ..Progress::default()
            };
            progress.learn(Duration::from_secs(seconds));
            progress.left
        };
        assert_eq!(left(100, Some(400), 10), Some(Duration::from_secs(30)));
        for (rows, expected, seconds) in [
            (100, None, 10),
            (0, Some(400), 10),
            (100, Some(400), 0),
            (400, Some(400), 10),
            (500, Some(400), 10),
        ] {
            assert_eq!(left(rows, expected, seconds), None, "{rows} of {expected:?}");
        }
    }
}
