//! `--live` and `doctor`, tried from outside on real servers.

use crate::support::{DEADLINE, Monitor, run, run_on, with_servers};
use anyhow::{Context, Result};
use replica_lab::{Lab, Proxy, Redis, Truth, WATCHER, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

fn tree(master: &str, slave: &str) -> String {
    let replicas = json!({
        "m": { "role": "master", "dialect": "redis", "uri": master },
        "r/1": { "role": "slave", "dialect": "redis", "uri": slave, "lagTolerance": 1000 },
    });
    json!({ "replicas": { "cache": replicas } }).to_string()
}

/// What the monitor says of the slave.
fn slave(monitor: &Monitor) -> Value {
    monitor.get("/api/replicas/cache/r%2F1").json()
}

async fn until(what: &str, monitor: &Monitor, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_for(what, DEADLINE, async || holds(&slave(monitor))).await?;
    Ok(slave(monitor))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_measures_tells_why_and_follows_the_tree() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "m").await?;
        let proxy = Proxy::to(master.port()).await?;
        let replica = master.replica(&lab, "r", Some(&proxy)).await?;
        let truth = Truth::start(&master, 20.0).await?;
        let text = tree(&master.uri(WATCHER), &replica.uri(WATCHER));
        let monitor = Monitor::start(&text, &["--live", "--poll", "300"]);
        let fine = until("a measured lag", &monitor, |slave| {
            slave["state"] == "up" && slave["lagVerdict"] == "exact"
        })
        .await?;
        assert_eq!(fine["observed"]["role"], "slave");
        assert_eq!(
            fine["observed"]["links"][0]["upstream"],
            format!("127.0.0.1:{}", proxy.port())
        );
        let snapshot: Value = monitor.get("/api/snapshot").json();
        assert_eq!(snapshot["source"]["live"], true);
        assert_eq!(snapshot["capabilities"]["measuresLag"], true);

        proxy.cut();
        until("lag that grows, and its reason", &monitor, |slave| {
            slave["lag"].as_u64().is_some_and(|ms| ms > 1500)
                && slave["observed"]["links"][0]["state"] == "connecting"
        })
        .await?;
        let events: Value = monitor.get("/api/events").json();
        let told = |kind: &str| {
            events
                .as_array()
                .unwrap()
                .iter()
                .any(|event| event["type"] == kind)
        };
        assert!(told("replica.link") && told("replica.state"));

        replica.daemon().kill().await?;
        until("down with its reason", &monitor, |slave| {
            slave["state"] == "down"
                && slave["observed"]["reason"]
                    .as_str()
                    .is_some_and(|why| why.contains("refused"))
        })
        .await?;
        assert_eq!(slave(&monitor)["lag"], Value::Null);
        proxy.heal();
        replica.start().await?;
        replica.follow(master.port()).await?;
        until("up again", &monitor, |slave| slave["lagVerdict"] == "exact").await?;

        // The same names, another address: the snapshot of the file alone would not show it.
        monitor.write_tree(&tree(&master.uri(WATCHER), "redis://127.0.0.1:1/"));
        until("down at its new address", &monitor, |slave| {
            slave["state"] == "down"
        })
        .await?;
        let everything =
            ["/api/snapshot", "/api/events", "/api/replicas"].map(|path| monitor.get(path).text().to_owned());
        assert!(!everything.concat().contains(replica_lab::PASSWORD));
        assert_eq!(monitor.get("/api/replicas/cache/none").status, 404);
        assert!(!truth.has_failed());
        let (code, took) = monitor.terminate("TERM");
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(2), "{took:?}");
        Ok(())
    })
    .await;
}

fn doctor(tree: &str, arguments: &[&str]) -> (Option<i32>, String) {
    run_on(tree, &[&["doctor", "--tree", "t.json"], arguments].concat(), &[])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_tells_what_to_mend() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "m").await?;
        let replica = master.replica(&lab, "r", None).await?;
        let (code, well) = doctor(&tree(&master.uri(WATCHER), &replica.uri(WATCHER)), &[]);
        assert_eq!(code, Some(0), "{well}");
        assert!(
            well.contains("cache / m: Redis") && well.contains("asked 2: 0 failed"),
            "{well}"
        );

        let wrong = master.uri(WATCHER).replace(replica_lab::PASSWORD, "wr0ng");
        let ill = tree(&wrong, "redis://u:***@127.0.0.1:1/");
        let (code, text) = doctor(&ill, &[]);
        assert_eq!(code, Some(1), "{text}");
        assert!(
            text.contains("user or password is refused") && text.contains("masked"),
            "{text}"
        );
        assert!(!text.contains("wr0ng"));
        let (code, text) = doctor(&ill, &["--json"]);
        let told: Value = serde_json::from_str(&text)?;
        assert_eq!((code, &told["ok"]), (Some(1), &json!(false)));
        assert_eq!(told["replicas"][0]["project"], "cache");
        Ok(())
    })
    .await;
    let (code, text) = doctor("{ nonsense", &[]);
    assert_eq!(code, Some(1));
    assert!(text.contains("t.json:1:3"), "{text}");
    let (code, _) = doctor("{}", &["--deadline", "soon"]);
    assert_eq!(code, Some(2));
}

/// The exit code of `status`, and what it says.
fn status(monitor: &Monitor) -> (Option<i32>, String) {
    let url = format!("http://127.0.0.1:{}", monitor.port);
    run(&["status", "--url", &url], &[])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_of_real_servers_is_an_exit_code() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "m").await?;
        let proxy = Proxy::to(master.port()).await?;
        let replica = master.replica(&lab, "r", Some(&proxy)).await?;
        let truth = Truth::start(&master, 20.0).await?;
        let text = tree(&master.uri(WATCHER), &replica.uri(WATCHER));
        let monitor = Monitor::start(&text, &["--live", "--poll", "300"]);
        let until = async |code: i32, word: &str| {
            let holds = async || {
                let (found, said) = status(&monitor);
                found == Some(code) && said.contains(word)
            };
            wait_for(word, DEADLINE, holds)
                .await
                .with_context(|| status(&monitor).1)
        };
        until(0, "OK - 2 of 2 replicas up, worst lag").await?;
        proxy.cut();
        until(1, "above 1 s").await?;
        replica.daemon().kill().await?;
        until(2, "CRITICAL - cache / r/1: down: connection refused").await?;
        proxy.heal();
        replica.start().await?;
        replica.follow(master.port()).await?;
        until(0, "OK - 2 of 2").await?;
        assert!(!truth.has_failed());
        Ok(())
    })
    .await;
}
