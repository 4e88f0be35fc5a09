//! A stretch of a history as a file of its own, which another copy of this program opens: an incident to hand on.
//!
//! Whole blocks are taken, so it begins and ends somewhat outside of what was asked for. Nothing in a history is secret; the names of machines
//! can be hidden besides.

use super::hidden::Hide;
use super::keyframe::{self, Rewrite, pieces_of};
use super::level::Level;
use super::store::STRETCH;
use super::{HistoryError, file};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Transaction, params};
use std::collections::BTreeSet;
use std::path::Path;

/// What went into an excerpt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// How many events.
    pub events: u64,
    /// How many times something changed that is no figure.
    pub keyframes: u64,
    /// How many stretches of samples.
    pub stretches: u64,
}

impl Excerpt {
    /// Whether nothing was kept of that time.
    pub fn is_empty(&self) -> bool {
        self.stretches == 0 && self.keyframes == 0
    }
}

/// Writes what the history at `from` keeps of a stretch of time to a new file at `to`. Whatever writes the history meanwhile is not held up.
pub fn excerpt(
    from: &Path,
    to: &Path,
    range: (i64, i64),
    hide: Option<&Hide>,
) -> Result<Excerpt, HistoryError> {
    // Attaching what is not there would make it.
    drop(file::open_to_read(from)?);
    let mut new = file::begin_at(to)?;
    new.execute("ATTACH ?1 AS src", [from.to_string_lossy()])?;
    let tx = new.transaction()?;
    let excerpt = copy(&tx, range)?;
    if let Some(hide) = hide {
        hidden(&tx, hide)?;
    }
    tx.commit()?;
    new.execute_batch("DETACH src; PRAGMA journal_mode = DELETE; VACUUM;")?;
    Ok(excerpt)
}

fn copy(tx: &Transaction<'_>, (from_ms, to_ms): (i64, i64)) -> Result<Excerpt, HistoryError> {
    let range = params![from_ms, to_ms];
    let mut stretches = tx.execute(
        "INSERT INTO block SELECT * FROM src.block WHERE end_ms > ?1 AND start_ms < ?2",
        range,
    )?;
    for level in Level::ALL {
        let table = level.table();
        tx.execute(
            &format!(
                "INSERT INTO {table} SELECT * FROM src.{table} WHERE key >> 24 IN (SELECT id FROM block)"
            ),
            [],
        )?;
    }
    // The key holds the number of the stretch above its last 16 bits.
    stretches += tx.execute(
        &format!(
            "INSERT INTO stretch SELECT * FROM src.stretch WHERE ((key >> 16) + 1) * {STRETCH} * tick_ms > ?1 AND (key >> 16) * {STRETCH} * tick_ms < ?2"
        ),
        range,
    )?;
    stretches += tx.execute(
        "INSERT INTO head SELECT * FROM src.head WHERE start_ms < ?1",
        [to_ms],
    )?;
    tx.execute_batch(
        "INSERT INTO series SELECT * FROM src.series; INSERT INTO reason SELECT * FROM src.reason;",
    )?;
    let events = tx.execute(
        "INSERT INTO event SELECT * FROM src.event WHERE ts >= ?1 AND ts < ?2",
        range,
    )?;
    let keyframes = tx.execute(
        "INSERT INTO keyframe SELECT * FROM src.keyframe WHERE ts <= ?2 AND ts >= coalesce((SELECT max(ts) FROM src.keyframe WHERE ts <= ?1), ?1)",
        range,
    )?;
    for id in bodies(tx)? {
        tx.execute("INSERT INTO body SELECT * FROM src.body WHERE id = ?1", [id])?;
    }
    Ok(Excerpt {
        events: events as u64,
        keyframes: keyframes as u64,
        stretches: stretches as u64,
    })
}

/// The pieces that the keyframes are made of.
fn bodies(connection: &Connection) -> Result<BTreeSet<i64>, HistoryError> {
    let mut select = connection.prepare("SELECT bodies FROM keyframe")?;
    let mut rows = select.query([])?;
    let mut all = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let list: Vec<u8> = row.get(0)?;
        all.extend(pieces_of(&list)?);
    }
    Ok(all)
}

/// Hides machines in everything that holds words.
fn hidden(tx: &Transaction<'_>, hide: &Hide) -> Result<(), HistoryError> {
    rewrite(tx, "reason", "words", &mut |words| {
        let words = String::from_utf8_lossy(words);
        Ok(hide.text(&words).into_bytes())
    })?;
    rewrite(tx, "event", "json", &mut |json| hide.json(json))?;
    rewrite(tx, "body", "data", &mut |packed| {
        keyframe::rewritten(packed, &mut |json| hide.json(json))
    })
}

fn rewrite(tx: &Transaction<'_>, table: &str, column: &str, change: Rewrite<'_>) -> Result<(), HistoryError> {
    let mut select = tx.prepare(&format!("SELECT {column} FROM {table} WHERE rowid = ?1"))?;
    let mut update = tx.prepare(&format!("UPDATE {table} SET {column} = ?2 WHERE rowid = ?1"))?;
    let ids: Vec<i64> = tx
        .prepare(&format!("SELECT rowid FROM {table}"))?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in ids {
        let (is_text, before) = select.query_row([id], |row| {
            let value = row.get_ref(0)?;
            let is_text = matches!(value, ValueRef::Text(_));
            Ok((is_text, value.as_bytes()?.to_vec()))
        })?;
        let after = change(&before)?;
        match is_text {
            true => update.execute(params![id, String::from_utf8_lossy(&after)])?,
            false => update.execute(params![id, after])?,
        };
    }
    Ok(())
}
