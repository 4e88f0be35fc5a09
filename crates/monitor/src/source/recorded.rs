//! What a history's file recorded, as a source that has fallen silent: its last moment is shown, and nobody takes it for now.

use crate::clock::now_ms;
use crate::history::{HistoryError, Reader};
use crate::wire::past;
use replica_core::lag::Reason;
use replica_core::source::{Pending, Wake};
use replica_core::{
    Dialect, Lag, Name, Problem, Project, Replica, Role, Routing, Rule, RuleMode, Snapshot, Source,
    SourceError, State, Verdict,
};
use serde::Deserialize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// A recording.
pub struct Recorded {
    last: Arc<Snapshot>,
    /// From when to when there are samples, in milliseconds since 1970.
    span: (i64, i64),
    told: AtomicBool,
    wake: OnceLock<Wake>,
}

impl Recorded {
    /// Reads the last moment of the file at `path`; None if it has none.
    pub fn open(path: &Path) -> Result<Option<Self>, HistoryError> {
        let reader = Reader::open(path)?;
        let (Some(begins), Some(last)) = (reader.begins_ms()?, reader.at(i64::MAX)?.and_then(past::snapshot))
        else {
            return Ok(None);
        };
        let ends = last["at"].as_i64().unwrap_or_else(now_ms);
        let frame: Frame = serde_json::from_value(last)
            .map_err(|_| HistoryError::Damaged("a snapshot that is not one of ours"))?;
        let mut snapshot = frame.into_snapshot();
        snapshot.source.label = format!("a recording: {}", path.display()).into();
        Ok(Some(Self {
            last: Arc::new(snapshot),
            span: (begins, ends),
            told: AtomicBool::new(false),
            wake: OnceLock::new(),
        }))
    }

    /// From when to when there are samples, in milliseconds since 1970.
    pub fn span(&self) -> (i64, i64) {
        self.span
    }
}

impl Source for Recorded {
    fn on_change(&self, wake: Wake) {
        // It is handed over once.
        let _ = self.wake.set(wake);
    }

    /// Told once. Whoever asks then, which is at once, is answered as by a source that has fallen silent: load balancers, alerts and Prometheus must not take a recording
    /// for what is.
    fn snapshot(&self) -> Pending<'_, Result<Arc<Snapshot>, SourceError>> {
        let answer = match self.told.swap(true, Ordering::Relaxed) {
            false => {
                self.wake.get().inspect(|wake| wake());
                Ok(Arc::clone(&self.last))
            }
            true => Err(SourceError("this is a recording: nobody is asked".to_owned())),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// Of `/api/at`, what the answers of old and the lists tell. The page asks `/api/at` itself for all the rest.
#[derive(Deserialize)]
struct Frame {
    source: SourceSeen,
    projects: Vec<ProjectSeen>,
    rules: Vec<RuleSeen>,
    problems: Vec<ProblemSeen>,
}

#[derive(Deserialize)]
struct SourceSeen {
    live: bool,
}

#[derive(Deserialize)]
struct ProjectSeen {
    name: Name,
    routing: String,
    replicas: Vec<ReplicaSeen>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplicaSeen {
    name: Name,
    role: String,
    dialect: Option<String>,
    state: String,
    lag: Option<u64>,
    lag_verdict: String,
    lag_reason: Option<String>,
    lag_as_of: Option<i64>,
    lag_tolerance: Option<u64>,
    last_ping: Option<i64>,
    problem: Option<Name>,
}

#[derive(Deserialize)]
struct RuleSeen {
    name: Name,
    source: Name,
    target: Name,
    mode: String,
    collections: Vec<Name>,
    enabled: bool,
    problem: Option<Name>,
}

#[derive(Deserialize)]
struct ProblemSeen {
    message: String,
    file: Option<Name>,
    line: Option<usize>,
    column: Option<usize>,
    path: Option<String>,
}

impl Frame {
    fn into_snapshot(self) -> Snapshot {
        let mut snapshot = Snapshot::named("recording");
        snapshot.source.kind = "recording".into();
        snapshot.source.live = self.source.live;
        for seen in self.projects {
            let replicas = seen.replicas.into_iter().map(Replica::from).collect();
            let mut project = Project::new(seen.name, replicas);
            project.routing = Routing::from_word(&seen.routing).unwrap_or_default();
            snapshot = snapshot.with_project(project);
        }
        snapshot.rules = self.rules.into_iter().map(Rule::from).collect();
        snapshot.problems = self.problems.into_iter().map(Problem::from).collect();
        snapshot
    }
}

impl From<ReplicaSeen> for Replica {
    fn from(seen: ReplicaSeen) -> Self {
        let reason = || {
            Reason::from(
                seen.lag_reason
                    .clone()
                    .unwrap_or_else(|| "it was not recorded".to_owned()),
            )
        };
        let verdict = match (seen.lag_verdict.as_str(), seen.lag) {
            ("exact", Some(ms)) => Verdict::Exact(ms),
            ("at_least", Some(ms)) => Verdict::AtLeast(ms),
            ("at_most", Some(ms)) => Verdict::AtMost(ms),
            ("not_applicable", _) => Verdict::NotApplicable(reason()),
            _ => Verdict::Unknown(reason()),
        };
        let state = State::ALL.into_iter().find(|state| state.word() == seen.state);
        Self {
            dialect: seen.dialect.as_deref().map(Dialect::new),
            state: state.unwrap_or(State::Unknown),
            lag: Lag {
                verdict,
                as_of_ms: seen.lag_as_of,
            },
            lag_tolerance_ms: seen.lag_tolerance,
            last_ping_ms: seen.last_ping,
            problem: seen.problem,
            ..Self::new(seen.name, Role::from_word(&seen.role).unwrap_or(Role::Slave))
        }
    }
}

impl From<RuleSeen> for Rule {
    fn from(seen: RuleSeen) -> Self {
        let mode = RuleMode::from_word(&seen.mode).unwrap_or(RuleMode::Unknown);
        Self {
            collections: seen.collections,
            enabled: seen.enabled,
            problem: seen.problem,
            ..Self::new(seen.name, seen.source, seen.target, mode)
        }
    }
}

impl From<ProblemSeen> for Problem {
    fn from(seen: ProblemSeen) -> Self {
        Self {
            file: seen.file,
            line: seen.line,
            column: seen.column,
            path: seen.path,
            ..Self::error(seen.message)
        }
    }
}
