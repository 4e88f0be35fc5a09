//! How fast a rule streams from PostgreSQL into MariaDB, beside what the two servers could do alone, how late it is at a steady pace, and what
//! memory it takes: `cargo x bench rules`.
//!
//! Prints tables and asserts nothing, but that both ends are the same in the end.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    reason = "the tests' own support, in a program that prints a table"
)]

#[path = "../tests/it/ends.rs"]
mod ends;

use anyhow::{Context, Result, ensure};
use ends::{Db, mariadb, postgres};
use replica_engine::rules::{Pace, Phase, Plan, Report, Verification, keep};
use replica_lab::{ADMIN, Lab, Postgres, wait_for};
use serde_json::json;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

const SOON: Duration = Duration::from_secs(300);
/// Transactions of the backlog, and what each is: 60 inserts, 30 updates, 10 deletes.
const TRANSACTIONS: u64 = 3000;
const CHANGES: u64 = TRANSACTIONS * 100;
/// Rows that are written one by one, for comparison.
const NAIVE: u64 = 5000;
/// Transactions of one row a second, and for how long.
const STEADY: (u64, Duration) = (1000, Duration::from_secs(20));
/// Rows of the one large transaction.
const LARGE: u64 = 2_000_000;

const TABLE: &str = "(id bigint PRIMARY KEY, a int, b int, c numeric(12,2), d varchar(40), e varchar(40), f timestamp, g boolean)";
const ROW: &str = "n % 1000, n % 77, n % 999 / 7.0, md5(n::text), 'customer ' || n, '2026-11-27 08:00:00'::timestamp + n * interval '1 second', n % 2 = 0";

struct Running {
    seen: watch::Receiver<Report>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn plan(source: &Db, target: &Db, table: &str) -> Result<Arc<Plan>> {
    let tree = json!({
        "replicas": { "from": source.entry(), "to": target.entry() },
        "rules": { "copy": { "source": "from", "target": "to", "mode": "cdc", "collections": [table] } },
    });
    let parsed = replica_core::tree::parse(tree.to_string().as_bytes(), "t.json");
    Ok(Arc::new(Plan::of(&parsed.tree.context("no tree")?, "copy")?))
}

fn start(source: &Db, target: &Db, table: &str) -> Result<Running> {
    let plan = plan(source, target, table)?;
    let (stop, asked) = watch::channel(false);
    let way = keep(&plan, &Pace::every(SOON), &asked).remove(0);
    Ok(Running {
        seen: way.report,
        stop,
        task: way.task,
    })
}

impl Running {
    async fn until(&mut self, holds: impl FnMut(&Report) -> bool) -> Result<()> {
        tokio::time::timeout(SOON, self.seen.wait_for(holds)).await??;
        Ok(())
    }

    async fn stopped(self) -> Result<()> {
        self.stop.send(true)?;
        Ok(self.task.await?)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let lab = Lab::new()?;
    let (source, target) = (postgres(&lab, "source").await?, mariadb(&lab, "target").await?);
    let Db::Postgres(server) = &source else {
        unreachable!()
    };
    // First, while the servers have nothing else to write to disk.
    steady(&source, &target).await?;
    stream(server, &source, &target).await?;
    large(&source, &target).await?;
    verify(&source, &target).await
}

/// The backlog of [`TRANSACTIONS`] of `mix`, read by our rule and by what could be the limit.
async fn stream(server: &Postgres, source: &Db, target: &Db) -> Result<()> {
    source.execute(&[&format!("CREATE TABLE mix {TABLE}")]).await?;
    let mut rule = start(source, target, "mix")?;
    rule.until(|report| report.phase == Phase::Streaming).await?;
    rule.stopped().await?;
    let slot = source.query("SELECT slot_name FROM pg_replication_slots").await?;
    source
        .execute(&[
            &format!("SELECT pg_copy_logical_replication_slot('{slot}', 'other')"),
            &backlog(),
        ])
        .await?;
    let end = source.query("SELECT pg_current_wal_flush_lsn()").await?;
    let begun = Instant::now();
    let mut rule = start(source, target, "mix")?;
    let done = |report: &Report| {
        let details = report.details.get("mix");
        details.is_some_and(|done| done.created + done.updated + done.deleted > 0)
            && report.backlog_bytes == Some(0)
    };
    rule.until(done).await?;
    let wanted = source
        .query("SELECT count(*) || ' ' || sum(id) || ' ' || sum(a) FROM mix")
        .await?;
    let found = async || {
        target
            .query("SELECT concat(count(*), ' ', sum(id), ' ', sum(a)) FROM mix")
            .await
    };
    wait_for("both to be the same", SOON, async || {
        found().await.is_ok_and(|found| found == wanted)
    })
    .await?;
    let ours = begun.elapsed();
    let memory = resident()?;
    rule.stopped().await?;
    let decoder = decoder(server, &slot, &end).await?;
    let (upserts, naive) = (upserts(target).await?, naive(source, target).await?);
    let a_second = |time: Duration| CHANGES as f64 / time.as_secs_f64();
    let (ours, decoder) = (a_second(ours), a_second(decoder));
    println!(
        "\n| backlog of {CHANGES} changes, PostgreSQL to MariaDB | changes a second | of ours |\n|---|---|---|"
    );
    for (what, rate) in [
        ("the rule", ours),
        ("`pg_recvlogical` to nowhere", decoder),
        ("prebuilt upserts of 1 000 rows", upserts),
        ("row by row", naive),
    ] {
        println!("| {what} | {rate:.0} | {:.3} |", rate / ours);
    }
    let (limit, single) = (ours / decoder.min(upserts), ours / naive);
    println!(
        "\nAgainst the slower of the two limits: {limit:.2} (goal 0.8); against row by row: {single:.0} (goal 40). RSS {memory} MB (goal 60)."
    );
    Ok(())
}

fn backlog() -> String {
    format!(
        "DO $$ BEGIN FOR t IN 0..{last} LOOP
            INSERT INTO mix SELECT n, {ROW} FROM generate_series(t * 60, t * 60 + 59) n;
            UPDATE mix SET a = a + 1, d = md5(d) WHERE id BETWEEN t * 60 - 45 AND t * 60 - 16;
            DELETE FROM mix WHERE id BETWEEN t * 60 - 60 AND t * 60 - 51;
            COMMIT; END LOOP; END $$",
        last = TRANSACTIONS - 1
    )
}

/// How long the server's own program takes to read the same from a slot that begins at the same place.
async fn decoder(server: &Postgres, publication: &str, end: &str) -> Result<Duration> {
    let begun = Instant::now();
    let mut program = tokio::process::Command::new("pg_recvlogical");
    let address = format!(
        "host=127.0.0.1 port={} user={ADMIN} password={} dbname=postgres",
        server.port(),
        replica_lab::PASSWORD
    );
    program.args([
        "-d",
        &address,
        "--slot",
        "other",
        "--start",
        "-f",
        "/dev/null",
        "--no-loop",
        "-E",
        end,
    ]);
    program.args([
        "-o",
        "proto_version=1",
        "-o",
        &format!("publication_names={publication}"),
    ]);
    let ended = program
        .stdout(Stdio::null())
        .status()
        .await
        .context("pg_recvlogical")?;
    ensure!(ended.success(), "pg_recvlogical: {ended}");
    Ok(begun.elapsed())
}

/// Rows a second of statements that are ready, a thousand rows each, in one session.
async fn upserts(target: &Db) -> Result<f64> {
    target.execute(&[&format!("CREATE TABLE ready {TABLE}")]).await?;
    let row = |n: u64| {
        format!(
            "({n},{},{},{},'0123456789abcdef0123456789abcdef','customer {n}','2026-11-27 08:00:00',{})",
            n % 1000,
            n % 77,
            n % 999,
            n % 2
        )
    };
    let statement = |from: u64| {
        let rows: Vec<String> = (from..from + 1000).map(row).collect();
        format!(
            "INSERT INTO ready VALUES {} ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b), c = VALUES(c), d = VALUES(d), e = VALUES(e), f = VALUES(f), g = VALUES(g)",
            rows.join(",")
        )
    };
    let statements: Vec<String> = (0..100).map(|at| statement(at * 1000)).collect();
    let mut client = target.client().await?;
    let begun = Instant::now();
    for statement in &statements {
        client.execute(statement).await?;
    }
    Ok(100_000.0 / begun.elapsed().as_secs_f64())
}

/// As the original does it: each row is read and written on its own.
async fn naive(source: &Db, target: &Db) -> Result<f64> {
    target.execute(&[&format!("CREATE TABLE single {TABLE}")]).await?;
    let (mut from, mut to) = (source.client().await?, target.client().await?);
    let begun = Instant::now();
    for n in 0..NAIVE {
        from.query(&format!("SELECT * FROM mix WHERE id = {n}")).await?;
        to.execute(&format!("INSERT INTO single VALUES ({n},1,2,3,'0123456789abcdef0123456789abcdef','customer {n}','2026-11-27 08:00:00',1)"))
            .await?;
    }
    Ok(NAIVE as f64 / begun.elapsed().as_secs_f64())
}

/// How long after its commit each row can be seen in the target, at a steady pace.
async fn steady(source: &Db, target: &Db) -> Result<()> {
    source
        .execute(&["CREATE TABLE steady (id bigint PRIMARY KEY)"])
        .await?;
    let mut rule = start(source, target, "steady")?;
    rule.until(|report| report.phase == Phase::Streaming).await?;
    let (mut writer, mut reader) = (source.client().await?, target.client().await?);
    let (written, mut writes) = tokio::sync::mpsc::unbounded_channel::<(u64, Instant)>();
    let count = STEADY.0 * STEADY.1.as_secs();
    let writing = tokio::spawn(async move {
        let mut beat = interval(Duration::from_millis(1));
        beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for id in 1..=count {
            beat.tick().await;
            writer
                .execute(&format!("INSERT INTO steady VALUES ({id})"))
                .await?;
            written.send((id, Instant::now()))?;
        }
        anyhow::Ok(())
    });
    let mut late: Vec<Duration> = Vec::new();
    let mut seen = 0;
    let mut waiting = std::collections::VecDeque::new();
    while (late.len() as u64) < count {
        let last = reader.query("SELECT coalesce(max(id), 0) FROM steady").await?;
        let now = Instant::now();
        seen = last.and_then(|last| last.parse().ok()).unwrap_or(seen);
        while let Ok(write) = writes.try_recv() {
            waiting.push_back(write);
        }
        while let Some((_, at)) = waiting.pop_front_if(|(id, _)| *id <= seen) {
            late.push(now.saturating_duration_since(at));
        }
    }
    writing.await??;
    late.sort_unstable();
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "\n| {} transactions of one row a second | p50 | p95 | p99 (goal 25 ms) | worst |\n|---|---|---|---|---|",
        STEADY.0
    );
    println!(
        "| commit to visible | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms |",
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0)
    );
    rule.stopped().await
}

/// The memory that one large transaction takes.
async fn large(source: &Db, target: &Db) -> Result<()> {
    source
        .execute(&["CREATE TABLE large (id bigint PRIMARY KEY, d text)"])
        .await?;
    let mut rule = start(source, target, "large")?;
    rule.until(|report| report.phase == Phase::Streaming).await?;
    let insert = format!("INSERT INTO large SELECT n, md5(n::text) FROM generate_series(1, {LARGE}) n");
    source.execute(&[&insert]).await?;
    let begun = Instant::now();
    let mut most = resident()?;
    while target.query("SELECT count(*) FROM large").await? != LARGE.to_string() {
        most = most.max(resident()?);
        ensure!(begun.elapsed() < SOON, "the large transaction does not arrive");
    }
    println!("\n| one transaction of {LARGE} rows | time | RSS at most (goal 150 MB) |\n|---|---|---|");
    println!(
        "| PostgreSQL to MariaDB | {:.1} s | {most} MB |",
        begun.elapsed().as_secs_f64()
    );
    rule.stopped().await
}

/// How long three rows that differ are looked for among all of the large transaction.
async fn verify(source: &Db, target: &Db) -> Result<()> {
    target
        .execute(&[
            "UPDATE large SET d = 'x' WHERE id = 1000",
            "DELETE FROM large WHERE id = 1000000",
            "INSERT INTO large VALUES (0, 'x')",
        ])
        .await?;
    let plan = plan(source, target, "large")?;
    let ends = (
        plan.directions[0].from.open().await?,
        plan.directions[0].to.open().await?,
    );
    let patience = Duration::from_secs(2);
    let begun = Instant::now();
    let mut verification = Verification::new(ends, patience, true, &|_| {}, &|| false);
    verification.run(&["large"]).await?;
    let (found, time) = (&verification.tables[0], begun.elapsed().saturating_sub(patience));
    println!("\n| rows compared | time | rows that differ, of 3 | healed |\n|---|---|---|---|");
    println!(
        "| {} | {:.1} s | {} | {} |",
        found.rows,
        time.as_secs_f64(),
        found.differences.len(),
        found.healed
    );
    Ok(())
}

/// Megabytes that this process holds.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    Ok(kilobytes.context("no VmRSS")? / 1024)
}
