//! Whether both ends of a rule hold the same rows, asked while both are written to.
//!
//! Both are walked in the order of their keys. What differs may only be on its way: it is looked at again after a while, and again, and counts only if it
//! differs each time in the same way.

use super::batch::Batch;
use super::diff::diff;
use super::examine::chosen;
use super::names::Names;
use super::progress::Progress;
use super::stopped::{DEADLINE, Stopped, late, within};
use super::store::{Change, Key, Row, Store, StoreError};
use super::table::Table;
use crate::fault::Fault;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Rows of a stretch.
const STRETCH: usize = 2000;
/// How often what differs is looked at before it counts.
const LOOKS: usize = 3;
/// Differences of a table that are remembered; a table with more of them is better copied.
const REMEMBERED: usize = 10_000;
/// How often a row that changes while it is healed is written.
const TRIES: usize = 5;

/// How a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differs {
    /// The target lacks it.
    Missing,
    /// The target has it otherwise.
    Changed,
    /// Only the target has it.
    Extra,
}

/// What was found of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Its name in the source.
    pub table: String,
    /// Rows of the source that were read.
    pub rows: u64,
    /// The rows that differ, by their keys, as far as they are remembered.
    pub differences: Vec<(String, Differs)>,
    /// Whether there are more.
    pub and_more: bool,
    /// How many of them were healed.
    pub healed: usize,
    /// Why others could not be.
    pub unhealed: Vec<String>,
}

/// A stretch in which something differs.
struct Suspect {
    after: Option<Key>,
    until: Option<Key>,
    changes: Vec<Change>,
}

/// A look at both ends.
pub struct Verification<'r> {
    source: Box<dyn Store>,
    target: Box<dyn Store>,
    names: Names,
    patience: Duration,
    heal: bool,
    told: &'r (dyn Fn(&Progress) + Sync),
    stop: &'r (dyn Fn() -> bool + Sync),
    progress: Progress,
    /// What was found, table by table.
    pub tables: Vec<Verified>,
    /// Tables that cannot be compared, and why.
    pub refused: BTreeMap<String, String>,
}

impl<'r> Verification<'r> {
    /// What differs is looked at again after `patience`, which must be longer than the rule takes to bring a change. With `heal`, what still
    /// differs is written.
    pub fn new(
        (source, target): (Box<dyn Store>, Box<dyn Store>),
        patience: Duration,
        heal: bool,
        told: &'r (dyn Fn(&Progress) + Sync),
        stop: &'r (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self {
            source,
            target,
            names: Names::default(),
            patience,
            heal,
            told,
            stop,
            progress: Progress::default(),
            tables: Vec::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Tables and columns have these names in the target.
    #[must_use]
    pub fn named(self, names: Names) -> Self {
        Self { names, ..self }
    }

    /// Compares the tables of these names; `*` is every one that the source has now.
    pub async fn run(&mut self, collections: &[impl AsRef<str>]) -> Result<(), Stopped> {
        let pairs = self.pairs(collections).await?;
        self.progress.tables.1 = pairs.len();
        for (read, written) in pairs {
            self.progress.table.clone_from(&read.name);
            let verified = self.table(&read, &written).await?;
            self.tables.push(verified);
            self.progress.tables.0 += 1;
        }
        Ok(())
    }

    async fn pairs(&mut self, collections: &[impl AsRef<str>]) -> Result<Vec<(Table, Table)>, Stopped> {
        let theirs = within("source", self.source.tables()).await?;
        let there = within("target", self.target.tables()).await?;
        let chosen = chosen(&theirs, collections, &self.names);
        self.refused.extend(chosen.refused);
        let mut pairs = Vec::new();
        for table in chosen.tables {
            let pair = match self.names.there(table).found(&there) {
                Some(there) => table.into_target(there, &self.names),
                None => Err("the target has no such table".to_owned()),
            };
            match pair {
                Ok(pair) => pairs.push(pair),
                Err(why) => drop(self.refused.insert(table.name.clone(), why)),
            }
        }
        Ok(pairs)
    }

    async fn table(&mut self, read: &Table, written: &Table) -> Result<Verified, Stopped> {
        let mut verified = Verified {
            table: read.name.clone(),
            ..Verified::default()
        };
        let (mut suspects, mut after, mut remembered) = (Vec::new(), None, 0);
        loop {
            self.told()?;
            let (wanted, found, until) = self.stretch(read, written, after.as_ref()).await?;
            verified.rows += wanted.len() as u64;
            self.progress.rows += wanted.len() as u64;
            let is_last = until.is_none();
            // What is added behind it meanwhile is none of this look's business.
            let bound = until.clone().or_else(|| end(read, &wanted, &found));
            let (changes, _) = diff(read, wanted, &found);
            if !changes.is_empty() && remembered < REMEMBERED {
                remembered += changes.len();
                let after = after.take();
                let until = bound;
                suspects.push(Suspect {
                    after,
                    until,
                    changes,
                });
            } else if !changes.is_empty() {
                verified.and_more = true;
            }
            after = until;
            if is_last {
                break;
            }
        }
        self.settle(read, written, &mut suspects).await?;
        for suspect in suspects {
            let differs = suspect
                .changes
                .iter()
                .map(|change| (change.key(read).words(), kind(change)));
            verified.differences.extend(differs);
            if self.heal {
                self.mend(read, written, suspect, &mut verified).await?;
            }
        }
        Ok(verified)
    }

    fn told(&self) -> Result<(), Stopped> {
        (self.told)(&self.progress);
        match (self.stop)() {
            true => Err(Stopped::Asked),
            false => Ok(()),
        }
    }

    /// The rows of both ends behind a key, and where they end; none at the end of the table.
    async fn stretch(
        &mut self,
        read: &Table,
        written: &Table,
        after: Option<&Key>,
    ) -> Result<(Vec<Row>, Vec<Row>, Option<Key>), Stopped> {
        let mut wanted = within("source", self.source.rows(read, after, None, STRETCH)).await?;
        let mut until = match wanted.len() < STRETCH {
            true => None,
            false => wanted.last().map(|row| Key::of(read, row)),
        };
        // The target may have far more rows there: then the stretch ends with the last of those that were read.
        let most = STRETCH * 2;
        let found = within("target", self.target.rows(written, after, until.as_ref(), most)).await?;
        if found.len() == most
            && let Some(last) = found.last().map(|row| Key::of(written, row))
        {
            wanted.retain(|row| Key::of(read, row).order(&last).is_le());
            until = Some(last);
        }
        Ok((wanted, found, until))
    }

    /// Looks again at what differs, until only that is left which differs each time in the same way.
    async fn settle(
        &mut self,
        read: &Table,
        written: &Table,
        suspects: &mut Vec<Suspect>,
    ) -> Result<(), Stopped> {
        for _ in 1..LOOKS {
            if suspects.is_empty() {
                return Ok(());
            }
            sleep(self.patience / (LOOKS - 1) as u32).await;
            for suspect in suspects.iter_mut() {
                self.told()?;
                let still = self.differences(read, written, suspect).await?;
                suspect.changes.retain(|change| still.contains(change));
            }
            suspects.retain(|suspect| !suspect.changes.is_empty());
        }
        Ok(())
    }

    async fn differences(
        &mut self,
        read: &Table,
        written: &Table,
        Suspect { after, until, .. }: &Suspect,
    ) -> Result<Vec<Change>, Stopped> {
        // Rows may have been added between; what lies beyond so many is looked at by nobody, and so not told.
        let most = STRETCH * 4;
        let wanted = self.source.rows(read, after.as_ref(), until.as_ref(), most);
        let wanted = within("source", wanted).await?;
        let found = self.target.rows(written, after.as_ref(), until.as_ref(), most);
        let found = within("target", found).await?;
        Ok(diff(read, wanted, &found).0)
    }

    /// Writes what differs. A row that the source changes meanwhile is written again: what comes after the last look is the stream's.
    async fn mend(
        &mut self,
        read: &Table,
        written: &Table,
        mut suspect: Suspect,
        verified: &mut Verified,
    ) -> Result<(), Stopped> {
        let keys: Vec<Vec<u8>> = suspect
            .changes
            .iter()
            .map(|change| change.key(read).exactly())
            .collect();
        for _ in 0..TRIES {
            let mut refused = Vec::new();
            for change in &suspect.changes {
                if let Err(why) = self.write(written, change).await? {
                    refused.push((
                        change.key(read).exactly(),
                        format!("{}: {why}", change.key(read).words()),
                    ));
                }
            }
            let mut still = self.differences(read, written, &suspect).await?;
            still.retain(|change| {
                let key = change.key(read).exactly();
                keys.contains(&key) && !refused.iter().any(|(own, _)| *own == key)
            });
            verified.unhealed.extend(refused.into_iter().map(|(_, why)| why));
            suspect.changes = still;
            if suspect.changes.is_empty() {
                break;
            }
        }
        let left = suspect.changes.iter().map(|change| change.key(read).words());
        verified
            .unhealed
            .extend(left.map(|key| format!("{key}: it changes faster than it can be written")));
        verified.healed = verified.differences.len() - verified.unhealed.len();
        Ok(())
    }

    async fn write(&mut self, table: &Table, change: &Change) -> Result<Result<(), String>, Stopped> {
        let batch = Batch::of(table, std::slice::from_ref(change));
        let failed = |fault: Fault| Stopped::Fault { end: "target", fault };
        match timeout(DEADLINE, self.target.write(&batch)).await {
            Err(_) => Err(failed(late(DEADLINE))),
            Ok(Ok(())) => Ok(Ok(())),
            Ok(Err(StoreError::Data(why))) => Ok(Err(why)),
            Ok(Err(StoreError::Fenced)) => Err(Stopped::Fenced),
            Ok(Err(StoreError::Fault(fault))) => Err(failed(fault)),
        }
    }
}

fn kind(change: &Change) -> Differs {
    match change {
        Change::Insert(_) => Differs::Missing,
        Change::Update(_) | Change::Put { .. } => Differs::Changed,
        Change::Delete(_) => Differs::Extra,
    }
}

/// The last key of either.
fn end(table: &Table, wanted: &[Row], found: &[Row]) -> Option<Key> {
    let last = |rows: &[Row]| rows.last().map(|row| Key::of(table, row));
    match (last(wanted), last(found)) {
        (Some(one), Some(other)) if one.order(&other).is_lt() => Some(other),
        (one, other) => one.or(other),
    }
}
