//! The vocabulary of replica-monitor: what a replica, a rule, a lag verdict, a snapshot and an event are.
//!
//! Nothing here performs I/O or needs an async runtime, so every other crate, test and tool can share
//! these words. Databases are spoken to in `replica-engine`, people in `replica-monitor`.
//!
//! Read in this order: [`snapshot`] (what is known at one instant), [`lag`] (what a figure is worth),
//! [`mod@diff`] (how two snapshots become [`event`]s), [`source`] (where snapshots come from), [`tree`] (the
//! `replicator-tree.json` file).

pub mod snapshot;

pub mod command;
pub mod diff;
pub mod event;
pub mod ids;
pub mod lag;
pub mod observed;
pub mod replica;
pub mod rule;
pub mod secret;
pub mod source;
pub mod tree;
pub mod view;

pub use command::{Command, CommandError};
pub use diff::diff;
pub use event::{Event, EventKind};
pub use ids::{Name, ReplicaKey};
pub use lag::{Lag, Verdict};
pub use observed::{Link, LinkState, Observed, Runway};
pub use replica::{Dialect, PoolLimits, PoolUsage, Replica, Role, State};
pub use rule::{
    CollectionStats, ConflictResolution, CopyProgress, Rule, RuleMode, RuleVerified, SyncStats, TableMap,
    Throttle, VerifiedTable,
};
pub use secret::Secret;
pub use snapshot::{Capabilities, Problem, Project, Routing, Severity, Snapshot, SourceInfo};
pub use source::{Source, SourceError};
