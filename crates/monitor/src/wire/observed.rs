//! What a server says of itself, as the page and scripts read it.
//!
//! Only what is known is written: an absent field was not read, or has no meaning there.

use replica_core::observed::{Connections, Drift, Evidence, MissingGrant, Stranger};
use replica_core::{Link, Observed, Runway};
use utoipa::ToSchema;

/// What the last look at a server told.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObservedInfo<'a> {
    /// Why the state is what it is, when that needs a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The role that it plays, whatever its tree declares.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    /// Whether it would take a write.
    #[serde(skip_serializing_if = "Option::is_none")]
    writable: Option<bool>,
    /// Product and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    /// What names its history.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a str>,
    /// How far it is, as the engine writes positions.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<&'a str>,
    /// How much is still to be applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    behind: Option<u64>,
    /// `bytes` or `transactions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    behind_unit: Option<&'a str>,
    /// The streams that feed it.
    links: Vec<LinkInfo<'a>>,
    /// What each way of measuring says.
    evidence: Vec<EvidenceInfo<'a>>,
    /// The server's own figure contradicts the measured lag.
    #[serde(skip_serializing_if = "Option::is_none")]
    disagree: Option<&'a str>,
    /// Connections at the server, whoever holds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<ConnectionsInfo>,
    /// The server's clock minus the monitor's, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset: Option<i64>,
    /// How long the last look took, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe_us: Option<u64>,
    /// What could not be read, and the statement that would allow it.
    missing: Vec<MissingInfo<'a>>,
    /// Where the server differs from its tree.
    drift: Vec<DriftInfo<'a>>,
    /// Replicas that follow it and that the tree does not name.
    strangers: Vec<StrangerInfo<'a>>,
}

impl<'a> From<&'a Observed> for ObservedInfo<'a> {
    fn from(observed: &'a Observed) -> Self {
        Self {
            reason: observed.reason.as_deref(),
            role: observed.role.map(|role| role.word()),
            writable: observed.writable,
            version: observed.version.as_deref(),
            identity: observed.identity.as_deref(),
            position: observed.position.as_deref(),
            behind: observed.behind.map(|behind| behind.amount),
            behind_unit: observed.behind.map(|behind| behind.unit),
            links: observed.links.iter().map(LinkInfo::from).collect(),
            evidence: observed.evidence.iter().map(EvidenceInfo::from).collect(),
            disagree: observed.disagree.as_deref(),
            connections: observed.connections.map(ConnectionsInfo::from),
            clock_offset: observed.clock_offset_ms,
            probe_us: observed.probe_us,
            missing: observed.missing.iter().map(MissingInfo::from).collect(),
            drift: observed.drift.iter().map(DriftInfo::from).collect(),
            strangers: observed.strangers.iter().map(StrangerInfo::from).collect(),
        }
    }
}

/// One stream into a replica.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LinkInfo<'a> {
    /// Empty where there is only one.
    name: &'a str,
    /// `streaming`, `delayed`, `paused`, `stopped`, `connecting`, `resyncing`, `broken`, `diverged` or `unknown`.
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// `host:port`, as the replica says.
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    /// The replica of the tree that its upstream is.
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_replica: Option<UpstreamInfo<'a>>,
    /// Milliseconds behind; null when there is no figure.
    lag: Option<u64>,
    /// What `lag` is worth.
    lag_verdict: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_reason: Option<&'a str>,
    /// Applying is held back by this much on purpose, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<u64>,
    /// `known`, `unbounded`, `over` or `unknown`.
    runway_verdict: &'a str,
    /// Seconds until it falls off the retained log.
    #[serde(skip_serializing_if = "Option::is_none")]
    runway: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runway_reason: Option<&'a str>,
}

impl<'a> From<&'a Link> for LinkInfo<'a> {
    fn from(link: &'a Link) -> Self {
        Self {
            name: &link.name,
            state: link.state.word(),
            reason: link.reason.as_deref(),
            upstream: link.upstream.as_deref(),
            upstream_replica: link.upstream_key.as_ref().map(|key| UpstreamInfo {
                project: &key.project,
                replica: &key.replica,
            }),
            lag: link.lag.ms(),
            lag_verdict: link.lag.verdict.word(),
            lag_reason: link.lag.reason(),
            delay: link.delay_ms,
            runway_verdict: link.runway.word(),
            runway: link.runway.seconds(),
            runway_reason: match &link.runway {
                Runway::Unknown(reason) => Some(reason),
                Runway::Seconds(_) | Runway::Unbounded | Runway::Over => None,
            },
        }
    }
}

/// A replica of the tree.
#[derive(serde::Serialize, ToSchema)]
struct UpstreamInfo<'a> {
    project: &'a str,
    replica: &'a str,
}

/// What one way of measuring says.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EvidenceInfo<'a> {
    source: &'a str,
    says: &'a str,
    /// How old that was when it was read, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u64>,
}

impl<'a> From<&'a Evidence> for EvidenceInfo<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        Self {
            source: evidence.source,
            says: &evidence.says,
            age: evidence.age_ms,
        }
    }
}

/// Connections at a server.
#[derive(serde::Serialize, ToSchema)]
struct ConnectionsInfo {
    used: u32,
    /// What an ordinary user may open.
    max: u32,
}

impl From<Connections> for ConnectionsInfo {
    fn from(connections: Connections) -> Self {
        Self {
            used: connections.used,
            max: connections.max,
        }
    }
}

/// Something that could not be read for want of a grant.
#[derive(serde::Serialize, ToSchema)]
struct MissingInfo<'a> {
    what: &'a str,
    grant: &'a str,
}

impl<'a> From<&'a MissingGrant> for MissingInfo<'a> {
    fn from(missing: &'a MissingGrant) -> Self {
        Self {
            what: missing.what,
            grant: missing.grant,
        }
    }
}

/// A way in which a server differs from its tree.
#[derive(serde::Serialize, ToSchema)]
struct DriftInfo<'a> {
    /// `role`, `two_masters`, `writable_slave`, `wrong_master`, `diverged` or `stranger`.
    kind: &'a str,
    message: &'a str,
}

impl<'a> From<&'a Drift> for DriftInfo<'a> {
    fn from(drift: &'a Drift) -> Self {
        Self {
            kind: drift.kind.word(),
            message: &drift.message,
        }
    }
}

/// A replica that the tree lacks.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StrangerInfo<'a> {
    /// How the server names it.
    seen_as: &'a str,
    /// An entry to paste into the tree.
    entry: &'a str,
}

impl<'a> From<&'a Stranger> for StrangerInfo<'a> {
    fn from(stranger: &'a Stranger) -> Self {
        Self {
            seen_as: &stranger.seen_as,
            entry: &stranger.entry,
        }
    }
}
