//! The real program, killed with kill -9 again and again while its source is written to: nothing is lost, nothing is doubled.

use crate::rules::{Runner, said, until_it_says};
use crate::support::with_servers;
use anyhow::{Context, Result};
use replica_lab::{ADMIN, Client, Lab, MariaDb, Postgres, SqliteFile, wait_for};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::watch;

const SOON: Duration = Duration::from_secs(60);

/// Either end.
enum End {
    Postgres(Postgres),
    MariaDb(MariaDb),
    Sqlite(SqliteFile),
}

async fn postgres(lab: &Lab, name: &str) -> Result<End> {
    Ok(End::Postgres(Postgres::primary(lab, name).await?))
}

async fn mariadb(lab: &Lab, name: &str) -> Result<End> {
    Ok(End::MariaDb(MariaDb::primary(lab, name).await?))
}

async fn sqlite(lab: &Lab, name: &str) -> Result<End> {
    Ok(End::Sqlite(SqliteFile::new(lab, name).await?))
}

impl End {
    fn entry(&self) -> Value {
        let (dialect, uri) = match self {
            Self::Postgres(server) => ("postgres", server.uri(ADMIN)),
            Self::MariaDb(server) => ("mariadb", server.uri(ADMIN)),
            Self::Sqlite(file) => ("sqlite", file.uri()),
        };
        json!({ "m": { "role": "master", "dialect": dialect, "uri": uri } })
    }

    async fn client(&self) -> Result<Client> {
        match self {
            Self::Postgres(server) => server.client().await,
            Self::MariaDb(server) => {
                let mut client = server.client().await?;
                client.execute("USE lab").await?;
                Ok(client)
            }
            Self::Sqlite(file) => file.client().await,
        }
    }

    /// All of both tables, as one text.
    fn everything(&self) -> &'static str {
        match self {
            Self::Postgres(_) => {
                "SELECT (SELECT string_agg(id || name, ';' ORDER BY id) FROM users) || '|' || (SELECT count(*) || ' ' || sum(id) FROM events)"
            }
            Self::MariaDb(_) => {
                "SELECT concat((SELECT group_concat(id, name ORDER BY id SEPARATOR ';') FROM users), '|', (SELECT concat(count(*), ' ', sum(id)) FROM events))"
            }
            Self::Sqlite(_) => {
                "SELECT (SELECT group_concat(r, ';') FROM (SELECT id || name AS r FROM users ORDER BY id)) || '|' || (SELECT count(*) || ' ' || sum(id) FROM events)"
            }
        }
    }

    fn unless_there(&self) -> &'static str {
        match self {
            Self::MariaDb(_) => "ON DUPLICATE KEY UPDATE name = VALUES(name)",
            _ => "ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        }
    }
}

/// Inserts, changes, moves and deletes rows until it is told to stop, and counts its statements; each leaves a row of its number.
async fn churn(
    mut client: Client,
    unless_there: &str,
    churned: &AtomicU64,
    stop: &watch::Receiver<bool>,
) -> Result<()> {
    let mut dice = 1_u64;
    let mut roll = |sides: u64| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    while !*stop.borrow() {
        let (one, other) = (roll(500), roll(500));
        let statements = match roll(5) {
            0 | 1 => vec![format!(
                "INSERT INTO users VALUES ({one}, 'n{other}') {unless_there}"
            )],
            2 => vec![format!(
                "UPDATE users SET name = 'u{other}' WHERE id % 7 = {}",
                one % 7
            )],
            3 => vec![format!("DELETE FROM users WHERE id = {one}")],
            _ => vec![
                format!("DELETE FROM users WHERE id = {other} AND {one} <> {other}"),
                format!("UPDATE users SET id = {other} WHERE id = {one}"),
            ],
        };
        let number = churned.load(Relaxed);
        client.execute("BEGIN").await?;
        for statement in statements {
            client.execute(&statement).await?;
        }
        client
            .execute(&format!("INSERT INTO events VALUES ({number})"))
            .await?;
        client.execute("COMMIT").await?;
        churned.fetch_add(1, Relaxed);
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn killed(source: End, target: End, lab: &Lab, kills: u64) -> Result<()> {
    let tree = json!({
        "replicas": { "shop": source.entry(), "mirror": target.entry() },
        "rules": { "copy": { "source": "shop", "target": "mirror", "mode": "cdc", "collections": ["users", "events"] } },
    });
    std::fs::write(lab.path().join("t.json"), tree.to_string())?;
    let mut client = source.client().await?;
    for statement in [
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "CREATE TABLE events (id INTEGER PRIMARY KEY)",
    ] {
        client.execute(statement).await?;
    }
    let (stop, stopped) = watch::channel(false);
    let churned = Arc::new(AtomicU64::new(0));
    let churning = {
        let (client, unless_there, churned) = (client, source.unless_there(), Arc::clone(&churned));
        tokio::spawn(async move { churn(client, unless_there, &churned, &stopped).await })
    };
    for round in 0..kills {
        let runner = Runner::start(lab, &[])?;
        if round % 4 == 0 {
            until_it_says(lab, "streaming").await?;
        }
        // Anywhere between its first statement and its being in full flow.
        let until = churned.load(Relaxed) + round * 37 % 150;
        wait_for("some writes", SOON, async || churned.load(Relaxed) >= until).await?;
        drop(runner);
    }
    stop.send(true)?;
    churning.await??;
    let _runner = Runner::start(lab, &[])?;
    let wanted = source.client().await?.query(source.everything()).await?;
    let mut client = target.client().await?;
    let same = async || matches!(client.query(target.everything()).await, Ok(found) if found == wanted);
    let waited = wait_for("both to be the same", SOON, same).await;
    waited.with_context(|| format!("wanted {wanted:?}\n{}", said(lab)))
}

macro_rules! pairs {
    ($($test:ident: $source:ident to $target:ident, $kills:literal kills;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            with_servers(async {
                let lab = Lab::new()?;
                killed($source(&lab, "source").await?, $target(&lab, "target").await?, &lab, $kills).await
            })
            .await;
        }
    )*};
}

pairs! {
    sqlite_to_postgres: sqlite to postgres, 34 kills;
    postgres_to_mariadb: postgres to mariadb, 33 kills;
    mariadb_to_postgres: mariadb to postgres, 33 kills;
}
