//! The JSON of snapshots and events: the contract that existing clients rely on.
//!
//! Wire types stand apart from the words of `replica-core` and are filled by hand, so that the one can move without the
//! other. Names and order of fields are fixed here and nowhere else; fields may be added, never renamed. The OpenAPI
//! document is derived from these types. An address, even masked, is never among them.

mod event;
mod observed;
pub(crate) mod past;
mod replica;
mod rule;
mod snapshot;

pub(crate) use event::{EventInfo, EventJson};
pub(crate) use observed::ObservedInfo;
pub(crate) use replica::{ReplicaBrief, ReplicaInfo};
pub(crate) use rule::{RuleInfo, StatsInfo};
pub(crate) use snapshot::{ProblemInfo, ProjectInfo, ReplicasJson, RoutingJson, RulesJson, SnapshotInfo};
