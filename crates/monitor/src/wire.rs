//! The JSON of snapshots and events: the contract that existing clients rely on.
//!
//! Field names and order are fixed here and nowhere else. Fields may be added, never renamed. An
//! address, even masked, is never among them.

use replica_core::{
    Event, EventKind, Lag, Problem, Project, Replica, ReplicaKey, Rule, Snapshot, SyncStats, Verdict,
};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::sync::Arc;

/// Serialises a map field by field, leaving out what is absent.
struct Fields<S: SerializeMap>(S);

impl<S: SerializeMap> Fields<S> {
    fn put(&mut self, name: &str, value: impl Serialize) -> Result<(), S::Error> {
        self.0.serialize_entry(name, &value)
    }

    fn put_some(&mut self, name: &str, value: Option<impl Serialize>) -> Result<(), S::Error> {
        value.map_or(Ok(()), |value| self.put(name, value))
    }
}

/// `{ "<project>": [ReplicaInfo] }`, in the source's order.
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

/// `[ Rule ]`.
pub(crate) struct RulesJson<'a>(pub(crate) &'a Snapshot);

impl Serialize for RulesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rules.iter().map(RuleJson))
    }
}

struct ReplicaList<'a>(&'a Project);

impl Serialize for ReplicaList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.replicas.iter().map(ReplicaJson))
    }
}

struct ReplicaJson<'a>(&'a Replica);

impl Serialize for ReplicaJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let replica = self.0;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("name", &*replica.name)?;
        fields.put("role", replica.role.word())?;
        fields.put_some("dialect", replica.dialect.as_ref().map(|dialect| dialect.name()))?;
        fields.put("lag", replica.lag.ms())?;
        fields.put("state", replica.state.word())?;
        let usage = replica.pool_usage.map(|usage| PoolUsageJson {
            idle: usage.idle,
            borrowed: usage.borrowed,
        });
        fields.put_some("poolUsage", usage)?;
        fields.put_some("lastPing", replica.last_ping_ms)?;
        put_verdict(&mut fields, &replica.lag)?;
        fields.put_some("lagTolerance", replica.lag_tolerance_ms)?;
        fields.put_some(
            "pool",
            replica.pool.map(|pool| PoolLimitsJson {
                min: pool.min,
                max: pool.max,
            }),
        )?;
        fields.put_some("problem", replica.problem.as_deref())?;
        fields.0.end()
    }
}

fn put_verdict<S: SerializeMap>(fields: &mut Fields<S>, lag: &Lag) -> Result<(), S::Error> {
    fields.put("lagVerdict", lag.verdict.word())?;
    fields.put_some("lagReason", lag.reason())?;
    fields.put_some("lagAsOf", lag.as_of_ms)
}

#[derive(serde::Serialize)]
struct PoolUsageJson {
    #[serde(rename = "in")]
    idle: u32,
    #[serde(rename = "out")]
    borrowed: u32,
}

#[derive(serde::Serialize)]
struct PoolLimitsJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<u32>,
}

struct RuleJson<'a>(&'a Rule);

impl Serialize for RuleJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rule = self.0;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("name", &*rule.name)?;
        fields.put("source", &*rule.source)?;
        fields.put("target", &*rule.target)?;
        fields.put("mode", rule.mode.word())?;
        fields.put("collections", &rule.collections)?;
        fields.put("conflictResolution", rule.conflict_resolution.word())?;
        fields.put("enabled", rule.enabled)?;
        fields.put_some("lastStats", rule.last_stats.as_deref().map(StatsJson))?;
        fields.put_some("problem", rule.problem.as_deref())?;
        fields.0.end()
    }
}

pub(crate) struct StatsJson<'a>(pub(crate) &'a SyncStats);

impl Serialize for StatsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stats = self.0;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put_some("inserted", stats.inserted)?;
        fields.put_some("updated", stats.updated)?;
        fields.put_some("deleted", stats.deleted)?;
        fields.put_some("failed", stats.failed)?;
        fields.put_some("durationMs", stats.duration_ms)?;
        fields.put_some("lastRun", stats.last_run.as_ref())?;
        fields.put_some("lastSync", stats.last_sync.as_ref())?;
        fields.put_some("totalSynced", stats.total_synced)?;
        fields.put_some("totalErrors", stats.total_errors)?;
        fields.put_some("lastError", stats.last_error.as_deref())?;
        fields.put_some(
            "details",
            (!stats.details.is_empty()).then_some(DetailsJson(stats)),
        )?;
        fields.0.end()
    }
}

struct DetailsJson<'a>(&'a SyncStats);

impl Serialize for DetailsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Detail<'a> {
            collection: &'a str,
            created: u64,
            updated: u64,
            deleted: u64,
            skipped: u64,
            errors: u64,
        }
        serializer.collect_seq(self.0.details.iter().map(|stats| Detail {
            collection: &stats.collection,
            created: stats.created,
            updated: stats.updated,
            deleted: stats.deleted,
            skipped: stats.skipped,
            errors: stats.errors,
        }))
    }
}

/// All in one: what the page loads.
pub(crate) struct SnapshotJson<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) seq: u64,
    pub(crate) ts: i64,
    pub(crate) poll_ms: u64,
    pub(crate) stalled_since: Option<i64>,
}

impl Serialize for SnapshotJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let snapshot = self.snapshot;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("seq", self.seq)?;
        fields.put("ts", self.ts)?;
        fields.put("version", env!("CARGO_PKG_VERSION"))?;
        fields.put("pollMs", self.poll_ms)?;
        fields.put(
            "source",
            serde_json::json!({ "kind": &*snapshot.source.kind, "label": &*snapshot.source.label,
                "live": snapshot.source.live, "stalledSince": self.stalled_since }),
        )?;
        fields.put(
            "capabilities",
            serde_json::json!({ "measuresLag": snapshot.capabilities.measures_lag,
                "commands": snapshot.capabilities.commands }),
        )?;
        fields.put(
            "problems",
            snapshot.problems.iter().map(problem).collect::<Vec<_>>(),
        )?;
        fields.put("projects", ProjectsJson(&snapshot.projects))?;
        fields.put("rules", RulesJson(snapshot))?;
        fields.0.end()
    }
}

pub(crate) fn problem(problem: &Problem) -> serde_json::Value {
    serde_json::json!({ "severity": problem.severity.word(), "message": problem.message, "file": problem.file.as_deref(),
        "line": problem.line, "column": problem.column, "path": problem.path })
}

struct ProjectsJson<'a>(&'a [Arc<Project>]);

impl Serialize for ProjectsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for project in self.0 {
            list.serialize_element(&ProjectJson {
                name: &project.name,
                routing: project.routing.word(),
                replicas: ReplicaList(project),
            })?;
        }
        list.end()
    }
}

#[derive(serde::Serialize)]
struct ProjectJson<'a> {
    name: &'a str,
    routing: &'a str,
    replicas: ReplicaList<'a>,
}

/// An event with its sequence number.
pub(crate) struct EventJson<'a>(pub(crate) &'a Event, pub(crate) u64);

impl Serialize for EventJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(event, seq) = self;
        let mut fields = Fields(serializer.serialize_map(None)?);
        match &event.kind {
            EventKind::ReplicaAdded {
                key,
                role,
                state,
                lag,
            } => {
                head(&mut fields, "replica.added", key)?;
                fields.put("role", role.word())?;
                fields.put("ts", event.ts)?;
                observed(&mut fields, *state, lag)?;
            }
            EventKind::ReplicaRemoved { key } => {
                head(&mut fields, "replica.removed", key)?;
                fields.put("ts", event.ts)?;
            }
            EventKind::ReplicaPromoted { key, state, lag } => {
                head(&mut fields, "replica.promoted", key)?;
                fields.put("ts", event.ts)?;
                observed(&mut fields, *state, lag)?;
            }
            EventKind::ReplicaState {
                key,
                state,
                lag,
                role,
                ..
            } => {
                head(&mut fields, "replica.state", key)?;
                fields.put("state", state.word())?;
                fields.put_some("lag", lag.ms())?;
                fields.put("ts", event.ts)?;
                if !matches!(lag.verdict, Verdict::Exact(_)) || lag.as_of_ms.is_some() {
                    put_verdict(&mut fields, lag)?;
                }
                fields.put_some("role", role.map(|role| role.word()))?;
            }
            EventKind::RuleAdded { rule } => of_rule(&mut fields, "rule.added", rule, event.ts)?,
            EventKind::RuleRemoved { rule } => of_rule(&mut fields, "rule.removed", rule, event.ts)?,
            EventKind::RuleChanged { rule } => of_rule(&mut fields, "rule.changed", rule, event.ts)?,
            EventKind::RuleSyncStart { rule } => of_rule(&mut fields, "rule.sync.start", rule, event.ts)?,
            EventKind::RuleSyncDone { rule, stats } => {
                fields.put("type", "rule.sync.done")?;
                fields.put("rule", &**rule)?;
                fields.put("stats", StatsJson(stats))?;
                fields.put("ts", event.ts)?;
            }
            EventKind::Error { message, context } => {
                fields.put("type", "error")?;
                fields.put("message", message)?;
                fields.put_some("context", context.as_deref())?;
                fields.put("ts", event.ts)?;
            }
            EventKind::ProblemCleared { message } => {
                fields.put("type", "problem.cleared")?;
                fields.put("message", message)?;
                fields.put("ts", event.ts)?;
            }
            EventKind::Audit { who, action, detail } => {
                fields.put("type", "audit")?;
                fields.put("who", &**who)?;
                fields.put("action", action)?;
                fields.put("detail", detail)?;
                fields.put("ts", event.ts)?;
            }
            EventKind::Custom { kind, fields: own } => {
                fields.put("type", kind)?;
                for (name, value) in own
                    .iter()
                    .filter(|(name, _)| !matches!(name.as_str(), "type" | "ts" | "seq"))
                {
                    fields.put(name, value)?;
                }
                fields.put("ts", event.ts)?;
            }
            other => {
                // The vocabulary may grow before this room does; say so rather than lose the event.
                fields.put("type", "event")?;
                fields.put("message", format!("{other:?}"))?;
                fields.put("ts", event.ts)?;
            }
        }
        fields.put("seq", seq)?;
        fields.0.end()
    }
}

fn head<S: SerializeMap>(fields: &mut Fields<S>, kind: &str, key: &ReplicaKey) -> Result<(), S::Error> {
    fields.put("type", kind)?;
    fields.put("project", &*key.project)?;
    fields.put("replica", &*key.replica)
}

/// What was already known at that moment; nothing is said of what was not.
fn observed<S: SerializeMap>(
    fields: &mut Fields<S>,
    state: replica_core::State,
    lag: &Lag,
) -> Result<(), S::Error> {
    let known = state != replica_core::State::Unknown;
    fields.put_some("state", known.then(|| state.word()))?;
    fields.put_some("lag", lag.ms())
}

fn of_rule<S: SerializeMap>(fields: &mut Fields<S>, kind: &str, rule: &str, ts: i64) -> Result<(), S::Error> {
    fields.put("type", kind)?;
    fields.put("rule", rule)?;
    fields.put("ts", ts)
}
