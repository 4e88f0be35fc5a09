//! The open end of the history: what was sampled since the last few minutes were put away.
//!
//! In memory it is a column a series; on disk it is one row a flush, of what changed since the row before. Both
//! are built by [`Head::apply`], so that a row read back makes the same columns.

use super::HistoryError;
use super::cells::{ABSENT, Cell, Cells, KNOWN, MOST, sealed, unsealed};
use super::varint::{Bytes, put, put_signed};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use std::io::{Read, Write};

/// A damaged row must not fill the memory.
const LARGEST_ROW: u64 = 256 << 20;

/// One series of the open stretch. Runs of one value: most series stand still.
#[derive(Clone, Debug, Default)]
struct Column {
    runs: Vec<(u32, Cell)>,
    length: u32,
    /// What it said at the last tick that was sampled.
    last: Cell,
    /// The tick at which it was last heard of, plus 1.
    heard: u32,
}

impl Column {
    fn push(&mut self, count: u32, cell: Cell) {
        self.length += count;
        match self.runs.last_mut() {
            Some((length, last)) if *last == cell => *length += count,
            _ => self.runs.push((count, cell)),
        }
    }
}

/// The open stretch: from one multiple of its length in ticks to the next.
#[derive(Debug, Default)]
pub(super) struct Head {
    columns: Vec<Column>,
    /// The row that is being written: what was not flushed yet.
    row: Vec<u8>,
    /// The first tick that may still come.
    next: u32,
    scratch: Vec<(u32, Cell)>,
}

impl Head {
    /// Takes in all that was said at the tick at `offset` of the stretch.
    pub(super) fn take_in(&mut self, offset: u32, said: &[(u32, Cell)]) {
        let mut changes = std::mem::take(&mut self.scratch);
        changes.clear();
        for (id, cell) in said {
            let column = self.column(*id);
            column.heard = offset + 1;
            if column.last != *cell {
                changes.push((*id, *cell));
            }
        }
        let silent = self.columns.iter().enumerate();
        let silent = silent.filter(|(_, column)| column.heard != offset + 1 && column.last.code != ABSENT);
        changes.extend(silent.map(|(id, _)| (id as u32, Cell::default())));
        changes.sort_unstable_by_key(|(id, _)| *id);
        self.write(offset, &changes);
        self.apply(offset, &changes);
        self.scratch = changes;
    }

    fn column(&mut self, id: u32) -> &mut Column {
        let at = id as usize;
        if at >= self.columns.len() {
            self.columns.resize_with(at + 1, Column::default);
        }
        &mut self.columns[at]
    }

    fn write(&mut self, offset: u32, changes: &[(u32, Cell)]) {
        let (columns, row) = (&self.columns, &mut self.row);
        put(row, u64::from(offset));
        put(row, changes.len() as u64);
        let mut before = 0;
        for (id, cell) in changes {
            put(row, u64::from(id - before));
            before = *id;
            put(row, u64::from(cell.code));
            if cell.code == KNOWN {
                let last = columns.get(*id as usize).map_or(0, |column| column.last.figure);
                put_signed(row, cell.figure.wrapping_sub(last));
            }
        }
    }

    fn apply(&mut self, offset: u32, changes: &[(u32, Cell)]) {
        self.next = offset + 1;
        for (id, cell) in changes {
            self.column(*id).last = *cell;
        }
        for column in &mut self.columns {
            // Absence at the end of a column is never written: whatever comes later fills it.
            if column.last.code != ABSENT {
                if column.length < offset {
                    column.push(offset - column.length, Cell::default());
                }
                column.push(1, column.last);
            }
        }
    }

    /// The row of what was not flushed yet, if there is any.
    pub(super) fn unflushed(&self) -> Result<Option<Vec<u8>>, HistoryError> {
        if self.row.is_empty() {
            return Ok(None);
        }
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&self.row)?;
        Ok(Some(encoder.finish()?))
    }

    pub(super) fn flushed(&mut self) {
        self.row.clear();
    }

    /// Takes in a row as it was flushed, and tells the last tick in it.
    pub(super) fn read_row(&mut self, stored: &[u8]) -> Result<u32, HistoryError> {
        let mut plain = Vec::new();
        let mut decoder = ZlibDecoder::new(stored).take(LARGEST_ROW);
        decoder
            .read_to_end(&mut plain)
            .map_err(|_| HistoryError::Damaged("a row of the open end"))?;
        let (mut bytes, mut offset) = (Bytes(&plain), 0);
        while !bytes.is_empty() {
            offset = bytes.count(MOST)? as u32;
            if offset < self.next {
                return Err(HistoryError::Damaged("a tick that stands in it twice"));
            }
            let count = bytes.count(plain.len())?;
            let (mut id, mut changes) = (0_u32, Vec::with_capacity(count));
            for _ in 0..count {
                let next = id.checked_add(bytes.id()?).filter(|id| *id < 1 << 24);
                id = next.ok_or(HistoryError::Damaged("a series that cannot be"))?;
                let code = bytes.id()?;
                let figure = match code == KNOWN {
                    true => self.column(id).last.figure.wrapping_add(bytes.signed()?),
                    false => 0,
                };
                changes.push((id, Cell { code, figure }));
            }
            self.apply(offset, &changes);
        }
        Ok(offset)
    }

    /// The stretch of the series `id`; empty where it said nothing.
    pub(super) fn cells(&self, id: u32) -> Cells {
        let mut cells = Cells::default();
        let column = self.columns.get(id as usize);
        for (count, cell) in column.map_or(&[][..], |column| &column.runs) {
            cells.push(*count, *cell);
        }
        cells
    }

    /// The whole stretch in parts, each of the series whose [`part`] it is; of those where nobody said anything, none.
    pub(super) fn packed(&self) -> Result<Vec<(i64, Vec<u8>)>, HistoryError> {
        let mut parts: Vec<(i64, Vec<u8>)> = Vec::new();
        let (mut chunk, mut before) = (Vec::new(), 0);
        for id in 0..self.columns.len() as u32 {
            let cells = self.cells(id);
            if cells.is_blank() {
                continue;
            }
            if parts.last().is_none_or(|(last, _)| *last != part(id)) {
                parts.push((part(id), Vec::new()));
                before = 0;
            }
            chunk.clear();
            cells.put(&mut chunk)?;
            if let Some((_, body)) = parts.last_mut() {
                put(body, u64::from(id - before));
                put(body, chunk.len() as u64);
                body.extend_from_slice(&chunk);
            }
            before = id;
        }
        parts.iter_mut().for_each(|(_, body)| *body = sealed(body));
        Ok(parts)
    }

    /// Forgets the stretch; the next one starts from nothing, so that it can be read alone.
    pub(super) fn clear(&mut self) {
        for column in &mut self.columns {
            column.runs.clear();
            (column.length, column.last, column.heard) = (0, Cell::default(), 0);
        }
        self.row.clear();
        self.next = 0;
    }
}

/// The part of a stretch that a series is in: whoever asks for a few series reads a few parts.
pub(super) fn part(id: u32) -> i64 {
    i64::from(id >> 8)
}

/// Walks through the series of a part that [`Head::packed`] made, in the order of their ids.
pub(super) struct Packed<'p> {
    bytes: Bytes<'p>,
    id: u32,
    /// The series that comes next, not read yet.
    next: Option<(u32, &'p [u8])>,
}

impl<'p> Packed<'p> {
    pub(super) fn new(stored: &'p [u8]) -> Result<Self, HistoryError> {
        let mut packed = Self {
            bytes: Bytes(unsealed(stored)?),
            id: 0,
            next: None,
        };
        packed.advance()?;
        Ok(packed)
    }

    /// The id of the series that comes next.
    pub(super) fn next_id(&self) -> Option<u32> {
        self.next.map(|(id, _)| id)
    }

    /// The stretch of the series `id`, if it has one; ids must be asked for in order.
    pub(super) fn cells(&mut self, id: u32) -> Result<Option<Cells>, HistoryError> {
        while let Some((next, chunk)) = self.next {
            if next > id {
                return Ok(None);
            }
            self.advance()?;
            if next == id {
                return Cells::take(&mut Bytes(chunk)).map(Some);
            }
        }
        Ok(None)
    }

    fn advance(&mut self) -> Result<(), HistoryError> {
        self.next = None;
        if !self.bytes.is_empty() {
            let step = self.bytes.id()?;
            self.id = self.id.checked_add(step).ok_or(HistoryError::SHORT)?;
            let length = self.bytes.count(self.bytes.0.len())?;
            self.next = Some((self.id, self.bytes.take(length)?));
        }
        Ok(())
    }
}
