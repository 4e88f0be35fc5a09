//! What was, asked over HTTP: figures in buckets, events, and how everything stood.

use crate::support::{DEADLINE, Monitor, TREE, binary, with_servers};
use anyhow::ensure;
use replica_lab::{Lab, Redis, Truth, WATCHER, wait_for};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// What a snapshot says of each replica, without what is not kept.
fn said(snapshot: &Value) -> Vec<Value> {
    let projects = snapshot["projects"].as_array().unwrap();
    let replicas = projects
        .iter()
        .flat_map(|project| project["replicas"].as_array().unwrap());
    let fields = [
        "name",
        "role",
        "state",
        "lag",
        "lagVerdict",
        "lagReason",
        "lagAsOf",
        "lagTolerance",
    ];
    let told = |replica: &Value| Value::from_iter(fields.map(|field| (field, replica[field].clone())));
    let drift = |replica: &Value| replica["observed"]["drift"].clone();
    replicas
        .map(|replica| json!([told(replica), drift(replica)]))
        .collect()
}

#[test]
fn without_a_history_that_is_said() {
    let monitor = Monitor::start(TREE, &[]);
    for path in ["/api/history?project=shop", "/api/at?ts=1"] {
        let answer = monitor.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("no history is kept"), "{path}");
    }
    // Events are found among the last ones instead.
    let all = monitor.json("/api/events");
    let all = all.as_array().unwrap();
    let added: Vec<&Value> = all
        .iter()
        .filter(|event| event["type"] == "replica.added")
        .collect();
    assert!(added.len() > 1, "{all:?}");
    let found = |query: &str| monitor.json(&format!("/api/events?{query}"));
    assert_eq!(found("type=replica.added"), json!(added));
    assert_eq!(
        found("type=replica.added&limit=1"),
        json!(added[added.len() - 1..])
    );
    assert_eq!(found("project=nobody"), json!([]));
    assert_eq!(found(&format!("before={}", all[1]["seq"])), json!(all[..1]));
}

#[test]
fn what_is_unknown_stays_unknown_and_events_are_found_again() {
    let monitor = Monitor::start(TREE, &["--history", "history.db", "--poll", "100"]);
    let path = "/api/history?project=shop&metric=lag_ms&metric=state";
    let kept = monitor.wait(path, |history| {
        let unknown = history["series"][2]["unknown"].as_array()?;
        unknown
            .iter()
            .any(|share| *share == json!(1.0))
            .then(|| history.clone())
    });
    assert_eq!(kept["series"].as_array().unwrap().len(), 4);
    assert_eq!(kept["series"][2]["replica"], "slave-1");
    let figures = kept["series"][2]["max"].as_array().unwrap();
    assert!(
        figures.iter().all(Value::is_null),
        "nobody measured it: {figures:?}"
    );
    assert_eq!(kept["health"]["state"], "writing");

    monitor.write_tree(&TREE.replace("\"10\"", "\"ten\""));
    let added = monitor.wait("/api/events?type=replica.added&project=ten", |events| {
        events.as_array().filter(|events| events.len() == 1).cloned()
    });
    let before = added[0]["seq"].as_u64().unwrap();
    let older = monitor.json(&format!("/api/events?before={before}&limit=2"));
    let seqs: Vec<u64> = older
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    assert!(
        seqs.len() == 2 && seqs[0] < seqs[1] && seqs[1] < before,
        "{seqs:?}"
    );
    // As it stood before the change.
    let first = added[0]["ts"].as_i64().unwrap() - 1;
    let past = monitor.wait(&format!("/api/at?ts={first}"), |past| {
        past["at"].is_i64().then(|| past.clone())
    });
    let names: Vec<&str> = past["projects"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["name"].as_str())
        .collect();
    assert_eq!(names, ["shop", "10", "9"]);
}

#[test]
fn the_file_is_checked_and_exported_while_it_is_written() {
    let monitor = Monitor::start(
        &TREE.replace("slave-1", "sl,ave \\\"1"),
        &["--history", "history.db", "--poll", "100"],
    );
    monitor.wait("/api/at?ts=9999999999999", |past| {
        past["at"].is_i64().then_some(())
    });
    let file = monitor.folder.path().join("history.db").display().to_string();
    let run = |arguments: &[&str]| {
        let output = binary().arg("history").args(arguments).output().unwrap();
        (
            output.status.code(),
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
        )
    };
    let (code, said) = run(&["check", &file]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(" 0 findings"), "{said}");
    let (_, table) = run(&["export", &file, "--project", "shop", "--metric", "lag_ms"]);
    let mut lines = table.lines();
    assert_eq!(
        lines.next(),
        Some("time_ms,project,replica,rule,metric,value,unknown")
    );
    let reason = "not measured: a tree file declares replicas, nothing asks them";
    let slave = table
        .lines()
        .find(|line| line.contains("\"sl,ave \"\"1\""))
        .unwrap();
    assert!(slave.ends_with(&format!(",,lag_ms,,\"{reason}\"")), "{slave}");
    let (_, objects) = run(&[
        "export",
        &file,
        "--format",
        "json",
        "--metric",
        "state",
        "--replica",
        "master",
    ]);
    let first: Value = serde_json::from_str(objects.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["project"], &first["value"], &first["unknown"]),
        (&json!("shop"), &json!(0), &Value::Null)
    );
    assert_eq!(run(&["check", "none.db"]).0, Some(1));
    assert_eq!(run(&["export", &file, "--metric", "speed"]).0, Some(2));
}

#[test]
fn bad_questions_are_refused_with_the_reason() {
    let monitor = Monitor::start(TREE, &["--history", "history.db"]);
    for (path, status, why) in [
        ("/api/history", 400, "name a project or a rule"),
        ("/api/history?project=shop&metric=speed", 400, "no metric"),
        (
            "/api/history?project=shop&from=9&to=9",
            400,
            "from must be before to",
        ),
        (
            "/api/history?project=shop&from=soon",
            400,
            "from must be a whole number",
        ),
        ("/api/at", 400, "ts must be named"),
        ("/api/at?ts=1", 404, "that time is not kept"),
        ("/api/events?limit=x", 400, "limit must be a whole number"),
    ] {
        let answer = monitor.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(why), "{path}: {}", answer.text());
    }
    let none = monitor.json("/api/history?project=nobody");
    assert_eq!(none["series"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_is_what_was_served_then() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "master").await?;
        let replica = master.replica(&lab, "r", None).await?;
        let _truth = Truth::start(&master, 14.0).await?;
        let tree = json!({ "replicas": { "shop": {
            "m": { "role": "master", "dialect": "redis", "uri": master.uri(WATCHER) },
            "r": { "role": "slave", "dialect": "redis", "uri": replica.uri(WATCHER), "lagTolerance": 1000 },
        } } });
        // With --live a history is kept unasked.
        let monitor = Monitor::start(&tree.to_string(), &["--live", "--poll", "250"]);
        let mut served: HashMap<u64, Vec<Value>> = HashMap::new();
        let mut watch = async |what: &str, holds: &dyn Fn(&Value) -> bool| {
            wait_for(what, DEADLINE, async || {
                let now = monitor.json("/api/snapshot");
                served.insert(now["seq"].as_u64().unwrap(), said(&now));
                holds(&now)
            })
            .await
        };
        let slave = |snapshot: &Value| snapshot["projects"][0]["replicas"][1].clone();
        watch("all well", &|now| slave(now)["lag"] == 0).await?;
        replica.pause_writes(Duration::from_secs(3)).await?;
        watch("late", &|now| {
            slave(now)["lag"].as_u64().is_some_and(|lag| lag > 1500)
        })
        .await?;
        watch("well again", &|now| slave(now)["lag"] == 0).await?;
        replica.promote().await?;
        let drifted = |now: &Value| {
            slave(now)["observed"]["drift"]
                .as_array()
                .is_some_and(|drift| !drift.is_empty())
        };
        watch("promoted behind our back", &drifted).await?;
        replica.daemon().kill().await?;
        watch("dead", &|now| slave(now)["state"] == "down").await?;

        let end = monitor.json("/api/health")["ts"].as_i64().unwrap();
        wait_for("all of that to be written", DEADLINE, async || {
            monitor.json(&format!("/api/at?ts={}", end + 1000))["at"]
                .as_i64()
                .is_some_and(|at| at >= end)
        })
        .await?;
        let mut compared = 0;
        for ts in (0..80).map(|tick| end - tick * 250) {
            let past = monitor.json(&format!("/api/at?ts={ts}"));
            let Some(seq) = past["seq"].as_u64() else { continue };
            if let Some(then) = served.get(&seq) {
                ensure!(
                    said(&past) == *then,
                    "at {ts}: {:#?}\nbut served was {then:#?}",
                    said(&past)
                );
                compared += 1;
            }
        }
        ensure!(compared >= 10, "only {compared} ticks could be compared");
        let path = format!(
            "/api/history?project=shop&replica=r&from={}&to={end}",
            end - 60_000
        );
        let lag = monitor.json(&path)["series"][0]["max"].clone();
        let worst = lag.as_array().unwrap().iter().filter_map(Value::as_i64).max();
        ensure!(
            worst.is_some_and(|worst| (1500..5000).contains(&worst)),
            "{worst:?}"
        );
        Ok(())
    })
    .await;
}
