//! Rules from a terminal: two files, a tree, and what `rules` and `sync` say and do.

use crate::support::{binary, with_servers};
use anyhow::{Context, Result, ensure};
use replica_lab::{ADMIN, Lab, Postgres, SqliteFile, wait_for};
use serde_json::{Value, json};
use std::fs::File;
use std::process::{Child, Command, Output};
use std::time::Duration;
use tokio::sync::watch;

const SOON: Duration = Duration::from_secs(40);

struct Shop {
    lab: Lab,
    source: SqliteFile,
    target: SqliteFile,
}

impl Shop {
    async fn open(mode: &str) -> Result<Self> {
        let lab = Lab::new()?;
        let source = SqliteFile::new(&lab, "source").await?;
        let target = SqliteFile::new(&lab, "target").await?;
        let file =
            |file: &SqliteFile| json!({ "m": { "role": "master", "dialect": "sqlite", "uri": file.uri() } });
        let tree = json!({
            "replicas": { "shop": file(&source), "mirror": file(&target) },
            "rules": { "copy": { "source": "shop", "target": "mirror", "mode": mode, "collections": ["users", "orders"] } },
        });
        std::fs::write(lab.path().join("t.json"), tree.to_string())?;
        let shop = Self { lab, source, target };
        shop.source("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
            .await?;
        shop.source("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")
            .await?;
        Ok(shop)
    }

    async fn source(&self, statement: &str) -> Result<()> {
        self.source.client().await?.execute(statement).await
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = binary()
            .current_dir(self.lab.path())
            .args(arguments)
            .args(["--tree", "t.json"])
            .output();
        let Output {
            status,
            stdout,
            stderr,
        } = output.unwrap();
        (
            status.code(),
            String::from_utf8([stdout, stderr].concat()).unwrap(),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_listed_checked_and_run() -> Result<()> {
    let shop = Shop::open("snapshot").await?;
    let (code, said) = shop.run(&["rules", "list"]);
    assert_eq!(
        (code, &*said),
        (Some(0), "copy: shop → mirror, snapshot: users, orders\n")
    );

    let (code, said) = shop.run(&["rules", "check", "copy"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("users: is created there, and mirrored"), "{said}");
    assert!(
        said.contains("orders: is left alone: the source has no such table"),
        "{said}"
    );

    shop.source("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        .await?;
    let (code, said) = shop.run(&["sync", "copy"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("shop / m → mirror / m in "), "{said}");
    assert!(
        said.contains("users: 2 inserted, 0 updated, 0 deleted, 0 the same, 0 failed"),
        "{said}"
    );
    let mut target = shop.target.client().await?;
    assert_eq!(
        target
            .query("SELECT group_concat(name) FROM users")
            .await?
            .as_deref(),
        Some("Ada,Bob")
    );

    shop.source("UPDATE users SET name = 'Eve' WHERE id = 2").await?;
    let (code, said) = shop.run(&["sync", "copy", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let told: Value = serde_json::from_str(&said)?;
    let mut details = told["directions"][0]["details"].as_array().unwrap().iter();
    let users = details.find(|done| done["collection"] == "users").unwrap();
    assert_eq!(
        (&told["ok"], &users["updated"], &users["skipped"]),
        (&json!(true), &json!(1), &json!(1))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run_is_said() -> Result<()> {
    let shop = Shop::open("bidirectional").await?;
    let (code, said) = shop.run(&["sync", "copy"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("bidirectional"), "{said}");
    let (code, said) = shop.run(&["sync", "copi"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("there is no rule \"copi\"; there are copy"),
        "{said}"
    );

    let shop = Shop::open("cdc").await?;
    std::fs::remove_file(shop.target.path())?;
    let (code, said) = shop.run(&["sync", "copy"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("mirror / m: there is no such file"), "{said}");
    Ok(())
}

/// A `run` of its own process; dropped, it is killed as kill -9 does.
struct Runner(Child);

impl Runner {
    fn start(lab: &Lab, more: &[&str]) -> Result<Self> {
        let log = File::create(lab.path().join("run.log"))?;
        let child = binary()
            .current_dir(lab.path())
            .args(["run", "--tree", "t.json"])
            .args(more)
            .stdout(log)
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(lab: &Lab) -> String {
    std::fs::read_to_string(lab.path().join("run.log")).unwrap_or_default()
}

async fn until_it_says(lab: &Lab, what: &str) -> Result<()> {
    let waited = wait_for(what, SOON, async || said(lab).contains(what)).await;
    waited.with_context(|| said(lab))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_kept_going_until_it_is_asked_to_stop() -> Result<()> {
    let shop = Shop::open("cdc").await?;
    let mut runner = Runner::start(&shop.lab, &[])?;
    until_it_says(
        &shop.lab,
        "streaming; orders is left alone: the source has no such table",
    )
    .await?;
    shop.source("INSERT INTO users VALUES (3, 'Cyd')").await?;
    let count = "SELECT count(*) FROM users";
    let mut target = shop.target.client().await?;
    wait_for(
        "the row",
        SOON,
        async || matches!(target.query(count).await, Ok(Some(found)) if found == "3"),
    )
    .await?;
    let id = runner.0.id().to_string();
    ensure!(Command::new("kill").args(["-TERM", &id]).status()?.success());
    assert_eq!(runner.0.wait()?.code(), Some(0));
    ensure!(
        said(&shop.lab)
            .ends_with("ended: it was asked to; orders is left alone: the source has no such table\n"),
        "{}",
        said(&shop.lab)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_mirrored_again_and_again() -> Result<()> {
    let shop = Shop::open("snapshot").await?;
    let runner = Runner::start(&shop.lab, &["--every", "200ms", "--json"])?;
    let mut target = shop.target.client().await?;
    let names = "SELECT group_concat(name) FROM users";
    for name in ["Eve", "Fay"] {
        shop.source(&format!("UPDATE users SET name = '{name}' WHERE id = 2"))
            .await?;
        let wanted = format!("Ada,{name}");
        wait_for(
            name,
            SOON,
            async || matches!(target.query(names).await, Ok(Some(found)) if found == wanted),
        )
        .await?;
    }
    drop(runner);
    let lines = said(&shop.lab);
    let told: Value = serde_json::from_str(lines.lines().last().context("nothing said")?)?;
    assert_eq!(
        (&told["rule"], &told["to"]),
        (&json!("copy"), &json!("mirror / m"))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_be_kept_going_is_not_begun() -> Result<()> {
    let shop = Shop::open("cdc").await?;
    for (arguments, why) in [
        (vec!["run", "copi"], "there is no rule \"copi\"; there are copy"),
        (vec!["run", "--every", "1ms"], "--every must be 100ms or more"),
    ] {
        let (code, said) = shop.run(&arguments);
        ensure!(code == Some(2) && said.contains(why), "{code:?} {said}");
    }
    let (code, said) = Shop::open("bidirectional").await?.run(&["run"]);
    ensure!(
        code == Some(2) && said.contains("bidirectional"),
        "{code:?} {said}"
    );
    Ok(())
}

/// Inserts, changes, moves and deletes rows until it is told to stop; how many rows were touched.
async fn churn(file: SqliteFile, mut stop: watch::Receiver<bool>) -> Result<()> {
    let mut client = file.client().await?;
    let mut dice = 1_u64;
    let mut roll = |sides: u64| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    while !*stop.borrow_and_update() {
        let (one, other) = (roll(500), roll(500));
        client
            .execute(&match roll(5) {
                0 | 1 => format!("INSERT INTO users VALUES ({one}, 'n{other}') ON CONFLICT (id) DO UPDATE SET name = excluded.name"),
                2 => format!("UPDATE users SET name = 'u{other}' WHERE id % 7 = {}", one % 7),
                3 => format!("DELETE FROM users WHERE id = {one}"),
                _ => format!("UPDATE OR IGNORE users SET id = {other} WHERE id = {one}"),
            })
            .await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_kills_lose_and_double_nothing() {
    with_servers(async {
        let shop = Shop::open("cdc").await?;
        let target = Postgres::primary(&shop.lab, "server").await?;
        let tree = json!({
            "replicas": {
                "shop": { "m": { "role": "master", "dialect": "sqlite", "uri": shop.source.uri() } },
                "mirror": { "m": { "role": "master", "dialect": "postgres", "uri": target.uri(ADMIN) } },
            },
            "rules": { "copy": { "source": "shop", "target": "mirror", "mode": "cdc", "collections": ["users"] } },
        });
        std::fs::write(shop.lab.path().join("t.json"), tree.to_string())?;
        let (stop, stopped) = watch::channel(false);
        let source = SqliteFile::clone(&shop.source);
        let churning = tokio::spawn(churn(source, stopped));
        for round in 0..40_u64 {
            let runner = Runner::start(&shop.lab, &[])?;
            if round % 4 == 0 {
                until_it_says(&shop.lab, "streaming").await?;
            }
            // Anywhere between its first statement and its being in full flow: this is the moment, and nothing is waited for.
            tokio::time::sleep(Duration::from_millis(round * 37 % 150)).await;
            drop(runner);
        }
        stop.send(true)?;
        churning.await??;
        let _runner = Runner::start(&shop.lab, &[])?;
        let wanted = shop.source.client().await?
            .query("SELECT group_concat(r, ';') FROM (SELECT id || name AS r FROM users ORDER BY id)").await?;
        let mut client = target.client().await?;
        let all = "SELECT string_agg(id || name, ';' ORDER BY id) FROM users";
        let waited = wait_for("both to be the same", SOON, async || client.query(all).await.is_ok_and(|found| found == wanted)).await;
        waited.with_context(|| said(&shop.lab))
    })
    .await;
}
