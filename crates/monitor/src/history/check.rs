//! Whether a file holds what was written into it, once.

use super::cells::{ABSENT, Cells, unsealed};
use super::level::{Entries, Level};
use super::seal::Block;
use super::varint::Bytes;
use super::{HistoryError, file, names, open_end};
use rusqlite::Connection;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, in sentences; none is good.
    pub findings: Vec<String>,
    /// Blocks that were looked at.
    pub blocks: u64,
    /// Chunks of them.
    pub chunks: u64,
    /// Single samples, those of the open end as well.
    pub samples: u64,
    /// Events.
    pub events: u64,
}

/// Reads everything there is.
pub(super) fn check(connection: &Connection) -> Result<Report, HistoryError> {
    let mut report = Report::default();
    if let Err(error) = file::quick_check(connection) {
        report.findings.push(error.to_string());
        return Ok(report);
    }
    let mut select = connection.prepare(&format!("SELECT {} FROM block ORDER BY id", Block::COLUMNS))?;
    let mut end_ms = i64::MIN;
    for block in select.query_map([], Block::of)? {
        let block = block?;
        report.blocks += 1;
        for level in Level::ALL.into_iter().filter(|level| block.has(*level)) {
            let begin = chunks(connection, block, level, &mut report)?;
            if level == Level::Raw && begin.is_some_and(|begin| begin < end_ms) {
                report
                    .findings
                    .push(format!("block {} begins before the last one ends", block.id));
            }
        }
        end_ms = end_ms.max(block.end_ms);
    }
    open(connection, end_ms, &mut report)?;
    let unknown = "SELECT count(*) FROM keyframe WHERE ts IS NULL OR length(bodies) = 0";
    if connection.query_row(unknown, [], |row| row.get::<_, i64>(0))? > 0 {
        report.findings.push("a snapshot without pieces".to_owned());
    }
    let events: i64 = connection.query_row("SELECT count(*) FROM event", [], |row| row.get(0))?;
    report.events = events.unsigned_abs();
    Ok(report)
}

/// When the first sample was taken.
fn first(cells: &Cells, start_ms: i64, tick: i64) -> Option<i64> {
    let before = cells.runs.iter().take_while(|(_, code)| *code == ABSENT);
    let before: i64 = before.map(|(count, _)| i64::from(*count)).sum();
    (!cells.is_blank()).then(|| start_ms + before * tick)
}

/// Reads the chunks of a block, and tells when its first sample was taken.
fn chunks(
    connection: &Connection,
    block: Block,
    level: Level,
    report: &mut Report,
) -> Result<Option<i64>, HistoryError> {
    let (from, to) = block.keys();
    let mut select = connection.prepare_cached(&format!(
        "SELECT key, data FROM {} WHERE key BETWEEN ? AND ?",
        level.table()
    ))?;
    let mut rows = select.query([from, to])?;
    let mut begin: Option<i64> = None;
    while let Some(row) = rows.next()? {
        report.chunks += 1;
        let data: Vec<u8> = row.get(1)?;
        let read = unsealed(&data).and_then(|body| match level {
            Level::Raw => Cells::take(&mut Bytes(body)),
            _ => Entries::take(&mut Bytes(body)).map(|_| Cells::default()),
        });
        match read {
            Ok(cells) => {
                report.samples += sampled(&cells);
                let own = first(&cells, block.start_ms, block.tick_ms);
                begin = own.into_iter().chain(begin).min();
            }
            Err(error) => {
                let (id, series) = (block.id, row.get::<_, i64>(0)? - from);
                report
                    .findings
                    .push(format!("block {id}, series {series}, {level:?}: {error}"));
            }
        }
    }
    Ok(begin)
}

fn sampled(cells: &Cells) -> u64 {
    let some = cells.runs.iter().filter(|(_, code)| *code != ABSENT);
    some.map(|(count, _)| u64::from(*count)).sum()
}

fn open(connection: &Connection, mut end_ms: i64, report: &mut Report) -> Result<(), HistoryError> {
    let ids = names::series(connection)?.into_iter().map(|(id, _)| (id, 0));
    let ids: Vec<(u32, usize)> = ids.collect();
    let stretches = match open_end::read(connection) {
        Ok(stretches) => stretches,
        Err(error) => {
            report.findings.push(format!("the open end: {error}"));
            return Ok(());
        }
    };
    for stretch in stretches {
        let mut length = 0;
        let (mut begin, mut samples) = (None::<i64>, 0);
        let read = stretch.each(&ids, |_, cells| {
            samples += sampled(cells);
            length = length.max(cells.len());
            begin = first(cells, stretch.start_ms, stretch.tick_ms)
                .into_iter()
                .chain(begin)
                .min();
        });
        if let Err(error) = read {
            report
                .findings
                .push(format!("the stretch from {}: {error}", stretch.start_ms));
        }
        if begin.is_some_and(|begin| begin < end_ms) {
            report.findings.push(format!(
                "the stretch from {} begins before the last one ends",
                stretch.start_ms
            ));
        }
        end_ms = end_ms.max(stretch.start_ms + i64::from(length) * stretch.tick_ms);
        report.samples += samples;
    }
    Ok(())
}
