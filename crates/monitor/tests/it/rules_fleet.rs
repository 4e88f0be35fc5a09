//! Rules and the replicas around them: what a rule writes is borne by them, and what it brings is the lag of those that it feeds.

use crate::support::{Client, Monitor, with_servers};
use anyhow::{Context, Result};
use replica_lab::{ADMIN, Lab, MariaDb, SqliteFile, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(180);
/// What the replica may lag, in milliseconds.
const TOLERANCE: u64 = 5000;
/// Rows that are copied into its master.
const ROWS: u64 = 12_000;

fn rule(source: &str, target: &str) -> Value {
    json!({ "copy": { "source": source, "target": target, "mode": "cdc", "collections": ["users"] } })
}

fn users(count: u64) -> String {
    format!(
        "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {count}) INSERT INTO users SELECT id, 'name ' || id FROM n"
    )
}

fn lag(client: &Client, replica: &str) -> Option<u64> {
    client.json(&format!("/api/replicas/{replica}"))["lag"].as_u64()
}

fn stats(client: &Client) -> Value {
    client.json("/api/rules")[0]["lastStats"].clone()
}

/// A replica that applies about a thousand rows a second.
async fn slow_pair(lab: &Lab) -> Result<(MariaDb, MariaDb)> {
    let master = MariaDb::primary(lab, "master").await?;
    let replica = master.replica(lab, "replica", None).await?;
    let table = "CREATE TABLE lab.users (id BIGINT PRIMARY KEY, name LONGTEXT)";
    master.execute(&[table]).await?;
    let there = async || replica.execute(&["SELECT 1 FROM lab.users"]).await.is_ok();
    wait_for("the table", LONG, there).await?;
    let trigger = "CREATE TRIGGER lab.slow BEFORE INSERT ON lab.users FOR EACH ROW SET @slept = SLEEP(0.001)";
    let of_rows = "SET GLOBAL slave_run_triggers_for_rbr = YES";
    replica
        .execute(&["STOP SLAVE", of_rows, trigger, "START SLAVE"])
        .await?;
    Ok((master, replica))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_goes_no_faster_than_the_replicas_of_its_target_can_bear() {
    with_servers(async {
        let lab = Lab::new()?;
        let (master, replica) = slow_pair(&lab).await?;
        let shop = SqliteFile::new(&lab, "shop").await?;
        let mut client = shop.client().await?;
        client.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)").await?;
        client
            .execute(&users(ROWS))
            .await?;
        let tree = json!({ "replicas": {
            "shop": { "m": { "role": "master", "dialect": "sqlite", "uri": shop.uri() } },
            "copy": {
                "m": { "role": "master", "dialect": "mariadb", "uri": master.uri(ADMIN) },
                "r": { "role": "slave", "dialect": "mariadb", "uri": replica.uri(ADMIN), "lagTolerance": TOLERANCE },
            } }, "rules": rule("shop", "copy") });
        let monitor = Monitor::start(&tree.to_string(), &["--live", "--rules", "--poll", "500"]);
        let (mut worst, mut was_held_back, mut there) = (0, false, replica.client().await?);
        let all = Some(ROWS.to_string());
        // Until the replica has applied what the copy wrote: that is when it lags most.
        wait_for("all of it in the replica", LONG, async || {
            worst = lag(&monitor, "copy/r").unwrap_or(0).max(worst);
            let doing = stats(&monitor)["doing"].to_string();
            was_held_back |= doing.contains("held back: copy / r must keep up");
            matches!(there.query("SELECT count(*) FROM lab.users").await, Ok(count) if count == all)
        })
        .await?;
        assert!(worst <= TOLERANCE && was_held_back, "{worst} ms, held back: {was_held_back}");
        wait_for("the end of the copy", LONG, async || stats(&monitor)["totalSynced"] == ROWS).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_a_rule_feeds_lags_by_what_the_rule_has_not_brought() -> Result<()> {
    let lab = Lab::new()?;
    let (master, slave) = (
        SqliteFile::new(&lab, "m").await?,
        SqliteFile::new(&lab, "s").await?,
    );
    let mut client = master.client().await?;
    client
        .execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
        .await?;
    let tree = json!({ "replicas": { "shop": {
        "m": { "role": "master", "dialect": "sqlite", "uri": master.uri() },
        "s": { "role": "slave", "dialect": "sqlite", "uri": slave.uri(), "lagTolerance": 1000, "throttle": { "rowsPerSecond": 20 } },
    } }, "rules": rule("shop", "shop") });
    let monitor = Monitor::start(&tree.to_string(), &["--live", "--rules", "--poll", "100"]);
    let shown = |wanted: fn(u64) -> bool| client_lag(&monitor, wanted).context("a lag");
    shown(|ms| ms == 0)?;
    client.execute(&users(80)).await?;
    shown(|ms| ms > 1500)?;
    shown(|ms| ms == 0)?;
    let mut there = slave.client().await?;
    assert_eq!(
        there.query("SELECT count(*) FROM users").await?.as_deref(),
        Some("80")
    );
    Ok(())
}

fn client_lag(client: &Client, wanted: fn(u64) -> bool) -> Option<u64> {
    Some(client.wait("/api/replicas/shop/s", |replica| {
        let lag = replica["lag"].as_u64().filter(|ms| wanted(*ms))?;
        (replica["lagVerdict"] == "exact").then_some(lag)
    }))
}
