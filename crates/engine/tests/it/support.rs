//! A manager, a truth, and the two side by side.

use anyhow::{Context, Result, bail, ensure};
use replica_core::tree::{Tree, TreeProject, TreeReplica};
use replica_core::{Dialect, Lag, Link, LinkState, Replica, ReplicaKey, Role, State, Verdict};
use replica_engine::{Pace, ReplicationManager};
use replica_lab::truth::{Shown, Written};
use replica_lab::{Truth, wait_for};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The tick of most cases: a quarter of the usual one, so that they are quick.
pub(crate) const TICK: Duration = Duration::from_millis(500);
/// Everything that should happen happens within this.
pub(crate) const SOON: Duration = Duration::from_secs(40);
/// How often what is known and what is true are looked at.
const EVERY: Duration = Duration::from_millis(15);
/// A machine that runs other things too may be late by this much.
const SLACK: Duration = Duration::from_millis(250);

/// Runs a test that needs servers; without them it is skipped loudly, or fails where `CI` is set.
pub(crate) async fn with_servers(test: impl Future<Output = Result<()>>) {
    match test.await {
        Err(error) if replica_lab::program::is_missing(&error) && std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: {error}");
        }
        Err(error) => panic!("{error:?}"),
        Ok(()) => {}
    }
}

/// An entry of a tree.
pub(crate) fn entry(name: &str, role: Role, dialect: &str, uri: &str) -> TreeReplica {
    TreeReplica {
        name: name.into(),
        role,
        dialect: Some(Dialect::new(dialect)),
        uri: Some(replica_core::Secret::new(uri.into())),
        pool: None,
        lag_tolerance_ms: Some(1000),
        throttle: replica_core::Throttle::default(),
        schema_strategy: None,
        problem: None,
    }
}

/// A master and its slaves, as the project `p`.
pub(crate) fn tree(dialect: &str, master: &str, slaves: &[(&str, &str)]) -> Tree {
    let mut replicas = vec![entry("master", Role::Master, dialect, master)];
    replicas.extend(
        slaves
            .iter()
            .map(|(name, uri)| entry(name, Role::Slave, dialect, uri)),
    );
    Tree {
        projects: vec![TreeProject {
            name: "p".into(),
            routing: Default::default(),
            replicas,
        }],
        rules: Vec::new(),
    }
}

/// A manager of such a tree.
pub(crate) fn manager(
    dialect: &str,
    master: &str,
    slaves: &[(&str, &str)],
    tick: Duration,
) -> ReplicationManager {
    ReplicationManager::of(&tree(dialect, master, slaves), Pace::every(tick))
}

/// What a manager says of one replica of the project `p`.
pub(crate) fn said(manager: &ReplicationManager, name: &str) -> Replica {
    let snapshot = manager.status();
    snapshot.replica(&ReplicaKey::new("p", name)).cloned().unwrap()
}

/// The first link of a replica.
pub(crate) fn first_link(replica: &Replica) -> Option<Link> {
    replica.observed.as_ref()?.links.first().cloned()
}

/// Waits until a replica is as wanted.
pub(crate) async fn until(
    what: &str,
    manager: &ReplicationManager,
    name: &str,
    wanted: impl Fn(&Replica) -> bool,
) -> Result<Replica> {
    let holds = async || wanted(&said(manager, name));
    wait_for(&format!("{name}: {what}"), SOON, holds)
        .await
        .with_context(|| format!("last known: {:#?}", said(manager, name)))?;
    Ok(said(manager, name))
}

/// Waits until its first link does that.
pub(crate) async fn until_link(
    manager: &ReplicationManager,
    name: &str,
    state: LinkState,
) -> Result<Replica> {
    let wanted = |replica: &Replica| first_link(replica).is_some_and(|link| link.state == state);
    until(state.word(), manager, name, wanted).await
}

/// Waits for a moment of caught-up, exact quiet.
pub(crate) async fn caught_up(manager: &ReplicationManager, name: &str) -> Result<Replica> {
    let wanted = |replica: &Replica| {
        replica.state == State::Up
            && replica.lag.as_of_ms.is_none()
            && matches!(replica.lag.verdict, Verdict::Exact(ms) if ms < 400)
    };
    until("caught up", manager, name, wanted).await
}

/// One look of ours, when it was made, and what it said.
#[derive(Clone, Debug)]
struct Measured {
    at: Instant,
    lag: Lag,
}

/// A replica watched from both sides.
pub(crate) struct Case {
    name: String,
    tick: Duration,
    truth: Arc<Mutex<Vec<Shown>>>,
    measured: Arc<Mutex<Vec<Measured>>>,
    tasks: Vec<JoinHandle<()>>,
}

/// How long the record of both sides lasted, and what was in it.
pub(crate) struct Compared {
    name: String,
    tick: Duration,
    /// The truth, and what was said, at the same moments.
    pairs: Vec<(Duration, Lag)>,
}

impl Case {
    /// Begins to watch `replica` of `manager` beside what `server` shows.
    pub(crate) async fn begin(
        name: &str,
        manager: &ReplicationManager,
        replica: &str,
        truth: &Truth,
        server: &impl Written,
        tick: Duration,
    ) -> Result<Self> {
        let mut reader = truth.reader(server).await?;
        let shown: Arc<Mutex<Vec<Shown>>> = Arc::default();
        let measured: Arc<Mutex<Vec<Measured>>> = Arc::default();
        let truths = {
            let shown = Arc::clone(&shown);
            tokio::spawn(async move {
                let mut often = tokio::time::interval(EVERY);
                // A server that does not answer shows nothing; then there is nothing to compare.
                while let Ok(now) = reader.look().await {
                    shown.lock().unwrap().push(now);
                    often.tick().await;
                }
            })
        };
        let says = {
            let (measured, manager, replica) = (Arc::clone(&measured), manager.clone(), replica.to_owned());
            tokio::spawn(async move {
                let mut last = said(&manager, &replica).last_ping_ms;
                let mut often = tokio::time::interval(EVERY);
                loop {
                    often.tick().await;
                    let now = said(&manager, &replica);
                    if now.last_ping_ms != last && now.state == State::Up {
                        last = now.last_ping_ms;
                        let at = instant_of(last.unwrap_or_default());
                        measured.lock().unwrap().push(Measured { at, lag: now.lag });
                    }
                }
            })
        };
        Ok(Self {
            name: name.to_owned(),
            tick,
            truth: shown,
            measured,
            tasks: vec![truths, says],
        })
    }

    /// Goes on until the true lag has been above `lag`.
    pub(crate) async fn until_behind(&self, lag: Duration) -> Result<()> {
        let behind = async || {
            self.truth
                .lock()
                .unwrap()
                .last()
                .is_some_and(|shown| shown.lag > lag)
        };
        wait_for(&format!("{}: a true lag of {lag:?}", self.name), SOON, behind).await
    }

    /// Goes on until so many looks were made.
    pub(crate) async fn looks(&self, count: usize) -> Result<()> {
        let wanted = self.measured.lock().unwrap().len() + count;
        let made = async || self.measured.lock().unwrap().len() >= wanted;
        wait_for(&format!("{}: {count} looks", self.name), SOON, made).await
    }

    /// Ends the watching and puts the two sides together.
    pub(crate) fn end(self) -> Result<Compared> {
        self.tasks.iter().for_each(JoinHandle::abort);
        let truth = self.truth.lock().unwrap().clone();
        let mut pairs = Vec::new();
        for measured in self.measured.lock().unwrap().iter() {
            let distance = |shown: &Shown| shown.at.max(measured.at) - shown.at.min(measured.at);
            let nearest = truth.iter().min_by_key(|shown| distance(shown));
            // Without a truth of that very moment there is nothing to compare.
            if let Some(nearest) = nearest.filter(|shown| distance(shown) < Duration::from_millis(80)) {
                pairs.push((nearest.lag, measured.lag.clone()));
            }
        }
        ensure!(
            pairs.len() >= 2,
            "{}: only {} looks could be compared",
            self.name,
            pairs.len()
        );
        Ok(Compared {
            name: self.name,
            tick: self.tick,
            pairs,
        })
    }
}

impl Compared {
    /// How far each exact figure was from the truth; where no exact one was told, there is no error either.
    pub(crate) fn errors(&self) -> Vec<Duration> {
        let exact = self.pairs.iter().filter_map(|(truth, lag)| match lag.verdict {
            Verdict::Exact(ms) => Some((*truth, Duration::from_millis(ms))),
            _ => None,
        });
        exact
            .map(|(truth, said)| said.max(truth) - said.min(truth))
            .collect()
    }

    /// Every look was exact and within a tick of the truth, and none said 0 while more than a tick was missing.
    pub(crate) fn told_exactly(self) -> Result<Self> {
        for (truth, lag) in &self.pairs {
            let Verdict::Exact(ms) = lag.verdict else {
                bail!("{}: said {lag:?} while the truth was {truth:?}", self.name);
            };
            ensure!(lag.as_of_ms.is_none(), "{}: a frozen figure: {lag:?}", self.name);
            let said = Duration::from_millis(ms);
            let error = said.max(*truth) - said.min(*truth);
            ensure!(
                error <= self.tick + SLACK,
                "{}: said {said:?} while the truth was {truth:?}; all: {:?}",
                self.name,
                self.pairs
            );
            ensure!(
                ms > 0 || *truth <= self.tick + SLACK,
                "{}: said 0 while the truth was {truth:?}",
                self.name
            );
        }
        let worst = self.errors().into_iter().max().unwrap_or_default();
        let most = self
            .pairs
            .iter()
            .map(|(truth, _)| *truth)
            .max()
            .unwrap_or_default();
        eprintln!(
            "{:<52} {:>3} looks, truth up to {most:>8.1?}, worst error {worst:.0?}",
            self.name,
            self.pairs.len()
        );
        Ok(self)
    }

    /// No look claimed to be exact and wrong: unknown, bounded and frozen ones are allowed.
    pub(crate) fn told_no_lie(self) -> Result<Self> {
        for (truth, lag) in &self.pairs {
            let slack = self.tick + SLACK;
            let fine = match (&lag.verdict, lag.as_of_ms) {
                (_, Some(_)) | (Verdict::Unknown(_) | Verdict::NotApplicable(_), _) => true,
                (Verdict::Exact(ms), None) => {
                    let said = Duration::from_millis(*ms);
                    said.max(*truth) - said.min(*truth) <= slack
                }
                (Verdict::AtLeast(ms), None) => Duration::from_millis(*ms) <= *truth + slack,
                (Verdict::AtMost(ms), None) => Duration::from_millis(*ms) + slack >= *truth,
            };
            ensure!(fine, "{}: said {lag:?} while the truth was {truth:?}", self.name);
        }
        eprintln!(
            "{:<52} {:>3} looks, none of them a lie",
            self.name,
            self.pairs.len()
        );
        Ok(self)
    }
}

/// The moment of a wall-clock time.
fn instant_of(ms: i64) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ago = now.saturating_sub(Duration::from_millis(u64::try_from(ms).unwrap_or_default()));
    Instant::now().checked_sub(ago).unwrap_or_else(Instant::now)
}
