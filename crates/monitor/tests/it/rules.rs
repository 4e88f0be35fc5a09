//! Rules from a terminal: two files, a tree, and what `rules` and `sync` say and do.

use crate::support::{binary, with_servers};
use anyhow::{Context, Result, ensure};
use replica_lab::{ADMIN, Lab, MariaDb, PLAIN, Postgres, SqliteFile, wait_for};
use serde_json::{Value, json};
use std::fs::File;
use std::process::{Child, Command, Output};
use std::time::Duration;

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
    assert!(
        said.contains("→ mirror / m") && said.contains("the target: there is no such file"),
        "{said}"
    );
    Ok(())
}

/// A `run` of its own process; dropped, it is killed as kill -9 does.
pub(crate) struct Runner(Child);

impl Runner {
    pub(crate) fn start(lab: &Lab, more: &[&str]) -> Result<Self> {
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

pub(crate) fn said(lab: &Lab) -> String {
    std::fs::read_to_string(lab.path().join("run.log")).unwrap_or_default()
}

pub(crate) async fn until_it_says(lab: &Lab, what: &str) -> Result<()> {
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
async fn a_rule_goes_both_ways() -> Result<()> {
    let shop = Shop::open("bidirectional").await?;
    let mut target = shop.target.client().await?;
    target
        .execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
        .await?;
    target.execute("INSERT INTO users VALUES (9, 'Zoe')").await?;
    let (code, said_of) = shop.run(&["rules", "check", "copy"]);
    ensure!(said_of.contains("mirror / m → shop / m"), "{code:?} {said_of}");
    let runner = Runner::start(&shop.lab, &[])?;
    until_it_says(&shop.lab, "copy: mirror / m → shop / m: streaming").await?;
    target
        .execute("UPDATE users SET name = 'Bo' WHERE id = 2")
        .await?;
    shop.source("UPDATE users SET name = 'Zo' WHERE id = 9").await?;
    let names = "SELECT group_concat(name) FROM (SELECT name FROM users ORDER BY id)";
    let mut source = shop.source.client().await?;
    for end in [&mut source, &mut target] {
        let same = async || matches!(end.query(names).await, Ok(Some(found)) if found == "Ada,Bo,Zo");
        wait_for("both ends to be the same", SOON, same).await?;
    }
    let (code, said_of) = shop.run(&["rules", "verify", "copy", "--heal"]);
    ensure!(code == Some(2) && said_of.contains("bidirectional"), "{said_of}");
    drop(runner);
    let (_, said_of) = shop.run(&["rules", "drop", "copy"]);
    ensure!(said_of.contains("_rm_echo"), "{said_of}");
    let left = "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_rm\\_%' ESCAPE '\\'";
    for end in [&mut source, &mut target] {
        assert_eq!(end.query(left).await?.as_deref(), Some("0"));
    }
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
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_made_is_dropped() {
    with_servers(async {
        let lab = Lab::new()?;
        let source = Postgres::primary(&lab, "source").await?;
        let target = SqliteFile::new(&lab, "target").await?;
        let tree = json!({
            "replicas": {
                "shop": { "m": { "role": "master", "dialect": "postgres", "uri": source.uri(ADMIN) } },
                "mirror": { "m": { "role": "master", "dialect": "sqlite", "uri": target.uri() } },
            },
            "rules": { "copy": { "source": "shop", "target": "mirror", "mode": "cdc", "collections": ["*"] } },
        });
        std::fs::write(lab.path().join("t.json"), tree.to_string())?;
        let runner = Runner::start(&lab, &[])?;
        until_it_says(&lab, "streaming").await?;
        let mut client = source.client().await?;
        let made = "SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)";
        assert_eq!(client.query(made).await?.as_deref(), Some("2"));
        drop(runner);
        let drop_it = || -> Result<(Option<i32>, String)> {
            let dropped = binary().current_dir(lab.path()).args(["rules", "drop", "copy", "--tree", "t.json"]).output()?;
            Ok((dropped.status.code(), String::from_utf8(dropped.stdout)?))
        };
        let (code, said) = drop_it()?;
        assert_eq!(code, Some(0), "{said}");
        for what in ["shop / m: dropped the replication slot rm_", "shop / m: dropped the publication rm_", "mirror / m: dropped the table _rm_cursor"] {
            ensure!(said.contains(what), "{said}");
        }
        assert_eq!(client.query(made).await?.as_deref(), Some("0"));
        let (code, said) = drop_it()?;
        assert_eq!((code, &*said), (Some(0), "shop / m: there was nothing\nmirror / m: there was nothing\n"));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_told_with_what_mends_it() {
    with_servers(async {
        let lab = Lab::new()?;
        let (first, second) = (Postgres::primary(&lab, "first").await?, MariaDb::primary(&lab, "second").await?);
        let target = SqliteFile::new(&lab, "target").await?;
        first.execute(&["CREATE TABLE stock (id int PRIMARY KEY)", "ALTER SYSTEM SET wal_level = replica"]).await?;
        first.execute(&[&format!("GRANT SELECT ON stock TO {PLAIN}")]).await?;
        first.stop().await?;
        first.start().await?;
        second.execute(&["CREATE TABLE lab.words (id uuid PRIMARY KEY)", "SET GLOBAL binlog_row_metadata = NO_LOG"]).await?;
        let rule = |source: &str| json!({ "source": source, "target": "mirror", "mode": "cdc", "collections": ["*"] });
        let tree = json!({
            "replicas": {
                "pg": { "m": { "role": "master", "dialect": "postgres", "uri": first.uri(PLAIN) } },
                "my": { "m": { "role": "master", "dialect": "mariadb", "uri": second.uri(ADMIN) } },
                "mirror": { "m": { "role": "master", "dialect": "sqlite", "uri": target.uri() } },
            },
            "rules": { "of-pg": rule("pg"), "of-my": rule("my") },
        });
        std::fs::write(lab.path().join("t.json"), tree.to_string())?;
        for (name, wanted) in [
            ("of-pg", vec!["ALTER SYSTEM SET wal_level = 'logical'", "ALTER ROLE plain REPLICATION", "ALTER TABLE \"stock\" OWNER TO plain"]),
            ("of-my", vec!["SET GLOBAL binlog_row_metadata = FULL", "words: is left alone: its key has the column \"id\" of uuid"]),
        ] {
            let check = binary().current_dir(lab.path()).args(["rules", "check", name, "--tree", "t.json"]).output()?;
            let said = String::from_utf8(check.stdout)?;
            ensure!(check.status.code() == Some(1) && wanted.iter().all(|what| said.contains(what)), "{said}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_apart_are_told() {
    with_servers(async {
        let lab = Lab::new()?;
        let server = MariaDb::primary(&lab, "server").await?;
        let file = SqliteFile::new(&lab, "file").await?;
        server.execute(&[&format!("GRANT SELECT ON lab.* TO {PLAIN}@'127.0.0.1'")]).await?;
        let tree = json!({
            "replicas": {
                "shop": { "m": { "role": "master", "dialect": "mariadb", "uri": server.uri(PLAIN) } },
                "mirror": { "m": { "role": "master", "dialect": "sqlite", "uri": file.uri() } },
            },
            "rules": { "both": { "source": "shop", "target": "mirror", "mode": "bidirectional", "conflictResolution": "timestamp", "collections": ["*"] } },
        });
        std::fs::write(lab.path().join("t.json"), tree.to_string())?;
        let check = || -> Result<String> {
            let check = binary().current_dir(lab.path()).args(["rules", "check", "both", "--tree", "t.json"]).output()?;
            Ok(String::from_utf8(check.stdout)?)
        };
        let said = check()?;
        ensure!(said.contains("mirror / m → shop / m") && !said.contains("mind:"), "{said}");
        // Whoever connects from now on writes an hour ago, by a clock that stands.
        server.execute(&["SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() - 3600'"]).await?;
        let said = check()?;
        let apart = "mind: the clock of mirror / m is 360";
        ensure!(said.matches(apart).count() == 1, "{said}");
        ensure!(said.contains("s ahead of that of shop / m: whatever mirror / m stamps wins"), "{said}");
        ensure!(said.contains("mind: the clock of shop / m is 360"), "{said}");
        ensure!(said.contains("s behind this machine's: how long its changes have waited is told wrong by that"), "{said}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_not_taken_are_listed() -> Result<()> {
    let shop = Shop::open("cdc").await?;
    let (code, said) = shop.run(&["rules", "dead-letters", "copy"]);
    assert_eq!(
        (code, &*said),
        (Some(0), "mirror / m: the rule was never kept going\n")
    );
    let mut target = shop.target.client().await?;
    target
        .execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'Bob'))")
        .await?;
    let runner = Runner::start(&shop.lab, &[])?;
    until_it_says(&shop.lab, "1 rows are not taken, as users 2").await?;
    // Also while nobody keeps the rule going.
    drop(runner);
    let (code, said) = shop.run(&["rules", "dead-letters", "copy"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.starts_with("mirror / m: users, row 2: CHECK constraint failed"),
        "{said}"
    );
    let (_, said) = shop.run(&["rules", "dead-letters", "copy", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&said)?["key"], "2");
    shop.source("UPDATE users SET name = 'Rob' WHERE id = 2").await?;
    let _runner = Runner::start(&shop.lab, &[])?;
    let empty = async || {
        shop.run(&["rules", "dead-letters", "copy"])
            == (Some(0), "mirror / m: every row was taken\n".to_owned())
    };
    wait_for("the row to be taken", SOON, empty).await
}

/// Changes rows of the source, one after the other, until it is told to stop.
async fn busy(file: SqliteFile, mut stop: tokio::sync::watch::Receiver<bool>) -> Result<u64> {
    let (mut client, mut count) = (file.client().await?, 0);
    while !*stop.borrow_and_update() {
        let id = count * 7919 % 30_000 + 1;
        client
            .execute(&format!(
                "UPDATE users SET name = 'w{count}' WHERE id = {id} AND id % 1000 <> 0"
            ))
            .await?;
        count += 1;
        tokio::task::yield_now().await;
    }
    Ok(count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_differs_is_found_among_what_is_on_its_way_and_healed() -> Result<()> {
    let shop = Shop::open("cdc").await?;
    shop.source("DELETE FROM users").await?;
    shop.source("INSERT INTO users WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 30000) SELECT n, 'n' || n FROM c")
        .await?;
    shop.source("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        .await?;
    let _runner = Runner::start(&shop.lab, &[])?;
    until_it_says(&shop.lab, "streaming").await?;
    let mut target = shop.target.client().await?;
    for planted in [
        "UPDATE users SET name = 'other' WHERE id = 1000",
        "DELETE FROM users WHERE id = 17000",
        "INSERT INTO users VALUES (30001, 'nobody')",
    ] {
        target.execute(planted).await?;
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writing = tokio::spawn(busy(SqliteFile::clone(&shop.source), stopped));
    let verify = |more: &'static [&'static str]| {
        let arguments = [&["rules", "verify", "copy", "--json", "--patience", "2s"], more].concat();
        let folder = shop.lab.path().to_owned();
        tokio::task::spawn_blocking(move || -> Result<(Option<i32>, Value)> {
            let output = binary()
                .current_dir(folder)
                .args(arguments)
                .args(["--tree", "t.json"])
                .output()?;
            Ok((output.status.code(), serde_json::from_slice(&output.stdout)?))
        })
    };
    let (code, found) = verify(&[]).await??;
    let users = |found: &Value| {
        let tables = found["directions"][0]["tables"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        tables
            .into_iter()
            .find(|table| table["table"] == "users")
            .unwrap_or_default()
    };
    let wanted = json!([
        { "key": "1000", "differs": "changed" }, { "key": "17000", "differs": "missing" }, { "key": "30001", "differs": "extra" }
    ]);
    assert_eq!(
        (code, &users(&found)["differences"]),
        (Some(1), &wanted),
        "{found}"
    );
    let (code, found) = verify(&["--heal"]).await??;
    assert_eq!((code, &users(&found)["healed"]), (Some(0), &json!(3)), "{found}");
    let (code, found) = verify(&[]).await??;
    assert_eq!(
        (code, &users(&found)["differences"]),
        (Some(0), &json!([])),
        "{found}"
    );
    stop.send(true)?;
    ensure!(writing.await?? > 100, "nothing was written meanwhile");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_told_and_a_wrong_one_is_named() -> Result<()> {
    let shop = Shop::open("snapshot").await?;
    let tree = std::fs::read_to_string(shop.lab.path().join("t.json"))?;
    let with = |schedule: &str| {
        let mut tree: Value = serde_json::from_str(&tree)?;
        tree["rules"]["copy"]["schedule"] = json!(schedule);
        std::fs::write(shop.lab.path().join("t.json"), tree.to_string())?;
        Ok::<(), anyhow::Error>(())
    };
    with("15m")?;
    let (_, said) = shop.run(&["rules", "list"]);
    assert!(said.ends_with("\n    every 15m\n"), "{said}");
    with("0 3 * * *")?;
    let (_, said) = shop.run(&["rules", "list"]);
    assert!(
        said.contains("at 0 3 * * * (UTC), next at 20") && said.contains("T03:00:00"),
        "{said}"
    );
    with("0 25 * * *")?;
    let why =
        "its schedule \"0 25 * * *\" must be a duration (`15m`) or a cron expression (`0 3 * * *`, in UTC)";
    for arguments in [&["rules", "list"][..], &["rules", "check", "copy"], &["run"]] {
        let (_, said) = shop.run(arguments);
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_is_checked_and_kept() -> Result<()> {
    let shop = Shop::open("snapshot").await?;
    let path = shop.lab.path().join("t.json");
    let mut tree: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    tree["rules"]["copy"]["collections"] = json!(["users"]);
    tree["rules"]["copy"]["map"] =
        json!({ "users": { "to": "people", "columns": { "nmae": "called" } }, "orders": "sales" });
    std::fs::write(&path, tree.to_string())?;
    let (code, said) = shop.run(&["rules", "check", "copy"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(
            "orders: is left alone: it has another name for the target, and the rule has no such table"
        ),
        "{said}"
    );
    assert!(
        said.contains(
            "users: is left alone: its column \"nmae\" has another name for the target, and is not there"
        ),
        "{said}"
    );
    tree["rules"]["copy"]["map"] = json!({ "users": { "to": "people", "columns": { "name": "called" } } });
    std::fs::write(&path, tree.to_string())?;
    for arguments in [
        &["rules", "check", "copy"],
        &["sync", "copy"][..],
        &["rules", "verify", "copy"],
    ] {
        let (code, said) = shop.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    }
    let found = shop
        .target
        .client()
        .await?
        .query("SELECT called FROM people WHERE id = 2")
        .await?;
    assert_eq!(found.as_deref(), Some("Bob"));
    tree["rules"]["copy"]["mode"] = json!("bidirectional");
    std::fs::write(&path, tree.to_string())?;
    let (code, said) = shop.run(&["rules", "check", "copy"]);
    assert!(code == Some(2) && said.contains("has a map"), "{code:?} {said}");
    Ok(())
}
