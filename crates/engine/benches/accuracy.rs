//! How far the measured lag is from the truth, at the usual tick: `cargo x bench accuracy`.
//!
//! Prints a table and asserts nothing. The truth is a writer of numbered rows and a reader of the replica, as in the tests.

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

use anyhow::{Result, ensure};
use replica_engine::ReplicationManager;
use replica_lab::truth::Written;
use replica_lab::{Lab, MariaDb, Postgres, Redis, Truth, WATCHER};
use std::time::Duration;
use support::{Case, caught_up, manager};

/// The tick that people run with.
const TICK: Duration = Duration::from_secs(2);
/// Rows a second.
const RATES: [f64; 2] = [14.0, 200.0];
const DELAY: Duration = Duration::from_secs(3);
/// A pause goes on until the replica is this far behind.
const PAUSE: Duration = Duration::from_secs(20);
/// Looks that are compared under a delay.
const LOOKS: usize = 10;

#[tokio::main]
async fn main() -> Result<()> {
    println!("| database | rows/s | case | looks | median error (goal 50 ms) | p95 (goal 400 ms) | worst |");
    println!("|---|---|---|---|---|---|---|");
    postgres().await?;
    mariadb().await?;
    redis().await
}

/// A replica beside its truth.
struct Trial<'a, S> {
    database: &'a str,
    manager: &'a ReplicationManager,
    truth: &'a Truth,
    replica: &'a S,
}

impl<S: Written> Trial<'_, S> {
    async fn begin(&self, case: &str) -> Result<Case> {
        Case::begin(case, self.manager, "r", self.truth, self.replica, TICK).await
    }

    /// Waits until it is behind by that much, and compares all looks from now to `looks` after that.
    async fn row(&self, rate: f64, case: &str, behind: Duration, looks: usize) -> Result<()> {
        let watched = self.begin(case).await?;
        watched.until_behind(behind).await?;
        watched.looks(looks).await?;
        let mut errors = watched.end()?.errors();
        ensure!(!errors.is_empty(), "{case}: no exact figure was told");
        errors.sort();
        let at = |share: f64| errors[((errors.len() - 1) as f64 * share) as usize].as_millis();
        println!(
            "| {} | {rate:.0} | {case} | {} | {} ms | {} ms | {} ms |",
            self.database,
            errors.len(),
            at(0.5),
            at(0.95),
            at(1.0)
        );
        Ok(())
    }
}

async fn postgres() -> Result<()> {
    let lab = Lab::new()?;
    let primary = Postgres::primary(&lab, "m").await?;
    let standby = primary.standby(&lab, "r", None).await?;
    let truth = Truth::start(&primary, RATES[0]).await?;
    let manager = manager(
        "postgres",
        &primary.uri(WATCHER),
        &[("r", &standby.uri(WATCHER))],
        TICK,
    );
    let trial = Trial {
        database: "PostgreSQL",
        manager: &manager,
        truth: &truth,
        replica: &standby,
    };
    for rate in RATES {
        truth.set_rate(rate);
        caught_up(&manager, "r").await?;
        standby.delay_apply(DELAY).await?;
        trial
            .row(rate, "apply delayed 3 s", DELAY * 9 / 10, LOOKS)
            .await?;
        standby.delay_apply(Duration::ZERO).await?;
        caught_up(&manager, "r").await?;
        standby.pause_replay().await?;
        trial.row(rate, "replay paused up to 20 s", PAUSE, 0).await?;
        standby.resume_replay().await?;
    }
    Ok(())
}

async fn mariadb() -> Result<()> {
    let lab = Lab::new()?;
    let primary = MariaDb::primary(&lab, "m").await?;
    let replica = primary.replica(&lab, "r", None).await?;
    let truth = Truth::start(&primary, RATES[0]).await?;
    let manager = manager(
        "mariadb",
        &primary.uri(WATCHER),
        &[("r", &replica.uri(WATCHER))],
        TICK,
    );
    let trial = Trial {
        database: "MariaDB",
        manager: &manager,
        truth: &truth,
        replica: &replica,
    };
    for rate in RATES {
        truth.set_rate(rate);
        caught_up(&manager, "r").await?;
        replica.delay_apply(3).await?;
        trial
            .row(rate, "apply delayed 3 s", DELAY * 9 / 10, LOOKS)
            .await?;
        replica.delay_apply(0).await?;
        caught_up(&manager, "r").await?;
        replica.stop_sql_thread().await?;
        trial.row(rate, "SQL thread stopped up to 20 s", PAUSE, 0).await?;
        replica.start_threads().await?;
    }
    Ok(())
}

/// Redis cannot delay on purpose; it can only hold writes back.
async fn redis() -> Result<()> {
    let lab = Lab::new()?;
    let master = Redis::master(&lab, "m").await?;
    let replica = master.replica(&lab, "r", None).await?;
    let truth = Truth::start(&master, RATES[0]).await?;
    let manager = manager(
        "redis",
        &master.uri(WATCHER),
        &[("r", &replica.uri(WATCHER))],
        TICK,
    );
    let trial = Trial {
        database: "Redis",
        manager: &manager,
        truth: &truth,
        replica: &replica,
    };
    for rate in RATES {
        truth.set_rate(rate);
        caught_up(&manager, "r").await?;
        replica.pause_writes(PAUSE + TICK).await?;
        trial.row(rate, "writes paused up to 20 s", PAUSE, 0).await?;
    }
    Ok(())
}
