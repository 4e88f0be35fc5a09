//! What goes, and in which order.

use super::*;
use std::time::Duration;

const BLOCK_MS: i64 = BLOCK * 2000;

/// Samples of so many blocks, and the first tick of the next, so that they are put away.
fn fill(store: &mut Store, fleet: &mut Fleet, blocks: i64) {
    for tick in 0..=blocks * BLOCK {
        let at_ms = BEGIN + tick * 2000;
        let said = fleet.say(at_ms);
        assert!(store.take_in(at_ms, said).unwrap());
    }
    store.flush().unwrap();
}

fn levels(path: &Path) -> Vec<(i64, i64)> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut select = connection
        .prepare("SELECT start_ms, levels FROM block ORDER BY id")
        .unwrap();
    let rows = select.query_map([], |row| {
        Ok(((row.get::<_, i64>(0)? - BEGIN) / BLOCK_MS, row.get(1)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

const RAW_AND_MINUTES: i64 = 1 | 4;

#[test]
fn samples_that_are_too_old_become_tiers_and_then_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (mut fleet, mut first) = (Fleet::new(1, 2000), store(&path, 2000));
    fill(&mut first, &mut fleet, 3);
    drop(first);
    assert_eq!(
        levels(&path),
        [(0, RAW_AND_MINUTES), (1, RAW_AND_MINUTES), (2, RAW_AND_MINUTES)]
    );
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let settings = Settings {
        keep: [hours(6), hours(10), hours(10), hours(18)],
        ..settings(2000)
    };
    let now = BEGIN + 3 * BLOCK_MS;
    let (mut store, _) = Store::open(&path, &settings, now).unwrap();
    store.retain(now).unwrap();
    // The first block is too old for all but ten minutes, the second for single samples.
    assert_eq!(
        levels(&path),
        [(0, 4 | 8), (1, RAW_AND_MINUTES), (2, RAW_AND_MINUTES)].map(|(block, levels)| match block {
            0 => (0, 2 | 4),
            _ => (block, levels),
        })
    );
    store.retain(now + BLOCK_MS).unwrap();
    assert_eq!(levels(&path), [(0, 8), (1, 2 | 4), (2, RAW_AND_MINUTES)]);
    // What is left is still true.
    let reader = Reader::open(&path).unwrap();
    is_sound(&reader);
    let key = fleet.expected.keys().next().unwrap();
    for (from, buckets, width) in [
        (BEGIN, 720, 600_000),
        (BEGIN + BLOCK_MS, 720, 40_000),
        (BEGIN + BLOCK_MS + BLOCK_MS / 2, 700, 40_000),
    ] {
        let to = BEGIN + 3 * BLOCK_MS;
        let columns = &reader
            .query(std::slice::from_ref(key), from, to, buckets)
            .unwrap()[0];
        assert!(columns.width_ms <= width, "{}", columns.width_ms);
        assert_eq!(columns, &brute(&fleet.expected[key], columns));
    }
    store.retain(now + 100 * BLOCK_MS).unwrap();
    assert_eq!(levels(&path), []);
}

#[test]
fn a_file_that_is_too_large_loses_the_oldest_samples_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let mut first = store(&path, 2000);
    let mut dice = Dice(4);
    // Noise: nothing packs it.
    for tick in 0..=3 * BLOCK {
        let noise = (0..8).map(|name| (lag(&name.to_string()), Value::Known(dice.roll(1 << 31) as i64)));
        first.take_in(BEGIN + tick * 2000, noise.collect()).unwrap();
    }
    first.flush().unwrap();
    drop(first);
    let whole = {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let pragma = |name: &str| file::pragma(&connection, name).unwrap() as u64;
        (pragma("page_count") - pragma("freelist_count")) * pragma("page_size")
    };
    let settings = Settings {
        max_bytes: whole * 9 / 10,
        ..settings(2000)
    };
    let (mut again, _) = Store::open(&path, &settings, BEGIN).unwrap();
    again.retain(BEGIN + 3 * BLOCK_MS).unwrap();
    assert_eq!(
        levels(&path),
        [(0, 4), (1, RAW_AND_MINUTES), (2, RAW_AND_MINUTES)]
    );
    let settings = Settings {
        max_bytes: 1,
        ..settings
    };
    drop(again);
    let (mut again, _) = Store::open(&path, &settings, BEGIN).unwrap();
    again.retain(BEGIN + 3 * BLOCK_MS).unwrap();
    assert_eq!(levels(&path), []);
    drop(again);
    let left = std::fs::metadata(&path).unwrap().len();
    assert!(left < whole / 2, "{left} of {whole} bytes are left");
    let reader = Reader::open(&path).unwrap();
    is_sound(&reader);
}

#[test]
fn old_events_go_and_audits_stay_longer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let day = Duration::from_secs(86_400);
    let settings = Settings {
        keep_events: day,
        keep_audit: day * 10,
        ..settings(2000)
    };
    let (mut store, _) = Store::open(&path, &settings, BEGIN).unwrap();
    for (seq, kind) in ["replica.added", "audit"].into_iter().enumerate() {
        store.event(format!(r#"{{"type":"{kind}","ts":{BEGIN},"seq":{seq}}}"#).into());
    }
    // Three days of which each has another topology.
    for hour in [0, 30, 70] {
        let project = Project::new(format!("p{hour}"), vec![Replica::new("m", Role::Master)]);
        let snapshot = Arc::new(Snapshot::named("test").with_project(project));
        store
            .sample(&Moment::new(snapshot, BEGIN + hour * 3_600_000))
            .unwrap();
    }
    store.flush().unwrap();
    let now = BEGIN + 72 * 3_600_000;
    store.retain(now).unwrap();
    let reader = Reader::open(&path).unwrap();
    let kept = reader.events(&EventQuery::default()).unwrap();
    assert_eq!(kept.iter().map(|event| event.seq).collect::<Vec<_>>(), [1]);
    assert_eq!(reader.at(BEGIN + 3_600_000).unwrap(), None);
    // How things stood at the beginning of what is kept was said before.
    let past = reader.at(now - 23 * 3_600_000).unwrap().unwrap();
    assert!(past.snapshot.contains("p30"), "{}", past.snapshot);
    store.retain(now + 10 * 86_400_000).unwrap();
    assert_eq!(reader.events(&EventQuery::default()).unwrap(), []);
}
