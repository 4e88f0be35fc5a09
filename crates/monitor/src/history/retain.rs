//! What goes when it is too old, or when the file is too large.

use super::HistoryError;
use super::file::pragma;
use super::level::Level;
use super::seal::{Block, demote};
use super::settings::{Settings, ms};
use super::varint::Bytes;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashSet;

/// Free pages that are worth giving back to the system, as a share of the file; the next samples use the rest.
const FREE_SHARE: i64 = 50;

/// Lets go of what is too old at `now_ms`, then of the oldest of the finest until the file is small enough.
pub(super) fn retain(
    connection: &mut Connection,
    settings: &Settings,
    now_ms: i64,
) -> Result<(), HistoryError> {
    for level in Level::ALL {
        let before = now_ms.saturating_sub(settings.keep_ms(level));
        while let Some(block) = oldest(connection, level, before)? {
            let next = level
                .next()
                .filter(|next| settings.keep_ms(*next) > settings.keep_ms(level));
            let tx = connection.transaction()?;
            demote(&tx, block, level, next)?;
            tx.commit()?;
        }
    }
    forget_events(connection, settings, now_ms)?;
    shrink(connection, settings)?;
    give_back(connection)
}

/// The oldest block that has `level` and ended before that.
fn oldest(connection: &Connection, level: Level, before: i64) -> Result<Option<Block>, HistoryError> {
    let mut find = connection.prepare_cached(&format!(
        "SELECT {} FROM block WHERE levels & ? AND end_ms <= ? ORDER BY id LIMIT 1",
        Block::COLUMNS
    ))?;
    Ok(find.query_row([level.bit(), before], Block::of).optional()?)
}

fn forget_events(connection: &mut Connection, settings: &Settings, now_ms: i64) -> Result<(), HistoryError> {
    let events = now_ms.saturating_sub(ms(settings.keep_events));
    let audit = now_ms.saturating_sub(ms(settings.keep_audit));
    let tx = connection.transaction()?;
    tx.execute("DELETE FROM event WHERE ts < ? AND type <> 'audit'", [events])?;
    tx.execute("DELETE FROM event WHERE ts < ? AND type = 'audit'", [audit])?;
    // The last one before what is kept still says how things stood then.
    let gone = tx.execute(
        "DELETE FROM keyframe WHERE ts < (SELECT max(ts) FROM keyframe WHERE ts <= ?)",
        [events],
    )?;
    if gone > 0 {
        forget_bodies(&tx)?;
    }
    tx.commit()?;
    Ok(())
}

/// Pieces of snapshots that no keyframe names any more.
fn forget_bodies(connection: &Connection) -> Result<(), HistoryError> {
    let mut named = HashSet::new();
    let mut select = connection.prepare_cached("SELECT bodies FROM keyframe")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let list: Vec<u8> = row.get(0)?;
        let mut bytes = Bytes(&list);
        while !bytes.is_empty() {
            named.insert(bytes.number()? as i64);
        }
    }
    let mut select = connection.prepare_cached("SELECT id FROM body")?;
    let all: Vec<i64> = select
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut delete = connection.prepare_cached("DELETE FROM body WHERE id = ?")?;
    for id in all.into_iter().filter(|id| !named.contains(id)) {
        delete.execute([id])?;
    }
    Ok(())
}

/// Makes room, the oldest of the finest first. Ten minutes are made of minutes before these go; ten seconds are not made of
/// samples: they would be nearly as large.
fn shrink(connection: &mut Connection, settings: &Settings) -> Result<(), HistoryError> {
    let page = pragma(connection, "page_size")?.max(1);
    let most = i64::try_from(settings.max_bytes).unwrap_or(i64::MAX) / page;
    for level in Level::ALL {
        loop {
            let used = pragma(connection, "page_count")? - pragma(connection, "freelist_count")?;
            if used <= most {
                return Ok(());
            }
            let Some(block) = oldest(connection, level, i64::MAX)? else {
                break;
            };
            let tx = connection.transaction()?;
            demote(&tx, block, level, level.next().filter(|_| level == Level::Minute))?;
            tx.commit()?;
        }
    }
    Ok(())
}

fn give_back(connection: &Connection) -> Result<(), HistoryError> {
    let free = pragma(connection, "freelist_count")?;
    if free > 0 && free * FREE_SHARE > pragma(connection, "page_count")? {
        // It answers with a row for each page, and gives it back as the row is read.
        let mut statement = connection.prepare("PRAGMA incremental_vacuum")?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(())
}
