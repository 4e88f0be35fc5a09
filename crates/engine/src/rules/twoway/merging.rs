//! Two ends become one before they are followed: each gets the rows that only the other has, and of those that differ the policy says which stays.
//!
//! Nothing is deleted: nobody knows whether a row that only one end has was deleted in the other or is new.

use super::Written;
use super::place::Place;
use crate::rules::batch::Mark;
use crate::rules::brake::Brake;
use crate::rules::broken::Broken;
use crate::rules::conflict::{NO_STAMP, stamp};
use crate::rules::log::ChangeLog;
use crate::rules::names::Names;
use crate::rules::owed::Owed;
use crate::rules::progress::Progress;
use crate::rules::report::Told;
use crate::rules::snapshot::{Merge, SnapshotRun};
use crate::rules::store::Store;
use crate::rules::stream::uncopied;
use crate::rules::table::Table;
use replica_core::{ConflictResolution, Rule};
use std::collections::BTreeMap;

/// A table as the source knows it and as the target does, with the columns in the same order.
pub(super) type Pair = (Table, Table);

/// Who hears how far it is.
type Tell<'r> = &'r (dyn Fn(&Progress) + Sync);

/// Both runs: from the source to the target, and back.
pub(super) struct Runs<'r> {
    rule: &'r Rule,
    forth: SnapshotRun<'r>,
    back: SnapshotRun<'r>,
    /// How often the cursor of each had been written.
    batches: [i64; 2],
    marks: [Mark; 2],
}

impl<'r> Runs<'r> {
    pub(super) fn new(
        rule: &'r Rule,
        [source, target]: [Box<dyn Store>; 2],
        [(into_target, mark0, batches0), (into_source, mark1, batches1)]: [Written; 2],
        (tells, stop): ([Tell<'r>; 2], &'r (dyn Fn() -> bool + Sync)),
    ) -> Self {
        let merge = |is_forth| Merge {
            policy: rule.conflict_resolution,
            is_forth,
        };
        let forth = SnapshotRun::new(source, into_target, tells[0], stop).fenced(mark0.clone());
        let back = SnapshotRun::new(target, into_source, tells[1], stop).fenced(mark1.clone());
        Self {
            rule,
            forth: forth.merging(merge(true)),
            back: back.merging(merge(false)),
            batches: [batches0, batches1],
            marks: [mark0, mark1],
        }
    }

    /// Writes no faster than these allow.
    pub(super) fn braked(self, [forth, back]: [(&'r mut Brake, &'r Told); 2]) -> Self {
        Self {
            forth: self.forth.braked(forth.0, forth.1),
            back: self.back.braked(back.0, back.1),
            ..self
        }
    }

    /// The tables of both ends; what either lacks is created.
    pub(super) async fn pairs(&mut self) -> Result<Vec<Pair>, Broken> {
        let collections = &self.rule.collections;
        self.forth.pairs(collections).await?;
        self.back.pairs(collections).await?;
        // What only the target had is there now.
        self.forth.refused.clear();
        let pairs = self.forth.pairs(collections).await?;
        self.back.pairs(collections).await?;
        let mut both = Vec::new();
        for (ours, theirs) in pairs {
            match fits_both_ways(self.rule.conflict_resolution, &ours, &theirs) {
                Ok(()) => both.push((ours, theirs)),
                Err(why) => drop(self.forth.refused.insert(ours.name.clone(), why)),
            }
        }
        Ok(both)
    }

    /// Whether either end has other tables by now.
    pub(super) async fn is_other(&mut self) -> Result<bool, Broken> {
        Ok(self.forth.is_other().await? || self.back.is_other().await?)
    }

    /// Leaves the tables alone of which a log cannot tell; their places.
    pub(super) fn refuse(&mut self, pairs: &[Pair], logs: &[Box<dyn ChangeLog>; 2]) -> Vec<usize> {
        let refused = logs.iter().flat_map(|log| log.refused());
        let named = refused.map(|(at, why)| {
            self.forth.refused.insert(pairs[*at].0.name.clone(), why.clone());
            *at
        });
        named.collect()
    }

    /// Tables that are left alone, and why.
    pub(super) fn refused(&self) -> &BTreeMap<String, String> {
        &self.forth.refused
    }

    /// Merges these tables.
    pub(super) async fn merge(&mut self, pairs: &[Pair], places: &[Place; 2]) -> Result<(), Broken> {
        // Both moments come before the first write: otherwise what one run wrote would be taken for the other side's own.
        let [ours, theirs] = places
            .each_ref()
            .map(|place| Some(place.cursor.position.as_str()));
        self.back.stand_still(theirs).await?;
        self.forth.stand_still(ours).await?;
        self.forth.mirror_all(pairs).await?;
        Ok(self.back.mirror_all(&flipped(pairs)).await?)
    }

    /// Tells what was done.
    pub(super) fn tell(&self, told: [&Told; 2]) {
        for (told, run) in told.into_iter().zip([&self.forth, &self.back]) {
            told.tell(|report| run.details.iter().for_each(|done| report.add(done)));
        }
    }

    /// The rows that each end has not taken, now and before.
    pub(super) fn owed(&self, places: &[Place; 2], tables: &[Vec<Table>; 2]) -> [Owed; 2] {
        let of = |run: &SnapshotRun<'_>, place: &Place, written: &[Table]| {
            let mut owed = place.owed(written);
            for (rejected, key) in run.rejected.iter().zip(&run.rejected_keys) {
                owed.owe(&rejected.table, key.clone(), &rejected.why);
            }
            owed
        };
        [
            of(&self.forth, &places[0], &tables[1]),
            of(&self.back, &places[1], &tables[0]),
        ]
    }

    /// Who writes into the target, and who into the source.
    pub(super) fn into_stores(self) -> [Written; 2] {
        let [mark0, mark1] = self.marks;
        let [batches0, batches1] = [
            self.batches[0] + self.forth.batches,
            self.batches[1] + self.back.batches,
        ];
        [
            (self.forth.into_target(), mark0, batches0),
            (self.back.into_target(), mark1, batches1),
        ]
    }
}

fn flipped(pairs: &[Pair]) -> Vec<Pair> {
    pairs
        .iter()
        .map(|(ours, theirs)| (theirs.clone(), ours.clone()))
        .collect()
}

/// Why rows of a table cannot go both ways, if so.
fn fits_both_ways(policy: ConflictResolution, ours: &Table, theirs: &Table) -> Result<(), String> {
    let (back, _) = theirs
        .into_target(ours, &Names::default())
        .map_err(|why| format!("the way back: {why}"))?;
    if back.columns.len() != ours.columns.len() {
        return Err("its columns are not those of the other side".to_owned());
    }
    match policy {
        ConflictResolution::Timestamp if stamp(ours).is_none() => Err(NO_STAMP.to_owned()),
        _ => Ok(()),
    }
}

/// Those of the tables that are kept of which a cursor does not say that they were copied as they are, or whose log begins only now.
pub(super) fn missing(
    pairs: &[Pair],
    kept: &[Pair],
    logs: &[Box<dyn ChangeLog>; 2],
    places: &[Place; 2],
) -> Vec<Pair> {
    let of = |way: usize, pairs: &[Pair], kept: &[Pair]| -> Vec<String> {
        let fresh = logs[way].fresh().iter().map(|at| pairs[*at].0.name.as_str());
        let missing = uncopied(kept, &fresh.collect::<Vec<_>>(), &places[way].cursor);
        missing.into_iter().map(|(read, _)| read.name).collect()
    };
    let (ours, theirs) = (of(0, pairs, kept), of(1, &flipped(pairs), &flipped(kept)));
    let is_missing = |pair: &&Pair| ours.contains(&pair.0.name) || theirs.contains(&pair.1.name);
    kept.iter().filter(is_missing).cloned().collect()
}
