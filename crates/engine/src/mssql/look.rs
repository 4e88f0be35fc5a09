//! Rows → what they say. Nothing here asks.

use super::{NAMES, STATE, lsn};
use crate::fault::{Fault, FaultKind};
use crate::lag::{Epoch, Position};
use crate::look::{Claim, Follower, LinkSeen, Look};
use replica_core::lag::Reason;
use replica_core::observed::{Connections, Evidence};
use replica_core::{LinkState, Name, Role, Verdict};
use std::time::Duration;
use tiberius::Row;

/// A group has at most nine replicas, and a distributed one not many more.
const MOST: usize = 50;

pub(super) fn int(row: &Row, column: &str) -> Option<i64> {
    row.try_get::<i64, _>(column).ok().flatten()
}

fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    let text = row.try_get::<&str, _>(column).ok().flatten();
    text.filter(|text| !text.is_empty())
}

fn count(row: &Row, column: &str) -> Option<u64> {
    int(row, column).and_then(|value| u64::try_from(value).ok())
}

/// Writes what is known into `look`.
pub(super) fn read(rows: &[Row], look: &mut Look) -> Result<(), Fault> {
    let of = |kind: &'static str| rows.iter().filter(move |row| text(row, "kind") == Some(kind));
    let Some(server) = of("server").next() else {
        return Err(Fault::new(
            FaultKind::Strange,
            "it answers without telling who it is",
        ));
    };
    if int(server, "db").is_none() {
        return Err(Fault::new(FaultKind::Misconfigured, "there is no such database"));
    }
    // It counts nothing that could be told: places in files.
    look.unit = "";
    read_server(server, of("sessions").next(), look);
    let group: Vec<&Row> = of("group").take(MOST).collect();
    let own = group.iter().find(|row| int(row, "is_local") == Some(1));
    match own {
        Some(own) => read_group(own, &group, look),
        None if look.missing.contains(&STATE) => {
            let why = "its availability group may be seen only with VIEW SERVER STATE";
            look.no_position = Some(why);
        }
        None => {
            look.role = Some(Role::Master);
            look.no_position = Some("its database is in no availability group of this server");
        }
    }
    Ok(())
}

fn read_server(row: &Row, sessions: Option<&Row>, look: &mut Look) {
    look.version = text(row, "version").map(|version| format!("SQL Server {version}").into());
    look.server = text(row, "server").map(Name::from);
    look.clock_us = int(row, "clock_us");
    look.writable = text(row, "updateability").map(|word| word == "READ_WRITE");
    for (column, grant) in [("may_state", STATE), ("may_define", NAMES)] {
        if int(row, column) != Some(1) {
            look.missing.push(grant);
        }
    }
    let used = sessions.and_then(|row| count(row, "used"));
    // 0 is "as many as there can be", which is no number that says anything.
    let max = count(row, "max_connections").filter(|max| *max > 0);
    look.connections = used.zip(max).and_then(|(used, max)| {
        Some(Connections {
            used: used.try_into().ok()?,
            max: max.try_into().ok()?,
        })
    });
    if let Some(used) = used {
        look.evidence.push(Evidence {
            source: "sys.dm_exec_sessions",
            says: format!("{used} sessions of users"),
            age_ms: None,
        });
    }
}

fn read_group(own: &Row, group: &[&Row], look: &mut Look) {
    let primary = text(own, "role") == Some("PRIMARY");
    look.role = Some(if primary { Role::Master } else { Role::Slave });
    look.writable = look.writable.map(|writable| writable && primary);
    look.identity = text(own, "history").map(Name::from);
    look.epoch = text(own, "history").map(Epoch::of);
    let commit = text(own, "lsn");
    match commit.and_then(lsn::packed) {
        Some(packed) => look.position = Position::offset(packed),
        None if commit.is_some() => {
            look.no_position = Some("its last_commit_lsn is too large to be compared here");
        }
        None => look.no_position = Some("it tells no last_commit_lsn yet"),
    }
    look.position_text = commit.and_then(lsn::text).map(Name::from);
    if !primary {
        look.links.push(link(own));
        read_native(own, look);
        return;
    }
    for row in group.iter().filter(|row| int(row, "is_local") != Some(1)) {
        let name = text(row, "replica").unwrap_or("a replica whose name may not be seen");
        look.evidence.push(told_of(own, row, name));
        if text(row, "replica").is_some() {
            look.followers.push(Follower {
                seen_as: name.into(),
                server: Some(name.into()),
                // Before the name of an instance.
                host: name.split('\\').next().map(Name::from),
                port: None,
                slot: None,
            });
        }
    }
}

fn link(own: &Row) -> LinkSeen {
    let (state, reason) = link_state(own);
    LinkSeen {
        reason,
        upstream_server: text(own, "leader").map(Name::from),
        ..LinkSeen::only(state)
    }
}

fn link_state(own: &Row) -> (LinkState, Option<Reason>) {
    if int(own, "suspended") == Some(1) {
        let why = text(own, "suspended_why").unwrap_or("no reason told");
        return (
            LinkState::Paused,
            Some(format!("data movement is suspended ({why}): SET HADR RESUME lets it go on").into()),
        );
    }
    if text(own, "role") == Some("RESOLVING") {
        let why = "its group has no primary that it knows of (RESOLVING)";
        return (LinkState::Connecting, Some(why.into()));
    }
    if text(own, "connected") == Some("DISCONNECTED") {
        return (
            LinkState::Connecting,
            Some("it is disconnected from its primary".into()),
        );
    }
    match text(own, "state") {
        Some("SYNCHRONIZED" | "SYNCHRONIZING") => (LinkState::Streaming, None),
        Some("NOT SYNCHRONIZING") => (
            LinkState::Connecting,
            Some("it receives nothing (NOT SYNCHRONIZING)".into()),
        ),
        Some("REVERTING") => (
            LinkState::Resyncing,
            Some("it takes back writes that its primary does not have (REVERTING)".into()),
        ),
        Some("INITIALIZING") => (
            LinkState::Resyncing,
            Some("it takes over the log that it was begun with (INITIALIZING)".into()),
        ),
        _ => (LinkState::Unknown, None),
    }
}

/// The server's own figure, in whole seconds. It is 0 while data movement is suspended, which says nothing.
fn read_native(own: &Row, look: &mut Look) {
    let Some(seconds) = count(own, "lag_s") else {
        return;
    };
    look.claim = Some(Claim {
        source: "secondary_lag_seconds",
        lag: Duration::from_secs(seconds),
    });
    if look.links.iter().all(|link| link.state == LinkState::Streaming) {
        look.native = Some(Verdict::AtMost(seconds.saturating_add(1).saturating_mul(1000)));
    }
}

/// How the primary sees another; the times of both are told by the primary, so its clock alone counts.
fn told_of(own: &Row, row: &Row, name: &str) -> Evidence {
    let state = text(row, "state").unwrap_or("?");
    let behind = int(own, "commit_ms").zip(int(row, "commit_ms"));
    let behind = behind.map_or(String::new(), |(ours, theirs)| {
        format!(", last_commit_time {} ms behind", ours.saturating_sub(theirs))
    });
    let queue =
        |column, what: &str| int(row, column).map_or(String::new(), |size| format!(", {size} kB {what}"));
    let (send, redo) = (queue("send_kb", "to send"), queue("redo_kb", "to redo"));
    Evidence {
        source: "sys.dm_hadr_database_replica_states",
        says: format!("{name}: {state}{send}{redo}{behind}"),
        age_ms: None,
    }
}

#[cfg(test)]
mod tests;
