//! What one series said at each tick of a stretch: a figure, that it was unknown and why, or nothing.

use super::HistoryError;
use super::column::{put_column, take_column};
use super::varint::{Bytes, put};
use flate2::Crc;

/// Nothing was sampled.
pub(super) const ABSENT: u32 = 0;
/// A figure.
pub(super) const KNOWN: u32 = 1;
/// From here on: unknown, and the number of the reason.
pub(super) const UNKNOWN: u32 = 2;
/// The most ticks that one chunk holds.
pub(super) const MOST: usize = 1 << 16;

/// One sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) code: u32,
    /// 0 where there is no figure.
    pub(super) figure: i64,
}

/// Samples in a row: which ticks have what, and the figures of those that have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cells {
    /// How many ticks, and their code.
    pub(super) runs: Vec<(u32, u32)>,
    pub(super) figures: Vec<i64>,
    length: u32,
}

impl Cells {
    pub(super) fn len(&self) -> u32 {
        self.length
    }

    pub(super) fn push(&mut self, count: u32, cell: Cell) {
        if count == 0 {
            return;
        }
        self.push_run(count, cell.code);
        if cell.code == KNOWN {
            self.figures
                .extend(std::iter::repeat_n(cell.figure, count as usize));
        }
    }

    fn push_run(&mut self, count: u32, code: u32) {
        self.length += count;
        match self.runs.last_mut() {
            Some((length, last)) if *last == code => *length += count,
            _ => self.runs.push((count, code)),
        }
    }

    /// Makes it at least `length` ticks long; nothing was sampled in those that are added.
    pub(super) fn pad_to(&mut self, length: u32) {
        if length > self.length {
            self.push_run(length - self.length, ABSENT);
        }
    }

    pub(super) fn append(&mut self, other: &Self) {
        for (count, code) in &other.runs {
            self.push_run(*count, *code);
        }
        self.figures.extend_from_slice(&other.figures);
    }

    /// Whether there is anything but absence.
    pub(super) fn is_blank(&self) -> bool {
        self.runs.iter().all(|(_, code)| *code == ABSENT)
    }

    /// The sample of the tick at `offset`.
    pub(super) fn at(&self, offset: u32) -> Cell {
        let (mut tick, mut figure) = (0, 0);
        for (count, code) in &self.runs {
            if offset < tick + count {
                let at = figure + (offset - tick) as usize;
                let known = if *code == KNOWN {
                    self.figures.get(at)
                } else {
                    None
                };
                return Cell {
                    code: *code,
                    figure: known.copied().unwrap_or_default(),
                };
            }
            tick += count;
            figure += if *code == KNOWN { *count as usize } else { 0 };
        }
        Cell::default()
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) -> Result<(), HistoryError> {
        put(out, self.runs.len() as u64);
        for (count, code) in &self.runs {
            put(out, u64::from(*count));
            put(out, u64::from(*code));
        }
        put_column(out, &self.figures)
    }

    pub(super) fn take(bytes: &mut Bytes<'_>) -> Result<Self, HistoryError> {
        let mut cells = Self::default();
        let mut known = 0;
        for _ in 0..bytes.count(MOST)? {
            let count = bytes.count(MOST)? as u32;
            let code = bytes.id()?;
            if count == 0 || cells.length as usize + count as usize > MOST {
                return Err(HistoryError::Damaged("a chunk longer than any"));
            }
            cells.push_run(count, code);
            known += if code == KNOWN { count as usize } else { 0 };
        }
        cells.figures = take_column(bytes, known)?;
        Ok(cells)
    }
}

/// Puts a checksum before `body`: SQLite has none of its own.
pub(super) fn sealed(body: &[u8]) -> Vec<u8> {
    [&sum(body)[..], body].concat()
}

/// The body behind its checksum.
pub(super) fn unsealed(bytes: &[u8]) -> Result<&[u8], HistoryError> {
    let (crc, body) = bytes.split_at_checked(4).ok_or(HistoryError::SHORT)?;
    match sum(body) == crc {
        true => Ok(body),
        false => Err(HistoryError::Damaged("a checksum does not match")),
    }
}

fn sum(body: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(body);
    crc.sum().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cells_come_back(said in proptest::collection::vec((0_u32..4, -5_i64..50, 1_u32..40), 0..60)) {
            let (mut cells, mut each) = (Cells::default(), Vec::new());
            for (code, figure, count) in said {
                let figure = if code == KNOWN { figure } else { 0 };
                cells.push(count, Cell { code, figure });
                each.extend(std::iter::repeat_n(Cell { code, figure }, count as usize));
            }
            let mut body = Vec::new();
            cells.put(&mut body).unwrap();
            let stored = sealed(&body);
            let back = Cells::take(&mut Bytes(unsealed(&stored).unwrap())).unwrap();
            prop_assert_eq!(&back, &cells);
            for (offset, cell) in each.iter().enumerate() {
                prop_assert_eq!(back.at(offset as u32), *cell);
            }
            prop_assert_eq!(back.at(each.len() as u32), Cell::default());
        }

        #[test]
        fn damage_is_noticed(at in 0_usize..200, bit in 0_u32..8) {
            let mut cells = Cells::default();
            (0..200).for_each(|figure| cells.push(1, Cell { code: KNOWN, figure: figure * figure }));
            let mut body = Vec::new();
            cells.put(&mut body).unwrap();
            let mut stored = sealed(&body);
            let at = at % stored.len();
            stored[at] ^= 1 << bit;
            prop_assert!(unsealed(&stored).is_err());
        }
    }
}
