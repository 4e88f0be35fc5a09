//! Two snapshots become events: the one function behind the activity log, the stream and the alerts.
//!
//! It is pure: no clock, no I/O. The order is part of the contract: replicas project by project (one
//! event at most for each), then removed replicas, added rules, changed rules and removed rules, then
//! problems, then links and drift. Pool use and times of the last answer change too often to be events.

use crate::event::{Event, EventKind};
use crate::{Link, LinkState, Name, Observed, Project, Replica, ReplicaKey, Role, Rule, Severity, Snapshot};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What happened between `old` and `new`, noticed at `ts` (wall-clock milliseconds).
///
/// Costs O(changes) plus one comparison per replica, and nothing at all for projects that both
/// snapshots share by pointer.
pub fn diff(old: &Snapshot, new: &Snapshot, ts: i64) -> Vec<Event> {
    let mut kinds = Vec::new();
    let mut removed = Vec::new();
    let mut seen = Vec::new();
    let pairs = ProjectPairs::new(old, new);
    for (before, after) in pairs.in_new_order() {
        diff_project(before, after, &mut kinds, &mut removed);
        diff_observed(before, after, &mut seen);
    }
    for gone in pairs.only_old() {
        removed.extend(gone.replicas.iter().map(|replica| key(gone, replica)));
    }
    kinds.extend(removed.into_iter().map(|key| EventKind::ReplicaRemoved { key }));
    diff_rules(&old.rules, &new.rules, &mut kinds);
    diff_problems(old, new, &mut kinds);
    kinds.append(&mut seen);
    kinds.into_iter().map(|kind| Event::new(ts, kind)).collect()
}

/// Pairs each project of the new snapshot with its former self; by position where the lists agree, which
/// is nearly always.
struct ProjectPairs<'a> {
    old: &'a [Arc<Project>],
    new: &'a [Arc<Project>],
    /// Only filled when the lists of names differ.
    old_by_name: HashMap<&'a str, &'a Arc<Project>>,
    aligned: bool,
}

impl<'a> ProjectPairs<'a> {
    fn new(old: &'a Snapshot, new: &'a Snapshot) -> Self {
        let (old, new) = (old.projects.as_slice(), new.projects.as_slice());
        let aligned = old.len() == new.len() && old.iter().zip(new).all(|(a, b)| a.name == b.name);
        let old_by_name = if aligned {
            HashMap::new()
        } else {
            old.iter().map(|project| (&*project.name, project)).collect()
        };
        Self {
            old,
            new,
            old_by_name,
            aligned,
        }
    }

    fn in_new_order(&self) -> impl Iterator<Item = (Option<&'a Arc<Project>>, &'a Arc<Project>)> {
        self.new.iter().enumerate().map(|(position, project)| {
            let before = if self.aligned {
                self.old.get(position)
            } else {
                self.old_by_name.get(&*project.name).copied()
            };
            (before, project)
        })
    }

    fn only_old(&self) -> Vec<&'a Project> {
        if self.aligned {
            return Vec::new();
        }
        let kept: HashSet<&str> = self.new.iter().map(|project| &*project.name).collect();
        self.old
            .iter()
            .filter(|project| !kept.contains(&*project.name))
            .map(|project| &**project)
            .collect()
    }
}

fn diff_project(
    before: Option<&Arc<Project>>,
    after: &Arc<Project>,
    kinds: &mut Vec<EventKind>,
    removed: &mut Vec<ReplicaKey>,
) {
    let Some(before) = before else {
        kinds.extend(after.replicas.iter().map(|replica| added(after, replica)));
        return;
    };
    if Arc::ptr_eq(before, after) {
        return;
    }
    let aligned = before.replicas.len() == after.replicas.len()
        && before
            .replicas
            .iter()
            .zip(&after.replicas)
            .all(|(a, b)| a.name == b.name);
    if aligned {
        let pairs = before.replicas.iter().zip(&after.replicas);
        kinds.extend(pairs.filter_map(|(old, new)| changed(after, old, new)));
        return;
    }
    let old_by_name: HashMap<&str, &Replica> = before.replicas.iter().map(|old| (&*old.name, old)).collect();
    kinds.extend(
        after
            .replicas
            .iter()
            .filter_map(|new| match old_by_name.get(&*new.name) {
                Some(old) => changed(after, old, new),
                None => Some(added(after, new)),
            }),
    );
    let kept: HashSet<&str> = after.replicas.iter().map(|new| &*new.name).collect();
    removed.extend(
        before
            .replicas
            .iter()
            .filter(|old| !kept.contains(&*old.name))
            .map(|old| key(before, old)),
    );
}

fn key(project: &Project, replica: &Replica) -> ReplicaKey {
    ReplicaKey {
        project: Arc::clone(&project.name),
        replica: Arc::clone(&replica.name),
    }
}

fn added(project: &Project, replica: &Replica) -> EventKind {
    EventKind::ReplicaAdded {
        key: key(project, replica),
        role: replica.role,
        state: replica.state,
        lag: replica.lag.clone(),
    }
}

/// The one event that tells how `new` differs from `old`, if a client has to know.
fn changed(project: &Project, old: &Replica, new: &Replica) -> Option<EventKind> {
    let same_role = old.role == new.role;
    let same_state = old.state == new.state && old.state_reason() == new.state_reason();
    if same_role && same_state && old.lag == new.lag {
        return None;
    }
    let (key, state, lag) = (key(project, new), new.state, new.lag.clone());
    let reason = new.observed.as_ref().and_then(|observed| observed.reason.clone());
    Some(match (same_role, new.role) {
        (false, Role::Master) => EventKind::ReplicaPromoted { key, state, lag },
        (false, Role::Slave) => EventKind::ReplicaState {
            key,
            state,
            lag,
            role: Some(new.role),
            reason,
            lag_only: false,
        },
        (true, _) => EventKind::ReplicaState {
            key,
            state,
            lag,
            role: None,
            reason,
            lag_only: same_state,
        },
    })
}

/// What servers say of themselves: the streams into them, and where they differ from their tree.
fn diff_observed(before: Option<&Arc<Project>>, after: &Arc<Project>, kinds: &mut Vec<EventKind>) {
    if before.is_some_and(|before| Arc::ptr_eq(before, after)) {
        return;
    }
    for (position, new) in after.replicas.iter().enumerate() {
        let Some(is) = new.observed.as_deref() else {
            continue;
        };
        let was = before
            .and_then(|before| former(before, new, position))
            .and_then(|old| old.observed.as_deref());
        diff_links(&key(after, new), was, is, kinds);
        let drift = |observed: &Observed| -> Vec<String> {
            observed.drift.iter().map(|drift| drift.message.clone()).collect()
        };
        let (then, now) = (was.map(drift).unwrap_or_default(), drift(is));
        if then != now {
            kinds.push(EventKind::ReplicaDrift {
                key: key(after, new),
                drift: now,
            });
        }
    }
}

/// The same replica before, usually at the same place.
fn former<'a>(before: &'a Project, replica: &Replica, position: usize) -> Option<&'a Replica> {
    let here = before.replicas.get(position);
    here.filter(|old| old.name == replica.name)
        .or_else(|| before.replicas.iter().find(|old| old.name == replica.name))
}

/// A link that was never seen before is told only if it does not stream.
fn diff_links(key: &ReplicaKey, was: Option<&Observed>, is: &Observed, kinds: &mut Vec<EventKind>) {
    let links = |observed: Option<&Observed>| observed.map(|o| o.links.clone()).unwrap_or_default();
    let (old, new) = (links(was), &is.links);
    let find = |links: &[Link], name: &str| links.iter().find(|link| &*link.name == name).cloned();
    let mut tell = |link: &Link, state, reason| {
        kinds.push(EventKind::ReplicaLink {
            key: key.clone(),
            link: link.name.clone(),
            state,
            reason,
        })
    };
    for link in new {
        let known = find(&old, &link.name);
        let quiet = match known {
            Some(known) => known.state == link.state && known.reason == link.reason,
            None => link.state == LinkState::Streaming,
        };
        if !quiet {
            tell(link, link.state, link.reason.clone());
        }
    }
    for gone in old.iter().filter(|link| find(new, &link.name).is_none()) {
        tell(gone, LinkState::Unknown, Some("the link is gone".into()));
    }
}

fn diff_rules(old: &[Rule], new: &[Rule], kinds: &mut Vec<EventKind>) {
    let before: HashMap<&str, &Rule> = old.iter().map(|rule| (&*rule.name, rule)).collect();
    let after: HashSet<&str> = new.iter().map(|rule| &*rule.name).collect();
    let name = |rule: &Rule| -> Name { Arc::clone(&rule.name) };
    let is_new = |rule: &&Rule| !before.contains_key(&*rule.name);
    let is_changed = |rule: &&Rule| {
        before
            .get(&*rule.name)
            .is_some_and(|was| !was.same_declaration(rule))
    };
    let is_gone = |rule: &&Rule| !after.contains(&*rule.name);
    kinds.extend(
        new.iter()
            .filter(is_new)
            .map(|rule| EventKind::RuleAdded { rule: name(rule) }),
    );
    kinds.extend(
        new.iter()
            .filter(is_changed)
            .map(|rule| EventKind::RuleChanged { rule: name(rule) }),
    );
    kinds.extend(
        old.iter()
            .filter(is_gone)
            .map(|rule| EventKind::RuleRemoved { rule: name(rule) }),
    );
}

/// Errors are told when they appear and when they are mended; warnings are only shown.
fn diff_problems(old: &Snapshot, new: &Snapshot, kinds: &mut Vec<EventKind>) {
    if old.problems == new.problems {
        return;
    }
    let errors = |snapshot: &Snapshot| -> Vec<String> {
        let bad = snapshot
            .problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error);
        bad.map(crate::Problem::sentence).collect()
    };
    let (before, after) = (errors(old), errors(new));
    let known: HashSet<&String> = before.iter().collect();
    let still: HashSet<&String> = after.iter().collect();
    kinds.extend(
        after
            .iter()
            .filter(|message| !known.contains(message))
            .map(|message| EventKind::Error {
                message: message.clone(),
                context: Some(new.source.kind.to_string()),
            }),
    );
    let mended = before.iter().filter(|message| !still.contains(message));
    kinds.extend(mended.map(|message| EventKind::ProblemCleared {
        message: message.clone(),
    }));
}

#[cfg(test)]
mod tests;
