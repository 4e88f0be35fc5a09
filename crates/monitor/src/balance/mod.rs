//! May traffic go there now? One answer for every engine, for load balancers, agents and programs that throttle themselves.
//!
//! Whoever is not known to be fit is not: unknown, frozen and silent ones are refused. A refusal is immediate; to be let back in, a server must
//! have been fit for a whole poll period, so that one lucky look does not bring traffic back. Nothing is remembered here: the hub
//! keeps the snapshots of the last period.

mod limit;

pub(crate) use limit::Limit;

use replica_core::observed::DriftKind;
use replica_core::{Project, Replica, ReplicaKey, Role, Snapshot, State};
use std::sync::Arc;

/// What is known, and what was known over the last poll period.
pub(crate) struct Lately {
    /// Newest last; never empty.
    snapshots: Vec<Arc<Snapshot>>,
    /// Why nothing of it may be believed now, if so.
    stalled: bool,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such project or replica: whoever asks is set up wrongly.
    NoSuch(&'static str),
    /// Not now.
    Not(String),
}

type Answer<T> = Result<T, Refusal>;

fn not<T>(why: impl Into<String>) -> Answer<T> {
    Err(Refusal::Not(why.into()))
}

impl Lately {
    pub(crate) fn new(snapshots: Vec<Arc<Snapshot>>, stalled: bool) -> Self {
        Self { snapshots, stalled }
    }

    /// The master of a project, if there is exactly one that is up and takes writes.
    pub(crate) fn primary(&self, project: &str) -> Answer<Arc<str>> {
        self.always(|snapshot| primary(find(snapshot, project)?))
    }

    /// Whether that replica is the primary.
    pub(crate) fn is_primary(&self, key: &ReplicaKey) -> Answer<Arc<str>> {
        self.always(|snapshot| {
            let project = find(snapshot, &key.project)?;
            replica(project, &key.replica)?;
            let primary = primary(project)?;
            match primary == key.replica {
                true => Ok(primary),
                false => not(format!("{primary} is the primary")),
            }
        })
    }

    /// Whether that replica follows and is within the limit, or its own tolerance.
    pub(crate) fn is_replica(&self, key: &ReplicaKey, limit: Option<Limit>) -> Answer<Arc<str>> {
        self.always(|snapshot| {
            let replica = replica(find(snapshot, &key.project)?, &key.replica)?;
            follows(replica, limit).map(|()| replica.name.clone())
        })
    }

    /// Whether reads may go to that replica: a follower within the limit, or the primary.
    pub(crate) fn is_readable(&self, key: &ReplicaKey, limit: Option<Limit>) -> Answer<Arc<str>> {
        self.always(|snapshot| {
            let project = find(snapshot, &key.project)?;
            let replica = replica(project, &key.replica)?;
            let fit = match replica.leads() {
                true => up(replica),
                false => follows(replica, limit),
            };
            fit.map(|()| replica.name.clone())
        })
    }

    /// Where reads of a project may go, the least behind first; the primary if nobody else may.
    pub(crate) fn readers(&self, project: &str, limit: Option<Limit>) -> Answer<Vec<Arc<str>>> {
        let now = find(self.now()?, project)?;
        let fit = |replica: &&Replica| {
            let key = ReplicaKey::new(project, replica.name.clone());
            self.is_replica(&key, limit).is_ok()
        };
        let mut fit: Vec<&Replica> = now.replicas.iter().filter(fit).collect();
        fit.sort_by_key(|replica| replica.lag.ms());
        match fit.is_empty() {
            false => Ok(fit.into_iter().map(|replica| replica.name.clone()).collect()),
            true => self.primary(project).map(|primary| vec![primary]),
        }
    }

    /// The worst lag of a project's followers that are up, in milliseconds, and the least of their tolerances. Nothing, if the lag of one is unknown
    /// or none is up.
    pub(crate) fn worst_lag(&self, project: &str) -> Answer<(u64, Option<u64>)> {
        let project = find(self.now()?, project)?;
        let mut worst = None;
        let mut tolerance = None;
        for replica in project
            .replicas
            .iter()
            .filter(|replica| replica.role == Role::Slave)
        {
            if replica.state != State::Up {
                continue;
            }
            let Some(ms) = replica.lag.most_ms() else {
                return not(format!("nobody can tell how far {} is behind", replica.name));
            };
            worst = worst.max(Some(ms));
            tolerance = [tolerance, replica.lag_tolerance_ms].into_iter().flatten().min();
        }
        match worst {
            Some(worst) => Ok((worst, tolerance)),
            None => not("no replica of it answers"),
        }
    }

    fn now(&self) -> Answer<&Snapshot> {
        match self.snapshots.last() {
            Some(now) if !self.stalled => Ok(now),
            _ => not("the monitor itself has no answer from its source"),
        }
    }

    /// The answer of now, if no other one was given over the last period.
    fn always<T>(&self, judge: impl Fn(&Snapshot) -> Answer<T>) -> Answer<T> {
        let now = judge(self.now()?)?;
        let earlier = self.snapshots[..self.snapshots.len() - 1].iter();
        for snapshot in earlier {
            match judge(snapshot) {
                Err(Refusal::Not(why)) => return not(format!("only just recovered: {why}")),
                // It is in the tree since a moment ago.
                Err(Refusal::NoSuch(_)) | Ok(_) => {}
            }
        }
        Ok(now)
    }
}

fn find<'s>(snapshot: &'s Snapshot, name: &str) -> Answer<&'s Project> {
    let found = snapshot.projects.iter().find(|project| &*project.name == name);
    found
        .map(|project| &**project)
        .ok_or(Refusal::NoSuch("no such project"))
}

fn replica<'s>(project: &'s Project, name: &str) -> Answer<&'s Replica> {
    let found = project.replicas.iter().find(|replica| &*replica.name == name);
    found.ok_or(Refusal::NoSuch("no such replica"))
}

fn up(replica: &Replica) -> Answer<()> {
    match replica.state {
        State::Up => Ok(()),
        State::Unknown if replica.observed.is_none() => not("not connected: start with --live"),
        state => {
            let why = replica
                .state_reason()
                .map_or(String::new(), |why| format!(": {why}"));
            not(format!("it is {}{why}", state.word()))
        }
    }
}

fn primary(project: &Project) -> Answer<Arc<str>> {
    let mut masters = project.replicas.iter().filter(|replica| replica.leads());
    let Some(master) = masters.next() else {
        return not("nobody leads the project");
    };
    if let Some(other) = masters.next() {
        return not(format!(
            "both {} and {} lead the project",
            master.name, other.name
        ));
    }
    let seen = master.observed.as_ref();
    if seen.is_some_and(|seen| seen.drift.iter().any(|drift| drift.kind == DriftKind::TwoMasters)) {
        return not("more than one server takes writes");
    }
    up(master)?;
    match seen.and_then(|seen| seen.writable) {
        Some(false) => not(format!("{} takes no writes", master.name)),
        _ => Ok(master.name.clone()),
    }
}

fn follows(replica: &Replica, limit: Option<Limit>) -> Answer<()> {
    up(replica)?;
    if replica.leads() {
        return not("it leads, it does not follow");
    }
    let ms = most_ms(replica)?;
    match limit.or(replica.lag_tolerance_ms.map(Limit::Time)) {
        Some(Limit::Time(most)) if ms > most => not(format!("its lag of {ms} ms is above {most} ms")),
        Some(Limit::Bytes(most)) => {
            let behind = replica.observed.as_ref().and_then(|seen| seen.behind);
            match behind.filter(|behind| behind.unit == "bytes") {
                None => not("how many bytes it is behind is unknown"),
                Some(behind) if behind.amount > most => {
                    not(format!("it is {} bytes behind, above {most}", behind.amount))
                }
                Some(_) => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// What its lag is certainly not above, in milliseconds.
fn most_ms(replica: &Replica) -> Answer<u64> {
    let lag = &replica.lag;
    match (lag.most_ms(), lag.live_ms()) {
        (Some(most), _) => Ok(most),
        (None, Some(least)) => not(format!(
            "its lag is {least} ms at least, and nobody can tell how much more"
        )),
        (None, None) => not(format!(
            "its lag is unknown: {}",
            lag.reason().unwrap_or("its master cannot be asked")
        )),
    }
}

#[cfg(test)]
mod tests;
