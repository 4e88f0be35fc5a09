//! Replicas, rules, problems, and all of them together.

use replica_core::{
    CollectionStats, PoolUsage, Problem, Project, Replica, Rule, Snapshot, SyncStats, Verdict,
};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

/// One replica, as existing clients read it; `/api/snapshot` tells more. Times are milliseconds since 1970.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicaBrief<'a> {
    /// Unique within its project.
    name: &'a str,
    /// `master` or `slave`.
    role: &'a str,
    /// The database family, as the tree names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    dialect: Option<&'a str>,
    /// Milliseconds behind its master; null when there is no figure.
    lag: Option<u64>,
    /// `up`, `down`, `connecting` or `unknown`.
    state: &'a str,
    /// Connections of the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_usage: Option<PoolUsageInfo>,
    /// When it last answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ping: Option<i64>,
    /// `at_least` or `at_most`, when `lag` is only a bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_verdict: Option<&'a str>,
    /// The figure is frozen: it was true then.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_as_of: Option<i64>,
}

impl<'a> From<&'a Replica> for ReplicaBrief<'a> {
    fn from(replica: &'a Replica) -> Self {
        let bound = matches!(replica.lag.verdict, Verdict::AtLeast(_) | Verdict::AtMost(_));
        Self {
            name: &replica.name,
            role: replica.role.word(),
            dialect: replica.dialect.as_ref().map(|dialect| dialect.name()),
            lag: replica.lag.ms(),
            state: replica.state.word(),
            pool_usage: replica.pool_usage.map(PoolUsageInfo::from),
            last_ping: replica.last_ping_ms,
            lag_verdict: bound.then(|| replica.lag.verdict.word()),
            lag_as_of: replica.lag.as_of_ms,
        }
    }
}

/// One replica with all that is known of it. Times are milliseconds since 1970, durations milliseconds; what is not known is null or absent.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicaInfo<'a> {
    /// Unique within its project.
    name: &'a str,
    /// `master` or `slave`.
    role: &'a str,
    /// The database family, as the tree names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    dialect: Option<&'a str>,
    /// How far behind its master; null when there is no figure.
    lag: Option<u64>,
    /// `up`, `down`, `connecting` or `unknown`.
    state: &'a str,
    /// Connections of the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_usage: Option<PoolUsageInfo>,
    /// When it last answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ping: Option<i64>,
    /// What `lag` is worth: `exact`, `at_least`, `at_most`, `unknown` or `not_applicable`.
    lag_verdict: &'a str,
    /// Why there is no figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_reason: Option<&'a str>,
    /// The figure is frozen: it was true then.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_as_of: Option<i64>,
    /// The lag that its owner tolerates.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_tolerance: Option<u64>,
    /// The declared pool sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<PoolLimitsInfo>,
    /// What is wrong with its entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

/// Connections of a pool, now.
#[derive(serde::Serialize, ToSchema)]
struct PoolUsageInfo {
    /// Idle in the pool.
    #[serde(rename = "in")]
    idle: u32,
    /// Checked out.
    #[serde(rename = "out")]
    borrowed: u32,
}

impl From<PoolUsage> for PoolUsageInfo {
    fn from(usage: PoolUsage) -> Self {
        Self {
            idle: usage.idle,
            borrowed: usage.borrowed,
        }
    }
}

/// Declared pool sizes.
#[derive(serde::Serialize, ToSchema)]
struct PoolLimitsInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<u32>,
}

impl<'a> From<&'a Replica> for ReplicaInfo<'a> {
    fn from(replica: &'a Replica) -> Self {
        Self {
            name: &replica.name,
            role: replica.role.word(),
            dialect: replica.dialect.as_ref().map(|dialect| dialect.name()),
            lag: replica.lag.ms(),
            state: replica.state.word(),
            pool_usage: replica.pool_usage.map(PoolUsageInfo::from),
            last_ping: replica.last_ping_ms,
            lag_verdict: replica.lag.verdict.word(),
            lag_reason: replica.lag.reason(),
            lag_as_of: replica.lag.as_of_ms,
            lag_tolerance: replica.lag_tolerance_ms,
            pool: replica.pool.map(|pool| PoolLimitsInfo {
                min: pool.min,
                max: pool.max,
            }),
            problem: replica.problem.as_deref(),
        }
    }
}

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
    /// `source-wins`, `target-wins` or `timestamp`.
    conflict_resolution: &'a str,
    enabled: bool,
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
            conflict_resolution: rule.conflict_resolution.word(),
            enabled: rule.enabled,
            last_stats: rule.last_stats.as_deref().map(StatsInfo::from),
            problem: rule.problem.as_deref(),
        }
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<CollectionInfo<'a>>,
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

/// Something wrong with what the source reads.
#[derive(serde::Serialize, ToSchema)]
pub(crate) struct ProblemInfo<'a> {
    /// `warning` or `error`.
    severity: &'a str,
    message: &'a str,
    file: Option<&'a str>,
    /// Counted from 1.
    line: Option<usize>,
    /// In characters, counted from 1.
    column: Option<usize>,
    /// Where in the JSON.
    path: Option<&'a str>,
}

impl<'a> From<&'a Problem> for ProblemInfo<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self {
            severity: problem.severity.word(),
            message: &problem.message,
            file: problem.file.as_deref(),
            line: problem.line,
            column: problem.column,
            path: problem.path.as_deref(),
        }
    }
}

/// Everything at once.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SnapshotInfo<'a> {
    /// Names this state; grows with every change.
    seq: u64,
    /// When it was published.
    ts: i64,
    /// Of the monitor.
    version: &'a str,
    /// How often the source is asked.
    poll_ms: u64,
    source: SourceBrief<'a>,
    capabilities: CapabilitiesInfo<'a>,
    problems: Vec<ProblemInfo<'a>>,
    projects: Vec<ProjectInfo<'a>>,
    rules: Vec<RuleInfo<'a>>,
}

/// Where the snapshot came from.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SourceBrief<'a> {
    kind: &'a str,
    label: &'a str,
    /// Whether it asks the databases, rather than only declaring them.
    live: bool,
    /// Since when it has not answered; everything is as of then.
    stalled_since: Option<i64>,
}

/// What the source can do.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CapabilitiesInfo<'a> {
    measures_lag: bool,
    /// The commands that it takes.
    commands: &'a [&'static str],
}

/// A project with its replicas.
#[derive(serde::Serialize, ToSchema)]
struct ProjectInfo<'a> {
    name: &'a str,
    /// `round-robin`, `least-lag` or `random`.
    routing: &'a str,
    replicas: Vec<ReplicaInfo<'a>>,
}

impl<'a> From<&'a Project> for ProjectInfo<'a> {
    fn from(project: &'a Project) -> Self {
        Self {
            name: &project.name,
            routing: project.routing.word(),
            replicas: project.replicas.iter().map(ReplicaInfo::from).collect(),
        }
    }
}

impl<'a> SnapshotInfo<'a> {
    /// `snapshot` as it was published at `ts` under the number `seq`.
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        seq: u64,
        ts: i64,
        poll_ms: u64,
        stalled_since: Option<i64>,
    ) -> Self {
        let source = &snapshot.source;
        Self {
            seq,
            ts,
            version: env!("CARGO_PKG_VERSION"),
            poll_ms,
            source: SourceBrief {
                kind: &source.kind,
                label: &source.label,
                live: source.live,
                stalled_since,
            },
            capabilities: CapabilitiesInfo {
                measures_lag: snapshot.capabilities.measures_lag,
                commands: &snapshot.capabilities.commands,
            },
            problems: snapshot.problems.iter().map(ProblemInfo::from).collect(),
            projects: snapshot
                .projects
                .iter()
                .map(|project| ProjectInfo::from(&**project))
                .collect(),
            rules: snapshot.rules.iter().map(RuleInfo::from).collect(),
        }
    }
}

// The three answers of old; maps keep the source's order, which no map type would.

/// `{ "<project>": [ReplicaBrief] }`.
pub(crate) struct ReplicasJson<'a>(pub(crate) &'a Snapshot);

impl Serialize for ReplicasJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .projects
                .iter()
                .map(|project| (&*project.name, ReplicaList(project))),
        )
    }
}

struct ReplicaList<'a>(&'a Project);

impl Serialize for ReplicaList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.replicas.iter().map(ReplicaBrief::from))
    }
}

/// `{ "<project>": "<strategy>" }`.
pub(crate) struct RoutingJson<'a>(pub(crate) &'a Snapshot);

impl Serialize for RoutingJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .projects
                .iter()
                .map(|project| (&*project.name, project.routing.word())),
        )
    }
}

/// `[ RuleInfo ]`.
pub(crate) struct RulesJson<'a>(pub(crate) &'a Snapshot);

impl Serialize for RulesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rules.iter().map(RuleInfo::from))
    }
}
