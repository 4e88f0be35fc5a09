//! Sends what `/metrics` tells to where it is kept, by a protocol of theirs: Prometheus's remote write, or OpenTelemetry's OTLP.
//!
//! What cannot be delivered waits on disk, within a bound, and goes out in the order in which it was made. It never delays the hub: it reads what the hub
//! has published, at its own pace.
//!
//! To add a protocol: a file that packs a [`series::Batch`], and its arms in [`Protocol`].

mod address;
mod otlp;
mod protocol;
mod remote_write;
mod sender;
mod series;
mod spool;

pub use protocol::Protocol;
pub use sender::PushError;
pub(crate) use sender::{Counts, start};

use replica_core::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// Where to send the metrics to, how, and how much may wait.
#[derive(Clone)]
pub struct Push {
    /// What the receiver understands.
    pub protocol: Protocol,
    /// The receiver's address, for example `https://metrics.example/api/v1/write`; a name and password in it, percent-encoded, are sent as Basic.
    pub url: Secret<String>,
    /// Sent as a Bearer token, rather than a name and password.
    pub token: Option<Secret<String>>,
    /// How often.
    pub every: Duration,
    /// The folder in which requests wait that could not be delivered; no two may share one.
    pub spool: PathBuf,
    /// How many bytes may wait; beyond that the oldest are given up, and counted.
    pub spool_bytes: u64,
    /// Labels of every series, to tell monitors apart.
    pub labels: Vec<(String, String)>,
}
