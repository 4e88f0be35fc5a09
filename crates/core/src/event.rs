//! Something that happened: immutable, with the time it was noticed.
//!
//! The JSON of an event belongs to the monitor's wire module; here are only the facts.

use crate::lag::Reason;
use crate::{Lag, LinkState, Name, ReplicaKey, Role, State, SyncStats};
use serde_json::{Map, Value};
use std::sync::Arc;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Wall-clock milliseconds since 1970.
    pub ts: i64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A replica appeared.
    ReplicaAdded {
        /// Which.
        key: ReplicaKey,
        /// What it is declared to be.
        role: Role,
        /// Whether it answered at that moment.
        state: State,
        /// Its lag at that moment.
        lag: Lag,
    },
    /// A replica is gone.
    ReplicaRemoved {
        /// Which.
        key: ReplicaKey,
    },
    /// A slave became master.
    ReplicaPromoted {
        /// Which.
        key: ReplicaKey,
        /// Whether it answered at that moment.
        state: State,
        /// Its lag at that moment.
        lag: Lag,
    },
    /// State or lag changed, or a master became slave (then `role` says so).
    ReplicaState {
        /// Which.
        key: ReplicaKey,
        /// The state now.
        state: State,
        /// The lag now.
        lag: Lag,
        /// The role now, when that is what changed.
        role: Option<Role>,
        /// Why the state is what it is, when that needs a word.
        reason: Option<Reason>,
        /// Whether nothing but the lag changed: such events may be merged.
        lag_only: bool,
    },
    /// A stream into a replica began, stopped, or is gone.
    ReplicaLink {
        /// Which replica.
        key: ReplicaKey,
        /// The stream's name; empty where there is only one.
        link: Name,
        /// What it does now.
        state: LinkState,
        /// Why, when that needs a word.
        reason: Option<Reason>,
    },
    /// The ways in which a server differs from its tree are others now.
    ReplicaDrift {
        /// Which.
        key: ReplicaKey,
        /// All of them, in sentences; none means that it agrees again.
        drift: Vec<String>,
    },
    /// A rule appeared.
    RuleAdded {
        /// Which.
        rule: Name,
    },
    /// A rule is gone.
    RuleRemoved {
        /// Which.
        rule: Name,
    },
    /// A rule is declared differently.
    RuleChanged {
        /// Which.
        rule: Name,
    },
    /// A run began.
    RuleSyncStart {
        /// Which.
        rule: Name,
    },
    /// A run, or a streaming interval, ended.
    RuleSyncDone {
        /// Which.
        rule: Name,
        /// How it went.
        stats: Arc<SyncStats>,
    },
    /// Something is wrong: a tree that cannot be read, a source that stopped answering.
    Error {
        /// What, without secrets.
        message: String,
        /// Where it came from.
        context: Option<String>,
    },
    /// A problem is mended.
    ProblemCleared {
        /// The sentence that no longer holds.
        message: String,
    },
    /// Somebody changed something through a door of the monitor.
    Audit {
        /// The token's name.
        who: Name,
        /// What was done.
        action: String,
        /// To what, and how it ended.
        detail: String,
    },
    /// Told by an application; its own fields are passed on as they are.
    Custom {
        /// The `type`.
        kind: String,
        /// Everything else but `type` and `ts`.
        fields: Map<String, Value>,
    },
}

impl Event {
    /// An event at `ts`.
    pub fn new(ts: i64, kind: EventKind) -> Self {
        Self { ts, kind }
    }

    /// The replica whose lag alone changed, if that is all this event tells.
    pub fn lag_only(&self) -> Option<&ReplicaKey> {
        match &self.kind {
            EventKind::ReplicaState {
                key, lag_only: true, ..
            } => Some(key),
            _ => None,
        }
    }
}
