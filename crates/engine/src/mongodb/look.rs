//! Answers → what they say. Nothing here asks.

use super::document::{date, flag, list, number, text};
use super::members;
use crate::lag::{Epoch, Position};
use crate::look::Look;
use ::mongodb::bson::{Document, Timestamp};
use replica_core::observed::Connections;
use replica_core::{Name, Role};

/// Everything that was answered.
pub(super) struct Facts<'a> {
    /// `hello`.
    pub(super) hello: &'a Document,
    /// `replSetGetStatus`.
    pub(super) status: Option<&'a Document>,
    /// `serverStatus`.
    pub(super) figures: Option<&'a Document>,
    /// `replSetGetConfig`.
    pub(super) config: Option<&'a Document>,
}

/// Whether there is more to ask than `hello`: a member of a set that holds data.
pub(super) fn has_more(hello: &Document) -> bool {
    text(hello, "setName").is_some() && !flag(hello, "arbiterOnly")
}

/// Writes what is known into `look`.
pub(super) fn read(facts: &Facts<'_>, look: &mut Look) {
    let hello = facts.hello;
    // It counts nothing that could be told: seconds and a number within them.
    look.unit = "";
    look.clock_us = date(hello, "localTime").and_then(|ms| ms.checked_mul(1000));
    look.server = text(hello, "me").map(Name::from);
    look.connections = facts.figures.and_then(connections);
    let Some(set) = text(hello, "setName") else {
        read_alone(hello, look);
        return;
    };
    look.identity = Some(identity(set, facts.config));
    if flag(hello, "arbiterOnly") {
        look.no_lag = Some("an arbiter votes and holds no data".into());
        return;
    }
    let primary = flag(hello, "isWritablePrimary");
    look.role = Some(if primary { Role::Master } else { Role::Slave });
    look.writable = Some(primary && !flag(hello, "readOnly"));
    read_position(hello, set, look);
    match primary {
        true => members::read_followers(facts, look),
        false => members::read_link(facts, look),
    }
}

/// A server that is no member of a set.
fn read_alone(hello: &Document, look: &mut Look) {
    if text(hello, "msg") == Some("isdbgrid") {
        look.no_lag = Some("mongos routes to others and holds no data".into());
        return;
    }
    if flag(hello, "isreplicaset") {
        look.no_position = Some("its replica set is not initiated, or has removed it");
        return;
    }
    look.role = Some(Role::Master);
    look.writable = Some(flag(hello, "isWritablePrimary") && !flag(hello, "readOnly"));
    look.no_position = Some("it is no member of a replica set, so it keeps no log of its writes");
}

/// A set's name is often chosen alike; its id is not.
fn identity(set: &str, config: Option<&Document>) -> Name {
    let settings = config.and_then(|config| config.get_document("settings").ok());
    match settings.and_then(|settings| settings.get_object_id("replicaSetId").ok()) {
        Some(id) => format!("{set} {id}").into(),
        None => set.into(),
    }
}

/// The history is the set, and not the term: each election begins a new term, and a secondary would be of another history until it
/// has caught up, which is just when its lag is asked for. Optimes of one set are in one order over its terms. Where one is
/// not, since an old primary wrote what nobody else has, its member is ahead of the new primary, which is noticed.
fn read_position(hello: &Document, set: &str, look: &mut Look) {
    look.epoch = Some(Epoch::of(set));
    let last = hello.get_document("lastWrite").ok();
    let time = last.and_then(|last| last.get_document("opTime").ok());
    let Some((time, at)) = time.and_then(|time| Some((time, time.get_timestamp("ts").ok()?))) else {
        look.no_position = Some("its hello tells no lastWrite");
        return;
    };
    look.position = Position::offset(packed(at));
    let term = number(time, "t").map_or(String::new(), |term| format!(", term {term}"));
    look.position_text = Some(format!("{}:{}{term}", at.time, at.increment).into());
}

/// Seconds, and a number within them: the order of optimes, kept exactly. Between two samples of a primary this grows with its
/// clock's seconds, so what is read out of the record between them is off by no more than their distance.
fn packed(at: Timestamp) -> u64 {
    u64::from(at.time) << 32 | u64::from(at.increment)
}

fn connections(figures: &Document) -> Option<Connections> {
    let connections = figures.get_document("connections").ok()?;
    let used = number(connections, "current")?;
    let max = used.checked_add(number(connections, "available")?)?;
    Some(Connections {
        used: used.try_into().ok()?,
        max: max.try_into().ok()?,
    })
}

/// The entry of one member in a list of them.
pub(super) fn member<'a>(of: &'a Document, name: &str, key: &str) -> Option<&'a Document> {
    list(of, "members").find(|member| text(member, key) == Some(name))
}

#[cfg(test)]
mod tests;
