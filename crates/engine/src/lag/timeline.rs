//! A master's record over all its sources of writes, and what a replica's position is worth against it.

use super::position::{Epoch, Position, SameHistory, Writes};
use super::ring::{Ring, Written};
use replica_core::Name;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Over how long the rate of writing is taken.
const RATE_OVER: Duration = Duration::from_secs(300);

/// The record of one master. It begins anew with each history.
#[derive(Debug, Default)]
pub struct Timeline {
    epoch: Option<Epoch>,
    latest: Position,
    looked: Option<Instant>,
    rings: BTreeMap<Name, Ring>,
}

/// What a position is worth against the record.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// This long behind.
    Exact(Duration),
    /// This long behind or longer: the record begins too late.
    AtLeast(Duration),
    /// The positions cannot be compared.
    Incomparable(SameHistory),
    /// There is no record.
    Nothing,
}

impl Timeline {
    /// Notes where the master was at `at`. A position that went backwards means a restored or replaced master: the
    /// record begins anew.
    pub fn record(&mut self, at: Instant, epoch: &Epoch, position: &Position, writes: Writes) {
        let went_back = || {
            self.latest.sources().any(|(name, was)| {
                let is = position.source(name);
                is.is_none_or(|is| is.last() < was.last())
            })
        };
        if self.epoch.as_ref() != Some(epoch) || went_back() {
            *self = Self {
                epoch: Some(epoch.clone()),
                ..Self::default()
            };
        }
        let before = self.looked;
        for (name, intervals) in position.sources() {
            let ring = self.rings.entry(name.clone()).or_insert_with(|| {
                let mut ring = Ring::default();
                // A source that begins while we look has written nothing before.
                if let Some(before) = before {
                    ring.push(before, 0, writes.at(0));
                }
                ring
            });
            let last = intervals.last();
            ring.push(at, last, writes.at(last));
        }
        self.latest = position.clone();
        self.looked = Some(at);
    }

    /// When the master was last looked at.
    pub fn looked(&self) -> Option<Instant> {
        self.looked
    }

    /// The history that is being recorded.
    pub fn epoch(&self) -> Option<&Epoch> {
        self.epoch.as_ref()
    }

    /// Where the master was when last looked at.
    pub fn latest(&self) -> &Position {
        &self.latest
    }

    /// How long `position` was behind at `at`. Of what the master wrote after the last look nothing is known, so a caller whose
    /// record has stopped growing passes the time of that look.
    pub fn measure(&self, at: Instant, epoch: Option<&Epoch>, position: &Position) -> Measured {
        let Some(ours) = &self.epoch else {
            return Measured::Nothing;
        };
        if let Some(theirs) = epoch {
            match ours.compare(theirs) {
                SameHistory::Yes => {}
                other => return Measured::Incomparable(other),
            }
        }
        let mut lag = Duration::ZERO;
        let mut bounded = false;
        for (name, wanted) in self.latest.sources() {
            let missing = position
                .source(name)
                .map_or(Some(0), |have| have.first_missing_of(wanted));
            let Some(missing) = missing else { continue };
            let ring = self.rings.get(name);
            match ring.map_or(Written::NotYet, |ring| ring.after(missing.saturating_sub(1))) {
                Written::At(then) => lag = lag.max(at.saturating_duration_since(then)),
                Written::Before(then) => {
                    bounded = true;
                    lag = lag.max(at.saturating_duration_since(then));
                }
                Written::NotYet => {}
            }
        }
        if bounded {
            Measured::AtLeast(lag)
        } else {
            Measured::Exact(lag)
        }
    }

    /// Whether a position read at `at` holds numbers that the master did not have even later: then the two have parted.
    pub fn is_ahead(&self, at: Instant, position: &Position) -> bool {
        self.looked.is_some_and(|looked| looked > at)
            && self.latest.sources().any(|(name, ours)| {
                position
                    .source(name)
                    .is_some_and(|theirs| theirs.last() > ours.last())
            })
    }

    /// Numbers a second that the master has lately written, over all sources.
    pub fn rate(&self) -> Option<f64> {
        let rates: Option<Vec<f64>> = self.rings.values().map(|ring| ring.rate(RATE_OVER)).collect();
        rates
            .filter(|rates| !rates.is_empty())
            .map(|rates| rates.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::super::position::Intervals;
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn recorded(samples: &[(u64, u64)]) -> (Timeline, Instant) {
        let start = Instant::now();
        let mut timeline = Timeline::default();
        for (at, offset) in samples {
            timeline.record(
                start + seconds(*at),
                &Epoch::of("e"),
                &Position::offset(*offset),
                Writes::Unseen,
            );
        }
        (timeline, start)
    }

    #[test]
    fn caught_up_is_zero_however_long_the_master_has_been_idle() {
        let (timeline, start) = recorded(&[(0, 10), (2, 20), (100, 20)]);
        let lag = timeline.measure(start + seconds(100), Some(&Epoch::of("e")), &Position::offset(20));
        assert_eq!(lag, Measured::Exact(Duration::ZERO));
    }

    #[test]
    fn lag_is_the_age_of_the_oldest_missing_number() {
        let (timeline, start) = recorded(&[(0, 0), (10, 100), (20, 200)]);
        let lag = timeline.measure(start + seconds(20), None, &Position::offset(150));
        assert_eq!(lag, Measured::Exact(seconds(5)));
        let (timeline, start) = recorded(&[(0, 50), (10, 100)]);
        let lag = timeline.measure(start + seconds(12), None, &Position::offset(7));
        assert_eq!(lag, Measured::AtLeast(seconds(12)));
    }

    #[test]
    fn another_history_gives_no_figure_and_a_step_back_begins_one() {
        let (mut timeline, start) = recorded(&[(0, 50), (10, 100)]);
        let at = start + seconds(10);
        let other = timeline.measure(at, Some(&Epoch::of("f")), &Position::offset(100));
        assert_eq!(other, Measured::Incomparable(SameHistory::No));
        timeline.record(
            start + seconds(12),
            &Epoch::of("e"),
            &Position::offset(3),
            Writes::Unseen,
        );
        assert_eq!(timeline.latest(), &Position::offset(3));
        let lag = timeline.measure(start + seconds(12), None, &Position::offset(1));
        assert_eq!(lag, Measured::AtLeast(Duration::ZERO));
    }

    #[test]
    fn the_worst_source_counts_and_holes_are_seen() {
        let start = Instant::now();
        let mut timeline = Timeline::default();
        let set = |a: Vec<(u64, u64)>, b: u64| {
            Position::of([("a".into(), Intervals::new(a)), ("b".into(), Intervals::up_to(b))])
        };
        let epoch = Epoch::of("gtid");
        timeline.record(start, &epoch, &set(vec![(1, 10)], 5), Writes::Unseen);
        timeline.record(
            start + seconds(10),
            &epoch,
            &set(vec![(1, 20)], 5),
            Writes::Unseen,
        );
        timeline.record(
            start + seconds(20),
            &epoch,
            &set(vec![(1, 20)], 15),
            Writes::Unseen,
        );
        let lag = |position: &Position| timeline.measure(start + seconds(20), Some(&epoch), position);
        assert_eq!(lag(&set(vec![(1, 20)], 10)), Measured::Exact(seconds(5)));
        assert_eq!(
            lag(&set(vec![(1, 14), (16, 20)], 15)),
            Measured::Exact(seconds(16))
        );
        assert_eq!(lag(&set(vec![(1, 20)], 15)), Measured::Exact(Duration::ZERO));
    }

    #[test]
    fn a_source_that_begins_while_we_look_has_a_beginning() {
        let start = Instant::now();
        let mut timeline = Timeline::default();
        let epoch = Epoch::of("gtid");
        let one = |n| Position::of([("a".into(), Intervals::up_to(n))]);
        timeline.record(start, &epoch, &one(5), Writes::Unseen);
        let both = Position::of([
            ("a".into(), Intervals::up_to(5)),
            ("b".into(), Intervals::new(vec![(1, 10)])),
        ]);
        timeline.record(start + seconds(10), &epoch, &both, Writes::Unseen);
        let lag = timeline.measure(start + seconds(10), None, &one(5));
        assert!(
            matches!(lag, Measured::Exact(lag) if lag >= seconds(9)),
            "{lag:?}"
        );
    }

    #[test]
    fn ahead_of_a_later_look_is_parted() {
        let (timeline, start) = recorded(&[(0, 50), (10, 100)]);
        assert!(!timeline.is_ahead(start + seconds(10), &Position::offset(120)));
        assert!(timeline.is_ahead(start + seconds(9), &Position::offset(120)));
        assert!(!timeline.is_ahead(start + seconds(9), &Position::offset(100)));
    }
}
