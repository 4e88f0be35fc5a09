//! The history as its readers hold it: a connection of their own, beside the writer.
//!
//! Every method reads the disk: an asynchronous caller puts it on a thread that may block.

use super::check::{self, Report};
use super::event::{self, EventQuery, KeptEvent};
use super::names;
use super::past::{self, Figures};
use super::query::{self, Columns};
use super::series::{Metric, SeriesKey, Subject, Value};
use super::{HistoryError, file, keyframe};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::Path;

/// Reads a history.
pub struct Reader {
    connection: Connection,
}

/// A snapshot of the past.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// When what changes seldom was last other than before.
    pub keyframe_ms: i64,
    /// It, in the form of `/api/snapshot`, with all that is sampled left out.
    pub snapshot: String,
    /// What was sampled, if every sample of that time is still kept.
    pub figures: Option<Figures>,
}

impl Reader {
    /// Opens the history at `path`, whether it is being written or not.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let connection = file::open_to_read(path)?;
        Ok(Self { connection })
    }

    /// What is read within one of these is of one instant.
    fn still(&self) -> Result<Transaction<'_>, HistoryError> {
        Ok(self.connection.unchecked_transaction()?)
    }

    /// Every series there is.
    pub fn series(&self) -> Result<Vec<SeriesKey>, HistoryError> {
        Ok(names::series(&self.connection)?
            .into_iter()
            .map(|(_, key)| key)
            .collect())
    }

    fn id(&self, key: &SeriesKey) -> Result<Option<u32>, HistoryError> {
        let (kind, project, name) = key.subject.parts();
        let mut find = self.connection.prepare_cached(
            "SELECT id FROM series WHERE kind = ? AND project = ? AND name = ? AND metric = ?",
        )?;
        let found = find.query_row(params![kind, project, name, key.metric.code()], |row| row.get(0));
        Ok(found.optional()?)
    }

    /// What each of `series` came to from `from_ms` until before `to_ms`, in at most `buckets` buckets. Buckets begin at multiples of
    /// their width, so the first may begin before the range.
    pub fn query(
        &self,
        series: &[SeriesKey],
        from_ms: i64,
        to_ms: i64,
        buckets: usize,
    ) -> Result<Vec<Columns>, HistoryError> {
        let still = self.still()?;
        let id = |key: &SeriesKey| Ok(self.id(key)?.map(|id| (id, key.metric.has_minutes())));
        let ids = series.iter().map(id).collect::<Result<Vec<_>, HistoryError>>()?;
        query::query(&still, &ids, (from_ms, to_ms), buckets)
    }

    /// Every sample of one series that is still kept, with its tick, in order.
    pub fn samples(
        &self,
        series: &SeriesKey,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<(i64, Value)>, HistoryError> {
        let still = self.still()?;
        match self.id(series)? {
            Some(id) => past::samples(&still, id, (from_ms, to_ms)),
            None => Ok(Vec::new()),
        }
    }

    /// How everything stood at the last tick at or before `ts_ms`, if that is still kept.
    pub fn at(&self, ts_ms: i64) -> Result<Option<Past>, HistoryError> {
        let still = self.still()?;
        let Some((keyframe_ms, snapshot)) = keyframe::read(&still, ts_ms)? else {
            return Ok(None);
        };
        let monitor = SeriesKey {
            subject: Subject::Monitor,
            metric: Metric::Seq,
        };
        let figures = match self.id(&monitor)? {
            Some(id) => past::at(&still, ts_ms, id)?,
            None => None,
        };
        Ok(Some(Past {
            keyframe_ms,
            snapshot,
            figures,
        }))
    }

    /// When the oldest sample that is kept was taken.
    pub fn begins_ms(&self) -> Result<Option<i64>, HistoryError> {
        let monitor = SeriesKey {
            subject: Subject::Monitor,
            metric: Metric::Seq,
        };
        let still = self.still()?;
        let id = self.id(&monitor)?;
        id.map_or(Ok(None), |id| past::first(&still, id))
    }

    /// Tells of the keyframe that held at `from_ms`, and of each one until `to_ms`: since when it holds, and its JSON, in the form of
    /// `/api/snapshot`, with all that is sampled left out.
    pub fn each_keyframe(
        &self,
        from_ms: i64,
        to_ms: i64,
        tell: &mut dyn FnMut(i64, &str) -> Result<(), HistoryError>,
    ) -> Result<(), HistoryError> {
        let still = self.still()?;
        for ts in keyframe::times(&still, from_ms, to_ms)? {
            if let Some((since, json)) = keyframe::read(&still, ts)? {
                tell(since, &json)?;
            }
        }
        Ok(())
    }

    /// The newest events that match, newest first.
    pub fn events(&self, wanted: &EventQuery) -> Result<Vec<KeptEvent>, HistoryError> {
        event::find(&self.connection, wanted)
    }

    /// Reads everything and tells what is wrong with it.
    pub fn check(&self) -> Result<Report, HistoryError> {
        let still = self.still()?;
        check::check(&still)
    }
}
