//! One side of a rule that goes both ways: its log, what it has changed, and whoever writes that to the other side.

use super::place::place_text;
use crate::rules::brake::Written;
use crate::rules::broken::Broken;
use crate::rules::conflict::Pending;
use crate::rules::follow::Writer;
use crate::rules::log::{ChangeLog, Slice};
use crate::rules::table::Table;
use std::time::Duration;
use tokio::time::Instant;

/// How often a place in the log is written down that moved without a change: writing it moves the other log.
const SAVE: Duration = Duration::from_secs(10);

/// One side, and whoever writes to the other what it has changed.
pub(super) struct Side<'s> {
    pub(super) log: Box<dyn ChangeLog>,
    pub(super) pending: Pending,
    /// Up to where the log was read, and the last batch of the other way before that.
    pub(super) at: String,
    pub(super) echoed: i64,
    /// Up to where everything is in the other side.
    pub(super) done: String,
    since_ms: Option<i64>,
    last: Option<Slice>,
    pub(super) writer: Writer<'s>,
    /// How often its cursor had been written when it was claimed.
    claimed: i64,
    saved: Instant,
}

impl<'s> Side<'s> {
    pub(super) fn new(
        log: Box<dyn ChangeLog>,
        writer: Writer<'s>,
        (at, echoed): (String, i64),
        claimed: i64,
    ) -> Self {
        Self {
            log,
            pending: Pending::default(),
            done: at.clone(),
            at,
            echoed,
            since_ms: None,
            last: None,
            writer,
            claimed,
            saved: Instant::now(),
        }
    }

    /// The number of the last batch that was written.
    pub(super) fn written(&self) -> i64 {
        self.claimed + self.writer.batches
    }

    pub(super) fn take(&mut self, mut slice: Slice, tables: &[Table], skipped: &[usize]) {
        self.pending.take(&mut slice, tables);
        self.pending.without(skipped);
        self.at.clone_from(&slice.until);
        self.echoed = self.echoed.max(slice.echoed.unwrap_or(0));
        self.since_ms = self.since_ms.or(slice.since_ms);
        self.last = Some(slice);
    }

    /// Writes what the side has changed to the other one.
    pub(super) async fn write(&mut self) -> Result<Written, Broken> {
        match self.slice() {
            None => Ok(Written::default()),
            Some(slice) => {
                self.writer.miss(&slice);
                self.writer.apply(slice).await
            }
        }
    }

    /// What is to be written now, if anything was read.
    fn slice(&mut self) -> Option<Slice> {
        let left = self.last.as_ref()?.left;
        let is_due = self.at != self.done && self.saved.elapsed() > SAVE;
        let (since_ms, until) = match self.pending.is_empty() && !is_due {
            true => (
                self.since_ms.filter(|_| !left.is_nothing()),
                self.writer.cursor.position.clone(),
            ),
            false => {
                self.saved = Instant::now();
                self.done.clone_from(&self.at);
                (self.since_ms, place_text(&self.at, self.echoed))
            }
        };
        self.since_ms = None;
        Some(Slice {
            until,
            touched: self.pending.drain(),
            since_ms,
            left,
            echoed: None,
        })
    }
}
