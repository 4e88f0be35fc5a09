//! Streams between real databases: whatever is done to the source, and whenever a stream is killed, the target becomes the same.

use crate::ends::*;
use crate::support::*;
use anyhow::{Context, Result, ensure};
use replica_engine::rules::{Pace, Phase, Plan, Report, keep};
use replica_lab::{ADMIN, Lab, Proxy, wait_for};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A stream of its own task.
pub(crate) struct Running {
    pub(crate) seen: watch::Receiver<Report>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// The rule `copy` of every table.
pub(crate) fn plan(source: &Db, target: &Db) -> Result<Arc<Plan>> {
    plan_as(source, target, &json!({}))
}

fn plan_as(source: &Db, target: &Db, map: &Value) -> Result<Arc<Plan>> {
    let tree = json!({
        "replicas": { "from": source.entry(), "to": target.entry() },
        "rules": { "copy": { "source": "from", "target": "to", "mode": "cdc", "collections": ["*"], "map": map } },
    });
    let parsed = replica_core::tree::parse(tree.to_string().as_bytes(), "t.json");
    Ok(Arc::new(Plan::of(&parsed.tree.context("no tree")?, "copy")?))
}

pub(crate) fn start(plan: &Arc<Plan>) -> Running {
    let (stop, asked) = watch::channel(false);
    let mut ways = keep(plan, &Pace::every(SOON), &asked);
    let way = ways.remove(0);
    Running {
        seen: way.report,
        stop,
        task: way.task,
    }
}

impl Running {
    pub(crate) fn now(&self) -> Report {
        self.seen.borrow().clone()
    }

    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Report) -> bool) -> Result<()> {
        let waited = wait_for(what, SOON, async || holds(&self.now())).await;
        waited.with_context(|| format!("{:?}", self.now()))
    }

    pub(crate) async fn stopped(self) -> Result<Report> {
        self.stop.send(true)?;
        self.task.await?;
        Ok(self.seen.borrow().clone())
    }

    /// As if the process were killed: nothing is tidied up.
    pub(crate) async fn killed(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// All of a table as one text.
pub(crate) async fn all(db: &Db, table: &str, columns: &str) -> Result<String> {
    let row = match db {
        Db::MariaDb(_) => format!("concat_ws('|', {})", columns.replace(' ', ", ")),
        _ => columns.replace(' ', " || '|' || "),
    };
    let list = match db {
        Db::Postgres(_) => {
            format!("SELECT string_agg(r, ';' ORDER BY r) FROM (SELECT {row} AS r FROM {table}) x")
        }
        Db::MariaDb(_) => {
            format!("SELECT group_concat(r ORDER BY r SEPARATOR ';') FROM (SELECT {row} AS r FROM {table}) x")
        }
        Db::Sqlite(_) => {
            format!("SELECT group_concat(r, ';') FROM (SELECT {row} AS r FROM {table} ORDER BY r)")
        }
    };
    db.query(&list).await
}

/// Waits until the table is the same at both ends.
pub(crate) async fn same(
    source: &Db,
    target: &Db,
    stream: &Running,
    table: &str,
    columns: &str,
) -> Result<()> {
    let wanted = all(source, table, columns).await?;
    let found = async || {
        all(target, table, columns)
            .await
            .unwrap_or_else(|error| error.to_string())
    };
    let waited = wait_for("both ends to be the same", SOON, async || found().await == wanted).await;
    let found = found().await;
    waited.with_context(|| format!("wanted {wanted}\nfound {found}\n{:?}", stream.now()))
}

/// A stream that has copied everything.
pub(crate) async fn streaming(source: &Db, target: &Db) -> Result<Running> {
    let stream = start(&plan(source, target)?);
    stream
        .until("streaming", |report| report.phase == Phase::Streaming)
        .await?;
    Ok(stream)
}

/// Waits until a query answers that.
pub(crate) async fn until_there(db: &Db, query: &str, wanted: &str, stream: &Running) -> Result<()> {
    let found = async || db.query(query).await.unwrap_or_else(|error| error.to_string());
    let waited = wait_for(query, SOON, async || found().await == wanted).await;
    let found = found().await;
    waited.with_context(|| format!("wanted {wanted}, found {found}\n{:?}", stream.now()))
}

pub(crate) const PEOPLE: [&str; 2] = [
    "CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT)",
    "INSERT INTO people VALUES (1, 'a'), (2, 'b'), (3, 'c')",
];

async fn every_change_arrives(source: Db, target: Db) -> Result<()> {
    source.execute(&PEOPLE).await?;
    let plan = plan(&source, &target)?;
    let stream = start(&plan);
    stream
        .until("the copy", |report| report.phase == Phase::Streaming)
        .await?;
    same(&source, &target, &stream, "people", "id mail").await?;
    source
        .execute(&[
            "INSERT INTO people VALUES (4, 'd')",
            "UPDATE people SET mail = 'B' WHERE id = 2",
            "DELETE FROM people WHERE id = 1",
            "UPDATE people SET id = 30 WHERE id = 3",
            "BEGIN",
            "INSERT INTO people VALUES (9, 'gone')",
            "DELETE FROM people WHERE id = 9",
            "COMMIT",
        ])
        .await?;
    same(&source, &target, &stream, "people", "id mail").await?;
    stream
        .until("the row that came and went", |report| {
            report.details["people"].deleted == 3
        })
        .await?;
    stream
        .until("an empty log", |report| report.backlog == Some(0))
        .await?;
    let report = stream.stopped().await?;
    let done = &report.details["people"];
    // The copy made three; the log made two and the one with its new key, changed one, and took three away.
    assert_eq!(
        (done.created, done.updated, done.errors),
        (3 + 1, 2, 0),
        "{done:?}"
    );
    assert!(matches!(report.phase, Phase::Ended { .. }), "{report:?}");
    // What happens while nobody looks is not lost, and nothing is copied again.
    source
        .execute(&[
            "INSERT INTO people VALUES (5, 'e')",
            "DELETE FROM people WHERE id = 4",
        ])
        .await?;
    let stream = start(&plan);
    same(&source, &target, &stream, "people", "id mail").await?;
    let done = stream.stopped().await?.details["people"].clone();
    assert_eq!((done.created, done.deleted, done.skipped), (1, 1, 0), "{done:?}");
    let rows = target.query("SELECT rows_written FROM _rm_cursor").await?;
    assert_eq!(rows, (3 + 6 + 2).to_string(), "each row once");
    Ok(())
}

macro_rules! pairs {
    ($($test:ident: $source:ident to $target:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            with_servers(async {
                let lab = Lab::new()?;
                every_change_arrives($source(&lab, "source").await?, $target(&lab, "target").await?).await
            })
            .await;
        }
    )*};
}

pairs! {
    sqlite_to_postgres: sqlite to postgres;
    sqlite_to_mariadb: sqlite to mariadb;
    sqlite_to_sqlite: sqlite to sqlite;
    postgres_to_postgres: postgres to postgres;
    postgres_to_mariadb: postgres to mariadb;
    postgres_to_sqlite: postgres to sqlite;
    mariadb_to_postgres: mariadb to postgres;
    mariadb_to_mariadb: mariadb to mariadb;
    mariadb_to_sqlite: mariadb to sqlite;
}

/// A writer that inserts, changes, moves and deletes rows, and rolls some of it back.
pub(crate) async fn turbulence(source: &Db, seed: u64, statements: usize) -> Result<()> {
    let mut client = source.client().await?;
    let mut dice = seed;
    let mut roll = |sides: u64| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    for _ in 0..statements {
        let (one, other) = (roll(300), roll(300));
        let unless_there = match source {
            Db::MariaDb(_) => "ON DUPLICATE KEY UPDATE mail = VALUES(mail)",
            _ => "ON CONFLICT (id) DO UPDATE SET mail = excluded.mail",
        };
        let statements = match roll(6) {
            0 | 1 => vec![format!(
                "INSERT INTO people VALUES ({one}, 'n{other}') {unless_there}"
            )],
            2 => vec![format!("UPDATE people SET mail = 'u{other}' WHERE id = {one}")],
            3 => vec![format!("DELETE FROM people WHERE id = {one}")],
            // To where nothing is, so that nothing is in its way.
            4 => vec![
                format!("DELETE FROM people WHERE id = {other} AND {one} <> {other}"),
                format!("UPDATE people SET id = {other} WHERE id = {one}"),
            ],
            _ => vec![
                "BEGIN".to_owned(),
                "DELETE FROM people".to_owned(),
                format!("INSERT INTO people VALUES ({one}, 'never')"),
                "ROLLBACK".to_owned(),
            ],
        };
        for statement in statements {
            client.execute(&statement).await?;
        }
    }
    Ok(())
}

/// As [`every_change_arrives`], while the stream is killed again and again.
async fn kills_lose_and_double_nothing(source: Db, target: Db) -> Result<()> {
    source.execute(&PEOPLE).await?;
    let plan = plan(&source, &target)?;
    for round in 0..25 {
        let stream = start(&plan);
        // Also in the middle of the first copy, and before it.
        if round % 3 == 0 {
            stream
                .until("streaming", |report| report.phase == Phase::Streaming)
                .await?;
        }
        turbulence(&source, round, 100).await?;
        stream.killed().await;
    }
    let stream = start(&plan);
    same(&source, &target, &stream, "people", "id mail").await?;
    stream
        .until("an empty log", |report| report.backlog == Some(0))
        .await?;
    assert_eq!(stream.stopped().await?.owed, []);
    Ok(())
}

macro_rules! killed {
    ($($test:ident: $source:ident to $target:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            with_servers(async {
                let lab = Lab::new()?;
                kills_lose_and_double_nothing($source(&lab, "source").await?, $target(&lab, "target").await?).await
            })
            .await;
        }
    )*};
}

killed! {
    kills_between_sqlite_and_postgres: sqlite to postgres;
    kills_between_postgres_and_mariadb: postgres to mariadb;
    kills_between_mariadb_and_postgres: mariadb to postgres;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_there_before_cannot_write_any_more() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (sqlite(&lab, "source").await?, mariadb(&lab, "target").await?);
        source.execute(&PEOPLE).await?;
        let plan = plan(&source, &target)?;
        let first = start(&plan);
        first
            .until("streaming", |report| report.phase == Phase::Streaming)
            .await?;
        let second = start(&plan);
        second
            .until("streaming", |report| report.phase == Phase::Streaming)
            .await?;
        source.execute(&["INSERT INTO people VALUES (4, 'd')"]).await?;
        first
            .until(
                "the end of the first",
                |report| matches!(&report.phase, Phase::Ended { why } if why.contains("somebody else")),
            )
            .await?;
        same(&source, &target, &second, "people", "id mail").await?;
        second.stopped().await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_not_taken_are_owed_until_they_are() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (sqlite(&lab, "source").await?, postgres(&lab, "target").await?);
        source
            .execute(&[
                "CREATE TABLE a_child (id INTEGER PRIMARY KEY, parent INTEGER)",
                "CREATE TABLE b_parent (id INTEGER PRIMARY KEY, mail TEXT)",
                "INSERT INTO b_parent VALUES (1, 'a'), (2, 'b')",
            ])
            .await?;
        target
            .execute(&[
                "CREATE TABLE b_parent (id bigint PRIMARY KEY, mail text UNIQUE CHECK (mail <> 'bad'))",
                "CREATE TABLE a_child (id bigint PRIMARY KEY, parent bigint REFERENCES b_parent)",
            ])
            .await?;
        let stream = start(&plan(&source, &target)?);
        stream.until("streaming", |report| report.phase == Phase::Streaming).await?;
        // The child is written before its parent; two rows swap what must be unique; one is refused.
        source
            .execute(&["BEGIN; INSERT INTO b_parent VALUES (7, 'g'), (8, 'bad'), (9, 'i'); INSERT INTO a_child VALUES (1, 7);
                UPDATE b_parent SET mail = 'x' WHERE id = 1; UPDATE b_parent SET mail = 'a' WHERE id = 2; UPDATE b_parent SET mail = 'b' WHERE id = 1; COMMIT"])
            .await?;
        stream
            .until("the refused row alone to be owed", |report| {
                let owed: Vec<(&str, &str)> =
                    report.owed.iter().map(|owed| (owed.table.as_str(), owed.key.as_str())).collect();
                owed == [("b_parent", "8")]
            })
            .await?;
        assert_eq!(all(&target, "b_parent", "id mail").await?, "1|b;2|a;7|g;9|i");
        assert_eq!(all(&target, "a_child", "id parent").await?, "1|7");
        let why = stream.now().owed[0].why.clone();
        ensure!(why.contains("check constraint"), "{why}");
        target.execute(&["ALTER TABLE b_parent DROP CONSTRAINT b_parent_mail_check"]).await?;
        same(&source, &target, &stream, "b_parent", "id mail").await?;
        stream.until("nothing to be owed", |report| report.owed.is_empty()).await?;
        stream.stopped().await?;
        Ok(())
    })
    .await;
}

/// What a target has not taken is not forgotten with the process that knew it, whether a copy or the log brought it.
async fn owed_rows_survive(target: Db) -> Result<()> {
    let lab = Lab::new()?;
    let source = sqlite(&lab, "source").await?;
    source
        .execute(&[
            "CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT)",
            "INSERT INTO people VALUES (1, 'bad'), (2, 'b')",
        ])
        .await?;
    target
        .execute(&["CREATE TABLE people (id INTEGER PRIMARY KEY, mail VARCHAR(20), CONSTRAINT good CHECK (mail <> 'bad'))"])
        .await?;
    let plan = plan(&source, &target)?;
    let keys = |report: &Report| {
        report
            .owed
            .iter()
            .map(|owed| owed.key.clone())
            .collect::<Vec<_>>()
    };
    let stream = start(&plan);
    stream
        .until("the row of the copy to be owed", |report| keys(report) == ["1"])
        .await?;
    source.execute(&["INSERT INTO people VALUES (3, 'bad')"]).await?;
    stream
        .until("both to be owed", |report| keys(report) == ["1", "3"])
        .await?;
    stream.killed().await;
    let stream = start(&plan);
    stream
        .until("both to be known", |report| {
            report.phase == Phase::Streaming && keys(report) == ["1", "3"]
        })
        .await?;
    stream.killed().await;
    target
        .execute(&["ALTER TABLE people DROP CONSTRAINT good"])
        .await?;
    let stream = start(&plan);
    same(&source, &target, &stream, "people", "id mail").await?;
    stream
        .until("nothing to be owed", |report| report.owed.is_empty())
        .await?;
    stream.stopped().await?;
    assert_eq!(target.query("SELECT owed FROM _rm_cursor").await?, "[]");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgres_has_not_taken_is_remembered() {
    with_servers(async {
        let lab = Lab::new()?;
        owed_rows_survive(postgres(&lab, "target").await?).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_mariadb_has_not_taken_is_remembered() {
    with_servers(async {
        let lab = Lab::new()?;
        owed_rows_survive(mariadb(&lab, "target").await?).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_join_and_change_while_it_runs() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (sqlite(&lab, "source").await?, sqlite(&lab, "target").await?);
        source.execute(&PEOPLE).await?;
        let stream = start(&plan(&source, &target)?);
        stream
            .until("streaming", |report| report.phase == Phase::Streaming)
            .await?;
        source
            .execute(&[
                "CREATE TABLE later (id INTEGER PRIMARY KEY, n INTEGER)",
                "INSERT INTO later VALUES (1, 1)",
            ])
            .await?;
        wait_for("the new table", SOON, async || {
            target
                .query("SELECT count(*) FROM later")
                .await
                .is_ok_and(|count| count == "1")
        })
        .await?;
        source.execute(&["INSERT INTO later VALUES (2, 2)"]).await?;
        same(&source, &target, &stream, "later", "id n").await?;
        // A column that the target lacks is added there.
        source
            .execute(&[
                "ALTER TABLE later ADD COLUMN added TEXT DEFAULT 'a'",
                "UPDATE later SET added = 'b' WHERE id = 2",
            ])
            .await?;
        let added = "SELECT group_concat(coalesce(added, '')) FROM later";
        let has_it = async || target.query(added).await.is_ok_and(|found| found == "a,b");
        wait_for("the column", SOON, has_it).await?;
        // One that the target has otherwise: the table stands still and says so, the others go on.
        target
            .execute(&["ALTER TABLE later ADD COLUMN more INTEGER"])
            .await?;
        source
            .execute(&[
                "ALTER TABLE later ADD COLUMN more TEXT",
                "INSERT INTO people VALUES (4, 'd')",
            ])
            .await?;
        stream
            .until("a reason", |report| {
                report
                    .refused
                    .get("later")
                    .is_some_and(|why| why.contains("\"more\" is Text here and Int"))
            })
            .await?;
        same(&source, &target, &stream, "people", "id mail").await?;
        source
            .execute(&["UPDATE later SET n = 3, more = 'm' WHERE id = 1"])
            .await?;
        target.execute(&["ALTER TABLE later DROP COLUMN more"]).await?;
        // What was missed meanwhile is copied when it is taken up again.
        stream
            .until("no reason", |report| report.refused.is_empty())
            .await?;
        same(&source, &target, &stream, "later", "id n coalesce(more,'')").await?;
        stream.stopped().await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_does_not_reach_back_is_no_silent_loss() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (sqlite(&lab, "source").await?, sqlite(&lab, "target").await?);
        source.execute(&PEOPLE).await?;
        let plan = plan(&source, &target)?;
        let stream = start(&plan);
        stream.until("streaming", |report| report.phase == Phase::Streaming).await?;
        stream.stopped().await?;
        for (trouble, why) in [
            // More changes than are kept for a reader that does not come.
            (vec!["INSERT INTO people WITH RECURSIVE c(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM c WHERE n < 1200) SELECT n, n FROM c",
                "UPDATE _rm_source SET cut = (SELECT max(seq) FROM _rm_log)", "DELETE FROM _rm_log"], "its log is kept from"),
            // Another file in its place.
            (vec!["DELETE FROM people WHERE id > 2", "UPDATE _rm_source SET id = 'another'"], "the source is another one"),
            // An older copy of the file.
            (vec!["INSERT INTO people VALUES (3, 'z')", "DELETE FROM _rm_log", "UPDATE sqlite_sequence SET seq = 1 WHERE name = '_rm_log'",
                "UPDATE _rm_source SET cut = 0"], "the file is an older copy"),
        ] {
            source.execute(&trouble).await?;
            let stream = start(&plan);
            let mut seen = stream.seen.clone();
            let copying = seen.wait_for(|report| matches!(report.phase, Phase::Copying { .. } | Phase::Streaming));
            let phase = tokio::time::timeout(SOON, copying).await??.phase.clone();
            ensure!(matches!(&phase, Phase::Copying { why: told, .. } if told.contains(why)), "{why}: {phase:?}");
            same(&source, &target, &stream, "people", "id mail").await?;
            stream.stopped().await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_every_kind_are_told_apart() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (sqlite(&lab, "source").await?, postgres(&lab, "target").await?);
        source
            .execute(&[
                "CREATE TABLE words (word TEXT COLLATE NOCASE, n INTEGER, \"od\"\"d 'col'\" TEXT, PRIMARY KEY (word, n)) WITHOUT ROWID",
                "CREATE TABLE \"it's \"\"odd\"\"\" (id BLOB PRIMARY KEY, v INTEGER)",
            ])
            .await?;
        let stream = start(&plan(&source, &target)?);
        stream.until("streaming", |report| report.phase == Phase::Streaming).await?;
        source
            .execute(&[
                "INSERT INTO words VALUES ('a', 1, 'x'), ('ä', 1, 'y'), ('it''s', 2, NULL)",
                "UPDATE words SET word = 'A' WHERE word = 'a'",
                "INSERT INTO \"it's \"\"odd\"\"\" VALUES (x'00ff', 1), (x'', 2)",
                "DELETE FROM \"it's \"\"odd\"\"\" WHERE id = x''",
            ])
            .await?;
        same(&source, &target, &stream, "words", "word n").await?;
        let odd = "SELECT string_agg(encode(id, 'hex') || v, ',') FROM \"it's \"\"odd\"\"\"";
        wait_for("the odd table", SOON, async || target.query(odd).await.is_ok_and(|found| found == "00ff1")).await?;
        stream.stopped().await?;
        Ok(())
    })
    .await;
}

/// The trap of CDC.md 3.3: `REPLACE` tells no trigger of the rows that it evicts through another unique column. It is told in the guide, and a copy heals it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_replace_evicts_is_missed_and_healed_by_a_copy() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (sqlite(&lab, "source").await?, sqlite(&lab, "target").await?);
        source
            .execute(&[
                "CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT UNIQUE)",
                "INSERT INTO people VALUES (1, 'a'), (2, 'b')",
            ])
            .await?;
        let plan = plan(&source, &target)?;
        let stream = start(&plan);
        stream
            .until("streaming", |report| report.phase == Phase::Streaming)
            .await?;
        source.execute(&["REPLACE INTO people VALUES (3, 'a')"]).await?;
        wait_for("the new row", SOON, async || {
            target
                .query("SELECT count(*) FROM people WHERE id = 3")
                .await
                .is_ok_and(|n| n == "1")
        })
        .await?;
        assert_eq!(
            target.query("SELECT count(*) FROM people WHERE id = 1").await?,
            "1",
            "it is a trap no more: mend the guide"
        );
        stream.stopped().await?;
        target.execute(&["DELETE FROM _rm_cursor"]).await?;
        let stream = start(&plan);
        same(&source, &target, &stream, "people", "id mail").await?;
        stream.stopped().await?;
        Ok(())
    })
    .await;
}

/// The addresses of two servers, each through a proxy.
fn through(source: &Db, target: &Db, ports: (u16, u16)) -> Result<Arc<Plan>> {
    let (Db::Postgres(from), Db::Postgres(to)) = (source, target) else {
        unreachable!("both are PostgreSQL here")
    };
    let end = |uri: String| json!({ "m": { "role": "master", "dialect": "postgres", "uri": uri } });
    let tree = json!({
        "replicas": { "from": end(from.uri_through(ADMIN, ports.0)), "to": end(to.uri_through(ADMIN, ports.1)) },
        "rules": { "copy": { "source": "from", "target": "to", "mode": "cdc", "collections": ["people"] } },
    });
    let parsed = replica_core::tree::parse(tree.to_string().as_bytes(), "t.json");
    Ok(Arc::new(Plan::of(&parsed.tree.context("no tree")?, "copy")?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn links_that_are_cut_and_servers_that_are_killed_lose_nothing() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (postgres(&lab, "source").await?, postgres(&lab, "target").await?);
        let (Db::Postgres(from), Db::Postgres(to)) = (&source, &target) else {
            unreachable!("both are PostgreSQL here")
        };
        let (near, far) = (Proxy::to(from.port()).await?, Proxy::to(to.port()).await?);
        source.execute(&PEOPLE).await?;
        let stream = start(&through(&source, &target, (near.port(), far.port()))?);
        stream
            .until("streaming", |report| report.phase == Phase::Streaming)
            .await?;
        for round in 0..4 {
            turbulence(&source, round, 60).await?;
            match round {
                0 => near.cut(),
                1 => far.cut(),
                2 => to.daemon().kill().await?,
                _ => from.daemon().kill().await?,
            }
            stream
                .until("waiting", |report| matches!(report.phase, Phase::Waiting { .. }))
                .await?;
            match round {
                0 => near.heal(),
                1 => far.heal(),
                2 => to.start().await?,
                _ => from.start().await?,
            }
            turbulence(&source, round + 10, 60).await?;
        }
        same(&source, &target, &stream, "people", "id mail").await?;
        stream.stopped().await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_begins_before_whoever_was_before_is_gone() -> Result<()> {
    let lab = Lab::new()?;
    let (source, target) = (sqlite(&lab, "source").await?, sqlite(&lab, "target").await?);
    source
        .execute(&[
            "CREATE TABLE t (id INTEGER PRIMARY KEY)",
            "INSERT INTO t VALUES (1)",
        ])
        .await?;
    let plan = plan(&source, &target)?;
    let (before, gone) = watch::channel(());
    let pace = Pace {
        after: Some(gone),
        ..Pace::every(SOON)
    };
    // One that is to stop before its turn ends.
    let (stop, asked) = watch::channel(true);
    let early = keep(&plan, &pace, &asked).remove(0);
    early.task.await?;
    let phase = early.report.borrow().phase.clone();
    assert!(matches!(phase, Phase::Ended { .. }), "{phase:?}");
    stop.send(false)?;
    let way = keep(&plan, &pace, &asked).remove(0);
    let running = Running {
        seen: way.report,
        stop,
        task: way.task,
    };
    let cursors = "SELECT count(*) FROM sqlite_schema WHERE name = '_rm_cursor'";
    assert_eq!(
        (target.query(cursors).await?.as_str(), running.now().phase),
        ("0", Phase::Starting)
    );
    drop(before);
    running
        .until("it streams", |now| now.phase == Phase::Streaming)
        .await?;
    assert_eq!(target.query("SELECT count(*) FROM t").await?, "1");
    running.stopped().await?;
    Ok(())
}

async fn what_has_another_name_is_followed(source: Db, target: Db) -> Result<()> {
    source
        .execute(&[
            "CREATE TABLE users (id int PRIMARY KEY, name varchar(40))",
            "INSERT INTO users VALUES (1, 'Ada')",
        ])
        .await?;
    let people = json!({ "users": { "to": "people", "columns": { "name": "called" } } });
    let running = start(&plan_as(&source, &target, &people)?);
    running
        .until("it streams", |now| now.phase == Phase::Streaming)
        .await?;
    source.execute(&["INSERT INTO users VALUES (2, 'Bob')"]).await?;
    running
        .until("it is counted by its name in the source", |now| {
            now.details.get("users").is_some_and(|done| done.created == 2)
        })
        .await?;
    // Copied again, with the column that the target lacks.
    source
        .execute(&[
            "ALTER TABLE users ADD COLUMN age int DEFAULT 7",
            "UPDATE users SET name = 'Eve' WHERE id = 2",
        ])
        .await?;
    let has_arrived = async || {
        let found = target
            .query("SELECT count(*) FROM people WHERE age = 7 AND called IN ('Ada', 'Eve')")
            .await;
        found.is_ok_and(|count| count == "2")
    };
    wait_for("all of it has the new column", SOON, has_arrived)
        .await
        .with_context(|| format!("{:?}", running.now()))?;
    // MariaDB's log tells of this as of a table that must be copied again.
    let emptied = match source {
        Db::Sqlite(_) => "DELETE FROM users",
        _ => "TRUNCATE TABLE users",
    };
    source
        .execute(&[emptied, "INSERT INTO users (id, name) VALUES (9, 'Zoe')"])
        .await?;
    let has_arrived = async || {
        let one = target
            .query("SELECT count(*) FROM people WHERE called = 'Zoe'")
            .await;
        let all = target.query("SELECT count(*) FROM people").await;
        one.is_ok_and(|count| count == "1") && all.is_ok_and(|count| count == "1")
    };
    wait_for("it is emptied", SOON, has_arrived)
        .await
        .with_context(|| format!("{:?}", running.now()))?;
    running.stopped().await?;
    // Called otherwise again, it is copied to there.
    let running = start(&plan_as(&source, &target, &json!({ "users": "persons" }))?);
    running
        .until("it streams", |now| now.phase == Phase::Streaming)
        .await?;
    assert_eq!(target.query("SELECT count(name) FROM persons").await?, "1");
    running.stopped().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_renames_what_is_followed() {
    with_servers(async {
        let lab = Lab::new()?;
        what_has_another_name_is_followed(sqlite(&lab, "a").await?, sqlite(&lab, "b").await?).await?;
        let (one, other) = (postgres(&lab, "c").await?, mariadb(&lab, "d").await?);
        what_has_another_name_is_followed(one, other).await?;
        what_has_another_name_is_followed(mariadb(&lab, "e").await?, sqlite(&lab, "f").await?).await
    })
    .await;
}
