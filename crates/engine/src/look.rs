//! What one look at a server saw: facts, not yet a lag.
//!
//! A driver fills it; what a position is worth against the master's is decided in [`crate::lag`].

use crate::beat;
use crate::lag::{Epoch, Position, Writes};
use replica_core::lag::Reason;
use replica_core::observed::{Connections, Evidence, MissingGrant};
use replica_core::{LinkState, Name, Role, Verdict};
use std::time::Duration;
use tokio::time::Instant;

/// What one look saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The middle of the round trip, on the monitor's own clock.
    pub at: Instant,
    /// How long the round trip took.
    pub took: Duration,
    /// The role it plays; none where the product knows no roles.
    pub role: Option<Role>,
    /// Whether it would take a write.
    pub writable: Option<bool>,
    /// Product and version.
    pub version: Option<Name>,
    /// What names this one server: its UUID, id or address. Links of others refer to it.
    pub server: Option<Name>,
    /// What people know it by: a system identifier, a server id, a replication id.
    pub identity: Option<Name>,
    /// Which history its positions belong to.
    pub epoch: Option<Epoch>,
    /// How far it is: written, at a master; applied, at a slave. Empty where the product has no positions.
    pub position: Position,
    /// The same, as the product writes it.
    pub position_text: Option<Name>,
    /// How its writes are counted.
    pub writes: Writes,
    /// What a position counts; empty where its numbers count nothing that could be told.
    pub unit: &'static str,
    /// Why it tells no position, if it does not.
    pub no_position: Option<&'static str>,
    /// Why lag has no meaning for this server, if it has none.
    pub no_lag: Option<Reason>,
    /// The server's clock, microseconds since 1970.
    pub clock_us: Option<i64>,
    /// The streams into it.
    pub links: Vec<LinkSeen>,
    /// Those who read its log through a place that it keeps for them.
    pub consumers: Vec<Consumer>,
    /// Those who follow it, as far as it tells.
    pub followers: Vec<Follower>,
    /// The server's own figures.
    pub evidence: Vec<Evidence>,
    /// Connections at the server.
    pub connections: Option<Connections>,
    /// What could not be read for want of a grant.
    pub missing: Vec<MissingGrant>,
    /// What the server's own figures make of its lag: shown beside ours, and used while ours cannot reach back far enough.
    pub native: Option<Verdict>,
    /// The lag that the server's own best-known figure tells, to be held against the measured one.
    pub claim: Option<Claim>,
    /// Up to where it holds writes of its own, where the server tells who wrote what.
    pub own_writes: Position,
    /// How long its log is kept for those who are behind.
    pub retention: Option<Retention>,
    /// The heartbeat that it shows.
    pub beat: beat::Seen,
}

impl Look {
    /// A look between `asked` and now that has seen nothing yet.
    pub fn since(asked: Instant) -> Self {
        let took = asked.elapsed();
        Self {
            at: asked + took / 2,
            took,
            role: None,
            writable: None,
            version: None,
            server: None,
            identity: None,
            epoch: None,
            position: Position::default(),
            position_text: None,
            writes: Writes::Unseen,
            unit: "bytes",
            no_position: None,
            no_lag: None,
            clock_us: None,
            links: Vec::new(),
            consumers: Vec::new(),
            followers: Vec::new(),
            evidence: Vec::new(),
            connections: None,
            missing: Vec::new(),
            native: None,
            claim: None,
            own_writes: Position::default(),
            retention: None,
            beat: beat::Seen::NotAsked,
        }
    }
}

/// A lag that a server claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The field or formula.
    pub source: &'static str,
    /// What it says.
    pub lag: Duration,
}

/// One stream into a server, as the server describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSeen {
    /// Its name; empty where there is only one.
    pub name: Name,
    /// Whether it runs.
    pub state: LinkState,
    /// Why it does not, or what is peculiar about it.
    pub reason: Option<Reason>,
    /// `host:port` of the upstream.
    pub upstream: Option<Name>,
    /// What names the upstream server, as in [`Look::server`].
    pub upstream_server: Option<Name>,
    /// Applying is held back by this much on purpose.
    pub delay: Option<Duration>,
    /// The [`Consumer`] at the upstream that keeps its place.
    pub slot: Option<Name>,
    /// Whether what the upstream's consumer has acknowledged is the applied position (logical replication: the
    /// follower's own positions are of another history).
    pub measured_at_upstream: bool,
}

impl LinkSeen {
    /// The only stream into a server, doing `state`.
    pub fn only(state: LinkState) -> Self {
        Self {
            name: "".into(),
            state,
            reason: None,
            upstream: None,
            upstream_server: None,
            delay: None,
            slot: None,
            measured_at_upstream: false,
        }
    }
}

/// A place in a master's log that is kept for somebody (a replication slot).
#[derive(Clone, Debug, PartialEq)]
pub struct Consumer {
    /// Its name.
    pub name: Name,
    /// Up to where it has acknowledged, in the master's positions.
    pub acknowledged: Option<u64>,
    /// Whether somebody reads through it now.
    pub active: bool,
    /// What keeps its log, or loses it.
    pub hold: Hold,
}

/// How long a place in a log is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Until it is read, however long that takes.
    Forever,
    /// For this many more bytes of log.
    Bytes(u64),
    /// Its log is gone.
    Lost,
}

/// How long a master keeps its log for those who are behind and hold no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Until it is read or removed by hand.
    Forever,
    /// For this many positions.
    Positions(u64),
    /// For this long.
    Time(Duration),
}

/// A server that follows another, as the other sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// How the master names it, for people.
    pub seen_as: Name,
    /// What names that server, as in [`Look::server`].
    pub server: Option<Name>,
    /// Where it is.
    pub host: Option<Name>,
    /// Where it listens, if it told.
    pub port: Option<u16>,
    /// The place in the log that it reads through.
    pub slot: Option<Name>,
}
