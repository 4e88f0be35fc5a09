//! Documents as the manual shows them.

use super::*;
use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{DateTime, doc};
use replica_core::LinkState;
use std::time::Duration;
use tokio::time::Instant;

fn second(seconds: i64) -> DateTime {
    DateTime::from_millis(1_764_121_000_000 + seconds * 1000)
}

fn stamp(seconds: u32, increment: u32) -> Timestamp {
    Timestamp {
        time: 1_764_121_000 + seconds,
        increment,
    }
}

fn hello(primary: bool) -> Document {
    doc! {
        "topologyVersion": { "counter": 6_i64 },
        "hosts": ["a.example:27017", "b.example:27017"], "passives": ["c.example:27018"],
        "setName": "rs0", "setVersion": 5,
        "isWritablePrimary": primary, "secondary": !primary,
        "primary": "a.example:27017", "me": if primary { "a.example:27017" } else { "b.example:27017" },
        "lastWrite": {
            "opTime": { "ts": stamp(10, 3), "t": 7_i64 }, "lastWriteDate": second(10),
            "majorityOpTime": { "ts": stamp(9, 1), "t": 7_i64 }, "majorityWriteDate": second(9),
        },
        "localTime": second(11), "maxWireVersion": 21, "readOnly": false, "ok": 1.0,
    }
}

/// As `of` sees the set: a primary, a secondary that is 4 s behind, an arbiter.
fn status(of: &str, my_state: i32) -> Document {
    let mut members = Vec::new();
    for (name, state, word, at) in [
        ("a.example:27017", 1, "PRIMARY", 10),
        ("b.example:27017", my_state.max(2), "SECONDARY", 6),
        ("z.example:27017", 7, "ARBITER", 0),
    ] {
        let mut member = doc! { "name": name, "health": 1.0, "state": state, "stateStr": word };
        if state != 7 {
            member.insert("optimeDate", second(at));
        }
        match name == of {
            true => member.insert("self", true),
            false => member.insert("lastHeartbeatRecv", second(9)),
        };
        members.push(member);
    }
    doc! { "set": "rs0", "date": second(11), "myState": my_state, "term": 7_i64,
    "syncSourceHost": if of.starts_with('a') { "" } else { "a.example:27017" }, "members": members, "ok": 1.0 }
}

fn look(hello: &Document, status: Option<&Document>, config: Option<&Document>) -> Look {
    let mut look = Look::since(Instant::now());
    let figures = doc! { "connections": { "current": 12, "available": 51188, "totalCreated": 99_i64 } };
    let facts = Facts {
        hello,
        status,
        figures: status.map(|_| &figures),
        config,
    };
    read(&facts, &mut look);
    look
}

#[test]
fn a_primary_tells_its_position_and_its_followers() {
    let look = look(&hello(true), Some(&status("a.example:27017", 1)), None);
    assert_eq!(look.role, Some(Role::Master));
    assert_eq!(look.writable, Some(true));
    assert_eq!(look.position, Position::offset(1_764_121_010 << 32 | 3));
    assert_eq!(look.position_text.as_deref(), Some("1764121010:3, term 7"));
    assert_eq!(look.clock_us, Some(1_764_121_011_000_000));
    assert_eq!(
        look.connections,
        Some(Connections {
            used: 12,
            max: 51_200
        })
    );
    let followers: Vec<&str> = look.followers.iter().map(|follower| &*follower.seen_as).collect();
    assert_eq!(followers, ["b.example:27017"]);
    assert_eq!(look.followers[0].port, Some(27_017));
    assert_eq!(
        look.evidence[0].says,
        "b.example:27017: SECONDARY, optimeDate 4 s behind"
    );
    assert_eq!(look.evidence[0].age_ms, Some(2000));
    assert_eq!(look.evidence[1].says, "z.example:27017: ARBITER");
}

#[test]
fn an_election_begins_no_new_history() {
    let mut later = hello(true);
    let time = doc! { "ts": stamp(12, 1), "t": 8_i64 };
    later.insert("lastWrite", doc! { "opTime": time });
    let (before, after) = (look(&hello(false), None, None), look(&later, None, None));
    assert_eq!(before.epoch, after.epoch);
    assert_eq!(before.position.behind(&after.position), (2 << 32) - 2);
}

#[test]
fn a_secondary_tells_what_it_syncs_from() {
    let look = look(&hello(false), Some(&status("b.example:27017", 2)), None);
    assert_eq!(look.role, Some(Role::Slave));
    let link = &look.links[0];
    assert_eq!(link.state, LinkState::Streaming);
    assert_eq!(link.upstream_server.as_deref(), Some("a.example:27017"));
    assert_eq!(look.claim.unwrap().lag, Duration::from_secs(4));
}

#[test]
fn states_that_serve_no_reads_are_told() {
    let link = |state| look(&hello(false), Some(&status("b.example:27017", state)), None).links[0].clone();
    assert_eq!(link(5).state, LinkState::Resyncing);
    assert_eq!(link(9).state, LinkState::Resyncing);
    assert_eq!(link(3).state, LinkState::Connecting);
    let mut alone = status("b.example:27017", 2);
    alone.insert("syncSourceHost", "");
    let look = look(&hello(false), Some(&alone), None);
    assert_eq!(look.links[0].state, LinkState::Connecting);
}

#[test]
fn without_the_role_hello_alone_gives_the_lag() {
    let follower = look(&hello(false), None, None);
    assert_eq!(follower.links[0].state, LinkState::Unknown);
    assert!(!follower.position.is_empty());
    assert_eq!(follower.connections, None);
    let primary = look(&hello(true), None, None);
    assert_eq!(primary.followers.len(), 2);
}

#[test]
fn a_delayed_member_is_behind_on_purpose() {
    let config = doc! {
        "version": 5, "settings": { "replicaSetId": ObjectId::from_bytes([7; 12]) },
        "members": [{ "host": "b.example:27017", "secondaryDelaySecs": 3600_i64 }, { "host": "a.example:27017" }],
    };
    let look = look(&hello(false), Some(&status("b.example:27017", 2)), Some(&config));
    assert_eq!(look.links[0].state, LinkState::Delayed);
    assert_eq!(look.links[0].delay, Some(Duration::from_secs(3600)));
    assert_eq!(look.identity.as_deref(), Some("rs0 070707070707070707070707"));
}

#[test]
fn who_has_no_data_has_no_lag() {
    let mut arbiter = hello(false);
    arbiter.insert("arbiterOnly", true);
    let mongos = doc! { "isWritablePrimary": true, "msg": "isdbgrid", "localTime": second(1) };
    for hello in [arbiter, mongos] {
        let look = look(&hello, None, None);
        assert!(look.no_lag.is_some() && look.role.is_none() && look.links.is_empty());
        assert!(!has_more(&hello));
    }
}

#[test]
fn a_server_alone_leads_without_a_position() {
    let alone = look(
        &doc! { "isWritablePrimary": true, "localTime": second(1), "readOnly": false },
        None,
        None,
    );
    assert_eq!((alone.role, alone.writable), (Some(Role::Master), Some(true)));
    assert!(alone.position.is_empty() && alone.no_position.is_some());
    let ghost = look(
        &doc! { "isWritablePrimary": false, "isreplicaset": true },
        None,
        None,
    );
    assert_eq!(ghost.role, None);
}
