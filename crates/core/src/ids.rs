//! Names and keys: a replica is known by (project, name), never by a joined string.
//!
//! Names are data: they may hold slashes, quotes, emoji or a thousand characters. Nothing here
//! restricts, trims or escapes them.

use std::sync::Arc;

/// The name of a project, replica, rule or collection. Cheap to clone: snapshots, events and bodies
/// share one allocation.
pub type Name = Arc<str>;

/// Identifies one replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplicaKey {
    /// The project the replica belongs to.
    pub project: Name,
    /// Its name within that project.
    pub replica: Name,
}

impl ReplicaKey {
    /// The key of `replica` in `project`.
    pub fn new(project: impl Into<Name>, replica: impl Into<Name>) -> Self {
        Self {
            project: project.into(),
            replica: replica.into(),
        }
    }
}
