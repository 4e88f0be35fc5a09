//! Keeps one way of a rule going: copies what was never copied, then follows the log of the source, whatever breaks meanwhile.
//!
//! Where it is stands in the target, in the transaction of the rows that it stands for; so it is killed at any time and goes on where it
//! was. Nothing stops silently: a [`Report`](super::Report) tells what it does, or why it waits.

use super::batch::{Batch, Claim, Cursor, Mark};
use super::brake::Brake;
use super::broken::{Broken, at_source, at_target};
use super::copied::Copied;
use super::follow::{Following, Writer};
use super::log::{ChangeLog, LogError, Reader};
use super::owed::Owed;
use super::patience::Patience;
use super::plan::{Direction, Plan};
use super::progress::Progress;
use super::report::{Phase, Told};
use super::snapshot::SnapshotRun;
use super::stopped::{DEADLINE, Stopped, late, within};
use super::store::Store;
use super::table::Table;
use crate::fault::FaultKind;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// One way of a rule that is kept going.
pub(super) struct Stream<'p> {
    plan: &'p Plan,
    direction: &'p Direction,
    /// What names its cursor in the target, and its place in the source.
    reader: String,
    told: Told,
}

impl<'p> Stream<'p> {
    /// A stream of that way of the rule, which tells how it is.
    pub(super) fn new(plan: &'p Plan, direction: &'p Direction, told: Told) -> Self {
        Self {
            plan,
            direction,
            reader: direction.reader(&plan.rule.name),
            told,
        }
    }

    /// Goes on until it is asked to stop, or somebody else runs the rule. Where the source proves to have no log that can be followed, who is told
    /// is given back.
    pub(super) async fn run(self, brake: &mut Brake) -> Option<Told> {
        let refused = || self.told.last(|report| report.refused.clone());
        let (mut patience, mut held) = (Patience::new(), None);
        loop {
            let (begun, before) = (Instant::now(), refused());
            let broken = match self.session(patience.review, &mut held, brake).await {
                Ok(never) => match never {},
                Err(broken) => broken,
            };
            patience.learn(begun.elapsed(), refused() == before);
            match broken {
                Broken::Asked => {
                    self.told.ended("it was asked to");
                    return None;
                }
                Broken::Fenced => {
                    self.told.ended("somebody else runs this rule now");
                    return None;
                }
                Broken::Unfollowed => return Some(self.told),
                Broken::Again => {}
                Broken::Fault(why) => {
                    self.told.waiting(why);
                    if self.told.stopped_within(patience.pause()).await {
                        self.told.ended("it was asked to");
                        return None;
                    }
                }
            }
        }
    }

    /// From connecting until something breaks. `held` is the epoch of the session before.
    async fn session(
        &self,
        review: Duration,
        held: &mut Option<i64>,
        brake: &mut Brake,
    ) -> Result<std::convert::Infallible, Broken> {
        self.told.starting();
        let (source, mut target) = self.direction.ends().await?;
        let (mark, Claim { cursor: before, .. }) = claim(&mut *target, &self.reader, held).await?;
        let (told, stop) = (
            |now: &Progress| self.told.progress(now),
            || self.told.is_to_stop(),
        );
        let mut run = SnapshotRun::new(source, target, &told, &stop)
            .named(self.plan.names())
            .fenced(mark.clone())
            .braked(brake, &self.told);
        let mut pairs = run.pairs(&self.plan.rule.collections).await?;
        let written: Vec<Table> = pairs.iter().map(|(_, written)| written.clone()).collect();
        let read: Vec<Table> = pairs.iter().map(|(read, _)| read.clone()).collect();
        let mut log = self.log(read.clone()).await?;
        // What was altered before the log was opened would never show in it.
        if run.is_other().await? {
            return Err(Broken::Again);
        }
        for (at, why) in log.refused() {
            run.refused.insert(read[*at].name.clone(), why.clone());
        }
        pairs.retain(|(read, _)| !run.refused.contains_key(&read.name));
        let refused = run.refused.clone();
        let review = (!refused.is_empty()).then(|| Instant::now() + review);
        self.told.tell(|report| report.refused = refused);
        let (mut cursor, why) = resumed(&mut *log, before).await?;
        let fresh: Vec<&str> = log.fresh().iter().map(|at| read[*at].name.as_str()).collect();
        let missing = uncopied(&pairs, &fresh, &cursor);
        if !missing.is_empty() {
            self.told.copying(&why);
            run.stand_still(Some(&cursor.position)).await?;
            let ended = run.mirror_all(&missing).await;
            let done = std::mem::take(&mut run.details);
            self.told
                .tell(|report| done.iter().for_each(|done| report.add(done)));
            ended?;
        }
        let mut owed = Owed::read(cursor.owed.as_deref().unwrap_or_default(), &written);
        for (rejected, key) in run.rejected.iter().zip(&run.rejected_keys) {
            owed.owe(&rejected.table, key.clone(), &rejected.why);
        }
        cursor.tables = Copied::of(pairs.iter().map(|(read, written)| (read, written))).written();
        let target = run.into_target();
        let mut writer = Writer::new(&self.told, target, (&read, written), mark, (cursor, owed));
        writer.save().await?;
        self.told.tell(|report| report.phase = Phase::Streaming);
        Following::new(log, writer, brake, review).follow().await
    }

    async fn log(&self, tables: Vec<Table>) -> Result<Box<dyn ChangeLog>, Broken> {
        let reader = Reader {
            name: self.reader.clone(),
            echo: None,
        };
        match within("source", self.direction.from.log(reader, tables)).await {
            Err(Stopped::Fault { fault, .. }) if fault.kind == FaultKind::NotAsked => Err(Broken::Unfollowed),
            opened => Ok(opened?),
        }
    }
}

/// Makes the cursor one's own, unless somebody else has taken it since it was claimed at the epoch that is `held`.
pub(super) async fn claim(
    target: &mut dyn Store,
    reader: &str,
    held: &mut Option<i64>,
) -> Result<(Mark, Claim), Broken> {
    let mark = |epoch| Mark {
        reader: reader.to_owned(),
        epoch,
        to: None,
    };
    if let Some(epoch) = *held {
        let still = Batch {
            mark: Some(mark(epoch)),
            ..Batch::default()
        };
        let written = timeout(DEADLINE, target.write(&still)).await;
        written
            .unwrap_or_else(|_| Err(late(DEADLINE).into()))
            .map_err(|error| at_target(&error))?;
    }
    let claim = within("target", target.claim(reader)).await?;
    *held = Some(claim.epoch);
    Ok((mark(claim.epoch), claim))
}

/// The tables of which the cursor does not say that they were copied as they are, and those whose log begins only now.
pub(super) fn uncopied(pairs: &[(Table, Table)], fresh: &[&str], cursor: &Cursor) -> Vec<(Table, Table)> {
    let copied = Copied::read(&cursor.tables);
    let is_missing =
        |(read, written): &&(Table, Table)| !copied.has(read, written) || fresh.contains(&read.name.as_str());
    let missing = pairs.iter().filter(is_missing);
    missing.cloned().collect()
}

/// Where to go on: at the cursor, if its log still reaches so far back; otherwise at the end of the log as it is now, and why.
pub(super) async fn resumed(
    log: &mut dyn ChangeLog,
    cursor: Option<Cursor>,
) -> Result<(Cursor, String), Broken> {
    let why = match cursor {
        None => "it was never copied".to_owned(),
        Some(cursor) if cursor.source != log.source() => "the source is another one than before".to_owned(),
        Some(cursor) => match sought(log, Some(&cursor.position)).await? {
            Ok(_) => return Ok((cursor, "new or altered tables".to_owned())),
            Err(gap) => gap,
        },
    };
    let position = sought(log, None).await?.map_err(Broken::Fault)?;
    let source = log.source().to_owned();
    let tables = String::new();
    // Every table is copied, so nothing is owed of before.
    let cursor = Cursor {
        source,
        position,
        tables,
        owed: None,
    };
    Ok((cursor, why))
}

/// Where the log is now, or why it does not reach so far back.
async fn sought(log: &mut dyn ChangeLog, after: Option<&str>) -> Result<Result<String, String>, Broken> {
    let sought = timeout(DEADLINE, log.seek(after)).await;
    match sought.unwrap_or_else(|_| Err(late(DEADLINE).into())) {
        Ok(position) => Ok(Ok(position)),
        Err(LogError::Gap(why)) => Ok(Err(why)),
        Err(LogError::Altered { .. }) => Err(Broken::Again),
        Err(LogError::Fault(fault)) => Err(at_source(&fault)),
    }
}
