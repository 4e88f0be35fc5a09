//! Single samples again: a series as it was sampled, and every series at one instant.

use super::HistoryError;
use super::cells::{ABSENT, Cell, Cells, KNOWN, UNKNOWN, unsealed};
use super::level::Level;
use super::names;
use super::open_end::{self, Stretch};
use super::seal::{Block, key};
use super::series::{Metric, SeriesKey, Subject, Value};
use super::varint::Bytes;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;

/// How things stood at a tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The tick, in milliseconds since 1970.
    pub tick_ms: i64,
    /// What was sampled at it; a figure that is missing was not there.
    pub of: HashMap<Subject, Vec<(Metric, Value)>>,
}

fn value(cell: Cell, reasons: &HashMap<u32, String>) -> Option<Value> {
    match cell.code {
        ABSENT => None,
        KNOWN => Some(Value::Known(cell.figure)),
        code => {
            let words = reasons.get(&(code - UNKNOWN)).cloned();
            Some(Value::Unknown(
                words.unwrap_or_else(|| "a reason that is lost".to_owned()).into(),
            ))
        }
    }
}

fn chunk(connection: &Connection, block: Block, id: u32) -> Result<Option<Cells>, HistoryError> {
    let mut find =
        connection.prepare_cached(&format!("SELECT data FROM {} WHERE key = ?", Level::Raw.table()))?;
    let data: Option<Vec<u8>> = find.query_row([key(block.id, id)], |row| row.get(0)).optional()?;
    data.map(|data| Cells::take(&mut Bytes(unsealed(&data)?)))
        .transpose()
}

/// The blocks that still have every sample and begin before `before_ms`, newest first.
fn blocks(connection: &Connection, before_ms: i64) -> Result<Vec<Block>, HistoryError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {} FROM block WHERE levels & ? AND start_ms <= ? AND tick_ms > 0 ORDER BY id DESC",
        Block::COLUMNS
    ))?;
    let rows = select.query_map([Level::Raw.bit(), before_ms], Block::of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// When the oldest sample of the series `id` was taken that is kept.
pub(super) fn first(connection: &Connection, id: u32) -> Result<Option<i64>, HistoryError> {
    let first_in = |cells: &Cells, start_ms: i64, tick_ms: i64| {
        let sampled = (0..cells.len()).find(|offset| cells.at(*offset).code != ABSENT);
        sampled.map(|offset| start_ms + i64::from(offset) * tick_ms)
    };
    for block in blocks(connection, i64::MAX)?.iter().rev() {
        let cells = chunk(connection, *block, id)?;
        if let Some(first) = cells.and_then(|cells| first_in(&cells, block.start_ms, block.tick_ms)) {
            return Ok(Some(first));
        }
    }
    let mut first = None;
    for stretch in open_end::read(connection)? {
        stretch.each(&[(id, 0)], |_, cells| {
            first = first.or_else(|| first_in(cells, stretch.start_ms, stretch.tick_ms));
        })?;
    }
    Ok(first)
}

/// Every sample of the series `id` from `from_ms` until before `to_ms`.
pub(super) fn samples(
    connection: &Connection,
    id: u32,
    (from_ms, to_ms): (i64, i64),
) -> Result<Vec<(i64, Value)>, HistoryError> {
    let reasons = names::reasons(connection)?;
    let mut samples = Vec::new();
    let mut take = |cells: &Cells, start_ms: i64, tick: i64| {
        let mut figures = cells.figures.iter();
        let codes = cells
            .runs
            .iter()
            .flat_map(|(count, code)| std::iter::repeat_n(*code, *count as usize));
        for (at, code) in (0..).zip(codes) {
            let figure = if code == KNOWN {
                figures.next().copied()
            } else {
                None
            };
            let figure = figure.unwrap_or_default();
            let ts = start_ms + at * tick;
            if let Some(value) =
                value(Cell { code, figure }, &reasons).filter(|_| (from_ms..to_ms).contains(&ts))
            {
                samples.push((ts, value));
            }
        }
    };
    for block in blocks(connection, to_ms)?
        .into_iter()
        .rev()
        .filter(|block| block.end_ms > from_ms)
    {
        if let Some(cells) = chunk(connection, block, id)? {
            take(&cells, block.start_ms, block.tick_ms);
        }
    }
    for stretch in open_end::read(connection)? {
        stretch.each(&[(id, 0)], |_, cells| {
            take(cells, stretch.start_ms, stretch.tick_ms)
        })?;
    }
    Ok(samples)
}

/// The last offset at or before `most` at which something was sampled.
fn last_sampled(cells: &Cells, most: i64) -> Option<u32> {
    let last = cells.len().checked_sub(1)?;
    let most = u32::try_from(most.min(last.into())).ok()?;
    (0..=most).rev().find(|offset| cells.at(*offset).code != ABSENT)
}

/// Every series at the last tick at or before `ts_ms`; `monitor` is a series that is sampled at every tick.
pub(super) fn at(connection: &Connection, ts_ms: i64, monitor: u32) -> Result<Option<Figures>, HistoryError> {
    let series = names::series(connection)?;
    let ids: Vec<(u32, usize)> = series
        .iter()
        .enumerate()
        .map(|(place, (id, _))| (*id, place))
        .collect();
    let (mut cells, mut tick_ms) = (vec![Cell::default(); ids.len()], None);
    for stretch in open_end::read(connection)?.iter().rev() {
        if let Some(offset) = tick_in(stretch, ts_ms, monitor)? {
            stretch.each(&ids, |place, found| cells[place] = found.at(offset))?;
            tick_ms = Some(stretch.start_ms + i64::from(offset) * stretch.tick_ms);
            break;
        }
    }
    if tick_ms.is_none() {
        for block in blocks(connection, ts_ms)? {
            let sampled = chunk(connection, block, monitor)?;
            let most = (ts_ms - block.start_ms) / block.tick_ms;
            let Some(offset) = sampled.and_then(|cells| last_sampled(&cells, most)) else {
                continue;
            };
            for (id, place) in &ids {
                cells[*place] =
                    chunk(connection, block, *id)?.map_or_else(Cell::default, |found| found.at(offset));
            }
            tick_ms = Some(block.start_ms + i64::from(offset) * block.tick_ms);
            break;
        }
    }
    let Some(tick_ms) = tick_ms else {
        return Ok(None);
    };
    let reasons = names::reasons(connection)?;
    let mut figures = Figures {
        tick_ms,
        of: HashMap::new(),
    };
    for ((_, SeriesKey { subject, metric }), cell) in series.into_iter().zip(cells) {
        if let Some(value) = value(cell, &reasons) {
            figures.of.entry(subject).or_default().push((metric, value));
        }
    }
    Ok(Some(figures))
}

fn tick_in(stretch: &Stretch, ts_ms: i64, monitor: u32) -> Result<Option<u32>, HistoryError> {
    let (most, mut offset) = ((ts_ms - stretch.start_ms).div_euclid(stretch.tick_ms), None);
    stretch.each(&[(monitor, 0)], |_, cells| offset = last_sampled(cells, most))?;
    Ok(offset)
}
