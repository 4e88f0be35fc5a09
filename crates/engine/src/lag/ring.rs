//! When did a master's log pass a number? A bounded record of (time, number), fine for the recent and coarse for the old.
//!
//! Both ends of every idle stretch are kept, so that nothing seems to have been written during it.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// How far apart samples may be that are older than this.
const SPACING: [(Duration, Duration); 2] = [
    (Duration::from_secs(6 * 3600), Duration::from_secs(60)),
    (Duration::from_secs(600), Duration::from_secs(10)),
];
/// Ten minutes at the usual tick, six hours and a day beyond it need about 4 000; more is dropped, oldest first.
const MAX: usize = 6000;
/// A log holds more than writes, so a position just behind one may seem a little short of it. One within a write, as where a
/// commit waits to be applied, has not done it.
const ALMOST: f64 = 0.1;
/// Thinning looks at every sample, so it is done once in so many.
const THIN_EVERY: u32 = 128;

/// A master's number at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    at: Instant,
    number: u64,
    /// How many writes that was, where they are counted.
    writes: Option<u64>,
}

impl Sample {
    /// How many writes there were between this one and `late`.
    fn writes_until(&self, late: &Self) -> Option<u64> {
        let writes = late.writes?.checked_sub(self.writes?);
        writes.filter(|writes| *writes > 0)
    }

    /// What part of the way to `late` the first write beyond `number` was done. Without a count, when `number` itself was reached.
    fn share_until(&self, late: &Self, number: u64) -> f64 {
        let share = (number - self.number) as f64 / (late.number - self.number) as f64;
        match self.writes_until(late) {
            None => share,
            Some(writes) => {
                let writes = writes as f64;
                let done = (share * writes + ALMOST).floor();
                // A look falls anywhere between two writes, so on average half of a spacing after one.
                ((done + 0.5) / writes).min(1.0)
            }
        }
    }
}

/// When a number was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Written {
    /// Then, as well as can be told between two samples.
    At(Instant),
    /// Before the record begins, which was then.
    Before(Instant),
    /// Not yet when the record was last added to.
    NotYet,
}

/// The record of one source of writes.
#[derive(Debug, Default)]
pub(super) struct Ring {
    samples: VecDeque<Sample>,
    added: u32,
}

impl Ring {
    /// Notes that the master was at `number`, which were so many `writes`. Numbers and times never go backwards; the caller
    /// sees to that.
    pub(super) fn push(&mut self, at: Instant, number: u64, writes: Option<u64>) {
        let len = self.samples.len();
        let idle =
            len >= 2 && self.samples[len - 1].number == number && self.samples[len - 2].number == number;
        if idle {
            self.samples[len - 1] = Sample { at, number, writes };
            return;
        }
        self.samples.push_back(Sample { at, number, writes });
        self.added += 1;
        if self.added >= THIN_EVERY {
            self.added = 0;
            self.thin(at);
        }
    }

    /// When the first number above `number` was written.
    pub(super) fn after(&self, number: u64) -> Written {
        let next = self.samples.partition_point(|sample| sample.number <= number);
        let Some(late) = self.samples.get(next) else {
            return Written::NotYet;
        };
        let Some(early) = next.checked_sub(1).and_then(|before| self.samples.get(before)) else {
            return Written::Before(late.at);
        };
        // Written evenly in between: half a tick better than either end.
        let share = early.share_until(late, number);
        Written::At(early.at + late.at.duration_since(early.at).mul_f64(share))
    }

    /// Numbers a second over the last `window`, if the record reaches far enough to tell.
    pub(super) fn rate(&self, window: Duration) -> Option<f64> {
        let last = self.samples.back()?;
        let from = last.at.checked_sub(window);
        let first = self
            .samples
            .iter()
            .find(|sample| from.is_none_or(|from| sample.at >= from))?;
        let seconds = last.at.duration_since(first.at).as_secs_f64();
        (seconds >= 1.0).then(|| (last.number - first.number) as f64 / seconds)
    }

    /// Drops what is finer than its age deserves.
    fn thin(&mut self, now: Instant) {
        let mut kept: VecDeque<Sample> = VecDeque::with_capacity(self.samples.len());
        for (place, sample) in self.samples.iter().enumerate() {
            let age = now.duration_since(sample.at);
            let spacing = SPACING
                .iter()
                .find(|(older, _)| age > *older)
                .map(|(_, spacing)| *spacing);
            let next = self.samples.get(place + 1);
            let needed = match (spacing, kept.back(), next) {
                (Some(spacing), Some(before), Some(next)) => {
                    let idle_end = (before.number == sample.number) != (sample.number == next.number);
                    idle_end || next.at.duration_since(before.at) > spacing
                }
                _ => true,
            };
            if needed {
                kept.push_back(*sample);
            }
        }
        let excess = kept.len().saturating_sub(MAX);
        kept.drain(..excess);
        self.samples = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(samples: &[(u64, u64)]) -> (Ring, Instant) {
        let start = Instant::now();
        let mut ring = Ring::default();
        for (seconds, number) in samples {
            ring.push(start + Duration::from_secs(*seconds), *number, None);
        }
        (ring, start)
    }

    #[test]
    fn a_number_between_two_samples_was_written_in_between() {
        let (ring, start) = ring(&[(0, 100), (2, 200), (4, 200), (6, 300)]);
        assert_eq!(ring.after(150), Written::At(start + Duration::from_secs(1)));
        assert_eq!(ring.after(99), Written::Before(start));
        assert_eq!(ring.after(300), Written::NotYet);
    }

    #[test]
    fn nothing_was_written_while_the_master_was_idle() {
        let (ring, start) = ring(&[(0, 1), (2, 5), (4, 5), (6, 5), (60, 5), (62, 6)]);
        assert_eq!(ring.samples.len(), 4);
        assert_eq!(ring.after(5), Written::At(start + Duration::from_secs(60)));
    }

    #[test]
    fn where_writes_are_counted_the_next_one_is_meant() {
        let start = Instant::now();
        let mut ring = Ring::default();
        // Two writes of 50 bytes: at half a second and at one and a half, as far as can be told.
        ring.push(start, 100, Some(7));
        ring.push(start + Duration::from_secs(2), 200, Some(9));
        assert_eq!(ring.after(100), Written::At(start + Duration::from_millis(500)));
        assert_eq!(ring.after(140), Written::At(start + Duration::from_millis(500)));
        assert_eq!(ring.after(149), Written::At(start + Duration::from_millis(1500)));
        // Never later than it was seen.
        assert_eq!(ring.after(199), Written::At(start + Duration::from_secs(2)));
        // A count that began anew tells nothing.
        ring.push(start + Duration::from_secs(4), 300, Some(1));
        assert_eq!(ring.after(250), Written::At(start + Duration::from_secs(3)));
    }

    #[test]
    fn a_day_fits_and_old_times_stay_about_right() {
        let start = Instant::now();
        let mut ring = Ring::default();
        for tick in 0..43_200_u64 {
            ring.push(start + Duration::from_secs(tick * 2), tick * 10, None);
        }
        assert!(ring.samples.len() < MAX, "{}", ring.samples.len());
        for tick in [100, 20_000, 40_000, 43_000] {
            let Written::At(at) = ring.after(tick * 10) else {
                panic!("tick {tick} is lost")
            };
            let truth = start + Duration::from_secs(tick * 2);
            let error = at.max(truth) - at.min(truth);
            assert!(error < Duration::from_secs(1), "{error:?} at tick {tick}");
        }
        assert_eq!(ring.rate(Duration::from_secs(60)).map(f64::round), Some(5.0));
    }

    #[test]
    fn idle_stretches_survive_thinning() {
        let start = Instant::now();
        let mut ring = Ring::default();
        let mut number = 0;
        for tick in 0..4000_u64 {
            // Busy for ten seconds, idle for forty, over and over.
            number += if tick % 25 < 5 { 7 } else { 0 };
            ring.push(start + Duration::from_secs(tick * 2), number, None);
        }
        // The first write after the idle stretch that ends at tick 25.
        let Written::At(at) = ring.after(35) else {
            panic!("lost")
        };
        assert!(at >= start + Duration::from_secs(48), "{:?}", at - start);
    }
}
