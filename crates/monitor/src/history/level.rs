//! The tiers: what is left of samples when several ticks become one entry, and how entries are stored.

use super::HistoryError;
use super::cells::{ABSENT, Cells, KNOWN, MOST};
use super::column::{put_column, take_column};
use super::varint::Bytes;

/// How fine a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every sample.
    Raw,
    /// An entry for ten seconds.
    TenSeconds,
    /// An entry for a minute.
    Minute,
    /// An entry for ten minutes.
    TenMinutes,
}

impl Level {
    /// From the finest to the coarsest.
    pub const ALL: [Self; 4] = [Self::Raw, Self::TenSeconds, Self::Minute, Self::TenMinutes];

    /// How long one entry is, in milliseconds; a sample is as long as its tick.
    pub(super) fn width_ms(self, tick_ms: i64) -> i64 {
        match self {
            Self::Raw => tick_ms,
            Self::TenSeconds => 10_000,
            Self::Minute => 60_000,
            Self::TenMinutes => 600_000,
        }
    }

    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Raw => "chunk_raw",
            Self::TenSeconds => "chunk_10s",
            Self::Minute => "chunk_1m",
            Self::TenMinutes => "chunk_10m",
        }
    }

    /// Its bit among the levels that a block has.
    pub(super) fn bit(self) -> i64 {
        1 << self as i64
    }

    /// The next coarser one.
    pub(super) fn next(self) -> Option<Self> {
        Self::ALL.get(self as usize + 1).copied()
    }
}

/// What several samples, or several entries, come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// How many figures; with none, the others say nothing.
    pub(super) known: u32,
    pub(super) unknown: u32,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) last: i64,
    pub(super) sum: i64,
}

impl Entry {
    /// What `figures` come to, in their order.
    pub(super) fn of(figures: &[i64]) -> Self {
        let Some(last) = figures.last() else {
            return Self::default();
        };
        let (mut min, mut max, mut sum) = (*last, *last, 0_i64);
        for figure in figures {
            min = min.min(*figure);
            max = max.max(*figure);
            sum = sum.saturating_add(*figure);
        }
        Self {
            known: figures.len() as u32,
            unknown: 0,
            min,
            max,
            last: *last,
            sum,
        }
    }

    /// Adds what came later.
    pub(super) fn add(&mut self, later: &Self) {
        self.unknown += later.unknown;
        if later.known == 0 {
            return;
        }
        if self.known == 0 {
            (self.min, self.max) = (later.min, later.max);
        }
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.last = later.last;
        self.sum = self.sum.saturating_add(later.sum);
        self.known += later.known;
    }
}

/// Tells `into` each stretch of samples that falls into one entry of `width` ms: its number and what it comes to. `start` is the
/// first sample's time from where entries are counted.
pub(super) fn fold(cells: &Cells, start: i64, tick: i64, width: i64, mut into: impl FnMut(i64, Entry)) {
    let (mut at, mut figures) = (start, &cells.figures[..]);
    for (count, code) in &cells.runs {
        let end = at + i64::from(*count) * tick;
        while *code != ABSENT && at < end {
            let entry = at.div_euclid(width);
            // How many ticks of this run begin before the entry ends.
            let ticks = (((entry + 1) * width).min(end) - at + tick - 1) / tick;
            if *code == KNOWN {
                let (now, rest) = figures.split_at(figures.len().min(ticks as usize));
                figures = rest;
                into(entry, Entry::of(now));
            } else {
                let unknown = ticks as u32;
                into(
                    entry,
                    Entry {
                        unknown,
                        ..Entry::default()
                    },
                );
            }
            at += ticks * tick;
        }
        at = end;
    }
}

/// A block's entries, counted from the entry that its beginning falls into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entries(pub(super) Vec<Entry>);

impl Entries {
    pub(super) fn of(cells: &Cells, tick: i64, start_ms: i64, width: i64) -> Self {
        let mut entries = Self::default();
        let first = start_ms.rem_euclid(width);
        fold(cells, first, tick, width, |at, entry| {
            entries.add(at as usize, &entry)
        });
        entries
    }

    /// The same, coarser.
    pub(super) fn coarser(&self, start_ms: i64, width: i64, coarse: i64) -> Self {
        let mut entries = Self::default();
        let begin = start_ms.div_euclid(width) * width - start_ms.div_euclid(coarse) * coarse;
        for (at, entry) in self.0.iter().enumerate() {
            entries.add(((begin + at as i64 * width) / coarse) as usize, entry);
        }
        entries
    }

    fn add(&mut self, at: usize, entry: &Entry) {
        if at >= self.0.len() {
            self.0.resize(at + 1, Entry::default());
        }
        self.0[at].add(entry);
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) -> Result<(), HistoryError> {
        super::varint::put(out, self.0.len() as u64);
        let all = |of: fn(&Entry) -> i64| self.0.iter().map(of).collect::<Vec<_>>();
        put_column(out, &all(|entry| entry.known.into()))?;
        put_column(out, &all(|entry| entry.unknown.into()))?;
        let known = |of: fn(&Entry) -> i64| {
            let known = self.0.iter().filter(|entry| entry.known > 0);
            known.map(of).collect::<Vec<_>>()
        };
        // As differences from the least, which are small where the figures are large.
        put_column(out, &known(|entry| entry.min))?;
        put_column(out, &known(|entry| entry.max.wrapping_sub(entry.min)))?;
        put_column(out, &known(|entry| entry.last.wrapping_sub(entry.min)))?;
        put_column(out, &known(|entry| entry.sum))
    }

    pub(super) fn take(bytes: &mut Bytes<'_>) -> Result<Self, HistoryError> {
        let count = bytes.count(MOST)?;
        let (known, unknown) = (take_column(bytes, count)?, take_column(bytes, count)?);
        let some = known.iter().filter(|known| **known > 0).count();
        let mut column = || take_column(bytes, some);
        let (min, max, last, sum) = (column()?, column()?, column()?, column()?);
        let mut entries = Vec::with_capacity(count);
        let mut at = 0;
        for (known, unknown) in known.into_iter().zip(unknown) {
            let mut entry = Entry {
                known: known as u32,
                unknown: unknown as u32,
                ..Entry::default()
            };
            if known > 0 {
                entry.min = min[at];
                entry.max = min[at].wrapping_add(max[at]);
                entry.last = min[at].wrapping_add(last[at]);
                entry.sum = sum[at];
                at += 1;
            }
            entries.push(entry);
        }
        Ok(Self(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::cells::Cell;
    use proptest::prelude::*;

    /// The entries, tick by tick.
    fn brute(cells: &Cells, tick: i64, start_ms: i64, width: i64) -> Vec<Entry> {
        let mut entries = Vec::new();
        for offset in 0..cells.len() {
            let cell = cells.at(offset);
            let at = (start_ms + i64::from(offset) * tick).div_euclid(width) - start_ms.div_euclid(width);
            let entry = match cell.code {
                ABSENT => continue,
                KNOWN => Entry::of(&[cell.figure]),
                _ => Entry {
                    unknown: 1,
                    ..Entry::default()
                },
            };
            let at = at as usize;
            if at >= entries.len() {
                entries.resize(at + 1, Entry::default());
            }
            entries[at].add(&entry);
        }
        entries
    }

    proptest! {
        #[test]
        fn tiers_are_what_the_samples_come_to(
            said in proptest::collection::vec((0_u32..4, -5_i64..50, 1_u32..90), 0..40),
            tick in prop_oneof![Just(2000_i64), Just(700), Just(15_000), Just(1000)],
            start in 0_i64..100,
        ) {
            let mut cells = Cells::default();
            for (code, figure, count) in said {
                for step in 0..i64::from(count) {
                    let figure = if code == KNOWN { figure * step } else { 0 };
                    cells.push(1, Cell { code, figure });
                }
            }
            let start = start * tick;
            for level in [Level::TenSeconds, Level::Minute, Level::TenMinutes] {
                let width = level.width_ms(tick);
                let entries = Entries::of(&cells, tick, start, width);
                prop_assert_eq!(&entries.0, &brute(&cells, tick, start, width));
                let mut out = Vec::new();
                entries.put(&mut out).unwrap();
                prop_assert_eq!(&Entries::take(&mut Bytes(&out)).unwrap(), &entries);
                if let Some(next) = level.next() {
                    let coarse = next.width_ms(tick);
                    prop_assert_eq!(
                        entries.coarser(start, width, coarse),
                        Entries::of(&cells, tick, start, coarse)
                    );
                }
            }
        }
    }
}
