//! The flight recorder, and events.

use super::*;
use bytes::Bytes;
use serde_json::{Value as Json, json};

#[test]
fn the_past_is_what_was_served_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let mut store = store(&path, 2000);
    let mut moment = Moment::new(snapshot(Lag::exact(5), State::Up), BEGIN);
    moment.seq = 17;
    store.sample(&moment).unwrap();
    moment.at_ms += 2000;
    moment.snapshot = snapshot(Lag::unknown("no answer"), State::Down);
    store.sample(&moment).unwrap();
    // Another replica, and a promotion.
    let promoted = Project::new(
        "shop",
        vec![Replica::new("s", Role::Master), Replica::new("t", Role::Slave)],
    );
    moment.at_ms += 2000;
    moment.snapshot = Arc::new(Snapshot::named("test").with_project(promoted));
    store.sample(&moment).unwrap();
    store.flush().unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.at(BEGIN - 1).unwrap(), None);
    let at = |ms: i64| {
        let past = reader.at(BEGIN + ms).unwrap().unwrap();
        let snapshot: Json = serde_json::from_str(&past.snapshot).unwrap();
        let replicas = snapshot["projects"][0]["replicas"].as_array().unwrap();
        let names: Vec<String> = replicas
            .iter()
            .map(|replica| {
                format!(
                    "{} {}",
                    replica["role"].as_str().unwrap(),
                    replica["name"].as_str().unwrap()
                )
            })
            .collect();
        (past.keyframe_ms - BEGIN, names.join(", "), past.figures.unwrap())
    };
    let said = |figures: &Figures, subject: Subject, metric: Metric| {
        let found = figures
            .of
            .get(&subject)?
            .iter()
            .find(|(found, _)| *found == metric)?;
        Some(found.1.clone())
    };
    let slave = || Subject::Replica(replica_core::ReplicaKey::new("shop", "s"));
    let (keyframe, names, figures) = at(1999);
    assert_eq!(
        (keyframe, &*names, figures.tick_ms),
        (0, "master m, slave s", BEGIN)
    );
    assert_eq!(said(&figures, slave(), Metric::LagMs), Some(Value::Known(5)));
    assert_eq!(said(&figures, slave(), Metric::State), Some(Value::Known(3)));
    assert_eq!(
        said(&figures, Subject::Monitor, Metric::Seq),
        Some(Value::Known(17))
    );
    let (keyframe, names, figures) = at(2000);
    assert_eq!(
        (keyframe, &*names),
        (0, "master m, slave s"),
        "figures alone make no keyframe"
    );
    assert_eq!(
        said(&figures, slave(), Metric::LagMs),
        Some(Value::Unknown("no answer".into()))
    );
    assert_eq!(said(&figures, slave(), Metric::State), Some(Value::Known(2)));
    let (keyframe, names, figures) = at(600_000);
    assert_eq!(
        (keyframe, &*names, figures.tick_ms),
        (4000, "master s, slave t", BEGIN + 4000)
    );
    let text = reader.at(BEGIN).unwrap().unwrap().snapshot;
    assert!(!text.contains(":5"), "no figure stands in a keyframe: {text}");
}

#[test]
fn while_the_source_is_silent_nothing_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let mut store = store(&path, 2000);
    let mut moment = Moment::new(snapshot(Lag::exact(5), State::Up), BEGIN);
    store.sample(&moment).unwrap();
    moment.at_ms += 2000;
    moment.stalled_since_ms = Some(BEGIN + 1000);
    store.sample(&moment).unwrap();
    store.flush().unwrap();
    let reader = Reader::open(&path).unwrap();
    let samples = reader.samples(&lag("s"), 0, i64::MAX).unwrap();
    let why = Value::Unknown("the source does not answer".into());
    assert_eq!(samples, [(BEGIN, Value::Known(5)), (BEGIN + 2000, why)]);
    let columns = &reader
        .query(&[lag("s"), lag("gone")], BEGIN, BEGIN + 6000, 3)
        .unwrap();
    assert_eq!(columns[0].last, [Some(5), None, None]);
    assert_eq!(columns[0].unknown_share, [Some(0.0), Some(1.0), None]);
    assert_eq!(columns[1].unknown_share, [None; 3]);
    let past: Json = serde_json::from_str(&reader.at(BEGIN + 2000).unwrap().unwrap().snapshot).unwrap();
    assert_eq!(past["source"]["stalledSince"], json!(BEGIN + 1000));
}

#[test]
fn an_unchanged_piece_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let mut store = store(&path, 2000);
    let fleet = |odd: bool| {
        let mut replicas: Vec<Replica> = (0..100)
            .map(|n| Replica::new(format!("r{n}"), Role::Slave))
            .collect();
        replicas[50].problem = odd.then(|| "odd".into());
        Arc::new(Snapshot::named("test").with_project(Project::new("p\"[]", replicas)))
    };
    for tick in 0..50 {
        store
            .sample(&Moment::new(fleet(tick % 2 == 1), BEGIN + tick * 2000))
            .unwrap();
    }
    store.flush().unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM keyframe"), 50);
    assert_eq!(
        count("SELECT count(*) FROM body"),
        1 + 1 + 7 + 1,
        "a frame, a project, seven groups, and one of them changed"
    );
    let past = Reader::open(&path).unwrap().at(BEGIN + 2000).unwrap().unwrap();
    let past: Json = serde_json::from_str(&past.snapshot).unwrap();
    assert_eq!(past["projects"][0]["replicas"].as_array().unwrap().len(), 100);
    assert_eq!(past["projects"][0]["replicas"][50]["problem"], json!("odd"));
    assert_eq!(past["projects"][0]["name"], json!("p\"[]"));
}

fn event(seq: i64, kind: &str, project: Option<&str>) -> Bytes {
    let project = project
        .map(|project| format!("\"project\":{project:?},"))
        .unwrap_or_default();
    format!(
        "{{\"type\":{kind:?},{project}\"ts\":{},\"seq\":{seq}}}",
        BEGIN + seq
    )
    .into()
}

#[test]
fn events_are_found_as_they_were_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let mut store = store(&path, 2000);
    let one = |seq| {
        event(
            seq,
            if seq % 10 == 0 { "audit" } else { "replica.state" },
            Some(if seq % 2 == 0 { "even" } else { "odd" }),
        )
    };
    let mut told: Vec<Bytes> = (1..=100).map(one).collect();
    told.push(Bytes::from(
        r#"{"type":"mine","project":{"odd":1},"ts":5,"seq":101}"#,
    ));
    told.iter().for_each(|event| store.event(event.clone()));
    store.flush().unwrap();
    // One that is told twice is kept once.
    store.event(event(7, "replica.state", Some("odd")));
    store.flush().unwrap();
    let reader = Reader::open(&path).unwrap();
    let seqs = |query: EventQuery| {
        let found = reader.events(&query).unwrap();
        // The ring is searched without SQL, and must find the same.
        let newest_first = told.iter().rev().filter(|event| query.admits(event));
        let admitted: Vec<&[u8]> = newest_first.take(query.limit).map(|event| &event[..]).collect();
        let texts: Vec<&[u8]> = found.iter().map(|event| event.json.as_bytes()).collect();
        assert_eq!(texts, admitted, "{query:?}");
        found.iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    let query = EventQuery::default;
    assert_eq!(seqs(query()).len(), 101);
    assert_eq!(seqs(EventQuery { limit: 3, ..query() }), [101, 100, 99]);
    assert_eq!(
        seqs(EventQuery {
            limit: 2,
            before: Some(50),
            ..query()
        }),
        [49, 48]
    );
    assert_eq!(
        seqs(EventQuery {
            limit: 2,
            kind: Some("audit".into()),
            ..query()
        }),
        [100, 90]
    );
    let odd = EventQuery {
        project: Some("odd".into()),
        kind: Some("replica.state".into()),
        ..query()
    };
    assert_eq!(
        seqs(EventQuery {
            limit: 2,
            before: Some(8),
            ..odd
        }),
        [7, 5]
    );
    let range = EventQuery {
        from_ms: Some(BEGIN + 10),
        until_ms: Some(BEGIN + 12),
        ..query()
    };
    assert_eq!(seqs(range), [11, 10]);
    let first = &reader
        .events(&EventQuery {
            before: Some(2),
            ..query()
        })
        .unwrap()[0];
    assert_eq!(
        (first.ts_ms, first.json.as_bytes()),
        (BEGIN + 1, &event(1, "replica.state", Some("odd"))[..])
    );
}
