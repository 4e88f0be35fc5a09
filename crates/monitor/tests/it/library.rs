//! The library's door: an application's own source, its events, and what becomes of a source that fails.

use crate::support::{Client, DEADLINE};
use replica_monitor::{
    Config, Dialect, Event, EventKind, Handle, Lag, PoolUsage, Project, Replica, Role, Rule, RuleMode,
    Snapshot, Source, State, SyncStats, start,
};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

fn quick() -> Config {
    Config {
        port: 0,
        poll: Duration::from_millis(5),
        ..Config::default()
    }
}

async fn serve(config: Config, source: impl Source + 'static) -> (Handle, Client) {
    let monitor = start(config, source).await.unwrap();
    let client = Client::at(&monitor.url());
    (monitor, client)
}

/// One measured slave.
fn fleet(lag_ms: u64) -> Snapshot {
    let slave = Replica {
        dialect: Some(Dialect::new("postgres")),
        state: State::Up,
        lag: Lag::exact(lag_ms),
        ..Replica::new("slave", Role::Slave)
    };
    Snapshot::named("mine").with_project(Project::new("shop", vec![slave]))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_measures_is_told_as_old_clients_read_it() {
    let source = || {
        let mut snapshot = fleet(0);
        let master = Replica {
            state: State::Up,
            lag: Lag::not_applicable("a master"),
            pool_usage: Some(PoolUsage { idle: 3, borrowed: 0 }),
            last_ping_ms: Some(1_790_000_000_123),
            ..Replica::new("master", Role::Master)
        };
        let stats = SyncStats {
            inserted: Some(7),
            failed: Some(0),
            duration_ms: Some(41),
            ..SyncStats::default()
        };
        snapshot = snapshot.with_project(Project::new("other", vec![master]));
        snapshot.rules = vec![Rule {
            last_stats: Some(Arc::new(stats)),
            ..Rule::new("copy", "shop", "other", RuleMode::Snapshot)
        }];
        snapshot
    };
    let (monitor, client) = serve(quick(), source).await;
    let slave = json!({ "name": "slave", "role": "slave", "dialect": "postgres", "lag": 0, "state": "up" });
    let master = json!({ "name": "master", "role": "master", "lag": null, "state": "up",
        "poolUsage": { "in": 3, "out": 0 }, "lastPing": 1_790_000_000_123_u64 });
    assert_eq!(
        client.json("/api/replicas"),
        json!({ "shop": [slave], "other": [master] })
    );
    assert_eq!(
        client.json("/api/rules")[0]["lastStats"],
        json!({ "inserted": 7, "failed": 0, "durationMs": 41 })
    );
    monitor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lag_that_moves_is_an_event_and_one_that_stands_still_is_none() {
    let lag = Arc::new(AtomicU64::new(5));
    let measured = Arc::clone(&lag);
    let (monitor, client) = serve(quick(), move || fleet(measured.load(SeqCst))).await;
    let mut stream = client.stream("");
    while stream.event()["project"] != "_monitor_" {}
    for figure in [0, 900] {
        lag.store(figure, SeqCst);
        let event = stream.event();
        assert_eq!(
            (
                &event["type"],
                &event["replica"],
                &event["lag"],
                &event["lagOnly"]
            ),
            (
                &json!("replica.state"),
                &json!("slave"),
                &json!(figure),
                &json!(true)
            )
        );
    }
    assert_eq!(monitor.snapshot().projects[0].replicas[0].lag, Lag::exact(900));
    monitor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_application_tells_is_heard_everywhere() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let config = Config {
        on_event: Some(Arc::new(move |event: &Event| {
            ear.lock().unwrap().push(event.clone())
        })),
        ..quick()
    };
    let (monitor, client) = serve(config, || fleet(1)).await;
    let mut stream = client.stream("");
    while stream.event()["project"] != "_monitor_" {}
    let rule: Arc<str> = "copy".into();
    let stats = SyncStats {
        updated: Some(2),
        ..SyncStats::default()
    };
    let done = EventKind::RuleSyncDone {
        rule: Arc::clone(&rule),
        stats: Arc::new(stats),
    };
    for kind in [EventKind::RuleSyncStart { rule }, done] {
        monitor.emit(Event::new(1_790_000_000_000, kind)).unwrap();
    }
    let (began, ended) = (stream.event(), stream.event());
    let seq = began["seq"].as_u64().unwrap();
    assert_eq!(
        began,
        json!({ "type": "rule.sync.start", "rule": "copy", "ts": 1_790_000_000_000_u64, "seq": seq })
    );
    assert_eq!(
        (&ended["type"], &ended["stats"], &ended["seq"]),
        (
            &json!("rule.sync.done"),
            &json!({ "updated": 2 }),
            &json!(seq + 1)
        )
    );
    let listed = client.json("/api/events");
    assert_eq!(listed.as_array().unwrap()[2..], [began, ended]);
    assert_eq!(heard.lock().unwrap().len(), 4, "added, up, start, done");
    monitor.stop().await;
}

/// Asks until `/readyz` says `status`.
fn wait_until_ready_says(client: &Client, status: u16) {
    let end = std::time::Instant::now() + DEADLINE;
    while client.get("/readyz").status != status {
        assert!(std::time::Instant::now() < end, "/readyz never said {status}");
    }
}

fn last_type(client: &Client, kind: &str) -> Value {
    let events = client.json("/api/events");
    let found = events
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .find(|event| event["type"] == kind);
    found.cloned().unwrap_or_else(|| panic!("no {kind} in {events}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_hangs_is_called_stalled_and_its_last_word_stays() {
    let (go_on, hung) = mpsc::channel();
    let (asked, hung) = (AtomicU64::new(0), Mutex::new(hung));
    let source = move || {
        if asked.fetch_add(1, SeqCst) == 1 {
            hung.lock().unwrap().recv().unwrap();
        }
        fleet(7)
    };
    let (monitor, client) = serve(quick(), source).await;
    wait_until_ready_says(&client, 503);
    assert_eq!(client.json("/api/replicas")["shop"][0]["lag"], 7);
    assert!(client.json("/api/snapshot")["source"]["stalledSince"].is_u64());
    assert_eq!(last_type(&client, "error")["context"], "source");
    go_on.send(()).unwrap();
    wait_until_ready_says(&client, 200);
    last_type(&client, "problem.cleared");
    monitor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_panics_is_asked_again() {
    let asked = AtomicU64::new(0);
    let source = move || {
        if asked.fetch_add(1, SeqCst) == 1 {
            // A panic, but for the trace that is printed: on a busy machine that takes so long that the source counts as silent.
            std::panic::resume_unwind(Box::new("on purpose"));
        }
        fleet(7)
    };
    let (monitor, client) = serve(quick(), source).await;
    client.wait("/api/events", |events| {
        let types = events.as_array()?.iter().map(|event| event["type"].as_str());
        types
            .into_iter()
            .any(|kind| kind == Some("problem.cleared"))
            .then_some(())
    });
    assert_eq!(last_type(&client, "error")["message"], "the source panicked");
    monitor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_the_streams_and_frees_the_port() {
    let (monitor, client) = serve(quick(), || fleet(1)).await;
    let mut stream = client.stream("");
    stream.event();
    monitor.stop().await;
    while stream.next().is_some() {}
    assert!(TcpStream::connect(("127.0.0.1", client.port)).is_err());
}
