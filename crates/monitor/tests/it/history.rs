//! The history of the real program: kept over a kill, complete at a stop, told when it cannot be kept.

use crate::support::{DEADLINE, Monitor, TREE};
use replica_monitor::history::{EventQuery, Metric, Reader, SeriesKey, Subject};
use std::path::Path;
use std::time::Instant;

const HISTORY: [&str; 4] = ["--history", "history.db", "--poll", "100"];

/// Reads the file until `wanted` says yes.
fn wait<T>(file: &Path, wanted: impl Fn(&Reader) -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        // It may not have been begun yet.
        if let Some(found) = Reader::open(file).ok().and_then(|reader| wanted(&reader)) {
            return found;
        }
        assert!(Instant::now() < end, "the history never became what was wanted");
        std::thread::yield_now();
    }
}

fn seq() -> SeriesKey {
    SeriesKey {
        subject: Subject::Monitor,
        metric: Metric::Seq,
    }
}

fn ticks(reader: &Reader) -> Vec<i64> {
    let samples = reader.samples(&seq(), 0, i64::MAX).unwrap();
    samples.into_iter().map(|(ts, _)| ts).collect()
}

fn events(reader: &Reader) -> Vec<u64> {
    let kept = reader
        .events(&EventQuery {
            limit: 100_000,
            ..EventQuery::default()
        })
        .unwrap();
    kept.into_iter().rev().map(|event| event.seq).collect()
}

fn tree_with(project: &str) -> String {
    TREE.replace("\"10\"", &format!("{project:?}"))
}

#[test]
fn what_a_killed_monitor_had_written_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree.json");
    let file = folder.path().join("history.db");
    std::fs::write(&tree, TREE).unwrap();
    let (mut kept_ticks, mut kept_events) = (Vec::new(), Vec::new());
    for life in 0..6 {
        // A folder that outlives the monitor in it.
        let home = tempfile::tempdir_in(folder.path()).unwrap();
        let history = file.to_str().unwrap();
        let monitor = Monitor::start_on(home, tree.clone(), &["--history", history, "--poll", "100"], &[]);
        monitor.write_tree(&tree_with(&format!("life {life}")));
        // Until something of this life was flushed; then it is killed, wherever it is.
        let before = kept_ticks.len();
        wait(&file, |reader| (ticks(reader).len() > before + 5).then_some(()));
        drop(monitor);
        let reader = Reader::open(&file).unwrap();
        assert_eq!(reader.check().unwrap().findings, Vec::<String>::new());
        let (ticks, events) = (ticks(&reader), events(&reader));
        assert!(ticks.starts_with(&kept_ticks), "what was kept stays");
        assert!(ticks.windows(2).all(|two| two[0] < two[1]), "each tick once");
        assert!(events.starts_with(&kept_events) && events.len() > kept_events.len());
        (kept_ticks, kept_events) = (ticks, events);
    }
}

#[test]
fn a_stop_writes_everything_down_to_the_last_event() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let home = tempfile::tempdir_in(folder.path()).unwrap();
    let tree = home.path().join("tree.json");
    std::fs::write(&tree, TREE).unwrap();
    let arguments = ["--history", file.to_str().unwrap(), "--poll", "100"];
    let monitor = Monitor::start_on(home, tree, &arguments, &[]);
    monitor.write_tree(&tree_with("another"));
    let served = monitor.wait("/api/events", |events| {
        let events = events.as_array()?.clone();
        events
            .iter()
            .any(|event| event["project"] == "another")
            .then_some(events)
    });
    let snapshot = monitor.json("/api/snapshot");
    // The last tick must have seen it.
    wait(&file, |reader| {
        reader.series().ok().filter(|series| !series.is_empty())
    });
    let (code, _) = monitor.terminate("TERM");
    assert_eq!(code, Some(0));
    let reader = Reader::open(&file).unwrap();
    let kept = reader.events(&EventQuery::default()).unwrap();
    let kept: Vec<serde_json::Value> = kept
        .iter()
        .rev()
        .map(|event| serde_json::from_str(&event.json).unwrap())
        .collect();
    assert_eq!(kept, served);
    let past = reader.at(i64::MAX).unwrap().unwrap();
    let past: serde_json::Value = serde_json::from_str(&past.snapshot).unwrap();
    let names = |snapshot: &serde_json::Value| -> Vec<String> {
        let projects = snapshot["projects"].as_array().unwrap();
        projects
            .iter()
            .map(|project| project["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&past), names(&snapshot));
    assert_eq!(past["rules"], snapshot["rules"]);
}

#[test]
fn a_history_that_cannot_be_kept_is_an_event_and_the_monitor_serves() {
    // The folder that it should be in is a file.
    let monitor = Monitor::start(TREE, &["--history", "replicator-tree.json/history.db"]);
    let said = monitor.wait("/api/events", |events| {
        let events = events.as_array()?;
        let told = events.iter().find(|event| event["context"] == "history")?;
        Some(told["message"].as_str()?.to_owned())
    });
    assert!(said.starts_with("no history is kept: "), "{said}");
    assert_eq!(monitor.get("/api/snapshot").status, 200);
}

#[test]
fn no_password_of_the_tree_is_in_the_file() {
    let monitor = Monitor::start(&TREE.replace("app:pw@", "app:hunter-2-secret@"), &HISTORY);
    let file = monitor.folder.path().join("history.db");
    wait(&file, |reader| reader.at(i64::MAX).ok()??.figures);
    monitor.write_tree(
        &TREE
            .replace("app:pw@", "app:hunter-3-secret@")
            .replace("slave-1", "slave-9"),
    );
    wait(&file, |reader| {
        let past = reader.at(i64::MAX).ok()??;
        assert!(!past.snapshot.contains("secret"));
        past.snapshot.contains("slave-9").then_some(())
    });
    for name in ["history.db", "history.db-wal"] {
        let bytes = std::fs::read(monitor.folder.path().join(name)).unwrap();
        assert!(!bytes.windows(6).any(|six| six == b"secret"), "{name}");
    }
}
