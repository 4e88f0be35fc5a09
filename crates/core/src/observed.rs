//! What a server says of itself, and what was made of it.
//!
//! Everything here was read from the server or derived from what was read; what could not be read is `None`
//! or stands in [`Observed::missing`] with the statement that would allow it. Declared facts are in [`crate::replica`].

use crate::lag::Reason;
use crate::{Lag, Name, ReplicaKey, Role};

/// What the last look at a replica told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Why its state is what it is, when that needs a word: `connection refused`, `too many connections`…
    pub reason: Option<Reason>,
    /// The role it plays, whatever its tree declares.
    pub role: Option<Role>,
    /// Whether it would take a write.
    pub writable: Option<bool>,
    /// Product and version, as the server says.
    pub version: Option<Name>,
    /// What names this server's history: system identifier, server UUID, replication id.
    pub identity: Option<Name>,
    /// How far it is, as the engine writes positions.
    pub position: Option<Name>,
    /// How far it is behind in the engine's own unit.
    pub behind: Option<Behind>,
    /// The streams that feed it; a master has none.
    pub links: Vec<Link>,
    /// What each way of measuring says, beside the lag that is shown.
    pub evidence: Vec<Evidence>,
    /// A sentence for when the server's own figure contradicts the measured lag.
    pub disagree: Option<Name>,
    /// Connections at the server.
    pub connections: Option<Connections>,
    /// The server's clock minus the monitor's, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// How long the last look took, in microseconds.
    pub probe_us: Option<u64>,
    /// What could not be read for want of a grant.
    pub missing: Vec<MissingGrant>,
    /// Where the server differs from its tree.
    pub drift: Vec<Drift>,
    /// Replicas that follow it and that the tree does not name.
    pub strangers: Vec<Stranger>,
}

impl Observed {
    /// Whether nothing but figures that change with every look differs: ages, positions, counts.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.reason == other.reason
            && self.role == other.role
            && self.writable == other.writable
            && self.version == other.version
            && self.identity == other.identity
            && self.missing == other.missing
            && self.drift == other.drift
            && self.strangers == other.strangers
            && self.disagree.is_some() == other.disagree.is_some()
            && self.links.len() == other.links.len()
            && self
                .links
                .iter()
                .zip(&other.links)
                .all(|(a, b)| a.says_the_same(b))
    }
}

/// Work not yet done, in the engine's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// How much.
    pub amount: u64,
    /// `bytes` or `transactions`.
    pub unit: &'static str,
}

/// Connections at a server, whoever holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Open now.
    pub used: u32,
    /// How many it allows an ordinary user.
    pub max: u32,
}

/// Whether a stream into a replica runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// Nobody can tell.
    Unknown,
    /// Receives and applies.
    Streaming,
    /// Receives; applying waits for as long as it was told to.
    Delayed,
    /// Somebody stopped the applying.
    Paused,
    /// Somebody stopped the receiving, or all of it.
    Stopped,
    /// Tries to reach its upstream.
    Connecting,
    /// Loads everything anew.
    Resyncing,
    /// Stopped by an error.
    Broken,
    /// Its history and its master's have parted.
    Diverged,
}

impl LinkState {
    /// The word of JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Streaming => "streaming",
            Self::Delayed => "delayed",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Connecting => "connecting",
            Self::Resyncing => "resyncing",
            Self::Broken => "broken",
            Self::Diverged => "diverged",
        }
    }
}

/// One stream into a replica.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Its name at the replica (a connection's, a subscription's); empty where there is only one.
    pub name: Name,
    /// Whether it runs.
    pub state: LinkState,
    /// Why it does not, or what is peculiar about it.
    pub reason: Option<Reason>,
    /// `host:port` of its upstream, as the replica says.
    pub upstream: Option<Name>,
    /// The replica of the tree that its upstream is.
    pub upstream_key: Option<ReplicaKey>,
    /// How far this stream is behind its source.
    pub lag: Lag,
    /// By how much applying is held back on purpose, in milliseconds.
    pub delay_ms: Option<u64>,
    /// Time until it falls off the retained log.
    pub runway: Runway,
}

impl Link {
    fn says_the_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.state == other.state
            && self.reason == other.reason
            && self.upstream == other.upstream
            && self.upstream_key == other.upstream_key
            && self.delay_ms == other.delay_ms
    }
}

/// Time until a lagging consumer falls off the retained log and needs a full resync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runway {
    /// About this many seconds at the present rate of writing.
    Seconds(u64),
    /// The log is kept until it is read.
    Unbounded,
    /// It has fallen off already.
    Over,
    /// Nobody can tell, and why.
    Unknown(Reason),
}

impl Runway {
    /// The seconds, where there is a figure.
    pub fn seconds(&self) -> Option<u64> {
        match self {
            Self::Seconds(seconds) => Some(*seconds),
            Self::Over => Some(0),
            Self::Unbounded | Self::Unknown(_) => None,
        }
    }

    /// The word of JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Seconds(_) => "known",
            Self::Unbounded => "unbounded",
            Self::Over => "over",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What one way of measuring says.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The field or view that was read, or `position`, `heartbeat`.
    pub source: &'static str,
    /// What it says, for people.
    pub says: String,
    /// How old that was when it was read, in milliseconds, where the server tells.
    pub age_ms: Option<u64>,
}

/// Something that could not be read for want of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingGrant {
    /// What stays unknown.
    pub what: &'static str,
    /// The statement that an administrator would run.
    pub grant: &'static str,
}

/// A way in which a server differs from its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Which way.
    pub kind: DriftKind,
    /// In a sentence, with what to do.
    pub message: String,
}

/// The ways in which servers and tree differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DriftKind {
    /// Declared a master, follows; or declared a slave, follows nobody.
    Role,
    /// More than one server of the project takes writes as its master.
    TwoMasters,
    /// A slave that takes writes.
    WritableSlave,
    /// It follows a server that is not its project's.
    WrongMaster,
    /// It holds writes that its master does not have.
    Diverged,
    /// A replica follows this server and is not in the tree.
    Stranger,
}

impl DriftKind {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Role,
        Self::TwoMasters,
        Self::WritableSlave,
        Self::WrongMaster,
        Self::Diverged,
        Self::Stranger,
    ];

    /// The word of JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::TwoMasters => "two_masters",
            Self::WritableSlave => "writable_slave",
            Self::WrongMaster => "wrong_master",
            Self::Diverged => "diverged",
            Self::Stranger => "stranger",
        }
    }
}

/// A replica that a server reports and the tree lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// How the server names it: address, application name.
    pub seen_as: Name,
    /// An entry to paste into the tree; what the server does not tell stands in it as `?`.
    pub entry: String,
}
