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
const EVERY: Duration = Duration::from_millis(500);
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

/// What everybody said at one moment, in seconds.
struct Moment {
    truth: f64,
    ours: Ours,
    theirs: Option<f64>,
}

enum Ours {
    Exact(f64),
    Frozen(f64),
    Bound(String),
    Unknown,
}

impl<S: Written> Trial<'_, S> {
    /// Lets a case go on for its time, and prints its row.
    async fn row(&self, case: &str) -> Result<()> {
        let mut moments = Vec::new();
        let mut reader = self.truth.reader(self.replica).await?;
        let mut often = interval(EVERY);
        let until = Instant::now() + CASE;
        while Instant::now() < until {
            often.tick().await;
            let Ok(shown) = reader.look().await else { continue };
            let replica = said(self.manager, "r");
            let seconds = |ms: u64| ms as f64 / 1000.0;
            // What was said holds for the moment of the look; the truth has grown since.
            let ours = match (&replica.lag.verdict, replica.lag.as_of_ms) {
                (Verdict::Exact(ms), None) => Ours::Exact(seconds(*ms)),
                (Verdict::Exact(ms), Some(_)) => Ours::Frozen(seconds(*ms)),
                (Verdict::AtLeast(ms), _) => Ours::Bound(format!("≥ {:.1}", seconds(*ms))),
                (Verdict::AtMost(ms), _) => Ours::Bound(format!("≤ {:.1}", seconds(*ms))),
                _ => Ours::Unknown,
            };
            let theirs = match &self.exporter {
                Some(exporter) => exporter.lag().await.unwrap_or_default(),
                None => None,
            };
            moments.push(Moment {
                truth: shown.lag.as_secs_f64(),
                ours,
                theirs,
            });
        }
        println!(
            "| {} | {case} | {} | {} | {} | {} |",
            self.database,
            range(moments.iter().map(|moment| moment.truth)),
            ours(&moments),
            theirs(&moments),
            untrue(&moments)
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

fn ours(moments: &[Moment]) -> String {
    let exact = moments.iter().filter_map(|moment| match moment.ours {
        Ours::Exact(value) => Some(value),
        _ => None,
    });
    let mut words = vec![range(exact)];
    let others = [
        (
            "frozen",
            moments
                .iter()
                .filter(|moment| matches!(moment.ours, Ours::Frozen(_)))
                .count(),
        ),
        (
            "bounded",
            moments
                .iter()
                .filter(|moment| matches!(moment.ours, Ours::Bound(_)))
                .count(),
        ),
        (
            "unknown",
            moments
                .iter()
                .filter(|moment| matches!(moment.ours, Ours::Unknown))
                .count(),
        ),
    ];
    words.extend(
        others
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(word, count)| format!("{word} × {count}")),
    );
    words.join(", ")
}

fn theirs(moments: &[Moment]) -> String {
    let told = range(moments.iter().filter_map(|moment| moment.theirs));
    let absent = moments.iter().filter(|moment| moment.theirs.is_none()).count();
    match absent {
        0 => told,
        _ => format!("{told}, absent × {absent}"),
    }
}

/// Who was further off than can be excused, and by how much at worst.
fn untrue(moments: &[Moment]) -> String {
    let worst = |errors: &mut dyn Iterator<Item = f64>| errors.fold(0.0, f64::max);
    let ours = worst(&mut moments.iter().filter_map(|moment| match moment.ours {
        Ours::Exact(value) => Some((value - moment.truth).abs()),
        _ => None,
    }));
    let theirs = worst(
        &mut moments
            .iter()
            .filter_map(|moment| Some((moment.theirs? - moment.truth).abs())),
    );
    let all = [("ours", ours), ("the exporter's", theirs)];
    let liars: Vec<String> = all
        .iter()
        .filter(|(_, off)| *off > OFF)
        .map(|(who, off)| format!("{who}, by {off:.0} s"))
        .collect();
    match liars.is_empty() {
        true => "nobody".to_owned(),
        false => liars.join("; "),
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
