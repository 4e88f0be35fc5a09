//! Several servers put together, with a tree file that names them and a writer that keeps them busy.
//!
//! To add one: a function, and a line in [`SCENES`].

use crate::{Lab, MariaDb, Postgres, Redis, SqliteFile, Truth, WATCHER};
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::any::Any;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

/// How busy the writers are, in rows a second.
const RATE: f64 = 5.0;

/// A scene being set up.
type Setting<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// A name, what it is, and how it is set up.
pub struct Scene {
    /// What `up` takes.
    pub name: &'static str,
    /// For people.
    pub about: &'static str,
    set_up: for<'a> fn(&'a mut Stage) -> Setting<'a>,
}

/// Every scene.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "postgres",
        about: "a primary, two standbys, one that follows a standby, and a logical subscriber",
        set_up: |stage| Box::pin(postgres(stage)),
    },
    Scene {
        name: "mariadb",
        about: "a primary, two GTID replicas, and one that also follows a second primary",
        set_up: |stage| Box::pin(mariadb(stage)),
    },
    Scene {
        name: "redis",
        about: "a master and two replicas",
        set_up: |stage| Box::pin(redis(stage)),
    },
    Scene {
        name: "sqlite",
        about: "a file and a copy of it",
        set_up: |stage| Box::pin(sqlite(stage)),
    },
    Scene {
        name: CROWD,
        about: "1 000 entries of a tree on six servers, to measure what watching costs; not part of all",
        set_up: |stage| Box::pin(crowd(stage)),
    },
];

const CROWD: &str = "crowd";

/// What stands on the stage: the servers end with it, before the lab's folder does.
pub struct Stage {
    projects: Map<String, Value>,
    props: Vec<Box<dyn Any>>,
    lab: Lab,
}

impl Stage {
    /// Sets up the scene of that name; `all` sets up every one.
    pub async fn set(name: &str) -> Result<Self> {
        let wanted: Vec<&Scene> = SCENES
            .iter()
            .filter(|scene| scene.name == name || (name == "all" && scene.name != CROWD))
            .collect();
        if wanted.is_empty() {
            let names: Vec<&str> = SCENES.iter().map(|scene| scene.name).collect();
            anyhow::bail!("there is no scene {name:?}; there are: all, {}", names.join(", "));
        }
        let mut stage = Self {
            projects: Map::new(),
            props: Vec::new(),
            lab: Lab::new()?,
        };
        for scene in wanted {
            (scene.set_up)(&mut stage).await.with_context(|| scene.name)?;
        }
        Ok(stage)
    }

    /// Writes the tree file and tells where it is.
    pub fn write_tree(&self) -> Result<PathBuf> {
        let path = self.lab.path().join("replicator-tree.json");
        let tree = json!({ "replicas": self.projects, "rules": {}, "routing": {} });
        std::fs::write(&path, serde_json::to_string_pretty(&tree)?)?;
        Ok(path)
    }

    fn declare(&mut self, project: &str, replica: &str, role: &str, dialect: &str, uri: &str) {
        let entry = match role {
            "master" => json!({ "role": role, "dialect": dialect, "uri": uri }),
            _ => json!({ "role": role, "dialect": dialect, "uri": uri, "lagTolerance": 5000 }),
        };
        let replicas = self.projects.entry(project).or_insert_with(|| json!({}));
        replicas[replica] = entry;
    }

    /// So many projects, each of a master and nine slaves, all at the same two addresses.
    fn declare_tens(&mut self, dialect: &str, projects: usize, [master, slave]: [&str; 2]) {
        for project in 0..projects {
            let project = format!("{dialect}-{project:02}");
            self.declare(&project, "master", "master", dialect, master);
            for number in 1..10 {
                self.declare(&project, &format!("slave-{number}"), "slave", dialect, slave);
            }
        }
    }

    fn keep(&mut self, prop: impl Any) {
        self.props.push(Box::new(prop));
    }
}

async fn postgres(stage: &mut Stage) -> Result<()> {
    let primary = Postgres::primary(&stage.lab, "pg-primary").await?;
    let one = primary.standby(&stage.lab, "pg-standby-1", None).await?;
    let two = primary.standby(&stage.lab, "pg-standby-2", None).await?;
    let cascade = one.standby(&stage.lab, "pg-cascade", None).await?;
    let subscriber = primary.subscriber(&stage.lab, "pg-subscriber", None).await?;
    let truth = Truth::start(&primary, RATE).await?;
    stage.declare(
        "shop",
        primary.name(),
        "master",
        "postgres",
        &primary.uri(WATCHER),
    );
    for slave in [&one, &two, &cascade, &subscriber] {
        stage.declare("shop", slave.name(), "slave", "postgres", &slave.uri(WATCHER));
    }
    stage.keep(truth);
    // Those that follow end first.
    for server in [cascade, subscriber, one, two, primary] {
        stage.keep(server);
    }
    Ok(())
}

async fn mariadb(stage: &mut Stage) -> Result<()> {
    let primary = MariaDb::primary(&stage.lab, "ma-primary").await?;
    let one = primary.replica(&stage.lab, "ma-replica-1", None).await?;
    let two = primary.replica(&stage.lab, "ma-replica-2", None).await?;
    let second = MariaDb::primary(&stage.lab, "ma-billing").await?;
    // The database of the truth exists there already.
    second
        .execute(&["RESET MASTER", "CREATE DATABASE billing"])
        .await?;
    two.follow(&second, "billing", None).await?;
    let truth = Truth::start(&primary, RATE).await?;
    stage.declare(
        "orders",
        primary.name(),
        "master",
        "mariadb",
        &primary.uri(WATCHER),
    );
    for slave in [&one, &two] {
        stage.declare("orders", slave.name(), "slave", "mariadb", &slave.uri(WATCHER));
    }
    stage.declare(
        "billing",
        second.name(),
        "master",
        "mariadb",
        &second.uri(WATCHER),
    );
    stage.keep(truth);
    for server in [one, two, second, primary] {
        stage.keep(server);
    }
    Ok(())
}

async fn redis(stage: &mut Stage) -> Result<()> {
    let master = Redis::master(&stage.lab, "redis-master").await?;
    let one = master.replica(&stage.lab, "redis-replica-1", None).await?;
    let two = master.replica(&stage.lab, "redis-replica-2", None).await?;
    let truth = Truth::start(&master, RATE).await?;
    stage.declare("cache", master.name(), "master", "redis", &master.uri(WATCHER));
    for slave in [&one, &two] {
        stage.declare("cache", slave.name(), "slave", "redis", &slave.uri(WATCHER));
    }
    stage.keep(truth);
    for server in [one, two, master] {
        stage.keep(server);
    }
    Ok(())
}

async fn sqlite(stage: &mut Stage) -> Result<()> {
    let file = SqliteFile::new(&stage.lab, "edge").await?;
    let copy = file.copy(&stage.lab.path().join("edge-copy.db")).await?;
    stage.declare("edge", "edge", "master", "sqlite", &file.uri());
    stage.declare("edge", "copy", "slave", "sqlite", &copy.uri());
    stage.keep(Truth::start(&file, RATE).await?);
    Ok(())
}

/// So many projects of ten entries each, one of them the master: every entry is a connection of its own.
async fn crowd(stage: &mut Stage) -> Result<()> {
    let primary = Postgres::primary(&stage.lab, "pg-primary").await?;
    let standby = primary.standby(&stage.lab, "pg-standby", None).await?;
    // The standby first: it refuses to run with fewer than its primary.
    for server in [&standby, &primary] {
        server
            .execute(&["ALTER SYSTEM SET max_connections = 400"])
            .await?;
        server.stop().await?;
        server.start().await?;
    }
    let truth = Truth::start(&primary, RATE).await?;
    stage.declare_tens("postgres", 30, [&primary.uri(WATCHER), &standby.uri(WATCHER)]);
    stage.keep(truth);
    stage.keep(standby);
    stage.keep(primary);

    let primary = MariaDb::primary(&stage.lab, "ma-primary").await?;
    let replica = primary.replica(&stage.lab, "ma-replica", None).await?;
    for server in [&primary, &replica] {
        server.execute(&["SET GLOBAL max_connections = 400"]).await?;
    }
    let truth = Truth::start(&primary, RATE).await?;
    stage.declare_tens("mariadb", 30, [&primary.uri(WATCHER), &replica.uri(WATCHER)]);
    stage.keep(truth);
    stage.keep(replica);
    stage.keep(primary);

    let master = Redis::master(&stage.lab, "redis-master").await?;
    let replica = master.replica(&stage.lab, "redis-replica", None).await?;
    for server in [&master, &replica] {
        server.execute(&["CONFIG SET maxclients 500"]).await?;
    }
    let truth = Truth::start(&master, RATE).await?;
    stage.declare_tens("redis", 40, [&master.uri(WATCHER), &replica.uri(WATCHER)]);
    stage.keep(truth);
    stage.keep(replica);
    stage.keep(master);
    Ok(())
}
