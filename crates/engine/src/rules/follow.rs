//! A stream in full flow: while the target writes one slice of the log, the next is read.

use super::batch::{Batch, Cursor, Mark, Part};
use super::brake::{Brake, Written};
use super::broken::{Broken, at_source, at_target};
use super::copied::Copied;
use super::log::{ChangeLog, LogError, Slice, Touched};
use super::owed::Owed;
use super::report::{Missing, Told};
use super::snapshot::{count, nothing};
use super::stopped::{DEADLINE, late, within};
use super::store::{Store, StoreError};
use super::table::Table;
use replica_core::rule::CollectionStats;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout};

/// Changes of a batch, at most.
pub(super) const MOST: usize = 5000;
/// How often the source is told what it need not keep any more.
pub(super) const TELL: Duration = Duration::from_secs(1);

/// How long the source may take for that: whether it is there at all shows by it, and a lag of nothing would be told meanwhile.
pub(super) const HEARD: Duration = Duration::from_secs(10);

/// A stream that follows its log.
pub(super) struct Following<'s> {
    log: Box<dyn ChangeLog>,
    writer: Writer<'s>,
    brake: &'s mut Brake,
    /// When the source was last told what it need not keep.
    released: Instant,
    /// When tables that are left alone are looked at again.
    review: Option<Instant>,
}

impl<'s> Following<'s> {
    pub(super) fn new(
        log: Box<dyn ChangeLog>,
        writer: Writer<'s>,
        brake: &'s mut Brake,
        review: Option<Instant>,
    ) -> Self {
        let released = Instant::now();
        Self {
            log,
            writer,
            brake,
            released,
            review,
        }
    }

    pub(super) async fn follow(&mut self) -> Result<std::convert::Infallible, Broken> {
        let most = self.brake.most(MOST);
        let mut read = next(&mut *self.log, most).await;
        loop {
            let slice = match read {
                Ok(slice) => slice,
                Err(error) => return Err(self.interrupted(error).await),
            };
            self.writer.miss(&slice);
            if !slice.touched.is_empty() {
                while !self.brake.opens(self.writer.told).await {
                    self.pause().await?;
                }
            }
            let begun = Instant::now();
            // While the target writes, the log is read on.
            let (written, then) = tokio::join!(self.writer.apply(slice), next(&mut *self.log, most));
            read = then;
            let written = written?;
            if let Ok(next) = &read {
                self.writer.miss(next);
            }
            self.brake.pay(written, begun, self.writer.told).await;
            self.pause().await?;
        }
    }

    /// What is to be done now and then, between two slices.
    async fn pause(&mut self) -> Result<(), Broken> {
        let stopping = self.writer.told.is_to_stop();
        if stopping || self.released.elapsed() > TELL {
            if !stopping {
                self.writer.retry(&mut *self.log).await?;
            }
            self.released = Instant::now();
            let told = timeout(HEARD, self.log.done(&self.writer.cursor.position)).await;
            told.unwrap_or_else(|_| Err(late(HEARD)))
                .map_err(|fault| at_source(&fault))?;
        }
        match stopping {
            true => Err(Broken::Asked),
            false if self.review.is_some_and(|review| review <= Instant::now()) => Err(Broken::Again),
            false => Ok(()),
        }
    }

    /// Why the log tells nothing more; what must be copied again is noted in the cursor first.
    async fn interrupted(&mut self, error: LogError) -> Broken {
        match error {
            LogError::Fault(fault) => at_source(&fault),
            LogError::Gap(_) => Broken::Again,
            LogError::Altered { until, again } => match self.writer.forget(until, &again).await {
                Ok(()) => Broken::Again,
                Err(broken) => broken,
            },
        }
    }
}

pub(super) async fn next(log: &mut dyn ChangeLog, most: usize) -> Result<Slice, LogError> {
    let next = timeout(DEADLINE, log.next(most)).await;
    next.unwrap_or_else(|_| Err(late(DEADLINE).into()))
}

/// The end that writes.
pub(super) struct Writer<'s> {
    pub(super) told: &'s Told,
    target: Box<dyn Store>,
    /// What the source calls them, in the order of the log's.
    called: Vec<String>,
    /// As the target knows them.
    tables: Vec<Table>,
    mark: Mark,
    pub(super) cursor: Cursor,
    pub(super) owed: Owed,
    /// How many batches were written.
    pub(super) batches: i64,
}

impl<'s> Writer<'s> {
    pub(super) fn new(
        told: &'s Told,
        target: Box<dyn Store>,
        (read, tables): (&[Table], Vec<Table>),
        mark: Mark,
        (cursor, mut owed): (Cursor, Owed),
    ) -> Self {
        // Written with the first cursor: also that there are none any more.
        owed.unwritten();
        Self {
            told,
            target,
            called: read.iter().map(|table| table.name.clone()).collect(),
            tables,
            mark,
            cursor,
            owed,
            batches: 0,
        }
    }

    /// Moves the mark to where the cursor is.
    fn moved(&mut self) -> Mark {
        let owed = self.owed.written();
        let cursor = Cursor {
            owed,
            ..self.cursor.clone()
        };
        Mark {
            to: Some(cursor),
            ..self.mark.clone()
        }
    }

    /// Writes the cursor alone.
    pub(super) async fn save(&mut self) -> Result<(), Broken> {
        let batch = Batch {
            mark: Some(self.moved()),
            ..Batch::default()
        };
        match self.write(&batch).await? {
            Ok(()) => Ok(()),
            Err(why) => Err(Broken::Fault(format!("the target: its table of cursors: {why}"))),
        }
    }

    /// Notes that these tables must be copied again.
    pub(super) async fn forget(&mut self, until: Option<String>, again: &[usize]) -> Result<(), Broken> {
        if until.is_none() && again.is_empty() {
            return Ok(());
        }
        let mut copied = Copied::read(&self.cursor.tables);
        again.iter().for_each(|at| copied.forget(&self.called[*at]));
        self.cursor.tables = copied.written();
        if let Some(until) = until {
            self.cursor.position = until;
        }
        self.save().await
    }

    /// Writes it, or says which data the target does not take.
    async fn write(&mut self, batch: &Batch) -> Result<Result<(), String>, Broken> {
        let written = timeout(DEADLINE, self.target.write(batch)).await;
        match written.unwrap_or_else(|_| Err(late(DEADLINE).into())) {
            Ok(()) => {
                self.batches += 1;
                Ok(Ok(()))
            }
            Err(StoreError::Data(why)) => Ok(Err(why)),
            Err(error) => Err(at_target(&error)),
        }
    }

    /// The same, apart if it must be: two rows may have swapped a value that must be unique.
    async fn try_both_ways(&mut self, batch: &mut Batch) -> Result<Result<(), String>, Broken> {
        batch.apart = false;
        let mut written = self.write(batch).await?;
        if written.is_err() {
            batch.apart = true;
            written = self.write(batch).await?;
        }
        Ok(written)
    }

    /// Tells what the target lacks while the slice is not written.
    pub(super) fn miss(&self, slice: &Slice) {
        let missing = match slice.since_ms {
            Some(since) => Missing::Since(since),
            None if slice.left.is_nothing() && slice.touched.is_empty() => Missing::Nothing,
            None => Missing::Unknown,
        };
        self.told
            .tell_if(|report| std::mem::replace(&mut report.missing, missing) != missing);
    }

    /// Writes a slice and moves the cursor behind it; what that was.
    pub(super) async fn apply(&mut self, slice: Slice) -> Result<Written, Broken> {
        let Slice {
            until,
            touched,
            since_ms,
            left,
            echoed: _,
        } = slice;
        let mut sum = Written::default();
        if until != self.cursor.position {
            self.cursor.position = until;
            let part = |(at, touched): (usize, Touched)| Part {
                table: self.tables[at].clone(),
                emptied: touched.emptied,
                changes: touched.changes,
            };
            let parts = touched.into_iter().map(part).collect();
            let mark = Some(self.moved());
            let mut batch = Batch {
                mark,
                parts,
                apart: false,
            };
            sum = Written::of(&batch.parts);
            match self.try_both_ways(&mut batch).await? {
                Ok(()) => self.count(&batch),
                Err(why) => {
                    self.piecemeal(batch, why).await?;
                    // What the batch was to write of them was not written.
                    self.owed.unwritten();
                    self.save().await?;
                }
            }
        }
        let lag = match since_ms {
            None => left.is_nothing().then_some(0),
            Some(since) => Some(now_ms().saturating_sub(since.max(0) as u64)),
        };
        self.told.tell_if(|report| {
            let before = (report.lag_ms, report.backlog, report.backlog_bytes);
            report.lag_ms = lag;
            report.left(left);
            before != (report.lag_ms, report.backlog, report.backlog_bytes)
        });
        Ok(sum)
    }

    fn count(&mut self, batch: &Batch) {
        for part in &batch.parts {
            let mut done = nothing(self.called(&part.table));
            count(&part.changes, &mut done);
            self.owed.paid(part);
            self.told.tell(|report| report.add(&done));
            self.told.wrote(&part.changes);
        }
        self.show_owed();
    }

    /// What the source calls a table of the target.
    fn called<'t>(&'t self, table: &'t Table) -> &'t str {
        let at = self.tables.iter().position(|own| own.name == table.name);
        at.map_or(&table.name, |at| &self.called[at])
    }

    fn show_owed(&self) {
        let owed = self.owed.shown();
        self.told.tell_if(|report| {
            let other = report.owed != owed;
            report.owed = owed;
            other
        });
    }

    /// Halves what the target does not take until the rows are found that are at fault; they are owed.
    async fn piecemeal(&mut self, batch: Batch, why: String) -> Result<(), Broken> {
        let mut left = vec![(batch, why)];
        while let Some((batch, why)) = left.pop() {
            let Some((first, second)) = batch.clone().halves() else {
                self.owe(&batch, &why)?;
                continue;
            };
            for mut half in [first, second] {
                match self.try_both_ways(&mut half).await? {
                    Ok(()) => self.count(&half),
                    Err(why) => left.push((half, why)),
                }
            }
        }
        Ok(())
    }

    fn owe(&mut self, batch: &Batch, why: &str) -> Result<(), Broken> {
        for part in &batch.parts {
            if part.emptied {
                let table = &part.table.name;
                return Err(Broken::Fault(format!(
                    "the target: {table} was emptied in the source, and cannot be here: {why}"
                )));
            }
            let errors = part.changes.len() as u64;
            self.owed.note(part, why);
            let done = CollectionStats {
                errors,
                ..nothing(self.called(&part.table))
            };
            self.told.tell(|report| report.add(&done));
        }
        self.show_owed();
        Ok(())
    }

    /// Tries the rows again that the target did not take, as they are now: a parent may have come meanwhile.
    async fn retry(&mut self, log: &mut dyn ChangeLog) -> Result<(), Broken> {
        for (name, keys) in self.owed.due() {
            let Some(at) = self.tables.iter().position(|table| table.name == name) else {
                continue;
            };
            let changes = within("source", log.again(at, &keys)).await?;
            for change in changes {
                let batch = Batch {
                    mark: Some(self.mark.clone()),
                    ..Batch::of(&self.tables[at], &[change])
                };
                match self.write(&batch).await? {
                    Ok(()) => self.count(&batch),
                    Err(why) => batch.parts.iter().for_each(|part| self.owed.note(part, &why)),
                }
            }
        }
        self.show_owed();
        match self.owed.is_other() {
            true => self.save().await,
            false => Ok(()),
        }
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
