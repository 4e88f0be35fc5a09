//! What a client that only listens to events knows.
//!
//! It is the meaning of [`diff`](crate::diff()): applying the events between two snapshots to the
//! view of the first gives the view of the second. It deliberately leaves out what events do not tell (pools,
//! pings, order).

use crate::{Event, EventKind, Lag, Name, ReplicaKey, Role, Snapshot, State};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one replica.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its role.
    pub role: Role,
    /// Whether it answers.
    pub state: State,
    /// How far behind it is.
    pub lag: Lag,
}

/// Replicas and rules, as told by events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The replicas.
    pub replicas: BTreeMap<ReplicaKey, Known>,
    /// The rules.
    pub rules: BTreeSet<Name>,
}

impl View {
    /// The view of somebody who has seen `snapshot`.
    pub fn of(snapshot: &Snapshot) -> Self {
        let replicas = snapshot.replicas().map(|(project, replica)| {
            let key = ReplicaKey {
                project: project.name.clone(),
                replica: replica.name.clone(),
            };
            (
                key,
                Known {
                    role: replica.role,
                    state: replica.state,
                    lag: replica.lag.clone(),
                },
            )
        });
        Self {
            replicas: replicas.collect(),
            rules: snapshot.rules.iter().map(|rule| rule.name.clone()).collect(),
        }
    }

    /// Takes in one event. Events about unknown replicas are ignored.
    pub fn apply(&mut self, event: &Event) {
        match event.kind.clone() {
            EventKind::ReplicaAdded {
                key,
                role,
                state,
                lag,
            } => {
                self.replicas.insert(key, Known { role, state, lag });
            }
            EventKind::ReplicaRemoved { key } => {
                self.replicas.remove(&key);
            }
            EventKind::ReplicaPromoted { key, state, lag } => {
                self.update(&key, Some(Role::Master), state, lag)
            }
            EventKind::ReplicaState {
                key,
                state,
                lag,
                role,
                ..
            } => self.update(&key, role, state, lag),
            EventKind::RuleAdded { rule } => {
                self.rules.insert(rule);
            }
            EventKind::RuleRemoved { rule } => {
                self.rules.remove(&rule);
            }
            _ => {}
        }
    }

    fn update(&mut self, key: &ReplicaKey, role: Option<Role>, state: State, lag: Lag) {
        if let Some(known) = self.replicas.get_mut(key) {
            *known = Known {
                role: role.unwrap_or(known.role),
                state,
                lag,
            };
        }
    }
}
