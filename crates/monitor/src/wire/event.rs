//! Events, field by field in the original's order: `type, project, replica, role|state, lag?, ts`, then ours.

use super::StatsInfo;
use replica_core::{Event, EventKind, Lag, ReplicaKey, State, Verdict};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Something that happened. Applications may tell of further types, with fields of their own.
#[derive(serde::Serialize, ToSchema)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub(crate) enum EventInfo<'a> {
    /// A replica appeared.
    #[serde(rename = "replica.added")]
    ReplicaAdded {
        project: &'a str,
        replica: &'a str,
        role: &'a str,
        ts: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        state: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        lag: Option<u64>,
        seq: u64,
    },
    /// A replica is gone.
    #[serde(rename = "replica.removed")]
    ReplicaRemoved {
        project: &'a str,
        replica: &'a str,
        ts: i64,
        seq: u64,
    },
    /// A slave became master.
    #[serde(rename = "replica.promoted")]
    ReplicaPromoted {
        project: &'a str,
        replica: &'a str,
        ts: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        state: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        lag: Option<u64>,
        seq: u64,
    },
    /// State or lag changed, or a master became slave: then `role` says so.
    #[serde(rename = "replica.state")]
    ReplicaState {
        project: &'a str,
        replica: &'a str,
        state: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        lag: Option<u64>,
        ts: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<&'a str>,
        /// Why the state is what it is, when that needs a word.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        /// Absent for a lag that was measured exactly and is of now.
        #[serde(skip_serializing_if = "Option::is_none")]
        lag_verdict: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        lag_reason: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        lag_as_of: Option<i64>,
        /// Present, and true, where nothing but the lag changed: a log for people leaves such events out.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        lag_only: bool,
        seq: u64,
    },
    /// A stream into a replica began, stopped, or is gone.
    #[serde(rename = "replica.link")]
    ReplicaLink {
        project: &'a str,
        replica: &'a str,
        /// Empty where the replica has only one.
        link: &'a str,
        /// `streaming`, `delayed`, `paused`, `stopped`, `connecting`, `resyncing`, `broken`, `diverged` or `unknown`.
        state: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        ts: i64,
        seq: u64,
    },
    /// The ways in which a server differs from its tree changed; an empty list means that it agrees again.
    #[serde(rename = "replica.drift")]
    ReplicaDrift {
        project: &'a str,
        replica: &'a str,
        drift: &'a [String],
        ts: i64,
        seq: u64,
    },
    /// A rule appeared.
    #[serde(rename = "rule.added")]
    RuleAdded { rule: &'a str, ts: i64, seq: u64 },
    /// A rule is gone.
    #[serde(rename = "rule.removed")]
    RuleRemoved { rule: &'a str, ts: i64, seq: u64 },
    /// A rule is declared differently.
    #[serde(rename = "rule.changed")]
    RuleChanged { rule: &'a str, ts: i64, seq: u64 },
    /// A run began.
    #[serde(rename = "rule.sync.start")]
    RuleSyncStart { rule: &'a str, ts: i64, seq: u64 },
    /// A run ended.
    #[serde(rename = "rule.sync.done")]
    RuleSyncDone {
        rule: &'a str,
        stats: Box<StatsInfo<'a>>,
        ts: i64,
        seq: u64,
    },
    /// Something is wrong.
    #[serde(rename = "error")]
    Error {
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<&'a str>,
        ts: i64,
        seq: u64,
    },
    /// A problem is mended.
    #[serde(rename = "problem.cleared")]
    ProblemCleared { message: &'a str, ts: i64, seq: u64 },
    /// Somebody changed something through a door of the monitor.
    #[serde(rename = "audit")]
    Audit {
        who: &'a str,
        action: &'a str,
        detail: &'a str,
        ts: i64,
        seq: u64,
    },
}

/// An event with its sequence number, whether we know its type or an application does.
pub(crate) struct EventJson<'a>(pub(crate) &'a Event, pub(crate) u64);

impl Serialize for EventJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match EventInfo::of(self.0, self.1) {
            Ok(known) => known.serialize(serializer),
            Err((kind, fields)) => custom(kind, fields, self.0.ts, self.1, serializer),
        }
    }
}

/// An application's own event: its fields as they are, around the ones that are ours.
fn custom<S: Serializer>(
    kind: &str,
    fields: &Map<String, Value>,
    ts: i64,
    seq: u64,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("type", kind)?;
    for (name, value) in fields
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "type" | "ts" | "seq"))
    {
        map.serialize_entry(name, value)?;
    }
    map.serialize_entry("ts", &ts)?;
    map.serialize_entry("seq", &seq)?;
    map.end()
}

impl<'a> EventInfo<'a> {
    /// The event on the wire, or the type and fields of an application's own.
    fn of(event: &'a Event, seq: u64) -> Result<Self, (&'a str, &'a Map<String, Value>)> {
        let ts = event.ts;
        let names = |key: &'a ReplicaKey| (&*key.project, &*key.replica);
        Ok(match &event.kind {
            EventKind::ReplicaAdded {
                key,
                role,
                state,
                lag,
            } => {
                let (project, replica) = names(key);
                Self::ReplicaAdded {
                    project,
                    replica,
                    role: role.word(),
                    ts,
                    state: known(*state),
                    lag: lag.ms(),
                    seq,
                }
            }
            EventKind::ReplicaRemoved { key } => {
                let (project, replica) = names(key);
                Self::ReplicaRemoved {
                    project,
                    replica,
                    ts,
                    seq,
                }
            }
            EventKind::ReplicaPromoted { key, state, lag } => {
                let (project, replica) = names(key);
                Self::ReplicaPromoted {
                    project,
                    replica,
                    ts,
                    state: known(*state),
                    lag: lag.ms(),
                    seq,
                }
            }
            EventKind::ReplicaState {
                key,
                state,
                lag,
                role,
                reason,
                lag_only,
            } => {
                let (project, replica) = names(key);
                Self::ReplicaState {
                    project,
                    replica,
                    state: state.word(),
                    lag: lag.ms(),
                    ts,
                    role: role.map(|role| role.word()),
                    reason: reason.as_deref(),
                    lag_verdict: (!is_plain(lag)).then(|| lag.verdict.word()),
                    lag_reason: lag.reason(),
                    lag_as_of: lag.as_of_ms,
                    lag_only: *lag_only,
                    seq,
                }
            }
            EventKind::ReplicaLink {
                key,
                link,
                state,
                reason,
            } => {
                let (project, replica) = names(key);
                Self::ReplicaLink {
                    project,
                    replica,
                    link,
                    state: state.word(),
                    reason: reason.as_deref(),
                    ts,
                    seq,
                }
            }
            EventKind::ReplicaDrift { key, drift } => {
                let (project, replica) = names(key);
                Self::ReplicaDrift {
                    project,
                    replica,
                    drift,
                    ts,
                    seq,
                }
            }
            EventKind::RuleAdded { rule } => Self::RuleAdded { rule, ts, seq },
            EventKind::RuleRemoved { rule } => Self::RuleRemoved { rule, ts, seq },
            EventKind::RuleChanged { rule } => Self::RuleChanged { rule, ts, seq },
            EventKind::RuleSyncStart { rule } => Self::RuleSyncStart { rule, ts, seq },
            EventKind::RuleSyncDone { rule, stats } => Self::RuleSyncDone {
                rule,
                stats: Box::new(StatsInfo::from(&**stats)),
                ts,
                seq,
            },
            EventKind::Error { message, context } => Self::Error {
                message,
                context: context.as_deref(),
                ts,
                seq,
            },
            EventKind::ProblemCleared { message } => Self::ProblemCleared { message, ts, seq },
            EventKind::Audit { who, action, detail } => Self::Audit {
                who,
                action,
                detail,
                ts,
                seq,
            },
            EventKind::Custom { kind, fields } => return Err((kind, fields)),
        })
    }
}

/// Nothing is said of what was not known at that moment.
fn known(state: State) -> Option<&'static str> {
    (state != State::Unknown).then(|| state.word())
}

fn is_plain(lag: &Lag) -> bool {
    matches!(lag.verdict, Verdict::Exact(_)) && lag.as_of_ms.is_none()
}
