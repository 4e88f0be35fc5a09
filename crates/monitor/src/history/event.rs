//! Events as they were served, kept and found again.

use super::HistoryError;
use bytes::Bytes;
use rusqlite::{Connection, Transaction, params};
use serde::Deserialize;
use serde_json::Value;

/// What is looked for among the events.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Only those with a smaller number: the last of an answer before this one.
    pub before: Option<u64>,
    /// Only those that happened at this time or later.
    pub from_ms: Option<i64>,
    /// Only those that happened before this time.
    pub until_ms: Option<i64>,
    /// Only those of this type.
    pub kind: Option<String>,
    /// Only those of this project.
    pub project: Option<String>,
    /// No more than so many.
    pub limit: usize,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self {
            before: None,
            from_ms: None,
            until_ms: None,
            kind: None,
            project: None,
            limit: 200,
        }
    }
}

impl EventQuery {
    /// Whether this event, as it was served, is looked for; the limit aside. The same as [`find`] asks of the file.
    pub(crate) fn admits(&self, json: &[u8]) -> bool {
        let Ok(event) = serde_json::from_slice::<Fields>(json) else {
            return false;
        };
        let is = |wanted: &Option<String>, told: Option<&str>| wanted.is_none() || wanted.as_deref() == told;
        is(&self.kind, Some(&event.kind))
            && is(&self.project, event.project.as_ref().and_then(Value::as_str))
            && self
                .before
                .is_none_or(|before| u64::try_from(event.seq).is_ok_and(|seq| seq < before))
            && self.from_ms.is_none_or(|from| event.ts >= from)
            && self.until_ms.is_none_or(|until| event.ts < until)
    }
}

/// An event that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEvent {
    /// Its number.
    pub seq: u64,
    /// When it was noticed.
    pub ts_ms: i64,
    /// Its JSON, as it was served.
    pub json: String,
}

/// The fields that are looked for.
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "type")]
    kind: String,
    ts: i64,
    seq: i64,
    /// An application may put anything here.
    project: Option<Value>,
}

/// Writes events; one that is there already stays as it is.
pub(super) fn insert(tx: &Transaction<'_>, events: &[Bytes]) -> Result<(), HistoryError> {
    let mut statement =
        tx.prepare_cached("INSERT OR IGNORE INTO event(seq, ts, type, project, json) VALUES(?, ?, ?, ?, ?)")?;
    for json in events {
        // All events are made by us, with these fields.
        if let Ok(fields) = serde_json::from_slice::<Fields>(json) {
            let project = fields.project.as_ref().and_then(Value::as_str);
            statement.execute(params![fields.seq, fields.ts, fields.kind, project, &json[..]])?;
        }
    }
    Ok(())
}

/// The newest that match, newest first.
pub(super) fn find(connection: &Connection, wanted: &EventQuery) -> Result<Vec<KeptEvent>, HistoryError> {
    let number = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    let mut text = String::from("SELECT seq, ts, json FROM event WHERE seq < ?1 AND ts >= ?2 AND ts < ?3");
    if wanted.kind.is_some() {
        text.push_str(" AND type = ?4");
    }
    if wanted.project.is_some() {
        text.push_str(" AND project = ?5");
    }
    text.push_str(" ORDER BY seq DESC LIMIT ?6");
    let mut statement = connection.prepare_cached(&text)?;
    // Positions that the text does not use must not be bound.
    let bound: [(&str, &dyn rusqlite::ToSql); 6] = [
        ("?1", &wanted.before.map_or(i64::MAX, number)),
        ("?2", &wanted.from_ms.unwrap_or(i64::MIN)),
        ("?3", &wanted.until_ms.unwrap_or(i64::MAX)),
        ("?4", &wanted.kind),
        ("?5", &wanted.project),
        ("?6", &i64::try_from(wanted.limit).unwrap_or(i64::MAX)),
    ];
    for (name, value) in bound {
        if let Some(at) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(at, value)?;
        }
    }
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, json): (i64, Vec<u8>) = (row.get(0)?, row.get(2)?);
        found.push(KeptEvent {
            seq: u64::try_from(seq).unwrap_or_default(),
            ts_ms: row.get(1)?,
            json: String::from_utf8(json).map_err(|_| HistoryError::Damaged("an event is no text"))?,
        });
    }
    Ok(found)
}
