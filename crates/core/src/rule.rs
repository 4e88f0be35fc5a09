//! Cross-database flows: what a rule declares and how its last run went.
//!
//! Running a rule is the engine's business.

use crate::Name;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a rule moves data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleMode {
    /// A full mirror, run by run.
    Snapshot,
    /// A copy, then every change.
    Cdc,
    /// Changes both ways.
    Bidirectional,
    /// The tree says something else; the rule carries a problem.
    Unknown,
}

impl RuleMode {
    const WORDS: [(&'static str, Self); 3] = [
        ("snapshot", Self::Snapshot),
        ("cdc", Self::Cdc),
        ("bidirectional", Self::Bidirectional),
    ];

    /// The word of the tree file and of JSON.
    pub fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, mode)| *mode == self)
            .map_or("unknown", |(word, _)| word)
    }

    /// The mode of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, mode)| *mode)
    }
}

/// Who wins when both sides changed the same row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ConflictResolution {
    /// The source side.
    #[default]
    SourceWins,
    /// The target side.
    TargetWins,
    /// The later change.
    Timestamp,
}

impl ConflictResolution {
    const WORDS: [(&'static str, Self); 3] = [
        ("source-wins", Self::SourceWins),
        ("target-wins", Self::TargetWins),
        ("timestamp", Self::Timestamp),
    ];

    /// The word of the tree file and of JSON.
    pub fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, policy)| *policy == self)
            .map_or("source-wins", |(word, _)| word)
    }

    /// The policy of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, policy)| *policy)
    }
}

/// What a table and its columns are called in the target of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableMap {
    /// The table; absent where it is called the same.
    pub to: Option<Name>,
    /// Those of its columns that are called otherwise, by their names in the source.
    pub columns: BTreeMap<Name, Name>,
}

/// How fast rows may be written, at most: by a rule, or into a replica. What is absent is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// Rows a second; never 0.
    pub rows: Option<u32>,
    /// Bytes of values a second; never 0.
    pub bytes: Option<u64>,
}

impl Throttle {
    /// What keeps both.
    pub fn and(self, other: Self) -> Self {
        fn tighter<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.into_iter().chain(other).min()
        }
        Self {
            rows: tighter(self.rows, other.rows),
            bytes: tighter(self.bytes, other.bytes),
        }
    }
}

/// What one run, or one streaming interval, did to one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionStats {
    /// The collection.
    pub collection: Name,
    /// Rows inserted.
    pub created: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Rows left alone.
    pub skipped: u64,
    /// Rows that failed.
    pub errors: u64,
}

/// How the last run of a rule went. What was not counted is absent, never 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncStats {
    /// Rows inserted.
    pub inserted: Option<u64>,
    /// Rows updated.
    pub updated: Option<u64>,
    /// Rows deleted.
    pub deleted: Option<u64>,
    /// Rows that failed.
    pub failed: Option<u64>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// When it started, as the source tells it (milliseconds, or an ISO 8601 text).
    pub last_run: Option<Value>,
    /// When it last ended well, as the source tells it.
    pub last_sync: Option<Value>,
    /// Rows since the rule exists.
    pub total_synced: Option<u64>,
    /// Failures since the rule exists.
    pub total_errors: Option<u64>,
    /// The last failure, in words without secrets.
    pub last_error: Option<Name>,
    /// What whoever keeps the rule going does now, in a word: `starting`, `copying`, `streaming`, `resting`, `waiting` or `ended`.
    pub phase: Option<Name>,
    /// The same in a sentence, without secrets.
    pub doing: Option<Name>,
    /// How old the oldest change was that the target got last, in milliseconds; 0 while there is nothing to do.
    pub lag_ms: Option<u64>,
    /// Changes that lost against those of the other side, where rows go both ways, since whoever keeps the rule going was started.
    pub conflicts: Option<u64>,
    /// Changes that the source has and the target lacks, where they can be counted.
    pub backlog: Option<u64>,
    /// Bytes of the source's log behind what the target has, where those are counted.
    pub backlog_bytes: Option<u64>,
    /// Bytes of values that were written, as they are in memory, since whoever keeps the rule going was started.
    pub total_bytes: Option<u64>,
    /// How far a copy or a mirror is that is under way.
    pub copy: Option<CopyProgress>,
    /// What was found when both ends were compared last, if they were.
    pub verified: Option<Arc<RuleVerified>>,
    /// The same, collection by collection.
    pub details: Vec<CollectionStats>,
}

/// How far a copy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// The table that it is at.
    pub table: Name,
    /// How many tables are done.
    pub done: usize,
    /// How many there are.
    pub tables: usize,
    /// Rows of the source that were read and compared.
    pub rows: u64,
    /// About how many there are, where the source can tell.
    pub expected: Option<u64>,
    /// How long it takes yet at the pace until now, in milliseconds.
    pub left_ms: Option<u64>,
}

/// What was found when both ends of a rule were compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleVerified {
    /// When that ended, in milliseconds since 1970.
    pub at_ms: i64,
    /// What was found of each table, on each way.
    pub tables: Vec<VerifiedTable>,
    /// Tables that could not be compared, in sentences.
    pub problems: Vec<Name>,
}

/// What was found of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTable {
    /// The table.
    pub table: Name,
    /// Where it was compared with its source: `project / replica`.
    pub to: Name,
    /// Rows of the source that were read.
    pub rows: u64,
    /// Rows that the target lacked.
    pub missing: u64,
    /// Rows that it had otherwise.
    pub changed: u64,
    /// Rows that only it had.
    pub extra: u64,
    /// Whether there are more than were counted.
    pub and_more: bool,
}

impl RuleVerified {
    /// Rows that differed, as far as they were counted. None where all that was compared is the same, and something was not: nobody knows
    /// of that.
    pub fn differing(&self) -> Option<u64> {
        let differing = |table: &VerifiedTable| table.missing + table.changed + table.extra;
        let sum = self.tables.iter().map(differing).sum();
        (sum > 0 || self.is_whole()).then_some(sum)
    }

    /// Whether every table was compared.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }
}

/// A rule at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Unique among the rules.
    pub name: Name,
    /// The project that is read.
    pub source: Name,
    /// The project that is written.
    pub target: Name,
    /// How data moves.
    pub mode: RuleMode,
    /// The tables, or `*` for all of the source master's.
    pub collections: Vec<Name>,
    /// What tables are called in the target, by their names in the source, where that is not the same.
    pub map: BTreeMap<Name, TableMap>,
    /// Who wins a conflict.
    pub conflict_resolution: ConflictResolution,
    /// Whether it is meant to run.
    pub enabled: bool,
    /// How fast it may write.
    pub throttle: Throttle,
    /// When it is mirrored again, if that is declared: a pause or a cron expression, as written.
    pub schedule: Option<Name>,
    /// How the last run went, once there was one.
    pub last_stats: Option<Arc<SyncStats>>,
    /// What is wrong with its entry, in a sentence without secrets.
    pub problem: Option<Name>,
}

impl Rule {
    /// An enabled rule from `source` to `target` without collections.
    pub fn new(
        name: impl Into<Name>,
        source: impl Into<Name>,
        target: impl Into<Name>,
        mode: RuleMode,
    ) -> Self {
        Self {
            name: name.into(),
            source: source.into(),
            target: target.into(),
            mode,
            collections: Vec::new(),
            map: BTreeMap::new(),
            conflict_resolution: ConflictResolution::default(),
            enabled: true,
            throttle: Throttle::default(),
            schedule: None,
            last_stats: None,
            problem: None,
        }
    }

    /// Whether what was *declared* of it is the same; the last run is not compared.
    pub fn same_declaration(&self, other: &Self) -> bool {
        self.name == other.name
            && self.source == other.source
            && self.target == other.target
            && self.mode == other.mode
            && self.collections == other.collections
            && self.map == other.map
            && self.conflict_resolution == other.conflict_resolution
            && self.enabled == other.enabled
            && self.throttle == other.throttle
            && self.schedule == other.schedule
            && self.problem == other.problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_not_all_was_compared_nobody_knows_that_nothing_differs() {
        let of = |missing, problems: &[&str]| {
            let table = VerifiedTable {
                table: "t".into(),
                to: "p / m".into(),
                rows: 9,
                missing,
                changed: 0,
                extra: 1,
                and_more: false,
            };
            let tables = match missing {
                0 => Vec::new(),
                _ => vec![table],
            };
            let problems = problems.iter().map(|why| (*why).into()).collect();
            RuleVerified {
                at_ms: 1,
                tables,
                problems,
            }
            .differing()
        };
        assert_eq!((of(0, &[]), of(2, &[])), (Some(0), Some(3)));
        assert_eq!((of(0, &["no key"]), of(2, &["no key"])), (None, Some(3)));
    }

    #[test]
    fn of_two_throttles_the_tighter_counts() {
        let one = Throttle {
            rows: Some(5),
            bytes: None,
        };
        let other = Throttle {
            rows: Some(7),
            bytes: Some(9),
        };
        let both = Throttle {
            rows: Some(5),
            bytes: Some(9),
        };
        assert_eq!((one.and(other), other.and(one)), (both, both));
        assert_eq!(one.and(Throttle::default()), one);
    }
}
