//! One rule, and how its last run went.

use replica_core::{
    CollectionStats, CopyProgress, Rule, RuleVerified, SyncStats, TableMap, Throttle, VerifiedTable,
};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One rule.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleInfo<'a> {
    /// Unique among the rules.
    name: &'a str,
    /// The project that is read.
    source: &'a str,
    /// The project that is written.
    target: &'a str,
    /// `snapshot`, `cdc`, `bidirectional`, or `unknown` when the tree says something else.
    mode: &'a str,
    /// The tables, or `*`.
    collections: Vec<&'a str>,
    /// What tables are called in the target, by their names in the source, where that is not the same.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    map: BTreeMap<&'a str, MapInfo<'a>>,
    /// `source-wins`, `target-wins` or `timestamp`.
    conflict_resolution: &'a str,
    enabled: bool,
    /// How fast it may write, where that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    throttle: Option<ThrottleInfo>,
    /// When it is mirrored again: a duration or a cron expression in UTC, as declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<&'a str>,
    /// How the last run went, once there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_stats: Option<StatsInfo<'a>>,
    /// What is wrong with its entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

impl<'a> From<&'a Rule> for RuleInfo<'a> {
    fn from(rule: &'a Rule) -> Self {
        Self {
            name: &rule.name,
            source: &rule.source,
            target: &rule.target,
            mode: rule.mode.word(),
            collections: rule.collections.iter().map(|name| &**name).collect(),
            map: rule
                .map
                .iter()
                .map(|(name, map)| (&**name, MapInfo::from(map)))
                .collect(),
            conflict_resolution: rule.conflict_resolution.word(),
            enabled: rule.enabled,
            throttle: ThrottleInfo::of(rule.throttle),
            schedule: rule.schedule.as_deref(),
            last_stats: rule.last_stats.as_deref().map(StatsInfo::from),
            problem: rule.problem.as_deref(),
        }
    }
}

/// What a table and its columns are called in the target.
#[derive(serde::Serialize, ToSchema)]
pub(crate) struct MapInfo<'a> {
    /// Absent where it is called the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    /// By their names in the source.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    columns: BTreeMap<&'a str, &'a str>,
}

impl<'a> From<&'a TableMap> for MapInfo<'a> {
    fn from(map: &'a TableMap) -> Self {
        let columns = map.columns.iter().map(|(name, called)| (&**name, &**called));
        Self {
            to: map.to.as_deref(),
            columns: columns.collect(),
        }
    }
}

/// How fast may be written, at most.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThrottleInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_per_second: Option<u32>,
    /// Of values, as they are in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<u64>,
}

impl ThrottleInfo {
    fn of(throttle: Throttle) -> Option<Self> {
        (throttle != Throttle::default()).then_some(Self {
            rows_per_second: throttle.rows,
            bytes_per_second: throttle.bytes,
        })
    }
}

/// How a run of a rule went. What was not counted is absent.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatsInfo<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    inserted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    /// As the source tells it: milliseconds, or an ISO 8601 text.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sync: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_synced: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_errors: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    /// Of a rule that is kept going: `starting`, `copying`, `streaming`, `resting`, `waiting`, `ended`.
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'a str>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    doing: Option<&'a str>,
    /// How old the oldest change was that the target got last; 0 while there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_ms: Option<u64>,
    /// Changes that lost against those of the other side, where rows go both ways; since the monitor was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts: Option<u64>,
    /// Changes that the source has and the target lacks, where they can be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    backlog: Option<u64>,
    /// Bytes of the source's log behind what the target has, where those are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    backlog_bytes: Option<u64>,
    /// Bytes of values that were written since the monitor was started, as they are in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_bytes: Option<u64>,
    /// How far a copy or a mirror is that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<CopyInfo<'a>>,
    /// What was found when both ends were compared last.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<VerifiedInfo<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<CollectionInfo<'a>>,
}

/// How far a copy is.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CopyInfo<'a> {
    /// The table that it is at.
    table: &'a str,
    /// How many tables are done.
    done: usize,
    /// How many there are.
    tables: usize,
    /// Rows of the source that were read and compared.
    rows: u64,
    /// About how many there are, where the source can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<u64>,
    /// How long it takes yet at the pace until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_ms: Option<u64>,
}

impl<'a> From<&'a CopyProgress> for CopyInfo<'a> {
    fn from(copy: &'a CopyProgress) -> Self {
        Self {
            table: &copy.table,
            done: copy.done,
            tables: copy.tables,
            rows: copy.rows,
            expected: copy.expected,
            left_ms: copy.left_ms,
        }
    }
}

/// What was found when both ends of a rule were compared.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifiedInfo<'a> {
    /// When that ended, in milliseconds since 1970.
    at: i64,
    /// Rows that differed, as far as they were counted; absent where nothing differed and not every table was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    differing: Option<u64>,
    tables: Vec<VerifiedTableInfo<'a>>,
    /// Tables that could not be compared, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<&'a str>,
}

/// What was found of one table.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifiedTableInfo<'a> {
    table: &'a str,
    /// Where it was compared with its source: `project / replica`.
    to: &'a str,
    /// Rows of the source that were read.
    rows: u64,
    /// Rows that the target lacked.
    missing: u64,
    /// Rows that it had otherwise.
    changed: u64,
    /// Rows that only it had.
    extra: u64,
    /// Whether there are more than were counted.
    and_more: bool,
}

impl<'a> From<&'a RuleVerified> for VerifiedInfo<'a> {
    fn from(verified: &'a RuleVerified) -> Self {
        let table = |table: &'a VerifiedTable| VerifiedTableInfo {
            table: &table.table,
            to: &table.to,
            rows: table.rows,
            missing: table.missing,
            changed: table.changed,
            extra: table.extra,
            and_more: table.and_more,
        };
        Self {
            at: verified.at_ms,
            differing: verified.differing(),
            tables: verified.tables.iter().map(table).collect(),
            problems: verified.problems.iter().map(|why| &**why).collect(),
        }
    }
}

/// The same for one collection.
#[derive(serde::Serialize, ToSchema)]
struct CollectionInfo<'a> {
    collection: &'a str,
    created: u64,
    updated: u64,
    deleted: u64,
    skipped: u64,
    errors: u64,
}

impl<'a> From<&'a SyncStats> for StatsInfo<'a> {
    fn from(stats: &'a SyncStats) -> Self {
        Self {
            inserted: stats.inserted,
            updated: stats.updated,
            deleted: stats.deleted,
            failed: stats.failed,
            duration_ms: stats.duration_ms,
            last_run: stats.last_run.as_ref(),
            last_sync: stats.last_sync.as_ref(),
            total_synced: stats.total_synced,
            total_errors: stats.total_errors,
            last_error: stats.last_error.as_deref(),
            phase: stats.phase.as_deref(),
            doing: stats.doing.as_deref(),
            lag_ms: stats.lag_ms,
            conflicts: stats.conflicts,
            backlog: stats.backlog,
            backlog_bytes: stats.backlog_bytes,
            total_bytes: stats.total_bytes,
            copy: stats.copy.as_ref().map(CopyInfo::from),
            verified: stats.verified.as_deref().map(VerifiedInfo::from),
            details: stats.details.iter().map(CollectionInfo::from).collect(),
        }
    }
}

impl<'a> From<&'a CollectionStats> for CollectionInfo<'a> {
    fn from(stats: &'a CollectionStats) -> Self {
        Self {
            collection: &stats.collection,
            created: stats.created,
            updated: stats.updated,
            deleted: stats.deleted,
            skipped: stats.skipped,
            errors: stats.errors,
        }
    }
}
