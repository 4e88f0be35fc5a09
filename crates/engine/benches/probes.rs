//! What a look costs the server that is looked at, and what one hung replica costs all others: `cargo x bench probes`.
//!
//! Prints two tables and asserts nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    reason = "the tests' own support, in a program that prints a table"
)]

#[path = "../tests/it/support.rs"]
mod support;

use anyhow::Result;
use replica_core::Role;
use replica_core::tree::{Tree, TreeProject};
use replica_engine::{Pace, ReplicationManager};
use replica_lab::daemon::Daemon;
use replica_lab::{Lab, MariaDb, Postgres, Proxy, Redis, WATCHER, wait_for};
use std::collections::HashMap;
use std::time::Duration;
use support::entry;
use tokio::time::{Instant, interval};

/// Often enough that a look's share of a server's time is more than the kernel's hundredths.
const QUICK: Duration = Duration::from_millis(200);
/// Connections that look.
const LOOKERS: usize = 12;
const WHILE: Duration = Duration::from_secs(20);
/// The tick that people run with.
const TICK: Duration = Duration::from_secs(2);
const REPLICAS: usize = 200;
const ISOLATION: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    println!("| server | looks | its own time a look (goal 1 ms) |");
    println!("|---|---|---|");
    let lab = Lab::new()?;
    let postgres = Postgres::primary(&lab, "postgres").await?;
    cost(
        "PostgreSQL",
        "postgres",
        &postgres.uri(WATCHER),
        postgres.daemon(),
    )
    .await?;
    let mariadb = MariaDb::primary(&lab, "mariadb").await?;
    cost("MariaDB", "mariadb", &mariadb.uri(WATCHER), mariadb.daemon()).await?;
    let redis = Redis::master(&lab, "redis").await?;
    cost("Redis", "redis", &redis.uri(WATCHER), redis.daemon()).await?;
    println!("\n| replicas | hung | looks | late p50 | p99 (goal 200 ms) | worst | RSS before and after |");
    println!("|---|---|---|---|---|---|---|");
    redis.execute(&["CONFIG SET maxclients 1000"]).await?;
    isolation(&redis, 0).await?;
    isolation(&redis, 1).await
}

/// A manager of so many entries that all lead to the same server.
fn crowd(dialect: &str, uris: &[&str], tick: Duration) -> ReplicationManager {
    let replicas = uris.iter().enumerate();
    let replicas = replicas.map(|(number, uri)| entry(&number.to_string(), Role::Master, dialect, uri));
    let project = TreeProject {
        name: "p".into(),
        routing: Default::default(),
        replicas: replicas.collect(),
    };
    let tree = Tree {
        projects: vec![project],
        rules: Vec::new(),
    };
    ReplicationManager::of(&tree, Pace::every(tick))
}

/// When each replica was looked at, as far as it is told.
struct Looks {
    last: HashMap<String, i64>,
    gaps: Vec<Duration>,
}

impl Looks {
    /// Watches a manager for that long.
    async fn of(manager: &ReplicationManager, during: Duration) -> Self {
        let mut looks = Self {
            last: HashMap::new(),
            gaps: Vec::new(),
        };
        let until = Instant::now() + during;
        let mut often = interval(Duration::from_millis(10));
        while Instant::now() < until {
            often.tick().await;
            looks.note(manager);
        }
        looks
    }

    fn note(&mut self, manager: &ReplicationManager) {
        for (_, replica) in manager.status().replicas() {
            let Some(at) = replica.last_ping_ms else { continue };
            let before = self.last.insert(replica.name.to_string(), at);
            if let Some(gap) =
                before.and_then(|before| u64::try_from(at - before).ok().filter(|gap| *gap > 0))
            {
                self.gaps.push(Duration::from_millis(gap));
            }
        }
    }
}

async fn all_answer(manager: &ReplicationManager, count: usize) -> Result<()> {
    wait_for("all to answer", SOON, async || {
        let snapshot = manager.status();
        snapshot
            .replicas()
            .filter(|(_, replica)| replica.last_ping_ms.is_some())
            .count()
            >= count
    })
    .await
}

async fn cost(name: &str, dialect: &str, uri: &str, server: &Daemon) -> Result<()> {
    let idle = server.cpu();
    tokio::time::sleep(WHILE).await;
    let idle = server.cpu().saturating_sub(idle);
    let manager = crowd(dialect, &[uri; LOOKERS], QUICK);
    all_answer(&manager, LOOKERS).await?;
    let before = server.cpu();
    let looks = Looks::of(&manager, WHILE).await.gaps.len();
    let busy = server.cpu().saturating_sub(before).saturating_sub(idle);
    let each = busy.as_secs_f64() * 1000.0 / looks as f64;
    println!("| {name} | {looks} | {each:.2} ms |");
    manager.disconnect_all();
    Ok(())
}

async fn isolation(server: &Redis, hung: usize) -> Result<()> {
    let proxy = Proxy::to(server.port()).await?;
    proxy.blackhole();
    let (well, never) = (server.uri(WATCHER), server.uri_through(WATCHER, proxy.port()));
    let mut uris = vec![&*well; REPLICAS - hung];
    uris.extend(vec![&*never; hung]);
    let manager = crowd("redis", &uris, TICK);
    all_answer(&manager, REPLICAS - hung).await?;
    let before = rss_mb();
    let mut late: Vec<Duration> = Looks::of(&manager, ISOLATION)
        .await
        .gaps
        .into_iter()
        .map(|gap| gap.saturating_sub(TICK))
        .collect();
    late.sort();
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize].as_millis();
    println!(
        "| {REPLICAS} | {hung} | {} | {} ms | {} ms | {} ms | {before:.0} MB, {:.0} MB |",
        late.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        rss_mb()
    );
    manager.disconnect_all();
    Ok(())
}

/// The resident memory of this process, bench and all.
fn rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}
