//! Rules from a terminal: two files, a tree, and what `rules` and `sync` say and do.

use crate::support::binary;
use anyhow::Result;
use replica_lab::{Lab, SqliteFile};
use serde_json::{Value, json};
use std::process::Output;

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
