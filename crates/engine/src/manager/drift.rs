//! Where a server differs from its tree, in sentences. Nothing is changed.

use super::view::View;
use crate::lag::{Intervals, SameHistory};
use crate::look::Look;
use replica_core::observed::{Drift, DriftKind, Stranger};
use replica_core::{Link, Name, Role};

/// Everything that is otherwise about one replica.
pub(super) fn drift(
    view: &View,
    look: &Look,
    links: &[Link],
    views: &[View],
    root: Option<usize>,
    strangers: &[Stranger],
) -> Vec<Drift> {
    let found = [
        role(view, look),
        two_masters(view, views),
        writable(view, look),
        wrong_master(view, look, links, views, root),
        diverged(view, look, views, root),
        (!strangers.is_empty()).then(|| unknown_replicas(strangers)),
    ];
    found.into_iter().flatten().collect()
}

fn tell(kind: DriftKind, message: impl Into<String>) -> Drift {
    Drift {
        kind,
        message: message.into(),
    }
}

fn role(view: &View, look: &Look) -> Option<Drift> {
    let message = match (view.declared.role, look.role?) {
        (Role::Master, Role::Slave) => "declared a master, but it follows another server",
        (Role::Slave, Role::Master) if look.links.is_empty() => "declared a slave, but it follows nobody",
        _ => return None,
    };
    Some(tell(DriftKind::Role, message))
}

/// Two of a project that lead and take writes: told of each of them.
fn two_masters(view: &View, views: &[View]) -> Option<Drift> {
    if !view.takes_writes() {
        return None;
    }
    // Two that are declared masters are meant to be (multi-master).
    let meant = |other: &View| view.is_declared(Role::Master) && other.is_declared(Role::Master);
    let others: Vec<&str> = views
        .iter()
        .filter(|other| other.name() != view.name() && other.takes_writes() && !meant(other))
        .filter(|other| other.look.as_ref().is_some_and(|look| look.role.is_some()))
        .map(|other| &**other.name())
        .collect();
    (!others.is_empty()).then(|| {
        tell(
            DriftKind::TwoMasters,
            format!(
                "two masters: it takes writes, and so does {}; writes to both cannot be joined again",
                others.join(", ")
            ),
        )
    })
}

fn writable(view: &View, look: &Look) -> Option<Drift> {
    let follows = look.role == Some(Role::Slave) && view.is_declared(Role::Slave);
    (follows && look.writable == Some(true)).then(|| {
        tell(
            DriftKind::WritableSlave,
            "a slave that takes writes: set it read-only, or they will be lost or break replication",
        )
    })
}

fn wrong_master(
    view: &View,
    look: &Look,
    links: &[Link],
    views: &[View],
    root: Option<usize>,
) -> Option<Drift> {
    let root = root
        .map(|place| &views[place])
        .filter(|root| root.name() != view.name())?;
    let elsewhere = links.iter().filter_map(|link| link.upstream_key.as_ref());
    let elsewhere: Vec<&Name> = elsewhere
        .clone()
        .filter(|key| key.project != view.slot.key.project)
        .map(|key| &key.project)
        .collect();
    // Of several sources one may well be another project's.
    if links.len() == 1 && !elsewhere.is_empty() {
        let message = format!("it follows a server of the project {}", elsewhere[0]);
        return Some(tell(DriftKind::WrongMaster, message));
    }
    let physical = look.role == Some(Role::Slave) && !links.is_empty();
    let (ours, theirs) = (look.epoch.as_ref()?, root.look.as_ref()?.epoch.as_ref()?);
    (physical && ours.compare(theirs) == SameHistory::No).then(|| {
        let message = format!("its history is not that of its project's master {}", root.name());
        tell(DriftKind::WrongMaster, message)
    })
}

/// Own writes that its master lacks. The look before is compared with the master's later one, so that what was only just
/// replicated does not count.
fn diverged(view: &View, look: &Look, views: &[View], root: Option<usize>) -> Option<Drift> {
    let root = root
        .map(|place| &views[place])
        .filter(|root| root.name() != view.name())?;
    let before = view.before.as_ref().filter(|_| !look.links.is_empty())?;
    let master = root.answer().filter(|master| master.at > before.at)?;
    let lacking = |(name, own): (&Name, &Intervals)| {
        let there = master.position.source(name).map_or(0, Intervals::last);
        (own.last() > there).then(|| name.to_string())
    };
    let sources: Vec<String> = before.own_writes.sources().filter_map(lacking).collect();
    (!sources.is_empty()).then(|| {
        let message = format!(
            "it holds transactions that were written here and that its master lacks (source {}): they will surface when it is promoted",
            sources.join(", ")
        );
        tell(DriftKind::Diverged, message)
    })
}

fn unknown_replicas(strangers: &[Stranger]) -> Drift {
    let names: Vec<&str> = strangers.iter().map(|stranger| &*stranger.seen_as).collect();
    tell(
        DriftKind::Stranger,
        format!("followed by what the tree does not name: {}", names.join(", ")),
    )
}
