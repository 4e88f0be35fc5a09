//! The store as a whole: what goes in comes out, once, whatever happens to the process, the file and the disk.

mod crash;
mod past;
mod retention;
mod trouble;

use super::store::{BLOCK, Store};
use super::*;
use replica_core::{Lag, Project, Replica, Role, Snapshot, State};
use std::collections::BTreeMap;

/// A multiple of a block of two seconds' ticks, somewhere in 2026.
const BEGIN: i64 = BLOCK * 2000 * 123_500;

/// The same numbers on every run, different ones for every seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn lag(replica: &str) -> SeriesKey {
    SeriesKey::replica("shop", replica, Metric::LagMs)
}

/// What was said, tick by tick, by each series.
type Expected = BTreeMap<SeriesKey, Vec<(i64, Value)>>;

/// A fleet that makes up what it says, and remembers it.
struct Fleet {
    dice: Dice,
    tick: i64,
    expected: Expected,
}

impl Fleet {
    fn new(seed: u64, tick: i64) -> Self {
        Self {
            dice: Dice(seed),
            tick,
            expected: Expected::new(),
        }
    }

    /// Mostly figures; now and then stretches that are unknown, or of which nothing is said.
    fn say(&mut self, at_ms: i64) -> Vec<(SeriesKey, Value)> {
        let at = at_ms / self.tick;
        let mut said = Vec::new();
        for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
            let mood = (at / 37 + number as i64 * 5) % 11;
            let value = match mood {
                0 => Value::Unknown("no answer".into()),
                1 => Value::Unknown(format!("reason {}", at / 400 % 5).into()),
                2 => continue,
                3..=6 => Value::Known(7),
                _ => Value::Known(self.dice.roll(1000) as i64 - 100),
            };
            // One series whose minutes are not kept.
            let metric = if name == "c" {
                Metric::PingAgoMs
            } else {
                Metric::LagMs
            };
            said.push((SeriesKey::replica("shop", name, metric), value));
        }
        for (key, value) in &said {
            self.expected
                .entry(key.clone())
                .or_default()
                .push((at_ms, value.clone()));
        }
        said
    }

    /// What it said before that.
    fn until(&self, end_ms: i64) -> Expected {
        let cut = |said: &Vec<(i64, Value)>| {
            said.iter()
                .filter(|(ts, _)| *ts < end_ms)
                .cloned()
                .collect::<Vec<_>>()
        };
        let cut = self.expected.iter().map(|(key, said)| (key.clone(), cut(said)));
        cut.filter(|(_, said)| !said.is_empty()).collect()
    }
}

/// Everything that is kept.
fn all(reader: &Reader) -> Expected {
    let series = reader.series().unwrap().into_iter();
    let said = series.map(|key| (key.clone(), reader.samples(&key, i64::MIN, i64::MAX).unwrap()));
    said.filter(|(_, said)| !said.is_empty()).collect()
}

#[track_caller]
fn is_sound(reader: &Reader) {
    assert_eq!(reader.check().unwrap().findings, Vec::<String>::new());
}

fn settings(tick_ms: u64) -> Settings {
    Settings {
        // Long ago is not too old here.
        keep: [std::time::Duration::from_secs(10 * 365 * 86_400); 4],
        keep_events: std::time::Duration::from_secs(10 * 365 * 86_400),
        // Tests flush when they want to.
        flush: std::time::Duration::from_secs(3600),
        ..Settings::every(std::time::Duration::from_millis(tick_ms))
    }
}

fn store(path: &Path, tick_ms: u64) -> Store {
    let (store, notices) = Store::open(path, &settings(tick_ms), BEGIN).unwrap();
    assert_eq!(notices, []);
    store
}

/// A snapshot of one project whose slave is so far behind.
fn snapshot(lag: Lag, state: State) -> Arc<Snapshot> {
    let mut slave = Replica::new("s", Role::Slave);
    (slave.lag, slave.state) = (lag, state);
    let project = Project::new("shop", vec![Replica::new("m", Role::Master), slave]);
    Arc::new(Snapshot::named("test").with_project(project))
}

#[test]
fn what_goes_in_comes_out_over_blocks_gaps_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let mut fleet = Fleet::new(1, 2000);
    let mut tick = BEGIN / 2000;
    for _ in 0..4 {
        let mut store = store(&path, 2000);
        for _ in 0..BLOCK / 3 + 100 {
            let said = fleet.say(tick * 2000);
            assert!(store.take_in(tick * 2000 + 3, said).unwrap());
            tick += 1;
        }
        store.flush().unwrap();
        // Nobody was there for a while.
        tick += 100;
    }
    let reader = Reader::open(&path).unwrap();
    assert_eq!(all(&reader), fleet.expected);
    is_sound(&reader);
    assert!(reader.check().unwrap().blocks >= 1);
}

#[test]
fn a_clock_that_goes_back_writes_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let mut store = store(&path, 2000);
    let said = || vec![(lag("a"), Value::Known(1))];
    assert!(store.take_in(BEGIN + 10_000, said()).unwrap());
    assert!(!store.take_in(BEGIN + 10_900, said()).unwrap());
    assert!(!store.take_in(BEGIN, said()).unwrap());
    assert!(store.take_in(BEGIN + 12_000, said()).unwrap());
    store.flush().unwrap();
    let samples = Reader::open(&path)
        .unwrap()
        .samples(&lag("a"), 0, i64::MAX)
        .unwrap();
    assert_eq!(
        samples.iter().map(|(ts, _)| ts - BEGIN).collect::<Vec<_>>(),
        [10_000, 12_000]
    );
}

#[test]
fn another_tick_after_a_restart_is_another_block() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let mut expected = Vec::new();
    let mut now = BEGIN + 4_000;
    for tick in [2000, 500, 2000, 15_000] {
        let mut store = store(&path, tick);
        for _ in 0..200 {
            now = (now / tick as i64 + 1) * tick as i64;
            assert!(
                store
                    .take_in(now, vec![(lag("a"), Value::Known(now / 500 % 77))])
                    .unwrap()
            );
            expected.push((now, Value::Known(now / 500 % 77)));
        }
        store.flush().unwrap();
        now += 15_000;
    }
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.samples(&lag("a"), 0, i64::MAX).unwrap(), expected);
    is_sound(&reader);
}

#[test]
fn through_the_door_and_its_thread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (history, notices) = History::open(&path, settings(2000));
    assert_eq!(notices, []);
    let mut fleet = Fleet::new(7, 2000);
    for tick in 0..100 {
        let at_ms = BEGIN + tick * 2000;
        assert!(history.record_figures(at_ms, fleet.say(at_ms)));
    }
    assert!(history.flush());
    assert_eq!(all(&history.reader().unwrap()), fleet.expected);
    for tick in 100..200 {
        let at_ms = BEGIN + tick * 2000;
        assert!(history.record_figures(at_ms, fleet.say(at_ms)));
    }
    history.close();
    assert_eq!(all(&history.reader().unwrap()), fleet.expected);
    assert_eq!(
        history.status(),
        Status {
            health: Health::Writing,
            dropped_samples: 0,
            dropped_events: 0,
            refused_series: 0
        }
    );
    assert!(
        !history.record_figures(BEGIN + 500_000, Vec::new()),
        "it is closed"
    );
    assert_eq!(history.status().dropped_samples, 1);
}

#[test]
fn more_series_than_allowed_are_refused_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        max_series: 2,
        ..settings(2000)
    };
    let (mut store, _) = Store::open(&folder.path().join("h.db"), &settings, BEGIN).unwrap();
    let said = ["a", "b", "c"].map(|name| (lag(name), Value::Known(1)));
    assert!(store.take_in(BEGIN, said.to_vec()).unwrap());
    assert_eq!(store.refused_series, 1);
}

/// The buckets, sample by sample.
fn brute(samples: &[(i64, Value)], columns: &Columns) -> Columns {
    let mut expected = Columns {
        width_ms: columns.width_ms,
        ts: columns.ts.clone(),
        ..Columns::default()
    };
    for begin in &columns.ts {
        let inside = samples
            .iter()
            .filter(|(ts, _)| (*begin..begin + columns.width_ms).contains(ts));
        let inside: Vec<&Value> = inside.map(|(_, value)| value).collect();
        let known: Vec<i64> = inside
            .iter()
            .filter_map(|value| {
                if let Value::Known(figure) = value {
                    Some(*figure)
                } else {
                    None
                }
            })
            .collect();
        let share = |part: f64, whole: usize| (whole > 0).then(|| part / whole as f64);
        expected.min.push(known.iter().min().copied());
        expected.max.push(known.iter().max().copied());
        expected.last.push(known.last().copied());
        expected
            .avg
            .push(share(known.iter().sum::<i64>() as f64, known.len()));
        expected
            .unknown_share
            .push(share((inside.len() - known.len()) as f64, inside.len()));
    }
    expected
}

#[test]
fn buckets_are_what_the_samples_come_to_at_every_tier() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (mut fleet, mut store) = (Fleet::new(3, 2000), store(&path, 2000));
    // Two blocks, some stretches, and an open end; with a hole of an hour.
    for tick in (0..BLOCK + 1400).chain(2 * BLOCK - 400..2 * BLOCK + 1000) {
        let at_ms = BEGIN + tick * 2000;
        assert!(store.take_in(at_ms, fleet.say(at_ms)).unwrap());
    }
    store.flush().unwrap();
    let reader = Reader::open(&path).unwrap();
    let keys: Vec<SeriesKey> = fleet.expected.keys().cloned().chain([lag("nobody")]).collect();
    let mut dice = Dice(5);
    let mut widths = Vec::new();
    for _ in 0..60 {
        let from = BEGIN + dice.roll(17_000) as i64 * 1999;
        let to = from + dice.roll(16_000) as i64 * 2111 + 1;
        let buckets = 1 + dice.roll(800) as usize;
        let answers = reader.query(&keys, from, to, buckets).unwrap();
        for (key, columns) in keys.iter().zip(&answers) {
            assert!(columns.ts.len() <= buckets.min(MOST_BUCKETS));
            assert!(columns.ts[0] <= from && columns.ts.last().unwrap() + columns.width_ms >= to);
            let samples = fleet.expected.get(key).map_or(&[][..], |samples| samples);
            assert_eq!(
                columns,
                &brute(samples, columns),
                "{key:?} {from}..{to} in {buckets}"
            );
        }
        widths.push(answers[0].width_ms);
        // The same series, asked for among many.
        let many: Vec<SeriesKey> = std::iter::repeat_n(keys[0].clone(), 70).collect();
        assert!(
            reader
                .query(&many, from, to, buckets)
                .unwrap()
                .iter()
                .all(|one| *one == answers[0])
        );
    }
    for (least, most) in [
        (2000, 9_999),
        (10_000, 59_999),
        (60_000, 599_999),
        (600_000, i64::MAX),
    ] {
        assert!(
            widths.iter().any(|width| (least..=most).contains(width)),
            "no width of {least}..{most}: {widths:?}"
        );
    }
}
