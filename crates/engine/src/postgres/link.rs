//! The streams into a PostgreSQL server: what its WAL receiver and its subscriptions tell of them.

use super::look::{HEARD_LATELY_MS, flag, int, text};
use crate::look::LinkSeen;
use replica_core::lag::Reason;
use replica_core::{LinkState, Name};
use std::time::Duration;
use tokio_postgres::Row;

/// A receiver that waits for this many looks is not about to stream: its history and its upstream's have parted.
const WAITS_FOR_GOOD: u32 = 2;

/// The physical stream of a standby, or the logical ones of a subscriber.
pub(super) fn links(server: &Row, subscriptions: &[Row], waiting: u32) -> Vec<LinkSeen> {
    if flag(server, "rec") == Some(true) {
        vec![physical(server, waiting)]
    } else {
        subscriptions.iter().map(logical).collect()
    }
}

fn physical(row: &Row, waiting: u32) -> LinkSeen {
    let (state, reason) = physical_state(row, waiting);
    let port = int(row, "sender_port");
    LinkSeen {
        reason,
        upstream: text(row, "sender_host")
            .zip(port)
            .map(|(host, port)| format!("{host}:{port}").into()),
        delay: delay(row),
        slot: text(row, "slot").map(Name::from),
        ..LinkSeen::only(state)
    }
}

fn delay(row: &Row) -> Option<Duration> {
    let ms = u64::try_from(int(row, "delay_ms")?).ok()?;
    (ms > 0).then(|| Duration::from_millis(ms))
}

fn physical_state(row: &Row, waiting: u32) -> (LinkState, Option<Reason>) {
    if text(row, "pause").is_some_and(|pause| pause != "not paused") {
        return (
            LinkState::Paused,
            Some("replay is paused: pg_wal_replay_resume() lets it go on".into()),
        );
    }
    if int(row, "receivers") == Some(0) {
        let why = "the replication link is down: it has no WAL receiver";
        return (LinkState::Connecting, Some(why.into()));
    }
    match text(row, "receiver_status").as_deref() {
        None => {
            let why = "it has a WAL receiver; what that does only pg_monitor may see";
            (LinkState::Unknown, Some(why.into()))
        }
        Some("waiting") if waiting >= WAITS_FOR_GOOD => {
            let why = "its WAL receiver waits for a history that its upstream does not have: it needs pg_rewind or a rebuild";
            (LinkState::Diverged, Some(why.into()))
        }
        Some("streaming") => streaming(row),
        Some(other) => (
            LinkState::Connecting,
            Some(format!("its WAL receiver is {other}").into()),
        ),
    }
}

fn streaming(row: &Row) -> (LinkState, Option<Reason>) {
    if int(row, "receipt_age_ms").is_none_or(|age| age > HEARD_LATELY_MS) {
        let why = "it says streaming, but has received nothing for over 35 s";
        return (LinkState::Connecting, Some(why.into()));
    }
    match text(row, "startup_waits").as_deref() {
        Some(wait) if wait.starts_with("RecoveryConflict") => {
            let why = "replay waits for a query that runs here (recovery conflict)";
            (LinkState::Streaming, Some(why.into()))
        }
        _ if delay(row).is_some() => (LinkState::Delayed, Some("replay is delayed on purpose".into())),
        _ => (LinkState::Streaming, None),
    }
}

fn logical(row: &Row) -> LinkSeen {
    let (state, reason): (_, Option<Reason>) =
        match (flag(row, "enabled"), int(row, "pid"), int(row, "errors")) {
            (Some(false), ..) => (
                LinkState::Paused,
                Some("the subscription is disabled: ALTER SUBSCRIPTION … ENABLE lets it go on".into()),
            ),
            (_, Some(_), _) => (LinkState::Streaming, None),
            (_, None, Some(errors)) if errors > 0 => (
                LinkState::Broken,
                Some("applying fails again and again: the server's log says on which row".into()),
            ),
            (_, None, _) => (
                LinkState::Connecting,
                Some("its apply worker does not run".into()),
            ),
        };
    LinkSeen {
        name: text(row, "name").unwrap_or_default().into(),
        reason,
        slot: text(row, "slot").map(Name::from),
        measured_at_upstream: true,
        ..LinkSeen::only(state)
    }
}
