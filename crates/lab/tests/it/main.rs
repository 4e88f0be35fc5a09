//! The lab against itself: servers start, follow, break and end as their methods say.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "in a test a panic is the way to fail; clippy exempts only the test functions themselves"
)]

use anyhow::Result;
use replica_lab::{Lab, MariaDb, Postgres, Proxy, Redis, SqliteFile, Truth, wait_for};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// Runs a test that needs a server; without it the test is skipped loudly, or fails where `CI` is set.
async fn with_servers(test: impl Future<Output = Result<()>>) {
    match test.await {
        Err(error) if replica_lab::program::is_missing(&error) && std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: {error}");
        }
        Err(error) => panic!("{error:?}"),
        Ok(()) => {}
    }
}

/// The reader catches up with the writer.
async fn catches_up(truth: &Truth, reader: &mut replica_lab::truth::Reader) -> Result<()> {
    let wanted = truth.last() + 3;
    wait_for("the replica to show what was written", SOON, async || {
        reader.look().await.is_ok_and(|shown| shown.seen >= wanted)
    })
    .await
}

/// The true lag grows past a second.
async fn falls_behind(reader: &mut replica_lab::truth::Reader) -> Result<()> {
    wait_for("the replica to fall behind", SOON, async || {
        reader
            .look()
            .await
            .is_ok_and(|shown| shown.lag > Duration::from_secs(1))
    })
    .await
}

#[tokio::test]
async fn postgres_follows_pauses_and_cascades() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "p").await?;
        let proxy = Proxy::to(primary.port()).await?;
        let standby = primary.standby(&lab, "s1", Some(&proxy)).await?;
        let cascade = standby.standby(&lab, "c1", None).await?;
        let subscriber = primary.subscriber(&lab, "sub", None).await?;
        let truth = Truth::start(&primary, 20.0).await?;
        let mut readers = Vec::new();
        for server in [&standby, &cascade, &subscriber] {
            readers.push(truth.reader(server).await?);
        }
        for reader in &mut readers {
            catches_up(&truth, reader).await?;
        }
        standby.pause_replay().await?;
        falls_behind(&mut readers[0]).await?;
        standby.resume_replay().await?;
        catches_up(&truth, &mut readers[0]).await?;
        proxy.blackhole();
        falls_behind(&mut readers[1]).await?;
        proxy.heal();
        catches_up(&truth, &mut readers[1]).await?;
        assert!(!truth.has_failed());
        let pid = primary.daemon().pid().unwrap();
        primary.daemon().kill().await?;
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        primary.start().await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn mariadb_follows_stops_and_breaks() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = MariaDb::primary(&lab, "p").await?;
        let replica = primary.replica(&lab, "r1", None).await?;
        let truth = Truth::start(&primary, 20.0).await?;
        wait_for("the table", SOON, async || truth.reader(&replica).await.is_ok()).await?;
        let mut reader = truth.reader(&replica).await?;
        catches_up(&truth, &mut reader).await?;
        replica.stop_sql_thread().await?;
        falls_behind(&mut reader).await?;
        replica.start_threads().await?;
        catches_up(&truth, &mut reader).await?;
        let lock = replica.lock_table().await?;
        let waits =
            "SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'";
        let mut admin = replica.client().await?;
        wait_for("applying to wait for the lock", SOON, async || {
            admin
                .query(waits)
                .await
                .is_ok_and(|count| count.as_deref() == Some("1"))
        })
        .await?;
        drop(lock);
        catches_up(&truth, &mut reader).await?;
        replica.break_with_duplicate_key(truth.last() + 5000).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn redis_follows_and_freezes() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "m").await?;
        let replica = master.replica(&lab, "r1", None).await?;
        let truth = Truth::start(&master, 50.0).await?;
        let mut reader = truth.reader(&replica).await?;
        catches_up(&truth, &mut reader).await?;
        replica.pause_writes(Duration::from_secs(3)).await?;
        falls_behind(&mut reader).await?;
        catches_up(&truth, &mut reader).await?;
        replica.daemon().freeze();
        let asked = tokio::time::timeout(Duration::from_millis(300), reader.look()).await;
        assert!(asked.is_err(), "a frozen server answered");
        replica.daemon().thaw();
        catches_up(&truth, &mut reader).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn sqlite_copies_are_as_old_as_their_copying() {
    let lab = Lab::new().unwrap();
    let file = SqliteFile::new(&lab, "f").await.unwrap();
    let truth = Truth::start(&file, 50.0).await.unwrap();
    wait_for("some rows", SOON, async || truth.last() > 3)
        .await
        .unwrap();
    let copy = file.copy(&lab.path().join("copy.db")).await.unwrap();
    let mut reader = truth.reader(&copy).await.unwrap();
    falls_behind(&mut reader).await.unwrap();
}
