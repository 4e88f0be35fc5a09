//! What a tree file declares, typed.
//!
//! Unknown fields are not here: they stay in the text, which [`Document`](super::Document) edits.

use super::Uri;
use crate::{
    Capabilities, Dialect, Lag, Name, PoolLimits, Problem, Project, Replica, ReplicaKey, Role, Routing, Rule,
    Secret, Snapshot, SourceInfo, Throttle,
};
use std::sync::Arc;

/// A whole tree file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// The projects, in the file's order.
    pub projects: Vec<TreeProject>,
    /// The rules, in the file's order.
    pub rules: Vec<Rule>,
}

/// One project of a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeProject {
    /// Its name.
    pub name: Name,
    /// How its reads are spread.
    pub routing: Routing,
    /// Its replicas, in the file's order.
    pub replicas: Vec<TreeReplica>,
}

/// One replica of a tree, with the address that snapshots never carry.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeReplica {
    /// Its name.
    pub name: Name,
    /// The declared role.
    pub role: Role,
    /// The declared dialect.
    pub dialect: Option<Dialect>,
    /// Where it is and how to log in, as written; known to be an address. See [`TreeReplica::address`].
    pub uri: Option<Secret<Box<str>>>,
    /// The declared pool sizes.
    pub pool: Option<PoolLimits>,
    /// The lag that its owner tolerates, in milliseconds.
    pub lag_tolerance_ms: Option<u64>,
    /// How fast rules may write into it.
    pub throttle: Throttle,
    /// What the original's ORM does with schemas; kept, not used.
    pub schema_strategy: Option<Name>,
    /// What is wrong with the entry.
    pub problem: Option<Name>,
}

/// Why a tree alone says nothing about a slave.
const NOT_MEASURED: &str = "not measured: a tree file declares replicas, nothing asks them";
/// Why a master has no lag.
const MASTER: &str = "a master has nothing to lag behind";

impl Tree {
    /// The snapshot of a tree that nobody measures: everything declared, nothing observed.
    pub fn snapshot(&self, label: impl Into<Name>, problems: Vec<Problem>) -> Snapshot {
        Snapshot {
            source: SourceInfo {
                kind: "tree file".into(),
                label: label.into(),
                live: false,
            },
            capabilities: Capabilities::default(),
            projects: self
                .projects
                .iter()
                .map(|project| Arc::new(project.declared()))
                .collect(),
            rules: self.rules.clone(),
            problems,
        }
    }
}

impl Tree {
    /// `host:port` of every replica that has one; `default_port` is asked where an address names none. Files have no host and are left out.
    pub fn addresses(&self, default_port: impl Fn(&Dialect) -> Option<u16>) -> Vec<(ReplicaKey, String)> {
        let replicas = self.projects.iter().flat_map(|project| {
            let replicas = project.replicas.iter();
            replicas.map(|replica| {
                (
                    ReplicaKey::new(project.name.clone(), replica.name.clone()),
                    replica,
                )
            })
        });
        let known = replicas.filter_map(|(key, replica)| {
            let address = replica.address()?;
            let host = address.hosts.first()?;
            let port = host.port.or_else(|| default_port(replica.dialect.as_ref()?))?;
            // An IPv6 address needs its brackets beside a port.
            let name = match host.name.contains(':') {
                true => format!("[{}]", host.name),
                false => host.name.clone(),
            };
            Some((key, format!("{name}:{port}")))
        });
        known.collect()
    }
}

impl TreeProject {
    fn declared(&self) -> Project {
        Project {
            name: self.name.clone(),
            routing: self.routing,
            replicas: self.replicas.iter().map(TreeReplica::declared).collect(),
        }
    }
}

impl TreeReplica {
    /// Where it is and how to log in, taken apart. A tree may hold 100 000 of them, so that is done on demand.
    pub fn address(&self) -> Option<Uri> {
        Uri::parse(self.uri.as_ref()?.expose(), self.dialect.as_ref()).ok()
    }

    fn declared(&self) -> Replica {
        Replica {
            dialect: self.dialect.clone(),
            lag: match self.role {
                Role::Master => Lag::not_applicable(MASTER),
                Role::Slave => Lag::unknown(NOT_MEASURED),
            },
            lag_tolerance_ms: self.lag_tolerance_ms,
            pool: self.pool,
            problem: self.problem.clone(),
            ..Replica::new(self.name.clone(), self.role)
        }
    }
}
