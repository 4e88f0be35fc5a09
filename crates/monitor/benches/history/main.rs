//! What a sample costs on disk, and how long writing and asking take: `cargo x bench history`.
//!
//! A thousand replicas, a day of samples every two seconds, beside VictoriaMetrics and Prometheus with the same samples where they
//! are installed. Prints tables and asserts nothing.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that prints a table; what goes wrong ends it"
)]

mod fleet;
mod peers;

use fleet::{Dice, Lag, TICK_MS};
use peers::{late, size};
use replica_monitor::history::{Health, History, Metric, SeriesKey, Settings, Value};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const REPLICAS: u64 = 1000;
const DAY: usize = 43_200;
const BLOCK_MS: i64 = 14_400_000;
/// promtool needs much memory for more.
const PROMETHEUS: u64 = 200;
/// A flush every five seconds.
const FLUSH: usize = 3;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let begin = (now.as_millis() as i64 / BLOCK_MS - 7) * BLOCK_MS;
    println!(
        "| store | samples | bytes a sample, exact ticks (goal 0.35) | with ms jitter (goal 0.75) | written in |"
    );
    println!("|---|---|---|---|---|");
    let path = folder.path().join("aligned.db");
    let (exact, took) = ours(&path, begin, false);
    let (jitter, _) = ours(&folder.path().join("jitter.db"), begin, true);
    let samples = REPLICAS * DAY as u64;
    row("the history file, tiers and all", samples, exact, jitter, took);
    for part in ["chunk_raw", "chunk_1m"] {
        let part_of = |name: &str| stored(&folder.path().join(name), part);
        row(
            &format!("… of it {part}"),
            samples,
            part_of("aligned.db"),
            part_of("jitter.db"),
            took,
        );
    }
    for (name, replicas, peer) in [
        ("VictoriaMetrics", REPLICAS, peers::victoria as Peer),
        ("Prometheus blocks", PROMETHEUS, peers::prometheus),
    ] {
        let stored = [false, true].map(|jitter| {
            let folder = tempfile::tempdir().unwrap();
            peer(folder.path(), replicas, DAY, begin, jitter)
        });
        match stored {
            [Some((exact, took)), Some((jitter, _))] => row(name, replicas * DAY as u64, exact, jitter, took),
            _ => println!("| {name} | not installed | | | |"),
        }
    }
    println!();
    println!("| question, warm | median | p95 | slowest |\n|---|---|---|---|");
    week(&folder.path().join("week.db"), begin - 6 * 6 * BLOCK_MS);
    let keys: Vec<SeriesKey> = (0..REPLICAS).map(key).collect();
    let end = begin + DAY as i64 * TICK_MS;
    ask(
        "1 day, 1 000 series, 720 buckets (goal 300 ms)",
        &path,
        &keys,
        begin,
        end,
        20,
    );
    ask("1 day, 1 series, 720 buckets", &path, &keys[..1], begin, end, 100);
    ask(
        "2 hours, 6 series, 720 buckets",
        &path,
        &keys[..6],
        end - BLOCK_MS,
        end,
        100,
    );
}

type Peer = fn(&Path, u64, usize, i64, bool) -> Option<(u64, Duration)>;

fn row(name: &str, samples: u64, exact: u64, jitter: u64, took: Duration) {
    let each = |bytes: u64| bytes as f64 / samples as f64;
    println!(
        "| {name} | {:.1} M | {:.3} | {:.3} | {:.1} s |",
        samples as f64 / 1e6,
        each(exact),
        each(jitter),
        took.as_secs_f64()
    );
}

/// Bytes of the chunks in one table.
fn stored(path: &Path, table: &str) -> u64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sum = format!("SELECT sum(length(data)) FROM {table}");
    connection
        .query_row(&sum, [], |row| row.get::<_, i64>(0))
        .unwrap()
        .unsigned_abs()
}

fn key(number: u64) -> SeriesKey {
    SeriesKey::replica("fleet", format!("r{number}"), Metric::LagMs)
}

fn open(path: &Path) -> History {
    let keep = Duration::from_secs(30 * 86_400);
    let settings = Settings {
        keep: [keep; 4],
        ..Settings::default()
    };
    let (history, notices) = History::open(path, settings);
    assert_eq!(notices, []);
    history
}

/// The fleet's day in our file, and how long it took. Jitter is kept exactly, as a second series of each replica.
fn ours(path: &Path, begin: i64, jitter: bool) -> (u64, Duration) {
    let history = open(path);
    let mut fleet: Vec<(SeriesKey, SeriesKey, Lag, Dice)> = (0..REPLICAS)
        .map(|number| {
            let late = SeriesKey::replica("fleet", format!("r{number}"), Metric::PingAgoMs);
            (key(number), late, Lag::of(number), Dice::new(number + 77))
        })
        .collect();
    let mut took = Duration::ZERO;
    // One tick of the next block, so that the last one is put away.
    for tick in 0..=DAY {
        let mut said = Vec::with_capacity(fleet.len() * 2);
        for (lag_key, late_key, lag, dice) in &mut fleet {
            said.push((lag_key.clone(), Value::Known(lag.next())));
            if jitter {
                said.push((late_key.clone(), Value::Known(late(dice, true))));
            }
        }
        let started = Instant::now();
        assert!(history.record_figures(begin + tick as i64 * TICK_MS, said));
        if tick % FLUSH == 0 {
            assert!(history.flush());
        }
        took += started.elapsed();
    }
    history.close();
    assert_eq!(history.health(), Health::Writing);
    (size(path), took)
}

/// Seven days of six series.
fn week(path: &Path, begin: i64) {
    let history = open(path);
    let mut fleet: Vec<(SeriesKey, Lag)> = [0, 1, 60, 80, 90, 99]
        .map(|number| (key(number), Lag::of(number)))
        .into();
    for tick in 0..7 * DAY {
        let said = fleet
            .iter_mut()
            .map(|(key, lag)| (key.clone(), Value::Known(lag.next())));
        assert!(history.record_figures(begin + tick as i64 * TICK_MS, said.collect()));
        if tick % 100 == 0 {
            assert!(history.flush());
        }
    }
    history.close();
    let keys: Vec<SeriesKey> = fleet.into_iter().map(|(key, _)| key).collect();
    let end = begin + 7 * DAY as i64 * TICK_MS;
    ask(
        "7 days, 6 series, 720 buckets (goal 30 ms)",
        path,
        &keys,
        begin,
        end,
        200,
    );
}

fn ask(question: &str, path: &Path, keys: &[SeriesKey], from: i64, to: i64, times: usize) {
    let reader = replica_monitor::history::Reader::open(path).unwrap();
    let mut took = Vec::new();
    for _ in 0..times + 2 {
        let started = Instant::now();
        let columns = reader.query(keys, from, to, 720).unwrap();
        took.push(started.elapsed());
        assert!(
            columns
                .iter()
                .all(|columns| columns.max.iter().flatten().count() > 300)
        );
    }
    // The first ones warm the caches.
    let mut warm = took.split_off(2);
    warm.sort();
    let at = |share: f64| warm[((warm.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "| {question} | {:.1} ms | {:.1} ms | {:.1} ms |",
        at(0.5),
        at(0.95),
        at(1.0)
    );
}
