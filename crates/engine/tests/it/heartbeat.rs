//! Heartbeats: written to a master that takes writes and to nobody else, and read back as a second source.

use crate::support::*;
use anyhow::{Context, Result};
use replica_core::{LinkState, Replica, Verdict};
use replica_engine::{Pace, ReplicationManager};
use replica_lab::{ADMIN, Lab, MariaDb, Postgres, Redis, SqliteFile, Truth, WATCHER, wait_for};
use std::time::Duration;

const ID: i16 = 7;
const TABLE: &str = "CREATE TABLE fleet_heartbeat (id smallint PRIMARY KEY, src varchar(64) NOT NULL, seq bigint NOT NULL, ts_us bigint NOT NULL)";

fn beating(dialect: &str, master: &str, slave: &str) -> ReplicationManager {
    let pace = Pace {
        heartbeat: Some(ID),
        ..Pace::every(TICK)
    };
    ReplicationManager::of(&tree(dialect, master, &[("r", slave)]), pace)
}

/// What the heartbeat says of a replica.
fn told(replica: &Replica) -> Option<String> {
    let evidence = &replica.observed.as_ref()?.evidence;
    let beat = evidence.iter().find(|evidence| evidence.source == "heartbeat")?;
    Some(beat.says.clone())
}

/// How many seconds behind it says a replica is.
fn seconds(replica: &Replica) -> Option<f64> {
    told(replica)?.split_once(" s behind")?.0.parse().ok()
}

async fn until_told(manager: &ReplicationManager, what: &str) -> Result<Replica> {
    until(what, manager, "r", |replica| {
        told(replica).is_some_and(|says| says.contains(what))
    })
    .await
}

/// It follows the truth both while all is well and while applying is held.
async fn follows(manager: &ReplicationManager, least: f64) -> Result<Replica> {
    until(
        &format!("a heartbeat over {least} s old"),
        manager,
        "r",
        |replica| seconds(replica).is_some_and(|seconds| seconds > least),
    )
    .await
}

async fn caught_up_by_beats(manager: &ReplicationManager) -> Result<Replica> {
    until("caught up by its heartbeat", manager, "r", |replica| {
        seconds(replica).is_some_and(|seconds| seconds < 0.6)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "m").await?;
        let standby = primary.standby(&lab, "r", None).await?;
        let manager = beating("postgres", &primary.uri(WATCHER), &standby.uri(WATCHER));
        until_told(&manager, "there is no table fleet_heartbeat").await?;
        primary.execute(&[TABLE]).await?;
        until_told(&manager, "GRANT SELECT, INSERT, UPDATE ON fleet_heartbeat").await?;
        primary
            .execute(&[&format!(
                "GRANT SELECT, INSERT, UPDATE ON fleet_heartbeat TO {WATCHER}"
            )])
            .await?;
        caught_up_by_beats(&manager).await?;

        // Idle but for the beats: both sources must tell the same.
        standby.pause_replay().await?;
        let behind = follows(&manager, 2.5).await?;
        let (Verdict::Exact(ms), Some(seconds)) = (&behind.lag.verdict, seconds(&behind)) else {
            anyhow::bail!("{behind:#?}");
        };
        assert!((*ms as f64 / 1000.0 - seconds).abs() < 1.6, "{behind:#?}");
        assert_eq!(behind.observed.as_ref().unwrap().disagree, None);
        standby.resume_replay().await?;
        caught_up_by_beats(&manager).await?;

        // With two that take writes nobody is written to.
        let count = "SELECT seq FROM fleet_heartbeat WHERE id = 7";
        standby.promote().await?;
        until_told(&manager, "several servers of the project take writes").await?;
        let at_rest = primary.client().await?.query(count).await?;
        let before = said(&manager, "r").last_ping_ms;
        until("three looks more", &manager, "r", |replica| {
            replica.last_ping_ms > before.map(|ms| ms + 2500)
        })
        .await?;
        assert_eq!(primary.client().await?.query(count).await?, at_rest);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = MariaDb::primary(&lab, "m").await?;
        let replica = primary.replica(&lab, "r", None).await?;
        let manager = beating("mariadb", &primary.uri(WATCHER), &replica.uri(WATCHER));
        until("told why not", &manager, "r", |replica| {
            told(replica).is_some_and(|says| says.starts_with("cannot be read"))
        })
        .await?;
        let table = TABLE.replace("fleet_heartbeat", "fleet.fleet_heartbeat");
        let grant = format!("GRANT SELECT, INSERT, UPDATE ON fleet.fleet_heartbeat TO {WATCHER}@'127.0.0.1'");
        primary
            .execute(&["CREATE DATABASE fleet", &table, &grant])
            .await?;
        caught_up_by_beats(&manager).await?;
        replica.stop_sql_thread().await?;
        follows(&manager, 2.5).await?;
        replica.start_threads().await?;
        caught_up_by_beats(&manager).await?;

        // A fenced master is not written to, though its user could be refused only by itself.
        primary.execute(&["SET GLOBAL read_only=1"]).await?;
        until_told(&manager, "the master takes no writes").await?;
        primary.execute(&["SET GLOBAL read_only=0"]).await?;
        caught_up_by_beats(&manager).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "m").await?;
        let replica = master.replica(&lab, "r", None).await?;
        let manager = beating("redis", &master.uri(WATCHER), &replica.uri(WATCHER));
        until_told(&manager, "ACL SETUSER <user> ~__fleet* +set +get").await?;
        for server in [&master, &replica] {
            server
                .execute(&[&format!("ACL SETUSER {WATCHER} ~__fleet* +set +get")])
                .await?;
        }
        caught_up_by_beats(&manager).await?;
        let shown = master.client().await?.query("GET __fleet:heartbeat:7").await?;
        assert!(shown.context("no key")?.starts_with("replica-monitor-"));
        replica.pause_writes(Duration::from_secs(6)).await?;
        follows(&manager, 2.5).await?;
        caught_up_by_beats(&manager).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    with_servers(async {
        let lab = Lab::new()?;
        let file = SqliteFile::new(&lab, "file").await?;
        let path = lab.path().join("copy.db");
        let copy = file.copy(&path).await?;
        let manager = beating("sqlite", &file.uri(), &copy.uri());
        until_told(&manager, "there is no table fleet_heartbeat in the file").await?;
        file.client().await?.execute(TABLE).await?;
        let written = async || {
            let row = async || {
                file.client()
                    .await?
                    .query("SELECT seq FROM fleet_heartbeat")
                    .await
            };
            row().await.is_ok_and(|seq| seq.is_some())
        };
        wait_for("the first beat", SOON, written).await?;
        file.copy(&path).await?;
        let behind = follows(&manager, 2.5).await?;
        assert!(
            matches!(behind.lag.verdict, Verdict::Exact(ms) if ms > 1000),
            "{behind:#?}"
        );
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_hangs_ends_the_figure() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "m").await?;
        let standby = primary.standby(&lab, "r", None).await?;
        primary.execute(&[TABLE]).await?;
        let manager = beating("postgres", &primary.uri(ADMIN), &standby.uri(ADMIN));
        caught_up_by_beats(&manager).await?;
        primary.daemon().freeze();
        // Neither a live 0 nor a growing figure.
        until_told(&manager, "not written any more").await?;
        let frozen = said(&manager, "r");
        assert!(
            frozen.lag.as_of_ms.is_some() || frozen.lag.ms().is_none(),
            "{frozen:#?}"
        );
        primary.daemon().thaw();
        caught_up_by_beats(&manager).await?;
        until_link(&manager, "r", LinkState::Streaming).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_being_asked_nothing_is_written() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "m").await?;
        let standby = primary.standby(&lab, "r", None).await?;
        primary.execute(&[TABLE]).await?;
        let truth = Truth::start(&primary, 10.0).await?;
        let manager = manager(
            "postgres",
            &primary.uri(ADMIN),
            &[("r", &standby.uri(ADMIN))],
            TICK,
        );
        let first = caught_up(&manager, "r").await?.last_ping_ms;
        until("five looks more", &manager, "r", |replica| {
            replica.last_ping_ms > first.map(|ms| ms + 2500)
        })
        .await?;
        let rows = primary
            .client()
            .await?
            .query("SELECT count(*) FROM fleet_heartbeat")
            .await?;
        assert_eq!(rows.as_deref(), Some("0"));
        assert_eq!(told(&said(&manager, "r")), None);
        assert!(!truth.has_failed());
        Ok(())
    })
    .await;
}
