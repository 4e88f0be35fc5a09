//! SQLite: files, copies, and what is no file at all.

use crate::support::*;
use anyhow::Result;
use replica_core::{State, Verdict};
use replica_lab::{Lab, SqliteFile};

async fn beat(file: &SqliteFile, seq: u64) -> Result<()> {
    let table = "CREATE TABLE IF NOT EXISTS fleet_heartbeat (id INTEGER PRIMARY KEY, src TEXT NOT NULL, seq INTEGER NOT NULL, ts_us INTEGER NOT NULL)";
    let row = format!("INSERT OR REPLACE INTO fleet_heartbeat VALUES (1, 'app', {seq}, 0)");
    let mut client = file.client().await?;
    client.execute(table).await?;
    client.execute(&row).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_measured_by_the_beats_it_holds() {
    with_servers(async {
        let lab = Lab::new()?;
        let file = SqliteFile::new(&lab, "file").await?;
        let path = lab.path().join("copy.db");
        let copy = file.copy(&path).await?;
        let manager = manager("sqlite", &file.uri(), &[("copy", &copy.uri())], TICK);
        let silent = until("asked", &manager, "copy", |replica| replica.state == State::Up).await?;
        assert!(
            silent.lag.reason().unwrap().contains("heartbeat"),
            "{:?}",
            silent.lag
        );

        beat(&file, 1).await?;
        file.copy(&path).await?;
        caught_up(&manager, "copy").await?;
        beat(&file, 2).await?;
        let behind =
            |replica: &replica_core::Replica| matches!(replica.lag.verdict, Verdict::Exact(ms) if ms > 1500);
        until("behind", &manager, "copy", behind).await?;
        // Renamed over, as a backup tool does.
        file.copy(&path).await?;
        caught_up(&manager, "copy").await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_database_is_told_apart() {
    with_servers(async {
        let lab = Lab::new()?;
        let file = SqliteFile::new(&lab, "file").await?;
        let text = lab.path().join("text.db");
        std::fs::write(&text, "this is no database, however long it may be")?;
        let missing = lab.path().join("missing.db");
        let uris = [text.display().to_string(), missing.display().to_string()];
        let slaves = [
            ("text", &*uris[0]),
            ("missing", &*uris[1]),
            ("memory", ":memory:"),
        ];
        let manager = manager("sqlite", &file.uri(), &slaves, TICK);
        let reason = |replica: &replica_core::Replica| replica.state_reason().unwrap_or_default().to_owned();
        let down = until("down", &manager, "missing", |replica| {
            replica.state == State::Down
        })
        .await?;
        assert!(reason(&down).contains("no such file"), "{}", reason(&down));
        assert!(!missing.exists());
        until("no database", &manager, "text", |replica| {
            reason(replica).contains("no SQLite database")
        })
        .await?;
        let memory = until("unknown", &manager, "memory", |replica| {
            reason(replica).contains("memory")
        })
        .await?;
        assert_eq!(memory.state, State::Unknown);
        Ok(())
    })
    .await;
}
