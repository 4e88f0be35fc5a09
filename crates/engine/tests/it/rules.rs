//! Rules between real databases: every row counted, every value as it was.

use crate::ends::*;
use crate::support::*;
use anyhow::{Context, Result};
use replica_core::rule::CollectionStats;
use replica_engine::rules::{Plan, Rejected, SnapshotRun};
use replica_lab::Lab;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// What a run did.
struct Ran {
    details: Vec<CollectionStats>,
    rejected: Vec<Rejected>,
    refused: BTreeMap<String, String>,
}

impl Ran {
    /// Inserted, updated, deleted, left alone, failed of the only table.
    fn counts(&self) -> [u64; 5] {
        let done = &self.details[0];
        [
            done.created,
            done.updated,
            done.deleted,
            done.skipped,
            done.errors,
        ]
    }
}

async fn mirror(source: &Db, target: &Db, collections: &[&str]) -> Result<Ran> {
    mirror_as(source, target, collections, json!({})).await
}

async fn mirror_as(source: &Db, target: &Db, collections: &[&str], map: Value) -> Result<Ran> {
    let tree = json!({
        "replicas": { "from": source.entry(), "to": target.entry() },
        "rules": { "copy": { "source": "from", "target": "to", "mode": "snapshot", "collections": collections, "map": map } },
    });
    let parsed = replica_core::tree::parse(tree.to_string().as_bytes(), "t.json");
    let tree = parsed.tree.context("no tree")?;
    let plan = Plan::of(&tree, "copy")?;
    let direction = &plan.directions[0];
    let (from, to) = (direction.from.open().await?, direction.to.open().await?);
    let mut run = SnapshotRun::new(from, to, &|_| {}, &|| false).named(plan.names());
    run.run(&plan.rule.collections).await?;
    Ok(Ran {
        details: run.details,
        rejected: run.rejected,
        refused: run.refused,
    })
}

/// How each product creates, and speaks of, the same table of every common type.
const POSTGRES: [&str; 2] = [
    "CREATE TABLE goods (id bigint PRIMARY KEY, name text, price numeric(10,2), open boolean, weight float8, photo bytea, made timestamptz, day date, doc jsonb, code uuid)",
    "INSERT INTO goods VALUES (1, 'Käse \u{1F9C0}', 1.50, true, 0.1, '\\x00ff', '2026-11-26 14:02:31.042+00', '2026-11-26', '{\"a\": 1}', '6f9619ff-8b86-d011-b42d-00c04fc964ff'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, 'it''s', -0.01, false, -1e100, '', '2026-01-01', '2024-02-29', '[]', '00000000-0000-0000-0000-000000000000'),
        (-9223372036854775808, '', 0, false, 0, NULL, NULL, NULL, NULL, NULL)",
];
const MARIADB: [&str; 2] = [
    "CREATE TABLE goods (id bigint PRIMARY KEY, name longtext, price decimal(10,2), open tinyint(1), weight double, photo longblob, made datetime(6), day date, doc longtext, code char(36)) CHARACTER SET utf8mb4",
    "INSERT INTO goods VALUES (1, 'Käse \u{1F9C0}', 1.50, true, 0.1, x'00ff', '2026-11-26 14:02:31.042', '2026-11-26', '{\"a\": 1}', '6f9619ff-8b86-d011-b42d-00c04fc964ff'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, 'it''s', -0.01, false, -1e100, '', '2026-01-01', '2024-02-29', '[]', '00000000-0000-0000-0000-000000000000'),
        (-9223372036854775808, '', 0, false, 0, NULL, NULL, NULL, NULL, NULL)",
];
const SQLITE: [&str; 2] = [
    "CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT, price \"DECIMAL TEXT(10,2)\", open BOOLEAN, weight REAL, photo BLOB, made \"DATETIME TEXT\", day \"DATE TEXT\", doc \"JSON TEXT\", code \"UUID TEXT\")",
    "INSERT INTO goods VALUES (1, 'Käse \u{1F9C0}', '1.50', 1, 0.1, x'00ff', '2026-11-26 14:02:31.042000', '2026-11-26', '{\"a\": 1}', '6f9619ff-8b86-d011-b42d-00c04fc964ff'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, 'it''s', '-0.01', 0, -1e100, x'', '2026-01-01 00:00:00.000000', '2024-02-29', '[]', '00000000-0000-0000-0000-000000000000'),
        (-9223372036854775808, '', '0', 0, 0, NULL, NULL, NULL, NULL, NULL)",
];

/// One row of goods as a text, in each product's own words, written without our code.
async fn row(db: &Db, id: i64) -> Result<String> {
    let select = match db {
        Db::Postgres(_) => {
            "concat_ws('|', name, price, open::int, weight, encode(photo, 'hex'), to_char(made::timestamp, 'YYYY-MM-DD HH24:MI:SS.US'), day, doc::text, code)"
        }
        Db::MariaDb(_) => {
            "concat_ws('|', name, price, open, weight, lower(hex(photo)), made, day, doc, code)"
        }
        Db::Sqlite(_) => {
            "name||'|'||price||'|'||open||'|'||weight||'|'||lower(hex(photo))||'|'||made||'|'||day||'|'||doc||'|'||code"
        }
    };
    db.query(&format!("SELECT {select} FROM goods WHERE id = {id}"))
        .await
}

async fn every_value_arrives(source: Db, target: Db) -> Result<()> {
    source
        .execute(match &source {
            Db::Postgres(_) => &POSTGRES,
            Db::MariaDb(_) => &MARIADB,
            Db::Sqlite(_) => &SQLITE,
        })
        .await?;
    let ran = mirror(&source, &target, &["goods"]).await?;
    assert_eq!(
        (ran.counts(), &ran.rejected, &ran.refused),
        ([4, 0, 0, 0, 0], &vec![], &BTreeMap::new())
    );
    assert_eq!(
        row(&target, 1).await?,
        "Käse \u{1F9C0}|1.50|1|0.1|00ff|2026-11-26 14:02:31.042000|2026-11-26|{\"a\": 1}|6f9619ff-8b86-d011-b42d-00c04fc964ff"
    );
    let nothing = "SELECT count(*) FROM goods WHERE id = 2 AND name IS NULL AND price IS NULL AND photo IS NULL AND made IS NULL AND code IS NULL";
    assert_eq!(target.query(nothing).await?, "1");
    assert_eq!(
        target.query("SELECT min(id) FROM goods").await?,
        "-9223372036854775808"
    );
    let again = mirror(&source, &target, &["goods"]).await?;
    assert_eq!(again.counts(), [0, 0, 0, 4, 0], "nothing differs any more");
    source
        .execute(&[
            "UPDATE goods SET name = 'new', price = 2 WHERE id = 2",
            "DELETE FROM goods WHERE id = 3",
            "INSERT INTO goods (id, name) VALUES (7, 'seven')",
        ])
        .await?;
    target
        .execute(&["INSERT INTO goods (id, name) VALUES (8, 'a stranger')"])
        .await?;
    let ran = mirror(&source, &target, &["goods"]).await?;
    assert_eq!(ran.counts(), [1, 1, 2, 2, 0]);
    assert_eq!(target.query("SELECT name FROM goods WHERE id = 2").await?, "new");
    Ok(())
}

macro_rules! pairs {
    ($($test:ident: $source:ident to $target:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            with_servers(async {
                let lab = Lab::new()?;
                let (source, target) = ($source(&lab, "source").await?, $target(&lab, "target").await?);
                every_value_arrives(source, target).await
            })
            .await;
        }
    )*};
}

pairs! {
    postgres_to_mariadb: postgres to mariadb;
    postgres_to_sqlite: postgres to sqlite;
    postgres_to_postgres: postgres to postgres;
    mariadb_to_postgres: mariadb to postgres;
    mariadb_to_sqlite: mariadb to sqlite;
    mariadb_to_mariadb: mariadb to mariadb;
    sqlite_to_postgres: sqlite to postgres;
    sqlite_to_mariadb: sqlite to mariadb;
    sqlite_to_sqlite: sqlite to sqlite;
}

/// 5 001 rows with a key of two columns, one of them text in an order that collations dispute.
const MANY: [&str; 2] = [
    "CREATE TABLE many (word varchar(40) NOT NULL, n int NOT NULL, v int, PRIMARY KEY (word, n))",
    "INSERT INTO many WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 5000)
        SELECT CASE n % 5 WHEN 0 THEN 'a' WHEN 1 THEN 'Z' WHEN 2 THEN 'ä' WHEN 3 THEN '_' ELSE 'zz' END, n, n FROM c",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows_go_in_stretches_whatever_the_collation() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (postgres(&lab, "source").await?, mariadb(&lab, "target").await?);
        source.execute(&MANY).await?;
        assert_eq!(
            mirror(&source, &target, &["many"]).await?.counts(),
            [5001, 0, 0, 0, 0]
        );
        // Far more strangers than a stretch holds, before, between and behind the rows of the source.
        target
            .execute(&[
                "INSERT INTO many SELECT concat('Z', word), n, -1 FROM many",
                "UPDATE many SET v = 0 WHERE n = 77 AND v = 77",
            ])
            .await?;
        assert_eq!(
            mirror(&source, &target, &["many"]).await?.counts(),
            [0, 1, 5001, 5000, 0]
        );
        let back = mirror(&target, &sqlite(&lab, "third").await?, &["many"]).await?;
        assert_eq!(back.counts(), [5001, 0, 0, 0, 0]);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_refused_costs_that_row_only() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (sqlite(&lab, "source").await?, postgres(&lab, "target").await?);
        source
            .execute(&[
                "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)",
                "INSERT INTO t WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000) SELECT n, n FROM c",
                "UPDATE t SET n = 'seven' WHERE id = 7",
            ])
            .await?;
        target.execute(&["CREATE TABLE t (id bigint PRIMARY KEY, n bigint CHECK (n <> 2500))"]).await?;
        let ran = mirror(&source, &target, &["t"]).await?;
        assert_eq!(ran.counts(), [2998, 0, 0, 0, 2]);
        let keys: Vec<&str> = ran.rejected.iter().map(|rejected| rejected.key.as_str()).collect();
        assert_eq!(keys, ["7", "2500"]);
        assert!(ran.rejected[0].why.contains("\"n\" is Int, and the value is text"), "{:?}", ran.rejected);
        assert!(ran.rejected[1].why.contains("check constraint"), "{:?}", ran.rejected);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upsert_never_hits_a_row_of_another_key() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (postgres(&lab, "source").await?, mariadb(&lab, "target").await?);
        source
            .execute(&["CREATE TABLE t (id bigint PRIMARY KEY, mail text)", "INSERT INTO t VALUES (1, 'a'), (3, 'b')"])
            .await?;
        target
            .execute(&[
                "CREATE TABLE t (id bigint PRIMARY KEY, mail varchar(100), UNIQUE (mail)) COLLATE utf8mb4_bin",
                "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
            ])
            .await?;
        // 2 goes first, which frees its value.
        assert_eq!(mirror(&source, &target, &["t"]).await?.counts(), [1, 0, 1, 1, 0]);
        assert_eq!(target.query("SELECT group_concat(id, mail ORDER BY id) FROM t").await?, "1a,3b");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_mirrored_is_said_and_the_rest_goes_on() {
    with_servers(async {
        let lab = Lab::new()?;
        let (source, target) = (sqlite(&lab, "source").await?, sqlite(&lab, "target").await?);
        source
            .execute(&[
                "CREATE TABLE good (id INTEGER PRIMARY KEY)",
                "INSERT INTO good VALUES (1)",
                "CREATE TABLE keyless (a TEXT)",
                "CREATE TABLE floating (f REAL PRIMARY KEY)",
                "CREATE TABLE narrow (id INTEGER PRIMARY KEY, a TEXT)",
                "CREATE TABLE short (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b INTEGER)",
                "INSERT INTO short VALUES (1, 'x', 2)",
            ])
            .await?;
        target
            .execute(&[
                "CREATE TABLE narrow (id INTEGER PRIMARY KEY, a INTEGER)",
                "CREATE TABLE short (id INTEGER PRIMARY KEY)",
            ])
            .await?;
        let ran = mirror(&source, &target, &["*", "none"]).await?;
        assert_eq!(target.query("SELECT count(*) FROM good").await?, "1");
        // Columns that it lacks are added.
        assert_eq!(target.query("SELECT id || a || b FROM short").await?, "1x2");
        for (table, wants) in [
            ("keyless", "no primary key"),
            ("floating", "order differently"),
            ("narrow", "\"a\" is Text here and Int"),
            ("none", "no such table"),
        ] {
            let why = ran.refused.get(table).map(String::as_str).unwrap_or_default();
            assert!(why.contains(wants), "{table}: {why}");
        }
        Ok(())
    })
    .await;
}

/// About how many rows it is told to have.
async fn guessed(source: &Db, analyze: &str) -> Result<Option<u64>> {
    source
        .execute(&[
            "CREATE TABLE many (id bigint PRIMARY KEY, name varchar(40))",
            "INSERT INTO many WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, 'row' FROM n",
            analyze,
        ])
        .await?;
    Ok(sizes(source, &["many"]).await?.remove("many"))
}

async fn sizes(source: &Db, of: &[&str]) -> Result<HashMap<String, u64>> {
    let tree = json!({
        "replicas": { "from": source.entry(), "to": source.entry() },
        "rules": { "copy": { "source": "from", "target": "to", "mode": "snapshot", "collections": ["*"] } },
    });
    let parsed = replica_core::tree::parse(tree.to_string().as_bytes(), "t.json");
    let plan = Plan::of(&parsed.tree.context("no tree")?, "copy")?;
    let mut store = plan.directions[0].from.open().await?;
    Ok(store.sizes(of).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_much_there_is_to_copy_is_about_known() {
    with_servers(async {
        let lab = Lab::new()?;
        let counted = guessed(&sqlite(&lab, "s").await?, "ANALYZE many").await?;
        assert_eq!(counted, Some(900));
        let about = |guess: Option<u64>| guess.is_some_and(|rows| (600..1400).contains(&rows));
        let server = postgres(&lab, "p").await?;
        let guess = guessed(&server, "ANALYZE many").await?;
        assert!(about(guess), "{guess:?}");
        server
            .execute(&[
                "CREATE TABLE whole (id bigint PRIMARY KEY) PARTITION BY RANGE (id)",
                "CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (1000)",
                "INSERT INTO whole SELECT id FROM many",
            ])
            .await?;
        let known = sizes(&server, &["whole"]).await?;
        assert_eq!(known.get("whole"), None, "nobody has counted it");
        server.execute(&["ANALYZE whole"]).await?;
        let known = sizes(&server, &["whole"]).await?;
        assert_eq!(known.get("whole"), Some(&900));
        let guess = guessed(&mariadb(&lab, "m").await?, "ANALYZE TABLE many").await?;
        assert!(about(guess), "{guess:?}");
        Ok(())
    })
    .await;
}

/// Tables and columns with other names in the target.
fn renamed() -> Value {
    json!({ "users": { "to": "people", "columns": { "id": "nr", "name": "called" } }, "orders": "sales" })
}

async fn a_map_renames(source: Db, target: Db) -> Result<()> {
    source
        .execute(&[
            "CREATE TABLE users (id bigint PRIMARY KEY, name varchar(40), age int)",
            "CREATE TABLE orders (id bigint PRIMARY KEY)",
            "INSERT INTO users VALUES (1, 'Ada', 36), (2, 'Bob', 7)",
            "INSERT INTO orders VALUES (5)",
        ])
        .await?;
    let all = ["users", "orders"];
    let ran = mirror_as(&source, &target, &all, renamed()).await?;
    assert_eq!((ran.details.len(), &ran.refused), (2, &BTreeMap::new()));
    assert_eq!(
        target.query("SELECT called FROM people WHERE nr = 1").await?,
        "Ada"
    );
    assert_eq!(target.query("SELECT count(*) FROM sales").await?, "1");
    source
        .execute(&[
            "UPDATE users SET name = 'Eve' WHERE id = 2",
            "DELETE FROM users WHERE id = 1",
            "ALTER TABLE users ADD COLUMN more int",
        ])
        .await?;
    let ran = mirror_as(&source, &target, &["users"], renamed()).await?;
    assert_eq!(
        (ran.counts(), ran.details[0].collection.as_ref()),
        ([0, 1, 1, 0, 0], "users")
    );
    assert_eq!(
        target
            .query("SELECT called FROM people WHERE more IS NULL")
            .await?,
        "Eve"
    );
    // What would meet in one table is left alone, both of it.
    let ran = mirror_as(&source, &target, &all, json!({ "users": "ORDERS" })).await?;
    let refused: Vec<&str> = ran.refused.keys().map(String::as_str).collect();
    assert_eq!(
        (ran.details.len(), refused),
        (0, vec!["orders", "users"]),
        "{:?}",
        ran.refused
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_renames_tables_and_columns() {
    with_servers(async {
        let lab = Lab::new()?;
        a_map_renames(sqlite(&lab, "a").await?, postgres(&lab, "b").await?).await?;
        a_map_renames(postgres(&lab, "c").await?, mariadb(&lab, "d").await?).await?;
        a_map_renames(mariadb(&lab, "e").await?, sqlite(&lab, "f").await?).await
    })
    .await;
}
