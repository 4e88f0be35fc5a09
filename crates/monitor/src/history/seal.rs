//! A full block put away: one chunk a series, and the minutes that they come to.
//!
//! Minutes are written at once, because days are read from them. The other tiers are made when what they are made
//! from goes: until then reading the finer one is quick enough, and nothing is kept twice.

use super::HistoryError;
use super::cells::{Cells, sealed, unsealed};
use super::head::Packed;
use super::level::{Entries, Level};
use super::names::Names;
use super::open_end;
use super::store::STRETCH;
use super::varint::Bytes;
use rusqlite::{Transaction, params};

/// Makes a block of all stretches there are; the first tick of the block is at `start_ms`.
pub(super) fn seal(
    tx: &Transaction<'_>,
    names: &Names,
    start_ms: i64,
    tick: i64,
    end_ms: i64,
) -> Result<(), HistoryError> {
    let stretches = open_end::away(tx)?;
    let block: i64 = tx.query_row("SELECT coalesce(max(id), 0) + 1 FROM block", [], |row| row.get(0))?;
    let stored_ms = stretches
        .last()
        .map_or(start_ms, |last| last.start_ms() + STRETCH * tick);
    let end_ms = end_ms.min(stored_ms);
    let levels = Level::Raw.bit() | Level::Minute.bit();
    let mut insert =
        tx.prepare_cached("INSERT INTO block(id, start_ms, end_ms, tick_ms, levels) VALUES(?, ?, ?, ?, ?)")?;
    insert.execute(params![block, start_ms, end_ms, tick, levels])?;
    for part in names.parts() {
        let mut stored = Vec::new();
        for stretch in &stretches {
            let offset = u32::try_from((stretch.start_ms() - start_ms) / tick);
            let offset = offset.map_err(|_| HistoryError::Damaged("a stretch outside of its block"))?;
            stored.extend(stretch.part(tx, part)?.map(|data| (offset, data)));
        }
        seal_part(tx, names, &stored, block, (start_ms, tick))?;
    }
    tx.execute("DELETE FROM stretch", [])?;
    Ok(())
}

/// Joins the stretches of each series of a part; each comes with its first tick.
fn seal_part(
    tx: &Transaction<'_>,
    names: &Names,
    stored: &[(u32, Vec<u8>)],
    block: i64,
    (start_ms, tick): (i64, i64),
) -> Result<(), HistoryError> {
    let packed = stored
        .iter()
        .map(|(offset, data)| Ok((*offset, Packed::new(data)?)));
    let mut stretches = packed.collect::<Result<Vec<_>, HistoryError>>()?;
    while let Some(id) = stretches.iter().filter_map(|(_, packed)| packed.next_id()).min() {
        let mut cells = Cells::default();
        for (offset, packed) in &mut stretches {
            if let Some(more) = packed.cells(id)? {
                cells.pad_to(*offset);
                cells.append(&more);
            }
        }
        let key = key(block, id);
        let mut body = Vec::new();
        cells.put(&mut body)?;
        put(tx, Level::Raw, key, &body)?;
        if names.has_minutes(id) {
            let minutes = Entries::of(&cells, tick, start_ms, Level::Minute.width_ms(tick));
            put_entries(tx, Level::Minute, key, &minutes)?;
        }
    }
    Ok(())
}

pub(super) fn key(block: i64, series: u32) -> i64 {
    (block << 24) | i64::from(series)
}

fn put(tx: &Transaction<'_>, level: Level, key: i64, body: &[u8]) -> Result<(), HistoryError> {
    let mut insert = tx.prepare_cached(&format!("INSERT INTO {}(key, data) VALUES(?, ?)", level.table()))?;
    insert.execute(params![key, sealed(body)])?;
    Ok(())
}

fn put_entries(tx: &Transaction<'_>, level: Level, key: i64, entries: &Entries) -> Result<(), HistoryError> {
    let mut body = Vec::new();
    entries.put(&mut body)?;
    put(tx, level, key, &body)
}

/// A block, as the file lists it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) id: i64,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) tick_ms: i64,
    pub(super) levels: i64,
}

impl Block {
    pub(super) fn has(&self, level: Level) -> bool {
        self.levels & level.bit() != 0
    }

    pub(super) const COLUMNS: &'static str = "id, start_ms, end_ms, tick_ms, levels";

    pub(super) fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            start_ms: row.get(1)?,
            end_ms: row.get(2)?,
            tick_ms: row.get(3)?,
            levels: row.get(4)?,
        })
    }

    /// The keys of its chunks.
    pub(super) fn keys(&self) -> (i64, i64) {
        (key(self.id, 0), key(self.id + 1, 0) - 1)
    }
}

/// Lets go of the block's chunks of `level`, after making those of `into` from them where the block lacks them.
pub(super) fn demote(
    tx: &Transaction<'_>,
    block: Block,
    level: Level,
    into: Option<Level>,
) -> Result<(), HistoryError> {
    let (first, last) = block.keys();
    let mut levels = block.levels & !level.bit();
    if let Some(into) = into.filter(|into| !block.has(*into)) {
        let mut select = tx.prepare_cached(&format!(
            "SELECT key, data FROM {} WHERE key BETWEEN ? AND ? ORDER BY key",
            level.table()
        ))?;
        let mut rows = select.query([first, last])?;
        let coarse = into.width_ms(block.tick_ms);
        while let Some(row) = rows.next()? {
            let data: Vec<u8> = row.get(1)?;
            let mut bytes = Bytes(unsealed(&data)?);
            let entries = match level {
                Level::Raw => Entries::of(&Cells::take(&mut bytes)?, block.tick_ms, block.start_ms, coarse),
                _ => {
                    let entries = Entries::take(&mut bytes)?;
                    entries.coarser(block.start_ms, level.width_ms(block.tick_ms), coarse)
                }
            };
            put_entries(tx, into, row.get(0)?, &entries)?;
        }
        levels |= into.bit();
    }
    tx.execute(
        &format!("DELETE FROM {} WHERE key BETWEEN ? AND ?", level.table()),
        [first, last],
    )?;
    match levels {
        0 => tx.execute("DELETE FROM block WHERE id = ?", [block.id])?,
        left => tx.execute("UPDATE block SET levels = ? WHERE id = ?", [left, block.id])?,
    };
    Ok(())
}
