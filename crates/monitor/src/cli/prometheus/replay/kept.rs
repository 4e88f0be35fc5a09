//! What changes seldom, as the flight recorder keeps it: each subject's own changes, and no more of a snapshot than alerts read.

use crate::alert::Subject;
use crate::history::{HistoryError, Reader};
use replica_core::Name;
use replica_core::observed::DriftKind;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What alerts read of one subject, beside its figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    pub(super) limit_ms: Option<u64>,
    pub(super) drift: BTreeSet<String>,
    /// The states of its streams.
    pub(super) links: BTreeSet<String>,
    pub(super) lacks_grants: bool,
    pub(super) problems: bool,
}

/// Each subject that there was: since when what held, the oldest first; None where it was gone.
pub(super) type Changes = BTreeMap<Subject, Vec<(i64, Option<Kept>)>>;

/// Reads what held at `from_ms` and all that changed until `to_ms`.
pub(super) fn read(reader: &Reader, from_ms: i64, to_ms: i64) -> Result<Changes, HistoryError> {
    let mut changes = Changes::new();
    reader.each_keyframe(from_ms, to_ms, &mut |at, json| {
        let frame: Frame = serde_json::from_str(json)
            .map_err(|_| HistoryError::Damaged("a snapshot that is not one of ours"))?;
        let mut now = frame.subjects();
        for (subject, changes) in &mut changes {
            note(changes, at, now.remove(subject));
        }
        for (subject, kept) in now {
            changes.insert(subject, vec![(at, Some(kept))]);
        }
        Ok(())
    })?;
    Ok(changes)
}

fn note(changes: &mut Vec<(i64, Option<Kept>)>, at: i64, kept: Option<Kept>) {
    if changes.last().is_none_or(|(_, last)| *last != kept) {
        changes.push((at, kept));
    }
}

/// Of `/api/snapshot`, what alerts read.
#[derive(Deserialize)]
struct Frame {
    projects: Vec<ProjectSeen>,
    #[serde(default)]
    rules: Vec<RuleSeen>,
    #[serde(default)]
    problems: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct ProjectSeen {
    name: Name,
    replicas: Vec<ReplicaSeen>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplicaSeen {
    name: Name,
    lag_tolerance: Option<u64>,
    #[serde(default)]
    observed: ObservedSeen,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ObservedSeen {
    links: Vec<LinkSeen>,
    drift: Vec<DriftSeen>,
    missing: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct LinkSeen {
    state: String,
}

#[derive(Deserialize)]
struct DriftSeen {
    kind: String,
}

#[derive(Deserialize)]
struct RuleSeen {
    name: Name,
}

impl Frame {
    fn subjects(self) -> BTreeMap<Subject, Kept> {
        let mut all = BTreeMap::new();
        let of_monitor = Kept {
            problems: !self.problems.is_empty(),
            ..Kept::default()
        };
        all.insert(Subject::MONITOR, of_monitor);
        for rule in self.rules {
            all.insert(Subject::rule(&rule.name), Kept::default());
        }
        for project in self.projects {
            let mut of_project = Kept::default();
            for replica in project.replicas {
                let subject = Subject::replica(&project.name, &replica.name);
                let kept = Kept::from(replica);
                of_project.drift.extend(kept.drift.iter().cloned());
                all.insert(subject, kept);
            }
            // What its replicas say alone is told of them.
            of_project
                .drift
                .retain(|kind| kind == DriftKind::TwoMasters.word());
            all.insert(Subject::project(&project.name), of_project);
        }
        all
    }
}

impl From<ReplicaSeen> for Kept {
    fn from(seen: ReplicaSeen) -> Self {
        Self {
            limit_ms: seen.lag_tolerance,
            drift: seen.observed.drift.into_iter().map(|drift| drift.kind).collect(),
            links: seen.observed.links.into_iter().map(|link| link.state).collect(),
            lacks_grants: !seen.observed.missing.is_empty(),
            problems: false,
        }
    }
}
