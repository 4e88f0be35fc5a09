//! What is said of a lag beside the truth, by us and by the exporters that people run: `cargo x bench truth`.
//!
//! Prints a table and asserts nothing: the tests do that for us, and of the others only what they said is told.

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
use replica_core::Verdict;
use replica_engine::ReplicationManager;
use replica_lab::exporter::Exporter;
use replica_lab::truth::Written;
use replica_lab::{Lab, MariaDb, Postgres, Proxy, Redis, Truth, WATCHER};
use std::time::Duration;
use support::{caught_up, manager, said};
use tokio::time::{Instant, interval};

/// The tick that people run with.
const TICK: Duration = Duration::from_secs(2);
/// How often all three are asked.
const EVERY: Duration = Duration::from_millis(100);
/// How long a case goes on.
const CASE: Duration = Duration::from_secs(14);
const ROWS: f64 = 14.0;
/// Somebody who is further off than a tick and the whole seconds that most figures come in has said something untrue.
const OFF: f64 = 3.5;

#[tokio::main]
async fn main() -> Result<()> {
    println!("| database | case | truth | ours | the exporter's | untrue |");
    println!("|---|---|---|---|---|---|");
    postgres().await?;
    mariadb().await?;
    redis().await
}

/// A replica beside its truth and an exporter.
struct Trial<'a, S> {
    database: &'static str,
    manager: &'a ReplicationManager,
    truth: &'a Truth,
    replica: &'a S,
    exporter: Option<Exporter>,
}

/// What was said, in seconds, and what was true at that moment.
struct Said<T> {
    truth: f64,
    lag: T,
}

enum Ours {
    Exact(f64),
    Frozen,
    Bound,
    Unknown,
}

impl Ours {
    fn word(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Frozen => "frozen",
            Self::Bound => "bounded",
            Self::Unknown => "unknown",
        }
    }
}

impl<S: Written> Trial<'_, S> {
    /// Lets a case go on for its time, and prints its row.
    async fn row(&self, case: &str) -> Result<()> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut last = said(self.manager, "r").last_ping_ms;
        let mut reader = self.truth.reader(self.replica).await?;
        let mut often = interval(EVERY);
        let until = Instant::now() + CASE;
        while Instant::now() < until {
            often.tick().await;
            let Ok(shown) = reader.look().await else { continue };
            let truth = shown.lag.as_secs_f64();
            if let Some(exporter) = &self.exporter {
                let lag = exporter.lag().await.unwrap_or_default();
                theirs.push(Said { truth, lag });
            }
            let replica = said(self.manager, "r");
            if replica.last_ping_ms == last {
                continue;
            }
            // What a look said holds for the moment of that look: this one was made since the last turn.
            last = replica.last_ping_ms;
            let seconds = |ms: u64| ms as f64 / 1000.0;
            let lag = match (&replica.lag.verdict, replica.lag.as_of_ms) {
                (Verdict::Exact(ms), None) => Ours::Exact(seconds(*ms)),
                (Verdict::Exact(_), Some(_)) => Ours::Frozen,
                (Verdict::AtLeast(_) | Verdict::AtMost(_), _) => Ours::Bound,
                _ => Ours::Unknown,
            };
            ours.push(Said { truth, lag });
        }
        println!(
            "| {} | {case} | {} | {} | {} | {} |",
            self.database,
            range(ours.iter().map(|said| said.truth)),
            of_ours(&ours),
            of_theirs(&theirs),
            untrue(&ours, &theirs)
        );
        Ok(())
    }

    async fn caught_up(&self) -> Result<()> {
        caught_up(self.manager, "r").await.map(drop)
    }
}

fn range(values: impl Iterator<Item = f64>) -> String {
    let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    match least.is_finite() {
        true => format!("{least:.1} to {most:.1} s"),
        false => "none".to_owned(),
    }
}

fn of_ours(all: &[Said<Ours>]) -> String {
    let exact = all.iter().filter_map(|said| match said.lag {
        Ours::Exact(value) => Some(value),
        _ => None,
    });
    let mut words = vec![range(exact)];
    for word in ["frozen", "bounded", "unknown"] {
        let count = all.iter().filter(|said| said.lag.word() == word).count();
        if count > 0 {
            words.push(format!("{word} × {count}"));
        }
    }
    words.join(", ")
}

fn of_theirs(all: &[Said<Option<f64>>]) -> String {
    let told = range(all.iter().filter_map(|said| said.lag));
    let absent = all.iter().filter(|said| said.lag.is_none()).count();
    match absent {
        0 => told,
        _ if absent == all.len() => "absent".to_owned(),
        _ => format!("{told}, or absent"),
    }
}

/// Who was further off than can be excused, and by how much at worst.
fn untrue(ours: &[Said<Ours>], theirs: &[Said<Option<f64>>]) -> String {
    let worst = |errors: &mut dyn Iterator<Item = f64>| errors.fold(0.0, f64::max);
    let ours = worst(&mut ours.iter().filter_map(|said| match said.lag {
        Ours::Exact(value) => Some((value - said.truth).abs()),
        _ => None,
    }));
    let theirs = worst(
        &mut theirs
            .iter()
            .filter_map(|said| Some((said.lag? - said.truth).abs())),
    );
    let all = [("ours", ours), ("the exporter's", theirs)];
    let untrue = all.iter().filter(|(_, off)| *off > OFF);
    let untrue: Vec<String> = untrue.map(|(who, off)| format!("{who}, by {off:.0} s")).collect();
    match untrue.is_empty() {
        true => "nobody".to_owned(),
        false => untrue.join("; "),
    }
}

/// Without the exporter only our side is printed.
fn beside(exporter: Result<Exporter>) -> Option<Exporter> {
    match exporter {
        Ok(exporter) => Some(exporter),
        Err(error) => {
            eprintln!("no exporter beside us: {error:#}");
            None
        }
    }
}

async fn postgres() -> Result<()> {
    let lab = Lab::new()?;
    let primary = Postgres::primary(&lab, "m").await?;
    let proxy = Proxy::to(primary.port()).await?;
    let standby = primary.standby(&lab, "r", Some(&proxy)).await?;
    let truth = Truth::start(&primary, ROWS).await?;
    let uri = standby.uri(WATCHER);
    let manager = manager("postgres", &primary.uri(WATCHER), &[("r", &uri)], TICK);
    let trial = Trial {
        database: "PostgreSQL",
        manager: &manager,
        truth: &truth,
        replica: &standby,
        exporter: beside(Exporter::of_postgres(&lab, &standby).await),
    };
    trial.caught_up().await?;
    trial.row("healthy").await?;
    standby.delay_apply(Duration::from_secs(5)).await?;
    trial.row("apply delayed 5 s").await?;
    standby.delay_apply(Duration::ZERO).await?;
    trial.caught_up().await?;
    standby.pause_replay().await?;
    trial.row("replay paused").await?;
    standby.resume_replay().await?;
    trial.caught_up().await?;
    proxy.blackhole();
    trial.row("link swallows everything").await?;
    proxy.heal();
    proxy.cut();
    trial.row("link cut").await?;
    proxy.heal();
    trial.caught_up().await?;
    truth.pause();
    trial.row("nobody writes").await?;
    Ok(())
}

async fn mariadb() -> Result<()> {
    let lab = Lab::new()?;
    let primary = MariaDb::primary(&lab, "m").await?;
    let proxy = Proxy::to(primary.port()).await?;
    let replica = primary.replica(&lab, "r", Some(&proxy)).await?;
    let truth = Truth::start(&primary, ROWS).await?;
    let uri = replica.uri(WATCHER);
    let manager = manager("mariadb", &primary.uri(WATCHER), &[("r", &uri)], TICK);
    let trial = Trial {
        database: "MariaDB",
        manager: &manager,
        truth: &truth,
        replica: &replica,
        exporter: beside(Exporter::of_mariadb(&lab, &replica).await),
    };
    trial.caught_up().await?;
    trial.row("healthy").await?;
    replica.delay_apply(5).await?;
    trial.row("apply delayed 5 s").await?;
    replica.delay_apply(0).await?;
    trial.caught_up().await?;
    replica.stop_sql_thread().await?;
    trial.row("SQL thread stopped").await?;
    replica.start_threads().await?;
    trial.caught_up().await?;
    replica.stop_io_thread().await?;
    trial.row("IO thread stopped").await?;
    replica.start_threads().await?;
    trial.caught_up().await?;
    let lock = replica.lock_table().await?;
    trial.row("table locked").await?;
    drop(lock);
    trial.caught_up().await?;
    proxy.blackhole();
    trial.row("link swallows everything").await?;
    proxy.heal();
    trial.caught_up().await?;
    truth.pause();
    trial.row("nobody writes").await?;
    Ok(())
}

async fn redis() -> Result<()> {
    let lab = Lab::new()?;
    let master = Redis::master(&lab, "m").await?;
    let proxy = Proxy::to(master.port()).await?;
    let replica = master.replica(&lab, "r", Some(&proxy)).await?;
    let truth = Truth::start(&master, ROWS).await?;
    let uri = replica.uri(WATCHER);
    let manager = manager("redis", &master.uri(WATCHER), &[("r", &uri)], TICK);
    let trial = Trial {
        database: "Redis",
        manager: &manager,
        truth: &truth,
        replica: &replica,
        exporter: beside(Exporter::of_redis(&lab, &master).await),
    };
    trial.caught_up().await?;
    trial.row("healthy").await?;
    replica.pause_writes(CASE).await?;
    trial.row("writes paused").await?;
    trial.caught_up().await?;
    proxy.blackhole();
    trial.row("link swallows everything").await?;
    proxy.heal();
    proxy.cut();
    trial.row("link cut").await?;
    proxy.heal();
    trial.caught_up().await?;
    truth.pause();
    trial.row("nobody writes").await?;
    Ok(())
}
