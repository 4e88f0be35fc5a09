//! How the members of a set see themselves and each other.

use super::document::{date, list, number, text};
use super::look::{Facts, member};
use crate::look::{Claim, Follower, LinkSeen, Look};
use ::mongodb::bson::{Bson, Document};
use replica_core::lag::Reason;
use replica_core::observed::Evidence;
use replica_core::{LinkState, Name};
use std::time::Duration;

/// Sets have at most fifty members.
const MOST: usize = 50;

/// The stream into a member that is no primary.
pub(super) fn read_link(facts: &Facts<'_>, look: &mut Look) {
    let (state, reason) = state(facts);
    let delay = delay(facts);
    let own = facts.status.and_then(|status| me(facts, status));
    let upstream = facts
        .status
        .and_then(|status| text(status, "syncSourceHost").or_else(|| text(own?, "syncSourceHost")));
    let (state, reason): (_, Option<Reason>) = match (state, delay) {
        (LinkState::Streaming, _) if facts.status.is_some() && upstream.is_none() => {
            let why = "it has nobody to sync from: no member that it can reach is ahead of it";
            (LinkState::Connecting, Some(why.into()))
        }
        (LinkState::Streaming, Some(_)) => {
            (LinkState::Delayed, Some("applying is delayed on purpose".into()))
        }
        _ => (state, reason),
    };
    look.links.push(LinkSeen {
        reason,
        upstream: upstream.map(Name::from),
        upstream_server: upstream.map(Name::from),
        delay,
        ..LinkSeen::only(state)
    });
    if let Some((status, own)) = facts.status.zip(own) {
        read_claim(status, own, look);
    }
}

fn me<'a>(facts: &Facts<'_>, status: &'a Document) -> Option<&'a Document> {
    let own = list(status, "members").find(|member| member.get_bool("self").unwrap_or_default());
    own.or_else(|| member(status, text(facts.hello, "me")?, "name"))
}

/// The state that a member gives itself: `myState`.
fn state(facts: &Facts<'_>) -> (LinkState, Option<Reason>) {
    let connecting = |why: &'static str| (LinkState::Connecting, Some(why.into()));
    let Some(status) = facts.status else {
        return match facts.hello.get_bool("secondary") {
            Ok(true) => (
                LinkState::Unknown,
                Some("it is a secondary; what it syncs from only clusterMonitor may see".into()),
            ),
            _ => connecting("it is neither primary nor secondary: it serves no reads"),
        };
    };
    match number(status, "myState") {
        Some(2) => (LinkState::Streaming, None),
        Some(0) => connecting("it starts (STARTUP)"),
        Some(3) => connecting("it serves no reads yet (RECOVERING)"),
        Some(5) => (
            LinkState::Resyncing,
            Some("it loads everything anew (STARTUP2)".into()),
        ),
        Some(9) => (
            LinkState::Resyncing,
            Some("it takes back writes that its set does not have (ROLLBACK)".into()),
        ),
        Some(10) => (
            LinkState::Stopped,
            Some("its set has removed it (REMOVED)".into()),
        ),
        _ => (LinkState::Unknown, None),
    }
}

/// Told by `hello` of a delayed member, or by the set's configuration; `slaveDelay` before 5.0.
fn delay(facts: &Facts<'_>) -> Option<Duration> {
    let own = facts.config.zip(text(facts.hello, "me"));
    let own = own.and_then(|(config, name)| member(config, name, "host"));
    let seconds = [Some(facts.hello), own]
        .into_iter()
        .flatten()
        .find_map(|document| {
            number(document, "secondaryDelaySecs").or_else(|| number(document, "slaveDelay"))
        })?;
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds))
}

/// The formula of the common exporter, from this member's view of the primary: heartbeats bring that every two seconds.
fn read_claim(status: &Document, own: &Document, look: &mut Look) {
    let primary = list(status, "members").find(|member| number(member, "state") == Some(1));
    let Some(behind) = primary.and_then(|primary| behind_ms(primary, own)) else {
        return;
    };
    look.claim = Some(Claim {
        source: "optimeDate of the primary minus its own",
        lag: Duration::from_millis(behind.try_into().unwrap_or_default()),
    });
}

/// In whole seconds; negative where the primary's is the older news.
fn behind_ms(primary: &Document, member: &Document) -> Option<i64> {
    date(primary, "optimeDate")?.checked_sub(date(member, "optimeDate")?)
}

/// Who follows a primary: as its status tells, or at least who is named in `hello`.
pub(super) fn read_followers(facts: &Facts<'_>, look: &mut Look) {
    let own = text(facts.hello, "me");
    let Some(status) = facts.status else {
        let named = ["hosts", "passives"].into_iter().flat_map(|list| {
            let names = facts.hello.get_array(list).map(Vec::as_slice).unwrap_or_default();
            names.iter().filter_map(Bson::as_str)
        });
        let others = named.filter(|name| Some(*name) != own).take(MOST);
        look.followers.extend(others.map(follower));
        return;
    };
    let primary = me(facts, status);
    for member in list(status, "members").take(MOST) {
        let Some(name) = text(member, "name").filter(|name| Some(*name) != own) else {
            continue;
        };
        look.evidence.push(told_of(status, primary, member, name));
        // An arbiter has no data and so follows nobody.
        if number(member, "state") != Some(7) {
            look.followers.push(follower(name));
        }
    }
}

fn follower(name: &str) -> Follower {
    let (host, port) = name.rsplit_once(':').unwrap_or((name, ""));
    Follower {
        seen_as: name.into(),
        server: Some(name.into()),
        host: Some(host.into()),
        port: port.parse().ok(),
        slot: None,
    }
}

fn told_of(status: &Document, primary: Option<&Document>, member: &Document, name: &str) -> Evidence {
    let state = text(member, "stateStr").unwrap_or("?");
    let behind = match primary.and_then(|primary| behind_ms(primary, member)) {
        // A member that is gone has an optimeDate of 1970.
        Some(_) if date(member, "optimeDate") == Some(0) => ", no optime known".to_owned(),
        Some(ms) => format!(", optimeDate {} s behind", ms / 1000),
        None => String::new(),
    };
    let heard = date(status, "date").zip(date(member, "lastHeartbeatRecv"));
    Evidence {
        source: "replSetGetStatus",
        says: format!("{name}: {state}{behind}"),
        age_ms: heard.and_then(|(now, then)| u64::try_from(now - then).ok()),
    }
}
