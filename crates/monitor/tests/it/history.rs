//! The history of the real program: kept over a kill, complete at a stop, told when it cannot be kept.

use crate::support::{DEADLINE, Monitor, TREE, binary};
use replica_monitor::history::{EventQuery, History, Metric, Reader, SeriesKey, Settings, Subject, Value};
use std::fs::File;
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

/// Two hours of two replicas and a rule, with stretches that are unknown or missing.
fn two_hours(file: &Path) {
    let (history, notices) = History::open(file, Settings::default());
    assert!(notices.is_empty(), "{notices:?}");
    let key = |replica: &str, metric| SeriesKey::replica("sh,op \"x\"", replica, metric);
    for tick in 0..3600_i64 {
        let lag = match tick % 700 {
            0..100 => Value::Unknown("no answer,\n\"maybe\"".into()),
            _ => Value::Known(tick * 7 % 5000 - 3),
        };
        let mut said = vec![
            (key("a", Metric::LagMs), lag),
            (key("a", Metric::State), Value::Known(3)),
        ];
        if tick % 900 >= 200 {
            said.push((key("ä", Metric::ProbeUs), Value::Known(tick)));
        }
        let rule = SeriesKey {
            subject: Subject::Rule("copy".into()),
            metric: Metric::TotalErrors,
        };
        said.push((rule, Value::Known(tick / 100)));
        assert!(history.record_figures(1_780_000_000_000 + tick * 2000, said));
        assert!(tick % 100 != 0 || history.flush());
    }
    history.close();
}

fn command(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = binary()
        .current_dir(folder)
        .arg("history")
        .args(arguments)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
    )
}

#[test]
fn what_is_exported_and_imported_is_exported_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_hours(&folder.join("one.db"));
    for format in ["csv", "json"] {
        let (code, said) = command(folder, &["export", "one.db", "--format", format, "--out", "one"]);
        assert_eq!(code, Some(0), "{said}");
        let new = format!("{format}.db");
        let (code, said) = command(folder, &["import", "--into", &new, "one"]);
        assert_eq!(
            (code, &*said),
            (Some(0), &*format!("{new}: 13600 samples of 4 series\n"))
        );
        let (code, said) = command(folder, &["check", &new]);
        assert_eq!(code, Some(0), "{said}");
        command(folder, &["export", &new, "--format", format, "--out", "two"]);
        let [one, two] = ["one", "two"].map(|name| {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
            lines.sort();
            lines
        });
        assert!(one == two, "{format}");
    }
    // Also from two files, which may overlap in time but not in samples.
    for (replica, file) in [("a", "a.csv"), ("ä", "b.csv")] {
        command(folder, &["export", "one.db", "--replica", replica, "--out", file]);
    }
    let (code, said) = command(folder, &["import", "--into", "both.db", "a.csv", "b.csv"]);
    assert_eq!((code, &*said), (Some(0), "both.db: 10000 samples of 3 series\n"));
}

#[test]
fn a_table_of_parquet_holds_every_sample_and_why_it_is_unknown() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_hours(&folder.join("one.db"));
    let (code, said) = command(
        folder,
        &["export", "one.db", "--format", "parquet", "--out", "t.parquet"],
    );
    assert_eq!((code, &*said), (Some(0), ""));
    let reader = SerializedFileReader::new(File::open(folder.join("t.parquet")).unwrap()).unwrap();
    let (mut rows, mut unknown, mut sum) = (0, 0, 0);
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        rows += 1;
        match (row.get_long(5), row.get_string(6)) {
            (Ok(value), Err(_)) => sum += value,
            (Err(_), Ok(why)) => {
                assert_eq!(why, "no answer,\n\"maybe\"");
                unknown += 1;
            }
            other => panic!("{other:?}"),
        }
        assert!(row.get_timestamp_millis(0).unwrap() >= 1_780_000_000_000);
    }
    let (_, objects) = command(folder, &["export", "one.db", "--format", "json"]);
    let values = objects
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["value"].as_i64());
    assert_eq!((rows, unknown, sum), (13_600, 600, values.sum()));
    let (code, said) = command(folder, &["export", "one.db", "--format", "parquet"]);
    assert!(code == Some(2) && said.contains("--out"), "{said}");
}

#[test]
fn one_bad_line_imports_nothing_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let head = "time_ms,project,replica,rule,metric,value,unknown";
    let object = r#"{"time_ms":1000,"project":"p","replica":"r","metric":"lag_ms","value":1}"#;
    for (text, why) in [
        (
            format!("{head}\n1000,p,r,,lag_ms,1,\n2000,p,r,,lag_ms,many,\n"),
            "bad:3: ",
        ),
        (
            format!("{head}\n1000,p,r,,lag_ms,1,\n1000,p,r,,lag_ms,2,\n"),
            "bad:3: there is a sample of that series at 1000 already",
        ),
        (
            format!("{head}\n1000,p,,,lag_ms,1,\n"),
            "bad:2: it needs a project and a replica",
        ),
        (
            format!("{head}\n1000,p,r,,speed,1,\n"),
            "bad:2: there is no metric \"speed\"",
        ),
        (
            format!("{head}\n1000,p,r,,lag_ms,,\n"),
            "bad:2: it needs either a value or why",
        ),
        ("a,b\n".to_owned(), "bad:1: its head must be time_ms,"),
        (format!("{object}\n{{\"time_ms\":2000"), "bad:2: "),
        (head.to_owned(), "there is no sample in it"),
    ] {
        std::fs::write(folder.join("bad"), text).unwrap();
        let (code, said) = command(folder, &["import", "--into", "new.db", "bad"]);
        assert!(code == Some(1) && said.contains(why), "{why}: {said}");
    }
    let (code, said) = command(folder, &["import", "--into", "new.db", "none"]);
    assert!(code == Some(1) && said.contains("cannot read none"), "{said}");
    std::fs::write(folder.join("there.db"), "mine").unwrap();
    let (code, said) = command(folder, &["import", "--into", "there.db", "bad"]);
    assert!(
        code == Some(1) && said.contains("an import begins a new history"),
        "{said}"
    );
    let mut left: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["bad", "there.db"]);
}
