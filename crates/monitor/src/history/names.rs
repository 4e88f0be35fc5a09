//! Series and reasons by number: each stands in the file once.

use super::HistoryError;
use super::cells::{Cell, KNOWN, UNKNOWN};
use super::head::part;
use super::sample::Said;
use super::series::{Metric, SeriesKey, Subject, Value};
use replica_core::lag::Reason;
use rusqlite::{Connection, Transaction, params};
use std::collections::{HashMap, HashSet};

/// Reasons are made by programs, but may hold words of servers: after so many, the rest is one.
const MOST_REASONS: u32 = 10_000;
const OTHER: &str = "another reason";

#[derive(Debug, Default)]
pub(super) struct Names {
    series: HashMap<SeriesKey, u32>,
    reasons: HashMap<Reason, u32>,
    next_series: u32,
    next_reason: u32,
    /// By number: those whose minutes are not kept.
    without_minutes: HashSet<u32>,
    /// Not written yet.
    new_series: Vec<(u32, SeriesKey)>,
    new_reasons: Vec<(u32, Reason)>,
}

impl Names {
    pub(super) fn load(connection: &Connection) -> Result<Self, HistoryError> {
        let mut names = Self::default();
        for (id, key) in series(connection)? {
            names.next_series = names.next_series.max(id + 1);
            names.insert(id, key);
        }
        for (id, words) in reasons(connection)? {
            names.next_reason = names.next_reason.max(id + 1);
            names.reasons.insert(words.into(), id);
        }
        Ok(names)
    }

    /// What was said, by number; and how many series were refused because there are `most` already.
    pub(super) fn numbered(&mut self, said: Said, most: u32) -> (Vec<(u32, Cell)>, u64) {
        let (mut numbered, mut refused) = (Vec::with_capacity(said.len()), 0);
        for (key, value) in said {
            match self.series(key, most) {
                Some(id) => numbered.push((id, self.cell(value))),
                None => refused += 1,
            }
        }
        (numbered, refused)
    }

    fn series(&mut self, key: SeriesKey, most: u32) -> Option<u32> {
        if let Some(id) = self.series.get(&key) {
            return Some(*id);
        }
        // The key of a chunk has 24 bits for the series.
        let id = Some(self.next_series).filter(|id| *id < most.min(1 << 24))?;
        self.next_series += 1;
        self.new_series.push((id, key.clone()));
        self.insert(id, key);
        Some(id)
    }

    fn insert(&mut self, id: u32, key: SeriesKey) {
        if !key.metric.has_minutes() {
            self.without_minutes.insert(id);
        }
        self.series.insert(key, id);
    }

    /// The parts that the series are in.
    pub(super) fn parts(&self) -> std::ops::RangeInclusive<i64> {
        0..=part(self.next_series.saturating_sub(1))
    }

    pub(super) fn has_minutes(&self, id: u32) -> bool {
        !self.without_minutes.contains(&id)
    }

    fn cell(&mut self, value: Value) -> Cell {
        let reason = match value {
            Value::Known(figure) => return Cell { code: KNOWN, figure },
            Value::Unknown(reason) => reason,
        };
        let code = UNKNOWN + self.reason(reason);
        Cell { code, figure: 0 }
    }

    fn reason(&mut self, reason: Reason) -> u32 {
        if let Some(id) = self.reasons.get(&reason) {
            return *id;
        }
        if self.next_reason >= MOST_REASONS && reason != OTHER {
            return self.reason(OTHER.into());
        }
        let id = self.next_reason;
        self.next_reason += 1;
        self.new_reasons.push((id, reason.clone()));
        self.reasons.insert(reason, id);
        id
    }

    pub(super) fn write(&self, tx: &Transaction<'_>) -> Result<(), HistoryError> {
        let mut insert =
            tx.prepare_cached("INSERT INTO series(id, kind, project, name, metric) VALUES(?, ?, ?, ?, ?)")?;
        for (id, key) in &self.new_series {
            let (kind, project, name) = key.subject.parts();
            insert.execute(params![id, kind, project, name, key.metric.code()])?;
        }
        let mut insert = tx.prepare_cached("INSERT INTO reason(id, words) VALUES(?, ?)")?;
        for (id, words) in &self.new_reasons {
            insert.execute(params![id, words])?;
        }
        Ok(())
    }

    pub(super) fn written(&mut self) {
        self.new_series.clear();
        self.new_reasons.clear();
    }
}

/// Every series of the file that this version knows.
pub(super) fn series(connection: &Connection) -> Result<Vec<(u32, SeriesKey)>, HistoryError> {
    let mut statement =
        connection.prepare_cached("SELECT id, kind, project, name, metric FROM series ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut series = Vec::new();
    while let Some(row) = rows.next()? {
        let (project, name): (String, String) = (row.get(2)?, row.get(3)?);
        let subject = Subject::from_parts(row.get(1)?, &project, &name);
        let metric = Metric::from_code(row.get(4)?);
        if let (Some(subject), Some(metric)) = (subject, metric) {
            series.push((row.get(0)?, SeriesKey { subject, metric }));
        }
    }
    Ok(series)
}

/// Every reason of the file.
pub(super) fn reasons(connection: &Connection) -> Result<HashMap<u32, String>, HistoryError> {
    let mut statement = connection.prepare_cached("SELECT id, words FROM reason")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
