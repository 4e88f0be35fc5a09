//! Rules that go both ways: both sides are written to at once, and become the same.

use crate::ends::*;
use crate::stream::all;
use crate::support::*;
use anyhow::{Context, Result, ensure};
use replica_engine::rules::{Pace, Phase, Plan, Report, keep};
use replica_lab::{Client, Lab, wait_for};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A rule of its own task.
struct Both {
    seen: [watch::Receiver<Report>; 2],
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

const USERS: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(40), updated_at INTEGER)";

fn plan(source: &Db, target: &Db, policy: &str) -> Result<Arc<Plan>> {
    let tree = json!({
        "replicas": { "from": source.entry(), "to": target.entry() },
        "rules": { "both": { "source": "from", "target": "to", "mode": "bidirectional", "collections": ["*"], "conflictResolution": policy } },
    });
    let parsed = replica_core::tree::parse(tree.to_string().as_bytes(), "t.json");
    Ok(Arc::new(Plan::of(&parsed.tree.context("no tree")?, "both")?))
}

fn start(plan: &Arc<Plan>) -> Result<Both> {
    let (stop, asked) = watch::channel(false);
    let ways = keep(plan, &Pace::every(SOON), &asked);
    let seen: Vec<_> = ways.iter().map(|way| way.report.clone()).collect();
    Ok(Both {
        seen: seen.try_into().ok().context("two ways")?,
        stop,
        tasks: ways.into_iter().map(|way| way.task).collect(),
    })
}

impl Both {
    fn now(&self) -> [Report; 2] {
        [0, 1].map(|way| self.seen[way].borrow().clone())
    }

    async fn streaming(self) -> Result<Self> {
        let streaming = async || self.now().iter().all(|report| report.phase == Phase::Streaming);
        let waited = wait_for("both ways to stream", SOON, streaming).await;
        waited.with_context(|| format!("{:?}", self.now()))?;
        Ok(self)
    }

    /// Waits until both sides hold that.
    async fn hold(&self, ends: [&Db; 2], wanted: &str) -> Result<()> {
        for end in ends {
            let found = async || {
                all(end, "users", "id name")
                    .await
                    .unwrap_or_else(|error| error.to_string())
            };
            let waited = wait_for(wanted, SOON, async || found().await == wanted).await;
            let found = found().await;
            waited.with_context(|| format!("found {found}\n{:?}", self.now()))?;
        }
        Ok(())
    }

    /// Rows that were written since, and conflicts, of both ways.
    fn written(&self) -> (u64, u64) {
        let reports = self.now();
        let details = reports.iter().flat_map(|report| report.details.values());
        let rows = details
            .map(|done| done.created + done.updated + done.deleted)
            .sum();
        (rows, reports.iter().filter_map(|report| report.conflicts).sum())
    }

    async fn stopped(self) -> Result<()> {
        self.stop.send(true)?;
        for task in self.tasks {
            task.await?;
        }
        Ok(())
    }
}

async fn both_become_the_same(source: Db, target: Db) -> Result<()> {
    source
        .execute(&[
            USERS,
            "INSERT INTO users VALUES (1, 'a', 5), (2, 'ours', 5), (3, 'same', 5)",
        ])
        .await?;
    target
        .execute(&[
            USERS,
            "INSERT INTO users VALUES (2, 'theirs', 9), (3, 'same', 5), (4, 'd', 5)",
        ])
        .await?;
    let ends = [&source, &target];
    let both = start(&plan(&source, &target, "timestamp")?)?.streaming().await?;
    both.hold(ends, "1|a;2|theirs;3|same;4|d").await?;
    let (copied, _) = both.written();
    ensure!(copied == 3, "{copied} rows were merged");
    source
        .execute(&[
            "INSERT INTO users VALUES (5, 'e', 1)",
            "UPDATE users SET id = 10 WHERE id = 1",
        ])
        .await?;
    target
        .execute(&[
            "INSERT INTO users VALUES (6, 'f', 1)",
            "DELETE FROM users WHERE id = 4",
            "UPDATE users SET name = 'c' WHERE id = 3",
        ])
        .await?;
    both.hold(ends, "10|a;2|theirs;3|c;5|e;6|f").await?;
    // Five rows, one of which was moved; what was written into a side did not come back.
    let quiet = both.written();
    ensure!(quiet == (copied + 6, 0), "{quiet:?}");
    // Each side again where the other one wrote last.
    source
        .execute(&["UPDATE users SET name = 'F' WHERE id = 6"])
        .await?;
    target
        .execute(&["UPDATE users SET name = 'E' WHERE id = 5"])
        .await?;
    both.hold(ends, "10|a;2|theirs;3|c;5|E;6|F").await?;
    both.stopped().await?;
    // Both changed the same row while nobody looked: the later one stays.
    source
        .execute(&[
            "UPDATE users SET name = 'late', updated_at = 20 WHERE id = 3",
            "DELETE FROM users WHERE id = 2",
        ])
        .await?;
    target
        .execute(&[
            "UPDATE users SET name = 'early', updated_at = 10 WHERE id = 3",
            "DELETE FROM users WHERE id = 10",
        ])
        .await?;
    let both = start(&plan(&source, &target, "timestamp")?)?.streaming().await?;
    both.hold(ends, "3|late;5|E;6|F").await?;
    let (rows, conflicts) = both.written();
    ensure!((rows, conflicts) == (3, 1), "{rows} rows, {conflicts} conflicts");
    both.stopped().await
}

/// Inserts, changes and deletes rows that both sides have, and ones that only this side makes.
async fn churn(
    mut client: Client,
    side: u64,
    unless_there: &str,
    churned: Arc<AtomicU64>,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let mut dice = side;
    let mut roll = |sides: u64| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    while !*stop.borrow() {
        let done = churned.load(Relaxed);
        let (id, value) = (roll(300), roll(1_000_000));
        let statement = match roll(4) {
            0 => format!("INSERT INTO users VALUES ({id}, 'i{value}', {value}) {unless_there}"),
            1 => format!(
                "INSERT INTO users VALUES ({}, 'own{value}', {value})",
                1000 + done * 2 + side
            ),
            2 => format!("DELETE FROM users WHERE id = {id}"),
            _ => format!("UPDATE users SET name = 'u{side}{value}', updated_at = {value} WHERE id = {id}"),
        };
        client
            .execute(&statement)
            .await
            .with_context(|| statement.clone())?;
        churned.fetch_add(1, Relaxed);
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn unless_there(db: &Db) -> &'static str {
    match db {
        Db::MariaDb(_) => "ON DUPLICATE KEY UPDATE name = VALUES(name), updated_at = VALUES(updated_at)",
        _ => "ON CONFLICT (id) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at",
    }
}

/// Both sides are written to while the rule is killed again and again.
async fn converges(source: Db, target: Db, policy: &str) -> Result<()> {
    source.execute(&[USERS]).await?;
    target.execute(&[USERS]).await?;
    let plan = plan(&source, &target, policy)?;
    let (stop, stopped) = watch::channel(false);
    let mut churning = Vec::new();
    let churned = [Arc::<AtomicU64>::default(), Arc::default()];
    for (side, end) in [&source, &target].into_iter().enumerate() {
        let client = end.client().await?;
        churning.push(tokio::spawn(churn(
            client,
            side as u64,
            unless_there(end),
            Arc::clone(&churned[side]),
            stopped.clone(),
        )));
    }
    let mut dice = 7_u64;
    let mut conflicts = 0;
    // What a file was asked for goes on in this process when its task is gone: a claim that comes late would end the next life.
    let is_early = |life| life % 3 == 0 && !matches!((&source, &target), (Db::Sqlite(_), Db::Sqlite(_)));
    for life in 0..12 {
        let mut both = start(&plan)?;
        if !is_early(life) {
            both = both.streaming().await?;
        }
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // It lives for so many more statements of both sides.
        let more = 20 + (dice >> 33) % 300;
        let until = churned.each_ref().map(|churned| churned.load(Relaxed) + more);
        let done = async || {
            churned
                .iter()
                .zip(until)
                .all(|(churned, until)| churned.load(Relaxed) >= until)
        };
        wait_for("more statements", SOON, done).await?;
        conflicts += both.written().1;
        // As if the process were killed: nothing is tidied up.
        drop(both.stop);
        for task in both.tasks {
            task.abort();
        }
    }
    stop.send(true)?;
    for churning in churning {
        churning.await??;
    }
    let both = start(&plan)?.streaming().await?;
    let everything = "id name updated_at";
    let differ = async || {
        let (ours, theirs) = (
            all(&source, "users", everything).await,
            all(&target, "users", everything).await,
        );
        Ok::<_, anyhow::Error>((ours?, theirs?))
    };
    let same = async || matches!(differ().await, Ok((ours, theirs)) if ours == theirs);
    let waited = wait_for("both sides to be the same", SOON, same).await;
    let (ours, theirs) = differ().await?;
    let lacks = |one: &str, other: &str| {
        one.split(';')
            .filter(|row| !other.split(';').any(|found| found == *row))
            .collect::<Vec<_>>()
            .join(" ")
    };
    waited.with_context(|| {
        format!(
            "source: {}\ntarget: {}\n{:?}",
            lacks(&ours, &theirs),
            lacks(&theirs, &ours),
            both.now()
        )
    })?;
    let all_conflicts = conflicts + both.written().1;
    ensure!(
        all_conflicts > 0,
        "both sides wrote the same rows, and nobody noticed"
    );
    both.stopped().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_become_the_same_of_postgres_and_mariadb() {
    with_servers(async {
        let lab = Lab::new()?;
        both_become_the_same(postgres(&lab, "one").await?, mariadb(&lab, "other").await?).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_become_the_same_of_mariadb_and_sqlite() {
    with_servers(async {
        let lab = Lab::new()?;
        both_become_the_same(mariadb(&lab, "one").await?, sqlite(&lab, "other").await?).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_become_the_same_of_sqlite_and_postgres() {
    with_servers(async {
        let lab = Lab::new()?;
        both_become_the_same(sqlite(&lab, "one").await?, postgres(&lab, "other").await?).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_become_the_same_of_two_files() -> Result<()> {
    let lab = Lab::new()?;
    both_become_the_same(sqlite(&lab, "one").await?, sqlite(&lab, "other").await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflicts_and_kills_leave_both_alike_of_postgres_and_mariadb() {
    with_servers(async {
        let lab = Lab::new()?;
        converges(
            postgres(&lab, "one").await?,
            mariadb(&lab, "other").await?,
            "source-wins",
        )
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflicts_and_kills_leave_both_alike_of_mariadb_and_postgres() {
    with_servers(async {
        let lab = Lab::new()?;
        converges(
            mariadb(&lab, "one").await?,
            postgres(&lab, "other").await?,
            "timestamp",
        )
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflicts_and_kills_leave_both_alike_of_two_files() -> Result<()> {
    let lab = Lab::new()?;
    converges(
        sqlite(&lab, "one").await?,
        sqlite(&lab, "other").await?,
        "target-wins",
    )
    .await
}
