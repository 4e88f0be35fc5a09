//! The inside of the manager: which slot has which watcher and pool, and when a snapshot is due.

use super::assemble;
use super::gone;
use super::heart::Heart;
use super::pool::Pool;
use super::routing::{self, Turns};
use super::slot::Slot;
use super::view::View;
use super::watcher::{Pace, Pulse, Surroundings, watch};
use crate::fault::Fault;
use replica_core::source::Wake;
use replica_core::tree::{Tree, TreeProject, TreeReplica};
use replica_core::{Capabilities, Name, Project, ReplicaKey, Role, Routing, Snapshot, SourceInfo};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch as watching};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A snapshot is offered at most so often within a tick.
const SNAPSHOTS_A_TICK: u32 = 4;
/// The looks of one project come within this of each other.
const BURST: Duration = Duration::from_millis(50);

/// Everything that a manager holds.
pub(super) struct Wiring {
    pace: Pace,
    start: Instant,
    state: Mutex<State>,
    /// Something was looked at.
    looked: Arc<Notify>,
    /// Tells the poller.
    teller: Mutex<Option<Task>>,
    /// Where changes made by the application are saved.
    pub(super) persist: Mutex<Option<PathBuf>>,
}

#[derive(Default)]
struct State {
    projects: Vec<Wired>,
    rules: Vec<replica_core::Rule>,
    pools: HashMap<ReplicaKey, Pool>,
    said: Option<Arc<Snapshot>>,
}

/// A project and its watchers.
struct Wired {
    name: Name,
    routing: Routing,
    pulse: Arc<Pulse>,
    replicas: Vec<(Arc<Slot>, Task)>,
    turns: Arc<Turns>,
    heart: Option<Arc<Heart>>,
    /// Writes the heartbeats for as long as it is held.
    _beating: Option<Task>,
    /// What was last made of it, and the count of changes it was made of.
    made: Option<(u64, Arc<Project>)>,
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Wiring {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            start: Instant::now(),
            state: Mutex::default(),
            looked: Arc::default(),
            teller: Mutex::default(),
            persist: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn on_change(&self, wake: Wake) {
        let looked = Arc::clone(&self.looked);
        let rest = self.pace.tick / SNAPSHOTS_A_TICK;
        let task = tokio::spawn(async move {
            loop {
                looked.notified().await;
                // Looks come in bursts: one snapshot for all that a moment brings, and then a pause.
                tokio::time::sleep(rest.min(BURST)).await;
                wake();
                tokio::time::sleep(rest.saturating_sub(BURST)).await;
            }
        });
        *self.teller.lock().unwrap_or_else(PoisonError::into_inner) = Some(Task(task));
    }

    pub(super) fn tree(&self) -> Tree {
        let state = self.state();
        let projects = state.projects.iter().map(|project| TreeProject {
            name: project.name.clone(),
            routing: project.routing,
            replicas: project
                .replicas
                .iter()
                .map(|(slot, _)| (*slot.declared()).clone())
                .collect(),
        });
        Tree {
            projects: projects.collect(),
            rules: state.rules.clone(),
        }
    }

    pub(super) fn apply(&self, tree: &Tree) {
        let mut state = self.state();
        let mut before: HashMap<Name, Wired> = state
            .projects
            .drain(..)
            .map(|project| (project.name.clone(), project))
            .collect();
        let projects = tree
            .projects
            .iter()
            .map(|declared| self.wire(declared, before.remove(&declared.name)))
            .collect();
        state.projects = projects;
        state.rules.clone_from(&tree.rules);
        let kept: Vec<Arc<Slot>> = state.slots().collect();
        state.pools.retain(|key, pool| {
            let stays = kept.iter().any(|slot| slot.key == *key);
            if !stays {
                pool.close();
            }
            stays
        });
        drop(state);
        self.looked.notify_one();
    }

    /// The project as declared, with what it already had.
    fn wire(&self, declared: &TreeProject, before: Option<Wired>) -> Wired {
        let mut before = before.unwrap_or_else(|| Wired {
            name: declared.name.clone(),
            routing: declared.routing,
            pulse: Arc::new(watching::channel(None).0),
            replicas: Vec::new(),
            turns: Arc::default(),
            heart: self.pace.heartbeat.map(|id| Arc::new(Heart::new(id))),
            _beating: None,
            made: None,
        });
        let mut old: HashMap<Name, (Arc<Slot>, Task)> = before
            .replicas
            .drain(..)
            .map(|(slot, task)| (slot.key.replica.clone(), (slot, task)))
            .collect();
        let replicas = declared.replicas.iter().map(|replica| {
            match old
                .remove(&replica.name)
                .filter(|(slot, _)| slot.is_same_server(replica))
            {
                Some((slot, task)) if slot.declared().role == replica.role => {
                    slot.redeclare(replica.clone());
                    (slot, task)
                }
                Some((slot, _)) => {
                    slot.redeclare(replica.clone());
                    let task = self.watch(&slot, replica, &before.pulse);
                    (slot, task)
                }
                None => {
                    let key = ReplicaKey::new(declared.name.clone(), replica.name.clone());
                    let slot = Arc::new(Slot::new(key, replica.clone()));
                    let task = self.watch(&slot, replica, &before.pulse);
                    (slot, task)
                }
            }
        });
        let replicas: Vec<(Arc<Slot>, Task)> = replicas.collect();
        let slots = replicas.iter().map(|(slot, _)| Arc::clone(slot)).collect();
        let beating = before
            .heart
            .as_ref()
            .map(|heart| Task(tokio::spawn(Arc::clone(heart).beat(slots, self.pace.tick))));
        Wired {
            routing: declared.routing,
            _beating: beating,
            replicas,
            made: None,
            ..before
        }
    }

    fn watch(&self, slot: &Arc<Slot>, declared: &TreeReplica, pulse: &Arc<Pulse>) -> Task {
        let looked = Arc::clone(&self.looked);
        let around = Surroundings {
            pace: self.pace,
            pulse: Arc::clone(pulse),
            looked: Arc::new(move || looked.notify_one()),
            start: self.start,
        };
        let leads = declared.role == Role::Master;
        Task(tokio::spawn(watch(Arc::clone(slot), leads, around)))
    }

    /// What is known now. A project of which nothing was looked at since is the same as before.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        let mut state = self.state();
        let all: Vec<(Vec<View>, u64)> = state.projects.iter().map(Wired::views).collect();
        let mut projects = Vec::with_capacity(all.len());
        for place in 0..all.len() {
            let (views, changes) = &all[place];
            let made = state.projects[place].made.clone();
            let project = match made.filter(|(of, _)| of == changes) {
                Some((_, project)) => project,
                None => {
                    let project = Arc::new(state.make(place, &all, self.pace.tick));
                    debug_assert_eq!(project.replicas.len(), views.len());
                    state.projects[place].made = Some((*changes, Arc::clone(&project)));
                    project
                }
            };
            projects.push(project);
        }
        let snapshot = Snapshot {
            source: SourceInfo {
                kind: "live manager".into(),
                label: "live".into(),
                live: true,
            },
            capabilities: Capabilities {
                measures_lag: true,
                commands: Vec::new(),
            },
            projects,
            rules: state.rules.clone(),
            problems: Vec::new(),
        };
        if let Some(said) = state.said.as_ref().filter(|said| ***said == snapshot) {
            return Arc::clone(said);
        }
        let snapshot = Arc::new(snapshot);
        state.said = Some(Arc::clone(&snapshot));
        snapshot
    }

    pub(super) fn read_order(&self, project: &Project) -> Vec<usize> {
        let turns = self
            .state()
            .projects
            .iter()
            .find(|wired| wired.name == project.name)
            .map(|wired| Arc::clone(&wired.turns));
        turns.map_or_else(Vec::new, |turns| routing::order(project, &turns))
    }

    /// The pool of a replica, made when first asked for.
    pub(super) fn pool(&self, key: &ReplicaKey) -> Result<Pool, Fault> {
        let mut state = self.state();
        if let Some(pool) = state.pools.get(key) {
            return Ok(pool.clone());
        }
        let slot = state.slots().find(|slot| slot.key == *key).ok_or_else(gone)?;
        let target = slot.target.clone()?;
        let pool = Pool::new(target, slot.declared().pool, self.patience())?;
        state.pools.insert(key.clone(), pool.clone());
        Ok(pool)
    }

    fn patience(&self) -> Duration {
        self.pace.deadline.max(Duration::from_secs(1))
    }

    pub(super) async fn warm_pools(&self) -> Vec<(ReplicaKey, Fault)> {
        let slots: Vec<Arc<Slot>> = self.state().slots().collect();
        let mut failed = Vec::new();
        for slot in slots {
            let min = slot.declared().pool.and_then(|pool| pool.min).unwrap_or_default();
            let warmed = match self.pool(&slot.key) {
                Ok(pool) => pool.warm(min).await,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = warmed {
                failed.push((slot.key.clone(), fault));
            }
        }
        failed
    }
}

impl State {
    fn slots(&self) -> impl Iterator<Item = Arc<Slot>> {
        let slots = self.projects.iter().flat_map(|project| &project.replicas);
        slots
            .map(|(slot, _)| Arc::clone(slot))
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn make(&self, place: usize, all: &[(Vec<View>, u64)], tick: Duration) -> Project {
        let wired = &self.projects[place];
        let others = all.iter().enumerate().filter(|(other, _)| *other != place);
        let others: Vec<&View> = others.flat_map(|(_, (views, _))| views).collect();
        let usage = |view: &View| self.pools.get(&view.slot.key).map(Pool::usage);
        Project {
            name: wired.name.clone(),
            routing: wired.routing,
            replicas: assemble::replicas(&all[place].0, &others, wired.heart.as_deref(), tick, usage),
        }
    }
}

impl Wired {
    /// What is known of its replicas, and a count that grows with every change.
    fn views(&self) -> (Vec<View>, u64) {
        let views: Vec<View> = self.replicas.iter().map(|(slot, _)| View::of(slot)).collect();
        let changes = views.iter().map(|view| view.slot.seen().changes).sum();
        (views, changes)
    }
}
