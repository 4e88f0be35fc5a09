//! One look: five small statements in one round trip, and what their rows say.

use super::connect::{Session, Statements, fault};
use super::{MONITOR, link};
use crate::fault::Fault;
use crate::lag::{Epoch, Position, Writes};
use crate::look::{Claim, Consumer, Follower, Hold, Look, Retention};
use replica_core::observed::{Connections, Evidence};
use replica_core::{Name, Role, Verdict};
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Row;

/// A receiver that heard something this recently is connected: a healthy idle link is silent for up to 30 s.
pub(super) const HEARD_LATELY_MS: i64 = 35_000;

/// A look, and what the next one must know of it.
pub(super) struct Looked {
    pub(super) look: Look,
    pub(super) receiver_waits: bool,
}

impl Session {
    /// One look; `waiting` is for how many looks the WAL receiver has been waiting.
    pub(super) async fn look(&self, waiting: u32) -> Result<Looked, Fault> {
        let asked = Instant::now();
        let Some(Statements {
            server,
            history,
            slots,
            followers,
            subscriptions,
        }) = &self.statements
        else {
            return self.look_at_cockroach(asked).await;
        };
        let history = async {
            match history {
                Some(statement) => self.client.query_one(statement, &[]).await.ok(),
                None => None,
            }
        };
        // Polled together, so sent together. The position is read first: what follows can only be later.
        let (server, history, slots, followers, subscriptions) = tokio::join!(
            self.client.query_one(server, &[]),
            history,
            self.client.query(slots, &[]),
            self.client.query(followers, &[]),
            self.client.query(subscriptions, &[]),
        );
        let server = server.map_err(|error| fault(&error))?;
        let rows = |rows: Result<Vec<Row>, tokio_postgres::Error>| rows.map_err(|error| fault(&error));
        let (slots, followers, subscriptions) = (rows(slots)?, rows(followers)?, rows(subscriptions)?);
        let mut look = Look::since(asked);
        let receiver_waits = text(&server, "receiver_status").as_deref() == Some("waiting");
        read_server(&mut look, &server);
        read_history(&mut look, &server, history.as_ref());
        read_native(&mut look, &server);
        look.links = link::links(&server, &subscriptions, waiting);
        look.consumers = slots.iter().map(consumer).collect();
        look.followers = followers.iter().map(|row| follower(row, &slots)).collect();
        look.evidence
            .extend(followers.iter().filter_map(follower_evidence));
        Ok(Looked { look, receiver_waits })
    }

    /// Every node of CockroachDB serves some ranges; none lags behind another in a way that could be read.
    async fn look_at_cockroach(&self, asked: Instant) -> Result<Looked, Fault> {
        self.client
            .simple_query("SELECT 1")
            .await
            .map_err(|error| fault(&error))?;
        let mut look = Look::since(asked);
        look.version = self.cockroach.as_deref().map(Name::from);
        look.no_lag = Some("every node of CockroachDB serves part of the data: none follows another".into());
        Ok(Looked {
            look,
            receiver_waits: false,
        })
    }
}

pub(super) fn int(row: &Row, column: &str) -> Option<i64> {
    row.try_get::<_, Option<i64>>(column).ok().flatten()
}

pub(super) fn text(row: &Row, column: &str) -> Option<String> {
    row.try_get::<_, Option<String>>(column).ok().flatten()
}

pub(super) fn flag(row: &Row, column: &str) -> Option<bool> {
    row.try_get::<_, Option<bool>>(column).ok().flatten()
}

fn count(row: &Row, column: &str) -> Option<u64> {
    int(row, column).and_then(|value| u64::try_from(value).ok())
}

fn read_server(look: &mut Look, row: &Row) {
    let follows = flag(row, "rec").unwrap_or_default();
    look.role = Some(if follows { Role::Slave } else { Role::Master });
    look.writable = Some(!follows && flag(row, "read_only") == Some(false));
    // "15.18 (Debian 15.18-0+deb12u1)": who packaged it is not the question.
    let version = text(row, "version");
    look.version =
        version.map(|version| format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default()).into());
    look.clock_us = int(row, "clock_us");
    look.position = count(row, "pos").map(Position::offset).unwrap_or_default();
    look.position_text = text(row, "pos_text").map(Name::from);
    look.writes = count(row, "writes").map(Writes::Counted).unwrap_or_default();
    if flag(row, "monitors") != Some(true) {
        look.missing.push(MONITOR);
    }
    let max = count(row, "max_connections").zip(count(row, "reserved"));
    look.connections = count(row, "connections")
        .zip(max)
        .and_then(|(used, (max, reserved))| {
            Some(Connections {
                used: u32::try_from(used).ok()?,
                max: u32::try_from(max.saturating_sub(reserved)).ok()?,
            })
        });
    // Without a slot nothing is promised, yet what wal_keep_size names is there.
    look.retention = count(row, "keep_bytes")
        .filter(|keep| *keep > 0)
        .map(Retention::Positions);
}

/// A primary's branch is that of the file it writes; a standby's that of what it receives, or the newest that its control
/// file has seen: right after a promotion that one is still old, and then nothing is claimed.
fn read_history(look: &mut Look, server: &Row, history: Option<&Row>) {
    let Some(history) = history else { return };
    let Some(system) = text(history, "system") else {
        return;
    };
    let branch = if look.role == Some(Role::Master) {
        int(server, "timeline")
    } else {
        let seen = int(history, "checkpoint_timeline").max(int(history, "recovery_timeline"));
        int(server, "received_tli").or(seen)
    };
    look.identity = Some(system.as_str().into());
    look.epoch = Some(Epoch::branch(
        &*system,
        branch.and_then(|branch| u32::try_from(branch).ok()),
    ));
}

/// What the server's own figures make of its lag, for when there is no record of the master's positions.
fn read_native(look: &mut Look, row: &Row) {
    if look.role != Some(Role::Slave) {
        return;
    }
    let (applied, received) = (int(row, "pos"), int(row, "received"));
    let since_commit = int(row, "clock_us").zip(int(row, "last_commit_us"));
    let since_commit = since_commit.and_then(|(now, commit)| u64::try_from((now - commit) / 1000).ok());
    let waits = received > applied;
    let heard = int(row, "receipt_age_ms").filter(|age| *age < HEARD_LATELY_MS);
    let streams = text(row, "receiver_status").as_deref() == Some("streaming");
    look.native = match (since_commit, waits) {
        (Some(ms), true) => Some(Verdict::AtMost(ms)),
        (Some(_), false) if streams && heard.is_some() => Some(Verdict::AtMost(0)),
        _ => None,
    };
    if let Some(ms) = since_commit {
        // The formula of the common exporter.
        look.claim = Some(Claim {
            source: "now() - pg_last_xact_replay_timestamp(), 0 if all received is replayed",
            lag: Duration::from_millis(if received == applied { 0 } else { ms }),
        });
        look.evidence.push(Evidence {
            source: "pg_last_xact_replay_timestamp()",
            says: "the last commit replayed here".to_owned(),
            age_ms: Some(ms),
        });
    }
    if let Some((received, applied)) = received.zip(applied) {
        let waiting = received.saturating_sub(applied).max(0);
        look.evidence.push(Evidence {
            source: "pg_last_wal_receive_lsn()",
            says: format!("{waiting} bytes received and not yet replayed"),
            age_ms: int(row, "receipt_age_ms").and_then(|age| u64::try_from(age).ok()),
        });
    }
}

fn consumer(row: &Row) -> Consumer {
    let hold = match (text(row, "wal_status").as_deref(), count(row, "safe_bytes")) {
        (Some("lost"), _) => Hold::Lost,
        (_, Some(bytes)) => Hold::Bytes(bytes),
        // Negative: it may be removed at the next checkpoint.
        _ if int(row, "safe_bytes").is_some() => Hold::Bytes(0),
        _ => Hold::Forever,
    };
    Consumer {
        name: text(row, "name").unwrap_or_default().into(),
        acknowledged: count(row, "acknowledged"),
        active: flag(row, "active").unwrap_or_default(),
        hold,
    }
}

fn follower(row: &Row, slots: &[Row]) -> Follower {
    let pid = int(row, "pid");
    let slot = slots.iter().find(|slot| pid.is_some() && int(slot, "pid") == pid);
    let (app, host) = (text(row, "app").unwrap_or_default(), text(row, "host"));
    let host = host.map(|host| host.split('/').next().unwrap_or_default().to_owned());
    Follower {
        seen_as: match &host {
            Some(host) => format!("{app} at {host}").into(),
            None => app.into(),
        },
        server: None,
        host: host.map(Name::from),
        port: None,
        slot: slot.and_then(|slot| text(slot, "name")).map(Name::from),
    }
}

fn follower_evidence(row: &Row) -> Option<Evidence> {
    let lag =
        int(row, "replay_lag_ms").map_or("no replay_lag".to_owned(), |ms| format!("replay_lag {ms} ms"));
    Some(Evidence {
        source: "pg_stat_replication",
        says: format!(
            "{}: {}, {} bytes behind, {lag}",
            text(row, "app")?,
            text(row, "state")?,
            int(row, "behind_bytes")?
        ),
        age_ms: int(row, "reply_age_ms").and_then(|age| u64::try_from(age).ok()),
    })
}
