//! Half an hour in which nothing is wrong, at three real pairs of servers under load that comes and goes: `cargo x bench calm`.
//!
//! Alerts have their usual settings. Prints how many were raised, which should be none, and how many were pending at some time.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use anyhow::Result;
use replica_lab::{Lab, MariaDb, Postgres, Redis, Truth, WATCHER};
use replica_monitor::engine::Pace;
use replica_monitor::{Config, EventKind, Handle, OnEvent, Role, start, watch_live};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The phases that follow each other: rows a second, and for how many seconds.
const PHASES: [(f64, u64); 5] = [(14.0, 60), (0.0, 150), (200.0, 60), (0.2, 90), (0.0, 40)];
const POLL: Duration = Duration::from_secs(2);

type Raised = Arc<Mutex<Vec<String>>>;

/// The servers, and who writes to their masters.
struct Fleet {
    tree: serde_json::Value,
    writers: [Truth; 3],
    _servers: (Postgres, Postgres, MariaDb, MariaDb, Redis, Redis),
    _lab: Lab,
}

impl Fleet {
    async fn start() -> Result<Self> {
        let lab = Lab::new()?;
        let postgres = Postgres::primary(&lab, "pm").await?;
        let standby = postgres.standby(&lab, "pr", None).await?;
        let mariadb = MariaDb::primary(&lab, "mm").await?;
        let follower = mariadb.replica(&lab, "mr", None).await?;
        let redis = Redis::master(&lab, "rm").await?;
        let copy = redis.replica(&lab, "rr", None).await?;
        let pair = |dialect: &str, master: String, slave: String| {
            json!({
                "m": { "role": "master", "dialect": dialect, "uri": master },
                "r": { "role": "slave", "dialect": dialect, "uri": slave },
            })
        };
        let tree = json!({ "replicas": {
            "postgres": pair("postgres", postgres.uri(WATCHER), standby.uri(WATCHER)),
            "mariadb": pair("mariadb", mariadb.uri(WATCHER), follower.uri(WATCHER)),
            "redis": pair("redis", redis.uri(WATCHER), copy.uri(WATCHER)),
        } });
        let writers = [
            Truth::start(&postgres, 0.0).await?,
            Truth::start(&mariadb, 0.0).await?,
            Truth::start(&redis, 0.0).await?,
        ];
        Ok(Self {
            tree,
            writers,
            _servers: (postgres, standby, mariadb, follower, redis, copy),
            _lab: lab,
        })
    }
}

/// How often a slave was looked at, and how often its lag was known.
#[derive(Default)]
struct Seen {
    looks: usize,
    known: usize,
}

impl Seen {
    fn look(&mut self, monitor: &Handle) {
        let snapshot = monitor.snapshot();
        let slaves = snapshot
            .replicas()
            .filter(|(_, replica)| replica.role == Role::Slave);
        for (_, slave) in slaves {
            self.looks += 1;
            self.known += usize::from(slave.lag.live_ms().is_some());
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let lasts = Duration::from_secs(seconds().unwrap_or(30 * 60));
    let fleet = Fleet::start().await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tree.json");
    std::fs::write(&path, fleet.tree.to_string())?;
    let raised = Raised::default();
    let config = Config {
        port: 0,
        poll: POLL,
        history: Some(folder.path().join("history.db")),
        on_event: Some(hearing(&raised)),
        ..Config::default()
    };
    let monitor = start(config, watch_live(&path, Pace::every(POLL))?).await?;
    let (begin, mut seen) = (Instant::now(), Seen::default());
    for (rate, phase) in PHASES.iter().cycle() {
        fleet.writers.iter().for_each(|writer| writer.set_rate(*rate));
        let end = (begin + lasts).min(Instant::now() + Duration::from_secs(*phase));
        while Instant::now() < end {
            tokio::time::sleep(POLL).await;
            seen.look(&monitor);
        }
        if begin.elapsed() >= lasts {
            break;
        }
    }
    let raised = raised.lock().unwrap_or_else(PoisonError::into_inner);
    println!("| minutes | looks at a slave | of which the lag was known | alerts raised |");
    println!("|---|---|---|---|");
    let (minutes, Seen { looks, known }) = (begin.elapsed().as_secs() / 60, seen);
    println!("| {minutes} | {looks} | {known} | {} |", raised.len());
    raised.iter().for_each(|message| println!("raised: {message}"));
    let failed = fleet.writers.iter().filter(|writer| writer.has_failed()).count();
    anyhow::ensure!(failed == 0, "{failed} writers could not go on");
    Ok(())
}

/// Notes what is raised.
fn hearing(raised: &Raised) -> OnEvent {
    let heard = Arc::clone(raised);
    Arc::new(move |event| {
        if let EventKind::Custom { kind, fields } = &event.kind
            && kind == "alert.firing"
        {
            let mut raised = heard.lock().unwrap_or_else(PoisonError::into_inner);
            raised.push(format!("{} {}", event.ts, fields["message"]));
        }
    })
}

/// `--secs N`.
fn seconds() -> Option<u64> {
    let mut words = std::env::args().skip_while(|word| word != "--secs");
    words.nth(1)?.parse().ok()
}
