//! Keeps one way of a rule going: copies what was never copied, then follows the log of the source, whatever breaks meanwhile.
//!
//! Where it is stands in the target, in the transaction of the rows that it stands for; so it is killed at any time and goes on where it
//! was. Nothing stops silently: a [`Report`](super::Report) tells what it does, or why it waits.

use super::batch::{Batch, Cursor, Mark, Part};
use super::log::{ChangeLog, LogError, Slice};
use super::owed::Owed;
use super::plan::{Direction, Plan};
use super::report::{Phase, Told};
use super::snapshot::{DEADLINE, Progress, SnapshotRun, Stopped, count, late, nothing, within};
use super::store::{Change, Store, StoreError};
use super::table::Table;
use crate::fault::Fault;
use replica_core::rule::CollectionStats;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep, timeout};

/// Changes of a batch, at most.
const MOST: usize = 5000;
/// How often the log is looked at while nothing happens.
const GLANCE: Duration = Duration::from_millis(10);
/// How often the source is told what it need not keep any more.
const TELL: Duration = Duration::from_secs(1);
/// Between two tries when something is broken, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Until tables that are left alone are looked at again: the target may have been mended. At first and at most.
const REVIEW: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// One way of a rule that is kept going.
pub struct Stream<'p> {
    plan: &'p Plan,
    direction: &'p Direction,
    /// What names its cursor in the target, and its place in the source.
    reader: String,
    /// Rows a second, at most.
    throttle: Option<u32>,
    told: Told,
}

/// Why a session ended.
enum Broken {
    /// Somebody asked for it.
    Asked,
    /// Somebody else runs the rule.
    Fenced,
    /// It must begin again, at once: tables were altered, or the log has a gap.
    Again,
    /// An end cannot be spoken to.
    Fault(String),
}

impl From<Stopped> for Broken {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Asked => Self::Asked,
            Stopped::Fenced => Self::Fenced,
            Stopped::Fault { .. } => Self::Fault(stopped.to_string()),
        }
    }
}

fn at_source(fault: &Fault) -> Broken {
    Broken::Fault(format!("the source: {fault}"))
}

impl<'p> Stream<'p> {
    /// A stream of that way of the rule, which tells how it is.
    pub fn new(plan: &'p Plan, direction: &'p Direction, throttle: Option<u32>, told: Told) -> Self {
        Self {
            plan,
            direction,
            reader: format!("{}: {}", plan.rule.name, direction.to.words()),
            throttle: throttle.map(|rows| rows.max(1)),
            told,
        }
    }

    /// Goes on until it is asked to stop, or somebody else runs the rule.
    pub async fn run(self) {
        let refused = || self.told.last(|report| report.refused.clone());
        let (mut pause, mut review) = (PAUSE.0, REVIEW.0);
        loop {
            let (begun, before) = (Instant::now(), refused());
            let broken = match self.session(review).await {
                Ok(never) => match never {},
                Err(broken) => broken,
            };
            if begun.elapsed() > PAUSE.1 {
                pause = PAUSE.0;
            }
            review = match refused() == before {
                true => (review * 2).min(REVIEW.1),
                false => REVIEW.0,
            };
            match broken {
                Broken::Asked => return self.told.ended("it was asked to"),
                Broken::Fenced => return self.told.ended("somebody else runs this rule now"),
                Broken::Again => {}
                Broken::Fault(why) => {
                    self.told.tell(|report| {
                        report.phase = Phase::Waiting { why };
                        report.lag_ms = None;
                    });
                    if self.told.stopped_within(pause).await {
                        return self.told.ended("it was asked to");
                    }
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    }

    /// From connecting until something breaks.
    async fn session(&self, review: Duration) -> Result<std::convert::Infallible, Broken> {
        // Looking again at what is left alone is no interruption.
        self.told.tell(|report| {
            if report.phase != Phase::Streaming {
                report.phase = Phase::Starting;
            }
        });
        let source = within("source", self.direction.from.open()).await?;
        let mut target = within("target", self.direction.to.open()).await?;
        let claim = within("target", target.claim(&self.reader)).await?;
        let mark = Mark {
            reader: self.reader.clone(),
            epoch: claim.epoch,
            to: None,
        };
        let (told, stop) = (
            |now: &Progress| self.told.progress(now),
            || self.told.is_to_stop(),
        );
        let mut run = SnapshotRun::new(source, target, &told, &stop).fenced(mark.clone());
        let pairs = run.pairs(&self.plan.rule.collections).await?;
        let refused = run.refused.clone();
        let review = (!refused.is_empty()).then(|| Instant::now() + review);
        self.told.tell(|report| report.refused = refused);
        let tables = pairs.iter().map(|(read, _)| read.clone()).collect();
        let opened = self.direction.from.log(&self.reader, tables);
        let mut log = within("source", opened).await?;
        let (mut cursor, why) = resumed(&mut *log, claim.cursor).await?;
        let copied: BTreeSet<String> = serde_json::from_str(&cursor.tables).unwrap_or_default();
        let missing: Vec<(Table, Table)> = pairs
            .iter()
            .filter(|(read, _)| !copied.contains(&read.name))
            .cloned()
            .collect();
        if !missing.is_empty() {
            self.told.copying(&why);
            let ended = run.mirror_all(&missing).await;
            let done = std::mem::take(&mut run.details);
            self.told
                .tell(|report| done.iter().for_each(|done| report.add(done)));
            ended?;
        }
        let rejected = std::mem::take(&mut run.rejected);
        let names: Vec<&String> = pairs.iter().map(|(read, _)| &read.name).collect();
        cursor.tables = serde_json::to_string(&names).unwrap_or_default();
        let mut following = Following {
            stream: self,
            log,
            target: run.into_target(),
            tables: pairs.into_iter().map(|(_, written)| written).collect(),
            mark,
            cursor,
            owed: Owed::default(),
            released: Instant::now(),
            review,
        };
        following.save().await?;
        self.told.tell(|report| {
            report.phase = Phase::Streaming;
            report.owed = rejected;
        });
        following.follow().await
    }
}

/// Where to go on: at the cursor, if its log still reaches so far back; otherwise at the end of the log as it is now, and why.
async fn resumed(log: &mut dyn ChangeLog, cursor: Option<Cursor>) -> Result<(Cursor, String), Broken> {
    let why = match cursor {
        None => "it was never copied".to_owned(),
        Some(cursor) if cursor.source != log.source() => "the source is another one than before".to_owned(),
        Some(cursor) => match timeout(DEADLINE, log.next(&cursor.position, 1)).await {
            Ok(Ok(_)) => return Ok((cursor, "new tables".to_owned())),
            Ok(Err(LogError::Gap(why))) => why,
            Ok(Err(LogError::Altered)) => return Err(Broken::Again),
            Ok(Err(LogError::Fault(fault))) => return Err(at_source(&fault)),
            Err(_) => return Err(at_source(&late())),
        },
    };
    let cursor = Cursor {
        source: log.source().to_owned(),
        position: within("source", log.head()).await?,
        tables: String::new(),
    };
    Ok((cursor, why))
}

/// A stream that follows its log.
struct Following<'s> {
    stream: &'s Stream<'s>,
    log: Box<dyn ChangeLog>,
    target: Box<dyn Store>,
    /// As the target knows them, in the order of the log's.
    tables: Vec<Table>,
    mark: Mark,
    cursor: Cursor,
    owed: Owed,
    /// When the source was last told what it need not keep.
    released: Instant,
    /// When tables that are left alone are looked at again.
    review: Option<Instant>,
}

impl Following<'_> {
    async fn follow(&mut self) -> Result<std::convert::Infallible, Broken> {
        let most = self
            .stream
            .throttle
            .map_or(MOST, |rows| (rows as usize).min(MOST));
        loop {
            if self.stream.told.is_to_stop() {
                self.release().await?;
                return Err(Broken::Asked);
            }
            let begun = Instant::now();
            if self.review.is_some_and(|review| review <= begun) {
                return Err(Broken::Again);
            }
            let next = timeout(DEADLINE, self.log.next(&self.cursor.position, most)).await;
            let slice = match next.unwrap_or_else(|_| Err(late().into())) {
                Ok(slice) => slice,
                Err(LogError::Fault(fault)) => return Err(at_source(&fault)),
                Err(LogError::Gap(_) | LogError::Altered) => return Err(Broken::Again),
            };
            if self.released.elapsed() > TELL {
                self.retry().await?;
                self.release().await?;
            }
            if slice.until == self.cursor.position {
                self.stream
                    .told
                    .tell(|report| (report.lag_ms, report.backlog) = (Some(0), Some(0)));
                sleep(GLANCE).await;
                continue;
            }
            let rows = self.apply(slice).await?;
            if let Some(throttle) = self.stream.throttle {
                let due = Duration::from_secs_f64(rows as f64 / f64::from(throttle));
                if self
                    .stream
                    .told
                    .stopped_within(due.saturating_sub(begun.elapsed()))
                    .await
                {
                    return Err(Broken::Asked);
                }
            }
        }
    }

    /// Tells the source what it need not keep any more.
    async fn release(&mut self) -> Result<(), Broken> {
        self.released = Instant::now();
        Ok(within("source", self.log.done(&self.cursor.position)).await?)
    }

    /// Writes the cursor alone.
    async fn save(&mut self) -> Result<(), Broken> {
        let batch = Batch {
            mark: Some(Mark {
                to: Some(self.cursor.clone()),
                ..self.mark.clone()
            }),
            ..Batch::default()
        };
        match self.write(&batch).await? {
            Ok(()) => Ok(()),
            Err(why) => Err(Broken::Fault(format!("the target: its table of cursors: {why}"))),
        }
    }

    /// Writes it, or says which data the target does not take.
    async fn write(&mut self, batch: &Batch) -> Result<Result<(), String>, Broken> {
        let written = timeout(DEADLINE, self.target.write(batch)).await;
        match written.unwrap_or_else(|_| Err(late().into())) {
            Ok(()) => Ok(Ok(())),
            Err(StoreError::Data(why)) => Ok(Err(why)),
            Err(StoreError::Fenced) => Err(Broken::Fenced),
            Err(StoreError::Fault(fault)) => Err(Broken::Fault(format!("the target: {fault}"))),
        }
    }

    /// Writes a slice and moves the cursor behind it; how many rows that were.
    async fn apply(&mut self, slice: Slice) -> Result<u64, Broken> {
        self.cursor.position = slice.until;
        let part = |(at, changes): (usize, Vec<Change>)| Part {
            table: self.tables[at].clone(),
            changes,
        };
        let mut batch = Batch {
            mark: Some(Mark {
                to: Some(self.cursor.clone()),
                ..self.mark.clone()
            }),
            parts: slice.changes.into_iter().map(part).collect(),
            apart: false,
        };
        let rows = batch.rows();
        let mut written = self.write(&batch).await?;
        if written.is_err() {
            // Two rows may have swapped a value that must be unique.
            batch.apart = true;
            written = self.write(&batch).await?;
        }
        match written {
            Ok(()) => self.count(&batch),
            Err(why) => {
                self.piecemeal(batch, why).await?;
                self.save().await?;
            }
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let lag = slice
            .since_ms
            .map(|since| (now as u64).saturating_sub(since.max(0) as u64));
        self.stream
            .told
            .tell(|report| (report.lag_ms, report.backlog) = (lag, Some(slice.left)));
        Ok(rows)
    }

    fn count(&mut self, batch: &Batch) {
        for part in &batch.parts {
            let mut done = nothing(&part.table.name);
            count(&part.changes, &mut done);
            self.owed.paid(part);
            self.stream.told.tell(|report| report.add(&done));
        }
        self.show_owed();
    }

    fn show_owed(&self) {
        let owed = self.owed.shown();
        self.stream.told.tell(|report| {
            if report.owed != owed {
                report.owed = owed;
            }
        });
    }

    /// Halves what the target does not take until the rows are found that are at fault; they are owed.
    async fn piecemeal(&mut self, batch: Batch, why: String) -> Result<(), Broken> {
        let mut left = vec![(batch, why)];
        while let Some((batch, why)) = left.pop() {
            let Some((first, second)) = batch.clone().halves() else {
                self.owe(&batch, &why);
                continue;
            };
            for half in [second, first] {
                let mut half = Batch { apart: false, ..half };
                let mut written = self.write(&half).await?;
                if written.is_err() {
                    half.apart = true;
                    written = self.write(&half).await?;
                }
                match written {
                    Ok(()) => self.count(&half),
                    Err(why) => left.push((half, why)),
                }
            }
        }
        Ok(())
    }

    fn owe(&mut self, batch: &Batch, why: &str) {
        for part in &batch.parts {
            let errors = part.changes.len() as u64;
            self.owed.note(part, why);
            let done = CollectionStats {
                errors,
                ..nothing(&part.table.name)
            };
            self.stream.told.tell(|report| report.add(&done));
        }
        self.show_owed();
    }

    /// Tries the rows again that the target did not take, as they are now: a parent may have come meanwhile.
    async fn retry(&mut self) -> Result<(), Broken> {
        for (name, keys) in self.owed.due() {
            let Some(at) = self.tables.iter().position(|table| table.name == name) else {
                continue;
            };
            let changes = within("source", self.log.again(at, &keys)).await?;
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
        Ok(())
    }
}
