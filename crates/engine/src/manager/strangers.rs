//! Replicas that a server reports and the tree lacks, each with an entry to paste.
//!
//! What cannot be told apart is not reported: a follower that may be one of the tree's is taken to be it.

use super::view::{View, same_address};
use crate::look::{Follower, Look};
use replica_core::observed::Stranger;

/// The followers of `look` that are none of `views`.
pub(super) fn strangers(view: &View, look: &Look, views: &[&View]) -> Vec<Stranger> {
    let dialect = view
        .declared
        .dialect
        .as_ref()
        .map_or("?", |dialect| dialect.name());
    // Those of the tree that follow this server but could not be recognised stand for as many followers.
    let mut unrecognised = views.iter().filter(|other| may_follow(other, view)).count();
    let mut found = Vec::new();
    for follower in &look.followers {
        let known = views.iter().any(|other| is(follower, other));
        if known {
            unrecognised = unrecognised.saturating_sub(1);
        } else {
            found.push(follower);
        }
    }
    found
        .into_iter()
        .skip(unrecognised)
        .map(|follower| Stranger {
            seen_as: follower.seen_as.clone(),
            entry: entry(follower, dialect),
        })
        .collect()
}

/// Whether a replica of the tree may be among the followers of `leader`: it follows somebody, and nothing says that it is
/// somebody else.
fn may_follow(other: &View, leader: &View) -> bool {
    if other.slot.key == leader.slot.key {
        return false;
    }
    match &other.look {
        None => other.slot.key.project == leader.slot.key.project,
        Some(look) => !look.links.is_empty() && other.slot.key.project == leader.slot.key.project,
    }
}

/// Whether a follower is that replica, as far as can be told.
fn is(follower: &Follower, other: &View) -> bool {
    let look = other.look.as_deref();
    let by_server = follower.server.is_some() && look.is_some_and(|look| look.server == follower.server);
    let by_slot = follower.slot.is_some()
        && look.is_some_and(|look| look.links.iter().any(|link| link.slot == follower.slot));
    let by_address = match (&follower.host, follower.port, &other.slot.target) {
        (Some(host), Some(port), Ok(target)) => same_address(&target.address(), &format!("{host}:{port}")),
        _ => false,
    };
    by_server || by_slot || by_address
}

fn entry(follower: &Follower, dialect: &str) -> String {
    let host = follower.host.as_deref().unwrap_or("?");
    let port = follower.port.map_or("?".to_owned(), |port| port.to_string());
    let scheme = if dialect == "postgres" {
        "postgresql"
    } else {
        dialect
    };
    let entry = serde_json::json!({
        "role": "slave",
        "dialect": dialect,
        "uri": format!("{scheme}://?:?@{host}:{port}/?"),
    });
    format!("\"{}\": {entry}", name(follower))
}

/// A name for the entry that JSON can hold.
fn name(follower: &Follower) -> String {
    let plain: String = follower
        .seen_as
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .collect();
    plain.chars().take(60).collect()
}
