//! Rules beside the page: what they do is shown, told, counted, and follows the tree.

use crate::support::{Client, Monitor};
use anyhow::{Context, Result};
use replica_lab::{Lab, SqliteFile, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(40);

struct House {
    lab: Lab,
    shop: SqliteFile,
    mirror: SqliteFile,
}

impl House {
    async fn open() -> Result<Self> {
        let lab = Lab::new()?;
        let (shop, mirror) = (
            SqliteFile::new(&lab, "shop").await?,
            SqliteFile::new(&lab, "mirror").await?,
        );
        let house = Self { lab, shop, mirror };
        house
            .write(&[
                "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)",
                "INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')",
            ])
            .await?;
        Ok(house)
    }

    async fn write(&self, statements: &[&str]) -> Result<()> {
        let mut client = self.shop.client().await?;
        for statement in statements {
            client.execute(statement).await?;
        }
        Ok(())
    }

    fn tree(&self, rules: Value) -> String {
        let end =
            |file: &SqliteFile| json!({ "m": { "role": "master", "dialect": "sqlite", "uri": file.uri() } });
        json!({ "replicas": { "shop": end(&self.shop), "mirror": end(&self.mirror) }, "rules": rules })
            .to_string()
    }
}

fn cdc(collections: &[&str]) -> Value {
    json!({ "source": "shop", "target": "mirror", "mode": "cdc", "collections": collections })
}

/// What is told of a rule's last run, once it is as wanted.
fn stats(client: &Client, rule: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    client.wait("/api/rules", |rules| {
        let rule = rules.as_array()?.iter().find(|own| own["name"] == rule)?;
        Some(rule["lastStats"].clone()).filter(|stats| wanted(stats))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rule_does_is_shown_told_and_counted() -> Result<()> {
    let house = House::open().await?;
    let monitor = Monitor::start(
        &house.tree(json!({ "copy": cdc(&["users"]) })),
        &["--rules", "--poll", "100"],
    );
    let client: &Client = &monitor;
    let told = stats(client, "copy", |stats| {
        stats["phase"] == "streaming" && stats["lastRun"].is_u64()
    });
    assert_eq!(
        (&told["inserted"], &told["totalSynced"], &told["doing"]),
        (&json!(2), &json!(2), &json!("streaming"))
    );
    assert!(told.get("lastError").is_none(), "{told}");
    let events = client.json("/api/events?type=rule.sync.done");
    assert_eq!(events[0]["stats"]["details"][0]["created"], 2, "{events}");
    house
        .write(&[
            "INSERT INTO users VALUES (3, 'Cyd')",
            "DELETE FROM users WHERE id = 1",
        ])
        .await?;
    let told = stats(client, "copy", |stats| {
        stats["totalSynced"] == 4 && stats["backlog"] == 0
    });
    assert_eq!(
        (&told["inserted"], &told["deleted"], &told["lagMs"]),
        (&json!(1), &json!(1), &json!(0))
    );
    let metrics = client.get("/metrics");
    for line in [
        "replica_rule_phase{rule=\"copy\",phase=\"streaming\"} 1",
        "replica_rule_rows_total{rule=\"copy\"} 4",
        "replica_rule_lag_known{rule=\"copy\"} 1",
    ] {
        assert!(metrics.text().contains(line), "{line}\n{}", metrics.text());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_follow_the_tree_and_others_go_on() -> Result<()> {
    let house = House::open().await?;
    house
        .write(&[
            "CREATE TABLE orders (id INTEGER PRIMARY KEY)",
            "INSERT INTO orders VALUES (1)",
        ])
        .await?;
    let monitor = Monitor::start(
        &house.tree(json!({ "copy": cdc(&["users"]) })),
        &["--rules", "--poll", "100"],
    );
    let client: &Client = &monitor;
    stats(client, "copy", |stats| stats["phase"] == "streaming");
    let both = json!({ "copy": cdc(&["users"]), "more": cdc(&["orders"]), "ways": {
        "source": "shop", "target": "shop", "mode": "bidirectional", "collections": ["*"] } });
    monitor.write_tree(&house.tree(both));
    stats(client, "more", |stats| {
        stats["phase"] == "streaming" && stats["totalSynced"] == 1
    });
    let refused = stats(client, "ways", |stats| stats["phase"] == "ended");
    assert!(
        refused["lastError"]
            .as_str()
            .is_some_and(|why| why.contains("nothing to feed")),
        "{refused}"
    );
    // The first was not begun again: it would have nothing to do, and counts on.
    stats(client, "copy", |stats| {
        stats["phase"] == "streaming" && stats["totalSynced"] == 2
    });
    let mut mirror = house.mirror.client().await?;
    // One that is taken out of the tree stops.
    monitor.write_tree(&house.tree(json!({ "more": cdc(&["orders"]) })));
    client.wait("/api/rules", |rules| (rules.as_array()?.len() == 1).then_some(()));
    house
        .write(&[
            "INSERT INTO users VALUES (9, 'Eve')",
            "INSERT INTO orders VALUES (2)",
        ])
        .await?;
    wait_for(
        "the order",
        SOON,
        async || matches!(mirror.query("SELECT count(*) FROM orders").await, Ok(Some(count)) if count == "2"),
    )
    .await?;
    assert_eq!(
        mirror
            .query("SELECT count(*) FROM users WHERE id = 9")
            .await?
            .as_deref(),
        Some("0")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_gone_is_waited_for_and_said() -> Result<()> {
    let house = House::open().await?;
    let aside = house.lab.path().join("aside");
    std::fs::rename(house.mirror.path(), &aside)?;
    let tree = house.tree(json!({ "copy": cdc(&["users"]) }));
    let monitor = Monitor::start_with(&tree, &["--poll", "100"], &[("MONITOR_RULES", "1")]);
    let client: &Client = &monitor;
    let told = stats(client, "copy", |stats| stats["phase"] == "waiting");
    let why = told["lastError"].as_str().context("no reason")?;
    assert!(why.contains("the target: there is no such file"), "{told}");
    assert!(told.get("lagMs").is_none(), "{told}");
    std::fs::rename(&aside, house.mirror.path())?;
    stats(client, "copy", |stats| {
        stats["phase"] == "streaming" && stats["totalSynced"] == 2
    });
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_with_a_schedule_is_mirrored_at_its_times() -> Result<()> {
    let house = House::open().await?;
    let rule = |schedule: &str| json!({ "source": "shop", "target": "mirror", "mode": "snapshot", "collections": ["users"], "schedule": schedule });
    // A leap day: not while this runs, unless it is one.
    let rules = json!({ "often": rule("* * * * * *"), "seldom": rule("0 0 29 2 *"), "again": rule("1h") });
    let monitor = Monitor::start(&house.tree(rules), &["--rules", "--poll", "100"]);
    let client: &Client = &monitor;
    let told = stats(client, "again", |stats| {
        stats["phase"] == "resting" && stats["lastRun"].is_u64()
    });
    assert_eq!(told["doing"], "mirrored, again in 1 h");
    let seldom = stats(client, "seldom", |stats| stats["phase"] == "resting");
    let doing = seldom["doing"].as_str().unwrap_or_default();
    assert!(
        doing.starts_with("nothing mirrored yet, next at 20") && doing.contains("-02-29T00:00:00"),
        "{doing}"
    );
    assert!(seldom.get("lastRun").is_none(), "{seldom}");
    house.write(&["INSERT INTO users VALUES (9, 'Ivy')"]).await?;
    let told = stats(client, "often", |stats| stats["totalSynced"].as_u64() >= Some(1));
    assert!(told["totalBytes"].as_u64() > Some(0), "{told}");
    let rules = client.json("/api/rules");
    assert_eq!(rules[1]["schedule"], "* * * * * *", "{rules}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ends_of_a_rule_are_compared_while_it_streams() -> Result<()> {
    let house = House::open().await?;
    let tree = house.tree(json!({ "copy": cdc(&["users"]) }));
    let monitor = Monitor::start(&tree, &["--rules", "--verify-rules", "1s", "--poll", "100"]);
    let client: &Client = &monitor;
    let told = stats(client, "copy", |stats| stats["verified"].is_object());
    let verified = &told["verified"];
    assert_eq!(
        (
            &verified["differing"],
            &verified["tables"][0]["rows"],
            &verified["tables"][0]["to"]
        ),
        (&json!(0), &json!(2), &json!("mirror / m")),
        "{told}"
    );
    // What somebody else does to the target no log of the source tells.
    let mut mirror = house.mirror.client().await?;
    for statement in [
        "DELETE FROM users WHERE id = 1",
        "UPDATE users SET name = 'Eve' WHERE id = 2",
        "INSERT INTO users VALUES (7, 'a stranger')",
    ] {
        mirror.execute(statement).await?;
    }
    let told = stats(client, "copy", |stats| stats["verified"]["differing"] == 3);
    let table = &told["verified"]["tables"][0];
    assert_eq!(
        [
            &table["missing"],
            &table["changed"],
            &table["extra"],
            &table["andMore"]
        ],
        [&json!(1), &json!(1), &json!(1), &json!(false)]
    );
    let metrics = client.get("/metrics");
    let line = "replica_rule_differing_rows{rule=\"copy\"} 3";
    assert!(metrics.text().contains(line), "{}", metrics.text());
    Ok(())
}
