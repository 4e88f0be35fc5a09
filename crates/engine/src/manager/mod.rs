//! The live manager: connects to every replica of a tree, looks at each at every tick, and tells what it saw as a
//! [`Snapshot`].
//!
//! It also lends connections: [`ReplicationManager::resolve_read`] and [`ReplicationManager::resolve_write`]. It never writes to a
//! watched database, unless it was asked for heartbeats ([`Pace::heartbeat`]).

mod assemble;
mod drift;
mod file;
mod heart;
mod measure;
mod pool;
mod routing;
mod runway;
mod slot;
mod strangers;
mod view;
mod watcher;
mod wiring;

use crate::connection::Connection;
use crate::fault::{Fault, FaultKind};
use deadpool::managed::Object;
use pool::Opener;
use replica_core::source::{Pending, Wake};
use replica_core::tree::{Tree, TreeProject, TreeReplica};
use replica_core::{Name, Project, ReplicaKey, Routing, Snapshot, Source, SourceError};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use wiring::Wiring;

pub use file::SaveError;
pub use watcher::Pace;

/// Watches the replicas of a tree and lends connections to them. Cheap to clone; the last clone that is dropped ends the looking.
#[derive(Clone)]
pub struct ReplicationManager {
    wiring: Arc<Wiring>,
}

impl ReplicationManager {
    /// A manager of nothing yet. Must be called on a tokio runtime, which its watchers then run on.
    pub fn new(pace: Pace) -> Self {
        Self {
            wiring: Arc::new(Wiring::new(pace)),
        }
    }

    /// A manager of that tree.
    pub fn of(tree: &Tree, pace: Pace) -> Self {
        let manager = Self::new(pace);
        manager.apply(tree);
        manager
    }

    /// Takes over a changed tree: what is new is watched, what is gone is let go, and what stayed keeps its connection and its
    /// record.
    pub fn apply(&self, tree: &Tree) {
        self.wiring.apply(tree);
    }

    /// Adds a replica to a project, or replaces the one of that name.
    pub fn add_replica(&self, project: &str, replica: TreeReplica) -> Result<(), SaveError> {
        self.change(|tree| {
            let Some(known) = tree.projects.iter_mut().find(|known| &*known.name == project) else {
                tree.projects.push(TreeProject {
                    name: project.into(),
                    routing: Routing::default(),
                    replicas: vec![replica],
                });
                return;
            };
            match known.replicas.iter_mut().find(|known| known.name == replica.name) {
                Some(old) => *old = replica,
                None => known.replicas.push(replica),
            }
        })
    }

    /// Lets a replica go; `false` if there was none of that name.
    pub fn remove_replica(&self, key: &ReplicaKey) -> Result<bool, SaveError> {
        self.change(|tree| {
            let Some(project) = tree.projects.iter_mut().find(|known| known.name == key.project) else {
                return false;
            };
            let before = project.replicas.len();
            project.replicas.retain(|replica| replica.name != key.replica);
            project.replicas.len() < before
        })
    }

    /// Changes how the reads of a project are spread; `false` if there is no such project.
    pub fn set_routing(&self, project: &str, routing: Routing) -> Result<bool, SaveError> {
        self.change(|tree| {
            let found = tree.projects.iter_mut().find(|known| &*known.name == project);
            found.map(|found| found.routing = routing).is_some()
        })
    }

    /// What is declared now, with addresses and passwords.
    pub fn tree(&self) -> Tree {
        self.wiring.tree()
    }

    /// What is known now.
    pub fn status(&self) -> Arc<Snapshot> {
        self.wiring.snapshot()
    }

    /// A connection for a read of that project, by its routing. Where no replica is fit, or none can be reached, it is the master's.
    pub async fn resolve_read(&self, project: &str) -> Result<Borrowed, ResolveError> {
        let known = self.project(project)?;
        let order = self.wiring.read_order(&known);
        self.borrow_first(&known, order).await
    }

    /// A connection for a write of that project: to the server that leads it, as observed.
    pub async fn resolve_write(&self, project: &str) -> Result<Borrowed, ResolveError> {
        let known = self.project(project)?;
        let order = routing::writers(&known);
        self.borrow_first(&known, order).await
    }

    /// Opens what the tree declares as the least for each pool. Failures are told one by one; what could be opened stays.
    pub async fn warm_pools(&self) -> Vec<(ReplicaKey, Fault)> {
        self.wiring.warm_pools().await
    }

    /// Ends the looking and closes every connection.
    pub fn disconnect_all(&self) {
        self.wiring.apply(&Tree::default());
    }

    fn project(&self, name: &str) -> Result<Arc<Project>, ResolveError> {
        let snapshot = self.status();
        let found = snapshot.projects.iter().find(|project| &*project.name == name);
        found.cloned().ok_or_else(|| ResolveError::NoProject(name.into()))
    }

    async fn borrow_first(&self, project: &Project, order: Vec<usize>) -> Result<Borrowed, ResolveError> {
        let mut why = Vec::new();
        for place in order {
            let replica = &project.replicas[place];
            let key = ReplicaKey::new(project.name.clone(), replica.name.clone());
            let borrowed = match self.wiring.pool(&key) {
                Ok(pool) => pool.borrow().await,
                Err(fault) => Err(fault),
            };
            match borrowed {
                Ok(connection) => return Ok(Borrowed { key, connection }),
                Err(fault) => why.push((key.replica, fault)),
            }
        }
        Err(ResolveError::NoneFit {
            project: project.name.clone(),
            tried: why,
        })
    }
}

impl Source for ReplicationManager {
    fn snapshot(&self) -> Pending<'_, Result<Arc<Snapshot>, SourceError>> {
        Box::pin(std::future::ready(Ok(self.status())))
    }

    fn on_change(&self, wake: Wake) {
        self.wiring.on_change(wake);
    }

    fn addresses(&self) -> Vec<(ReplicaKey, String)> {
        self.tree().addresses(crate::driver::default_port)
    }
}

/// A connection on loan; dropping it gives it back.
pub struct Borrowed {
    key: ReplicaKey,
    connection: Object<Opener>,
}

impl Borrowed {
    /// Whose it is.
    pub fn replica(&self) -> &ReplicaKey {
        &self.key
    }
}

impl Deref for Borrowed {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl fmt::Debug for Borrowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Borrowed({:?})", self.key)
    }
}

/// Why no connection could be lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolveError {
    /// There is no project of that name.
    NoProject(Name),
    /// None of its replicas is fit for that, or none of those could be reached.
    NoneFit {
        /// The project.
        project: Name,
        /// What was tried, and what went wrong with each.
        tried: Vec<(Name, Fault)>,
    },
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProject(name) => write!(f, "there is no project called {name}"),
            Self::NoneFit { project, tried } if tried.is_empty() => {
                write!(f, "no replica of {project} is up and fit for that")
            }
            Self::NoneFit { project, tried } => {
                write!(f, "no replica of {project} could be reached:")?;
                tried
                    .iter()
                    .try_for_each(|(name, fault)| write!(f, " {name}: {fault};"))
            }
        }
    }
}

impl std::error::Error for ResolveError {}

/// A pool was asked of a replica that is not there any more.
fn gone() -> Fault {
    Fault::new(FaultKind::NotAsked, "it was removed from the tree")
}
