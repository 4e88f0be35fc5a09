//! Everything at once, and the three answers of old.

use super::{ReplicaBrief, ReplicaInfo, RuleInfo};
use replica_core::{Problem, Project, Snapshot};
use serde::ser::{Serialize, Serializer};
use utoipa::ToSchema;

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
pub(crate) struct ProjectInfo<'a> {
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
