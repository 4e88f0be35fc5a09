//! How much of a rule's rows may be on their way into the replicas that must bear it: pure, and told by whoever looks at them.
//!
//! A lag shows what was written a while ago: a rule that writes until it sees a lag has long written too much. So only a window of rows may be under way, that
//! is, written and not yet known to be applied, which is what a lag tells too. The window grows while the replicas keep up and halves when they do
//! not, as the congestion window of TCP does (RFC 5681), with rows in place of bytes and a lag in place of an acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Rows of the window, at first and at least.
const LEAST: u64 = 2000;
/// From so many on it counts as unlimited.
const MOST: u64 = 100_000_000;
/// Below this share of its tolerance a replica is called well: there may be more.
const WELL: f64 = 0.2;
/// From this share on there must be less.
const STRAINED: f64 = 0.4;
/// From this share on nothing is written at all.
const CLOSED: f64 = 0.7;

/// How the replicas are.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// There is none that has to bear it.
    Nobody,
    /// The lag of one is unknown: which, and why.
    Unknown(String),
    /// What the worst of them has not applied yet.
    Known {
        /// Whose lag is the largest share of its tolerance.
        whose: String,
        /// That share.
        share: f64,
        /// When they were looked at, in milliseconds since 1970.
        at_ms: i64,
        /// Everything that was written before then is applied by all of them.
        applied_ms: i64,
    },
}

/// What may be written.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// Rows that may be under way; as many as there are where none is given.
    pub(super) window: Option<u64>,
    /// What was written before then is not under way any more.
    pub(super) applied_ms: i64,
    /// Why there are not more.
    pub(super) why: String,
    /// Set by whoever was held back by the window: one that is not used up need not grow.
    pub(super) is_used_up: Arc<AtomicBool>,
}

/// The valve of a rule.
pub struct Valve {
    window: u64,
    /// When it grew last: it grows again once what it let through then is applied.
    grown_ms: i64,
    is_used_up: Arc<AtomicBool>,
    allowed: watch::Sender<Allowance>,
}

impl Default for Valve {
    fn default() -> Self {
        Self::new()
    }
}

impl Valve {
    /// One that is closed until the first look.
    pub fn new() -> Self {
        let is_used_up = Arc::<AtomicBool>::default();
        let closed = Allowance {
            window: Some(0),
            applied_ms: 0,
            why: "the lag of its replicas is not measured yet".to_owned(),
            is_used_up: Arc::clone(&is_used_up),
        };
        Self {
            window: LEAST,
            grown_ms: 0,
            is_used_up,
            allowed: watch::Sender::new(closed),
        }
    }

    /// For whoever writes.
    pub fn allowance(&self) -> watch::Receiver<Allowance> {
        self.allowed.subscribe()
    }

    /// The replicas were looked at.
    pub fn turn(&mut self, reading: &Reading) {
        let is_used_up = self.is_used_up.swap(false, Ordering::Relaxed);
        let (window, why) = match reading {
            Reading::Nobody => (None, String::new()),
            Reading::Unknown(why) => {
                self.window = LEAST;
                (Some(0), format!("the lag of {why}"))
            }
            Reading::Known {
                whose,
                share,
                at_ms,
                applied_ms,
            } => {
                if *share >= STRAINED {
                    self.window = (self.window / 2).max(LEAST);
                } else if *share < WELL && is_used_up && *applied_ms >= self.grown_ms {
                    self.window = (self.window + self.window / 2).min(MOST);
                    self.grown_ms = *at_ms;
                }
                let window = if *share < CLOSED { self.window } else { 0 };
                ((window < MOST).then_some(window), format!("{whose} must keep up"))
            }
        };
        self.allowed.send_modify(|allowed| {
            if let Reading::Known { applied_ms, .. } = reading {
                // Never back: what was applied stays so.
                allowed.applied_ms = allowed.applied_ms.max(*applied_ms);
            }
            (allowed.window, allowed.why) = (window, why);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn known(share: f64, at_ms: i64, applied_ms: i64) -> Reading {
        let whose = "p / b".to_owned();
        Reading::Known {
            whose,
            share,
            at_ms,
            applied_ms,
        }
    }

    fn window(valve: &Valve) -> Option<u64> {
        valve.allowance().borrow().window
    }

    /// After a look at which the window had been used up.
    fn turn(valve: &mut Valve, share: f64) -> Option<u64> {
        valve.is_used_up.store(true, Ordering::Relaxed);
        valve.turn(&known(share, 7, 7));
        window(valve)
    }

    #[test]
    fn it_is_closed_until_somebody_has_looked() {
        assert_eq!(window(&Valve::new()), Some(0));
    }

    #[test]
    fn it_opens_while_it_is_used_up_and_closes_fast() {
        let mut valve = Valve::new();
        valve.turn(&known(0.0, 7, 7));
        assert_eq!(window(&valve), Some(2000));
        let turns = [0.0, 0.1, 0.3, 0.5, 0.9, 0.3].map(|share| turn(&mut valve, share));
        assert_eq!(turns, [3000, 4500, 4500, 2250, 0, 2000].map(Some));
        let last = (0..99).map(|_| turn(&mut valve, 0.0)).last();
        assert_eq!(last, Some(None));
    }

    #[test]
    fn an_unknown_lag_closes_it_and_it_begins_anew() {
        let mut valve = Valve::new();
        let grown = (0..9).map(|_| turn(&mut valve, 0.0)).last();
        assert!(grown > Some(Some(50_000)));
        valve.turn(&Reading::Unknown("p / b is unknown".to_owned()));
        assert_eq!(window(&valve), Some(0));
        assert_eq!(turn(&mut valve, 0.3), Some(2000));
        valve.turn(&Reading::Nobody);
        assert_eq!(window(&valve), None);
    }

    #[test]
    fn it_grows_again_once_what_it_let_through_is_applied() {
        let mut valve = Valve::new();
        let mut look = |at, applied| {
            valve.is_used_up.store(true, Ordering::Relaxed);
            valve.turn(&known(0.1, at, applied));
            window(&valve)
        };
        assert_eq!(
            [look(1000, 900), look(1500, 950), look(2000, 1000)],
            [3000, 3000, 4500].map(Some)
        );
    }

    /// A replica that applies so many rows a second, looked at so often, with 5 s of tolerance: its largest lag in seconds, and the share of
    /// its strength that was used.
    fn trial(rows_a_second: f64, look_every: f64) -> (f64, f64) {
        let (mut valve, mut waiting) = (Valve::new(), VecDeque::<(f64, f64)>::new());
        let (mut applied, mut worst) = (0.0, 0.0_f64);
        const TICK: f64 = 0.05;
        let mut next_look = 0.0;
        for tick in 0..20_000 {
            let now = f64::from(tick) * TICK;
            let mut strength = rows_a_second * TICK;
            while let Some((_, rows)) = waiting.front_mut() {
                let done = strength.min(*rows);
                (*rows, strength, applied) = (*rows - done, strength - done, applied + done);
                if *rows > 0.0 {
                    break;
                }
                waiting.pop_front();
            }
            let lag = waiting.front().map_or(0.0, |(at, _)| now - at);
            worst = worst.max(lag);
            if now >= next_look {
                next_look = now + look_every;
                // What is read of a lag is true to one look.
                let (ms, applied) = (now * 1000.0, (now - lag - look_every) * 1000.0);
                valve.turn(&known(lag / 5.0, ms as i64, applied as i64));
            }
            let allowed = valve.allowance().borrow().clone();
            let since = allowed.applied_ms as f64 / 1000.0;
            // As the brake does it: what was written behind the last known moment is under way.
            let under_way: f64 = waiting
                .iter()
                .filter(|(at, _)| *at >= since)
                .map(|(_, rows)| rows)
                .sum();
            match allowed.window.map_or(5000.0, |window| window as f64 - under_way) {
                free if free > 0.0 => waiting.push_back((now, free.min(5000.0))),
                _ => allowed.is_used_up.store(true, Ordering::Relaxed),
            }
        }
        (worst, applied / (rows_a_second * 1000.0))
    }

    #[test]
    fn a_replica_that_applies_slowly_stays_under_its_tolerance_and_is_put_to_use() {
        for (rows, every) in [(1000.0, 0.5), (1000.0, 2.0), (20_000.0, 2.0), (20_000.0, 0.5)] {
            let (worst, used) = trial(rows, every);
            assert!(
                worst < 5.0 && used > 0.5,
                "{rows} rows/s looked at every {every} s: {worst} s, {used}"
            );
        }
    }
}
