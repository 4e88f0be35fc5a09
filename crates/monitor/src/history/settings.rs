//! What can be set about the history, and how it fares.

use super::level::Level;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// How much is kept, and how finely.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Between two samples.
    pub tick: Duration,
    /// Between two writes: what a killed process loses at most.
    pub flush: Duration,
    /// How late a sample may be before that is noted.
    pub tolerance: Duration,
    /// How long each [`Level`] is kept, from the finest to the coarsest.
    pub keep: [Duration; 4],
    /// How long events and the snapshots of the flight recorder are kept.
    pub keep_events: Duration,
    /// How long it is kept who changed what.
    pub keep_audit: Duration,
    /// How large the file may become; the oldest of the finest samples make room first.
    pub max_bytes: u64,
    /// How many series may ever be recorded into one file.
    pub max_series: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(2),
            flush: Duration::from_secs(5),
            tolerance: Duration::from_millis(200),
            keep: [DAY * 7; 4],
            keep_events: DAY * 7,
            keep_audit: DAY * 90,
            max_bytes: 2 << 30,
            max_series: 2_000_000,
        }
    }
}

impl Settings {
    /// Samples at each poll; writes every few of them, and at least every five seconds.
    pub fn every(tick: Duration) -> Self {
        Self {
            tick,
            flush: (tick * 5 / 2).min(Self::default().flush),
            tolerance: tick / 10,
            ..Self::default()
        }
    }

    pub(super) fn tick_ms(&self) -> i64 {
        ms(self.tick).max(1)
    }

    pub(super) fn keep_ms(&self, level: Level) -> i64 {
        ms(self.keep[level as usize])
    }
}

pub(super) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Whether the history is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is.
    Writing,
    /// It was; it is tried again at each flush.
    Stopped {
        /// Since when, in milliseconds since 1970.
        since_ms: i64,
        /// Why, in words for people.
        why: String,
    },
    /// It is not, and nobody tries.
    Off {
        /// Why.
        why: String,
    },
}

/// How the history fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether it is written.
    pub health: Health,
    /// Samples, each of all series, that were not recorded: the writer was behind, stopped, or the clock went backwards.
    pub dropped_samples: u64,
    /// Events that were not recorded.
    pub dropped_events: u64,
    /// Series that were not recorded, because there are too many.
    pub refused_series: u64,
}
