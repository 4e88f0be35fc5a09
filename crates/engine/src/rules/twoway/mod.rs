//! Keeps a rule going both ways, as one: two streams that know what each has written at the other's source.
//!
//! It goes in rounds. A round reads both logs up to where its own last writes stand in them, leaves of each row that both sides changed what the policy
//! wants, and writes to each side what the other has changed. Why both sides become the same: what is written into a side stands in its log as
//! an echo. A change that comes before an echo of its row was overwritten by it, and goes nowhere; one that comes behind it is newer, and
//! goes to the other side. So of every row the last word is either one side's own, which the other gets, or both sides' echo of the same. It is
//! killed at any time: where the logs were read up to stands in the other side, in the transactions of the rows, and what was written
//! without that word having got there shows as an echo when they are read again.

mod merging;
mod place;
mod rounds;
mod side;

use super::batch::{Cursor, Mark};
use super::brake::Brake;
use super::broken::Broken;
use super::copied::Copied;
use super::follow::Writer;
use super::log::{ChangeLog, Reader};
use super::owed::Owed;
use super::patience::Patience;
use super::plan::Plan;
use super::progress::Progress;
use super::report::{Phase, Told};
use super::stopped::{Stopped, within};
use super::store::Store;
use super::stream::claim;
use super::table::Table;
use crate::fault::FaultKind;
use merging::{Pair, Runs, missing};
use place::{Place, place_text};
use rounds::{ENDS, Rounds};
use side::Side;
use std::time::Duration;
use tokio::time::Instant;

/// One way of the rule.
pub(super) struct Way {
    /// Who is told how it goes.
    pub(super) told: Told,
    /// How fast it writes.
    pub(super) brake: Brake,
}

/// A rule that goes both ways: from its source to its target, and back.
pub(super) struct TwoWay<'p> {
    plan: &'p Plan,
    /// What names the cursor of each way.
    readers: [String; 2],
}

/// A store that is written to, the cursor that is claimed there, and how often that was written since it was made.
type Written = (Box<dyn Store>, Mark, i64);

/// Both ends, for reading and for writing.
struct Connected {
    read: [Box<dyn Store>; 2],
    written: [Written; 2],
    /// Where each way was.
    cursors: [Option<Cursor>; 2],
}

/// Both ends, merged where they had to be: ready to be followed.
struct Ready {
    /// As each side knows them.
    tables: [Vec<Table>; 2],
    /// Those that are left alone, and how many that are in all.
    skipped: Vec<usize>,
    is_whole: bool,
    logs: [Box<dyn ChangeLog>; 2],
    places: [Place; 2],
    owed: [Owed; 2],
    /// Who writes the changes of each side.
    stores: [Written; 2],
}

impl<'p> TwoWay<'p> {
    /// Of a plan with two directions, each the other one turned round.
    pub(super) fn new(plan: &'p Plan) -> Option<Self> {
        let [forth, back] = plan.directions.as_slice() else {
            return None;
        };
        let readers = [forth, back].map(|direction| direction.reader(&plan.rule.name));
        Some(Self { plan, readers })
    }

    /// Goes on until it is asked to stop, or somebody else runs the rule.
    pub(super) async fn run(&self, ways: &mut [Way; 2]) {
        let (mut patience, mut held) = (Patience::new(), [None, None]);
        let refused = |ways: &[Way; 2]| ways[0].told.last(|report| report.refused.clone());
        loop {
            let (begun, before) = (Instant::now(), refused(ways));
            let broken = match self.session(patience.review, &mut held, ways).await {
                Ok(never) => match never {},
                Err(broken) => broken,
            };
            patience.learn(begun.elapsed(), refused(ways) == before);
            let ended = match broken {
                Broken::Asked => Some("it was asked to"),
                Broken::Fenced => Some("somebody else runs this rule now"),
                Broken::Unfollowed => Some("the changes of one of its ends cannot be followed"),
                Broken::Again => None,
                Broken::Fault(why) => {
                    ways.iter().for_each(|way| way.told.waiting(why.clone()));
                    let stopped = ways[0].told.stopped_within(patience.pause()).await;
                    stopped.then_some("it was asked to")
                }
            };
            if let Some(why) = ended {
                return ways.iter().for_each(|way| way.told.ended(why));
            }
        }
    }

    async fn session(
        &self,
        review: Duration,
        held: &mut [Option<i64>; 2],
        ways: &mut [Way; 2],
    ) -> Result<std::convert::Infallible, Broken> {
        ways.iter().for_each(|way| way.told.starting());
        let Ready {
            tables,
            skipped,
            is_whole,
            logs: [log0, log1],
            places: [place0, place1],
            owed: [owed0, owed1],
            stores: [store0, store1],
        } = self.ready(held, ways).await?;
        let [forth, back] = ways;
        let copied = |tables: &[Table], others: &[Table]| {
            let pairs = (0..).zip(tables.iter().zip(others));
            let kept = pairs.filter(|(at, _)| !skipped.contains(at));
            Copied::of(kept.map(|(_, pair)| pair)).written()
        };
        let side = |log, place: Place, way: usize, told, (store, mark, batches): Written, owed| {
            let (mut cursor, into) = (place.cursor, tables[1 - way].clone());
            let from = (cursor.position.clone(), place.echoed);
            cursor.position = place_text(&from.0, from.1);
            cursor.tables = copied(&tables[way], &into);
            let writer = Writer::new(told, store, (&tables[way], into), mark, (cursor, owed));
            Side::new(log, writer, from, batches)
        };
        let mut sides = [
            side(log0, place0, 0, &forth.told, store0, owed0),
            side(log1, place1, 1, &back.told, store1, owed1),
        ];
        for side in &mut sides {
            // The log tells of it behind whatever was written before.
            side.writer.save().await?;
            side.writer.told.tell(|report| {
                report.phase = Phase::Streaming;
                report.conflicts.get_or_insert(0);
            });
        }
        let rounds = Rounds {
            policy: self.plan.rule.conflict_resolution,
            tables,
            skipped,
            sides,
            review: (!is_whole).then(|| Instant::now() + review),
            told: Instant::now(),
        };
        rounds.go([&mut forth.brake, &mut back.brake]).await
    }

    /// Connects, and takes both cursors.
    async fn connect(&self, held: &mut [Option<i64>; 2]) -> Result<Connected, Broken> {
        let [there, here] = [&self.plan.directions[0], &self.plan.directions[1]];
        let source = within("source", there.from.open()).await?;
        let target = within("target", here.from.open()).await?;
        let mut store0 = within("target", there.to.open()).await?;
        let mut store1 = within("source", here.to.open()).await?;
        let (mark0, claim0) = claim(&mut *store0, &self.readers[0], &mut held[0]).await?;
        let (mark1, claim1) = claim(&mut *store1, &self.readers[1], &mut held[1]).await?;
        Ok(Connected {
            read: [source, target],
            written: [(store0, mark0, claim0.batches), (store1, mark1, claim1.batches)],
            cursors: [claim0.cursor, claim1.cursor],
        })
    }

    /// Connects, opens the logs, and merges what was never merged.
    async fn ready(&self, held: &mut [Option<i64>; 2], ways: &mut [Way; 2]) -> Result<Ready, Broken> {
        let Connected {
            read,
            written,
            cursors: [cursor0, cursor1],
        } = self.connect(held).await?;
        let [forth, back] = ways;
        let stop = || forth.told.is_to_stop();
        let tell0 = |now: &Progress| forth.told.progress(now);
        let tell1 = |now: &Progress| back.told.progress(now);
        let mut runs = Runs::new(&self.plan.rule, read, written, ([&tell0, &tell1], &stop))
            .braked([(&mut forth.brake, &forth.told), (&mut back.brake, &back.told)]);
        let pairs = runs.pairs().await?;
        let tables: [Vec<Table>; 2] = [
            pairs.iter().map(|(ours, _)| ours.clone()).collect(),
            pairs.iter().map(|(_, theirs)| theirs.clone()).collect(),
        ];
        let mut logs = [self.log(0, &tables[0]).await?, self.log(1, &tables[1]).await?];
        // What was altered before the logs were opened would never show in them.
        if runs.is_other().await? {
            return Err(Broken::Again);
        }
        let skipped = runs.refuse(&pairs, &logs);
        let refused = runs.refused().clone();
        for told in [&forth.told, &back.told] {
            told.tell(|report| report.refused.clone_from(&refused));
        }
        let (place0, why0) = Place::resumed(&mut *logs[0], cursor0).await?;
        let (place1, why1) = Place::resumed(&mut *logs[1], cursor1).await?;
        let places = [place0, place1];
        let kept: Vec<Pair> = (0..)
            .zip(&pairs)
            .filter(|(at, _)| !skipped.contains(at))
            .map(|(_, pair)| pair.clone())
            .collect();
        let missing = missing(&pairs, &kept, &logs, &places);
        if !missing.is_empty() {
            // Only that a table is new says nothing that the other does not say better.
            let why = if places[0].is_new { why0 } else { why1 };
            forth.told.copying(&why);
            back.told.copying(&why);
            let ended = runs.merge(&missing, &places).await;
            runs.tell([&forth.told, &back.told]);
            ended?;
        }
        let owed = runs.owed(&places, &tables);
        Ok(Ready {
            tables,
            skipped,
            is_whole: refused.is_empty(),
            logs,
            places,
            owed,
            stores: runs.into_stores(),
        })
    }

    async fn log(&self, way: usize, tables: &[Table]) -> Result<Box<dyn ChangeLog>, Broken> {
        let reader = Reader {
            name: self.readers[way].clone(),
            echo: Some(self.readers[1 - way].clone()),
        };
        let log = self.plan.directions[way].from.log(reader, tables.to_vec());
        match within(ENDS[way], log).await {
            Err(Stopped::Fault { fault, .. }) if fault.kind == FaultKind::NotAsked => Err(Broken::Unfollowed),
            opened => Ok(opened?),
        }
    }
}
