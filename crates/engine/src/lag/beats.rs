//! When was which heartbeat written? The age of the oldest one that a replica lacks is its lag, to the length of a beat.
//!
//! Unlike a master's log, a beat is written all at once, so nothing is interpolated.

use super::timeline::Measured;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// At a beat a second, an hour and more.
const MAX: usize = 4096;
/// After so many beats that did not come, nothing is measured by them.
const MISSED: u32 = 3;

/// The beats that a master has acknowledged.
#[derive(Debug, Default)]
pub struct Beats {
    acknowledged: VecDeque<(i64, Instant)>,
}

impl Beats {
    /// Notes that the master has committed that number at `at`. Numbers and times grow.
    pub fn acknowledge(&mut self, seq: i64, at: Instant) {
        if self.acknowledged.len() == MAX {
            self.acknowledged.pop_front();
        }
        self.acknowledged.push_back((seq, at));
    }

    /// The last number, and when it was committed.
    pub fn last(&self) -> Option<(i64, Instant)> {
        self.acknowledged.back().copied()
    }

    /// Forgets everything: another master writes from now on.
    pub fn clear(&mut self) {
        self.acknowledged.clear();
    }

    /// How far one is behind that showed `seq` at `at`, while a beat is written every `period`. Nothing, if they are not.
    pub fn measure(&self, seq: i64, at: Instant, period: Duration) -> Measured {
        let fresh = self
            .last()
            .is_some_and(|(_, last)| at.saturating_duration_since(last) <= period * MISSED);
        if !fresh {
            return Measured::Nothing;
        }
        let next = self.acknowledged.partition_point(|(known, _)| *known <= seq);
        match self.acknowledged.get(next) {
            None => Measured::Exact(Duration::ZERO),
            Some((_, then)) => {
                let lag = at.saturating_duration_since(*then);
                // The first one that it lacks may be older than the oldest that we know.
                match next {
                    0 => Measured::AtLeast(lag),
                    _ => Measured::Exact(lag),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    fn beats(count: i64) -> (Beats, Instant) {
        let start = Instant::now();
        let mut beats = Beats::default();
        let mut at = start;
        for seq in 1..=count {
            beats.acknowledge(seq, at);
            at += PERIOD;
        }
        (beats, start)
    }

    #[test]
    fn lag_is_the_age_of_the_first_beat_that_is_missing() {
        let (beats, start) = beats(5);
        let now = start + PERIOD * 4 + PERIOD / 2;
        assert_eq!(beats.measure(5, now, PERIOD), Measured::Exact(Duration::ZERO));
        assert_eq!(beats.measure(3, now, PERIOD), Measured::Exact(PERIOD * 3 / 2));
        // One that was written and not yet acknowledged.
        assert_eq!(beats.measure(6, now, PERIOD), Measured::Exact(Duration::ZERO));
        // Number 0 may have been followed by one that nobody remembers.
        assert_eq!(beats.measure(0, now, PERIOD), Measured::AtLeast(PERIOD * 9 / 2));
    }

    #[test]
    fn beats_that_stopped_measure_nothing() {
        let (beats, start) = beats(5);
        assert_eq!(beats.measure(1, start + PERIOD * 8, PERIOD), Measured::Nothing);
        assert_eq!(Beats::default().measure(1, start, PERIOD), Measured::Nothing);
    }

    #[test]
    fn the_record_is_bounded() {
        let (beats, start) = beats(MAX as i64 + 10);
        assert_eq!(beats.acknowledged.len(), MAX);
        let now = start + PERIOD * (MAX as u32 + 9);
        assert!(matches!(beats.measure(3, now, PERIOD), Measured::AtLeast(_)));
    }
}
