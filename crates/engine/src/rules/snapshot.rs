//! A full mirror: walks both ends in the order of the keys, stretch by stretch, and writes what differs.
//!
//! Only two stretches are ever in memory. What was written stays written: a run that is cut off is finished by the next one.

use super::batch::{Batch, Mark};
use super::brake::{Brake, Written};
use super::conflict::source_wins;
use super::diff::diff;
use super::examine::{Chosen, chosen};
use super::names::Names;
use super::progress::Progress;
use super::report::Told;
use super::stopped::{DEADLINE, Stopped, late, within};
use super::store::{Change, Key, Rejected, Row, Store, StoreError};
use super::table::Table;
use replica_core::ConflictResolution;
use replica_core::rule::CollectionStats;
use std::collections::{BTreeMap, HashMap};
use tokio::time::Instant;

/// Rows of a stretch, at most and at least.
const STRETCH: (usize, usize) = (2000, 20);
/// The size of a stretch in memory above which the next one has fewer rows.
const LARGE: usize = 8 << 20;
/// Rejected rows that are remembered with their reason; all are counted.
const REMEMBERED: usize = 1000;

/// One run from one store to another.
pub struct SnapshotRun<'r> {
    source: Box<dyn Store>,
    target: Box<dyn Store>,
    told: &'r (dyn Fn(&Progress) + Sync),
    stop: &'r (dyn Fn() -> bool + Sync),
    progress: Progress,
    names: Names,
    fence: Option<Mark>,
    brake: Option<(&'r mut Brake, &'r Told)>,
    /// Whether it merges, and which of two rows stays then.
    merge: Option<Merge>,
    /// What the source had when it was asked.
    listed: Vec<Table>,
    /// What was done so far, table by table.
    pub details: Vec<CollectionStats>,
    /// Rows that the target did not take, the first of them.
    pub rejected: Vec<Rejected>,
    /// Their keys.
    pub(super) rejected_keys: Vec<Key>,
    /// How many batches were written.
    pub(super) batches: i64,
    /// Tables that were left alone, and why.
    pub refused: BTreeMap<String, String>,
}

impl<'r> SnapshotRun<'r> {
    /// A run that tells how far it is, and ends early when `stop` says so.
    pub fn new(
        source: Box<dyn Store>,
        target: Box<dyn Store>,
        told: &'r (dyn Fn(&Progress) + Sync),
        stop: &'r (dyn Fn() -> bool + Sync),
    ) -> Self {
        let progress = Progress::default();
        Self {
            source,
            target,
            told,
            stop,
            progress,
            names: Names::default(),
            fence: None,
            brake: None,
            merge: None,
            listed: Vec::new(),
            details: Vec::new(),
            rejected: Vec::new(),
            rejected_keys: Vec::new(),
            batches: 0,
            refused: BTreeMap::new(),
        }
    }

    /// Tables and columns have these names in the target.
    #[must_use]
    pub fn named(self, names: Names) -> Self {
        Self { names, ..self }
    }

    /// Writes only while this cursor is one's own.
    pub(super) fn fenced(self, mark: Mark) -> Self {
        let fence = Some(mark);
        Self { fence, ..self }
    }

    /// Writes no faster than that allows.
    pub(super) fn braked(self, brake: &'r mut Brake, told: &'r Told) -> Self {
        let brake = Some((brake, told));
        Self { brake, ..self }
    }

    /// Deletes nothing, and updates a row only where that of the source is to stay.
    pub(super) fn merging(self, merge: Merge) -> Self {
        let merge = Some(merge);
        Self { merge, ..self }
    }

    /// The target, for whoever goes on with it.
    pub(super) fn into_target(self) -> Box<dyn Store> {
        self.target
    }

    /// Mirrors the tables of these names; `*` is every one that the source has now.
    pub async fn run(&mut self, collections: &[impl AsRef<str>]) -> Result<(), Stopped> {
        let pairs = self.pairs(collections).await?;
        self.stand_still(None).await?;
        self.mirror_all(&pairs).await
    }

    /// What is read and what is written of each table; those that the target lacks are created, those that cannot go are `refused`.
    pub(super) async fn pairs(
        &mut self,
        collections: &[impl AsRef<str>],
    ) -> Result<Vec<(Table, Table)>, Stopped> {
        let theirs = within("source", self.source.tables()).await?;
        self.listed.clone_from(&theirs);
        let Chosen { tables, refused } = chosen(&theirs, collections, &self.names);
        self.refused.extend(refused);
        let mut pairs = Vec::new();
        for table in tables {
            match self.prepare(table).await? {
                Ok(pair) => pairs.push(pair),
                Err(why) => drop(self.refused.insert(table.name.clone(), why)),
            }
        }
        Ok(pairs)
    }

    /// Whether the source has other tables by now than those that were paired.
    pub(super) async fn is_other(&mut self) -> Result<bool, Stopped> {
        Ok(within("source", self.source.tables()).await? != self.listed)
    }

    /// What is read from here on is of one moment, at that position of the source's log or later.
    pub(super) async fn stand_still(&mut self, after: Option<&str>) -> Result<(), Stopped> {
        within("source", self.source.stand_still(after)).await
    }

    /// Mirrors each.
    pub(super) async fn mirror_all(&mut self, pairs: &[(Table, Table)]) -> Result<(), Stopped> {
        self.progress.tables.1 = pairs.len();
        self.progress.expected = self.expected(pairs).await?;
        let begun = Instant::now();
        for (read, written) in pairs {
            self.progress.table.clone_from(&read.name);
            self.mirror(read, written, begun).await?;
            self.progress.tables.0 += 1;
        }
        Ok(())
    }

    /// About how many rows all of them have in the source, if that is known of each.
    async fn expected(&mut self, pairs: &[(Table, Table)]) -> Result<Option<u64>, Stopped> {
        let names: Vec<&str> = pairs.iter().map(|(read, _)| read.name.as_str()).collect();
        let sizes = within("source", self.source.sizes(&names)).await?;
        Ok(names.iter().map(|name| sizes.get(*name).copied()).sum())
    }

    /// What is read and what is written of a table, which is created where the target lacks it, and gets the columns that it lacks.
    async fn prepare(&mut self, table: &Table) -> Result<Result<(Table, Table), String>, Stopped> {
        let called = self.names.there(table);
        let mut there = self.there(&called).await?;
        let lacking = there
            .as_ref()
            .map(|there| (there.name.clone(), called.lacking(there)));
        match lacking {
            None if !table.key.is_empty() => {
                within("target", self.target.create(&called)).await?;
                there = self.there(&called).await?;
            }
            Some((name, lacking)) if !table.key.is_empty() && !lacking.is_empty() => {
                within("target", self.target.widen(&name, &lacking)).await?;
                there = self.there(&called).await?;
            }
            _ => {}
        }
        Ok(match there {
            Some(there) => table.into_target(&there, &self.names),
            None => {
                let columns = Vec::new();
                table.into_target(&Table { columns, ..called }, &self.names)
            }
        })
    }

    /// The target's table of that name.
    async fn there(&mut self, called: &Table) -> Result<Option<Table>, Stopped> {
        let tables = within("target", self.target.tables()).await?;
        Ok(called.found(&tables).cloned())
    }

    async fn mirror(&mut self, read: &Table, written: &Table, begun: Instant) -> Result<(), Stopped> {
        let mut done = nothing(&read.name);
        let mut walk = Walk::default();
        let ended = loop {
            if (self.stop)() {
                break Err(Stopped::Asked);
            }
            self.progress.learn(begun.elapsed());
            (self.told)(&self.progress);
            if let Some((brake, told)) = &mut self.brake {
                brake.wait(told).await;
            }
            match self.stretch(read, written, &mut walk, &mut done).await {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(stopped) => break Err(stopped),
            }
        };
        // What was done counts, however it ended.
        self.details.push(done);
        ended
    }

    /// One stretch; whether there may be more.
    async fn stretch(
        &mut self,
        read: &Table,
        written: &Table,
        walk: &mut Walk,
        done: &mut CollectionStats,
    ) -> Result<bool, Stopped> {
        let after = walk.after.as_ref();
        let mut wanted = within("source", self.source.rows(read, after, None, walk.most)).await?;
        let mut until = match wanted.len() < walk.most {
            true => None,
            false => wanted.last().map(|row| Key::of(read, row)),
        };
        // The target may have far more rows there: as many again are looked at, and the stretch ends with the last of them.
        let most = walk.most * 2;
        let found = within("target", self.target.rows(written, after, until.as_ref(), most)).await?;
        if found.len() == most
            && let Some(last) = found.last().map(|row| Key::of(written, row))
        {
            wanted.retain(|row| Key::of(read, row).order(&last).is_le());
            until = Some(last);
        }
        walk.learn(&wanted);
        self.progress.rows += wanted.len() as u64;
        let (mut changes, same) = diff(read, wanted, &found);
        if let Some(merge) = &self.merge {
            merge.keep(read, &mut changes, &found);
        }
        done.skipped += same;
        let begun = Instant::now();
        self.write(written, &changes, done).await?;
        if let Some((brake, told)) = &mut self.brake {
            brake.pay(Written::of_changes(&changes), begun, told).await;
        }
        walk.after = until;
        Ok(walk.after.is_some())
    }

    /// Writes changes; what the target does not take is halved until the row is found that is at fault.
    async fn write(
        &mut self,
        table: &Table,
        changes: &[Change],
        done: &mut CollectionStats,
    ) -> Result<(), Stopped> {
        let mut left = vec![changes];
        while let Some(changes) = left.pop() {
            if changes.is_empty() {
                continue;
            }
            let batch = Batch {
                mark: self.fence.clone(),
                ..Batch::of(table, changes)
            };
            let written = tokio::time::timeout(DEADLINE, self.target.write(&batch)).await;
            match written.unwrap_or_else(|_| Err(StoreError::Fault(late(DEADLINE)))) {
                Ok(()) => {
                    self.batches += 1;
                    count(changes, done);
                    if let Some((_, told)) = &self.brake {
                        told.wrote(changes);
                    }
                }
                Err(StoreError::Fault(fault)) => return Err(Stopped::Fault { end: "target", fault }),
                Err(StoreError::Fenced) => return Err(Stopped::Fenced),
                Err(StoreError::Data(_)) if changes.len() > 1 => {
                    let (first, second) = changes.split_at(changes.len() / 2);
                    left.extend([second, first]);
                }
                Err(StoreError::Data(why)) => {
                    done.errors += 1;
                    self.reject(table, &changes[0], why);
                }
            }
        }
        Ok(())
    }

    fn reject(&mut self, table: &Table, change: &Change, why: String) {
        if self.rejected.len() < REMEMBERED {
            let key = change.key(table);
            self.rejected.push(Rejected {
                table: table.name.clone(),
                key: key.words(),
                why,
            });
            self.rejected_keys.push(key);
        }
    }
}

pub(super) fn count(changes: &[Change], done: &mut CollectionStats) {
    for change in changes {
        *match change {
            Change::Insert(_) | Change::Put { new: true, .. } => &mut done.created,
            Change::Update(_) | Change::Put { new: false, .. } => &mut done.updated,
            Change::Delete(_) => &mut done.deleted,
        } += 1;
    }
}

/// Nothing done yet.
pub(super) fn nothing(table: &str) -> CollectionStats {
    CollectionStats {
        collection: table.into(),
        created: 0,
        updated: 0,
        deleted: 0,
        skipped: 0,
        errors: 0,
    }
}

/// How two ends become one.
#[derive(Clone, Copy)]
pub(super) struct Merge {
    pub(super) policy: ConflictResolution,
    /// Whether this run writes into the rule's target, rather than back into its source.
    pub(super) is_forth: bool,
}

impl Merge {
    /// Leaves the changes that a merge makes.
    fn keep(self, table: &Table, changes: &mut Vec<Change>, found: &[Row]) {
        let there: HashMap<Vec<u8>, &Row> = found
            .iter()
            .map(|row| (Key::of(table, row).exactly(), row))
            .collect();
        changes.retain(|change| match change {
            Change::Update(row) => {
                let other = there.get(&Key::of(table, row).exactly()).copied();
                match self.is_forth {
                    true => source_wins(self.policy, table, Some(row), other),
                    false => !source_wins(self.policy, table, other, Some(row)),
                }
            }
            Change::Delete(_) => false,
            Change::Insert(_) | Change::Put { .. } => true,
        });
    }
}

/// Where a walk is, and how long its next stretch may be.
struct Walk {
    after: Option<Key>,
    most: usize,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            after: None,
            most: STRETCH.0,
        }
    }
}

impl Walk {
    /// Wide rows come fewer at a time.
    fn learn(&mut self, rows: &[Row]) {
        let size: usize = rows.iter().flatten().map(super::Cell::size).sum();
        self.most = match size > LARGE {
            true => self.most / 2,
            false if size < LARGE / 4 => self.most * 2,
            false => self.most,
        }
        .clamp(STRETCH.1, STRETCH.0);
    }
}
