//! Alerts from outside: a real pair of servers has an incident, and a receiver is told exactly that, once.

use crate::support::{DEADLINE, Monitor, TREE, run, with_servers};
use anyhow::Result;
use replica_lab::{Alertmanager, Lab, Redis, Truth, WATCHER, wait_for};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Takes what is posted to it, unless it is told to refuse.
struct Receiver {
    port: u16,
    notices: Arc<Mutex<Vec<Value>>>,
    refusing: Arc<Mutex<bool>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (notices, refusing) = (Arc::<Mutex<Vec<Value>>>::default(), Arc::<Mutex<bool>>::default());
        let (taken, refuses) = (Arc::clone(&notices), Arc::clone(&refusing));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, body) = read(stream.unwrap());
                let refuse = *refuses.lock().unwrap();
                if !refuse {
                    taken.lock().unwrap().push(body);
                }
                let status = if refuse { "503 no" } else { "200 ok" };
                // Whoever asked may be gone: that is the subject of a test.
                let _ = write!(
                    &stream,
                    "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
            }
        });
        Self {
            port,
            notices,
            refusing,
        }
    }

    fn refuse(&self, refuse: bool) {
        *self.refusing.lock().unwrap() = refuse;
    }

    /// Each alert that was told, in order: `+` for its beginning, `-` for its end.
    fn told(&self) -> Vec<String> {
        let notices = self.notices.lock().unwrap();
        let alerts = notices
            .iter()
            .flat_map(|notice| notice["alerts"].as_array().unwrap());
        let words = alerts.map(|alert| {
            let sign = if alert["state"] == "firing" { "+" } else { "-" };
            format!("{sign}{}", alert["id"].as_str().unwrap())
        });
        words.collect()
    }

    fn count(&self) -> usize {
        self.notices.lock().unwrap().len()
    }
}

fn read(stream: TcpStream) -> (TcpStream, Value) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (stream, serde_json::from_slice(&body).unwrap())
}

/// Everything quick, so that an incident of hours takes a minute.
fn settings(port: u16) -> Value {
    let quick = |after: &str| json!({ "after": after });
    json!({
        "channels": { "hook": { "kind": "webhook", "url": format!("http://127.0.0.1:{port}/") } },
        "gather": "500ms", "clear": "2s", "atMost": 1000,
        "conditions": {
            "lag": quick("1s"), "down": quick("2s"), "link": quick("2s"), "drift": quick("2s"),
            "two_masters": quick("2s"),
        },
    })
}

/// A tree with a problem.
const BROKEN: &str = r#"{ "replicas": { "shop": { "m": { "role": "boss" } } } }"#;

const OPERATOR: (&str, &str) = ("MONITOR_OPERATOR_TOKEN", "operate");
const BEARER: (&str, &str) = ("authorization", "Bearer operate");

fn post(monitor: &Monitor, path: &str, body: &Value) -> (u16, Value) {
    let answer = monitor.request("POST", path, &[BEARER], &body.to_string());
    (answer.status, answer.json())
}

/// A scripted incident, and who is told of it.
struct Incident {
    monitor: Monitor,
    receiver: Receiver,
    /// How many changes of alerts were told so far, and expected.
    told: usize,
}

impl Incident {
    /// Waits until exactly that was told beyond what was told before; what changes at once may come in any order.
    async fn then(&mut self, more: &[&'static str]) -> Result<()> {
        let (before, all) = (self.told, self.told + more.len());
        let receiver = &self.receiver;
        let enough = async || receiver.told().len() >= all;
        let waited = wait_for(&format!("the notices {more:?}"), DEADLINE, enough).await;
        let mut told = receiver.told().split_off(before);
        told.sort();
        assert_eq!(told, more, "{}", self.monitor.get("/api/alerts").text());
        self.told = all;
        waited
    }

    /// Whether the replica is seen to keep up.
    fn is_well(&self) -> bool {
        let replica = self.monitor.json("/api/replicas/shop/r");
        replica["state"] == "up" && replica["lag"].as_u64().is_some_and(|ms| ms < 1000)
    }

    async fn until_well(&self) -> Result<()> {
        wait_for("the replica to keep up", DEADLINE, async || self.is_well()).await
    }

    fn phase(&self, id: &str) -> Option<String> {
        let alerts = self.monitor.json("/api/alerts");
        let mut alerts = alerts["alerts"].as_array().unwrap().iter();
        let alert = alerts.find(|alert| alert["id"] == id)?;
        Some(alert["state"].as_str().unwrap().to_owned())
    }

    async fn until_fires(&self, id: &str) -> Result<()> {
        let fires = async || self.phase(id).as_deref() == Some("firing");
        wait_for(&format!("{id} to fire"), DEADLINE, fires).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incident_of_twelve_steps_is_told_exactly() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "master").await?;
        let replica = master.replica(&lab, "r", None).await?;
        let _truth = Truth::start(&master, 14.0).await?;
        let tree = json!({ "replicas": { "shop": {
            "m": { "role": "master", "dialect": "redis", "uri": master.uri(WATCHER) },
            "r": { "role": "slave", "dialect": "redis", "uri": replica.uri(WATCHER), "lagTolerance": 1500 },
        } } });
        let receiver = Receiver::start();
        let folder = tempfile::tempdir()?;
        let (file, path) = (folder.path().join("alerts.json"), folder.path().join("t.json"));
        std::fs::write(&file, settings(receiver.port).to_string())?;
        std::fs::write(&path, tree.to_string())?;
        let state = folder.path().join("state").display().to_string();
        let file = file.display().to_string();
        let start = || {
            let arguments = [
                "--live",
                "--poll",
                "300",
                "--alerts",
                &file,
                "--state-dir",
                &state,
            ];
            Monitor::start_on(
                tempfile::tempdir().unwrap(),
                path.clone(),
                &arguments,
                &[OPERATOR],
            )
        };
        let mut incident = Incident {
            monitor: start(),
            receiver,
            told: 0,
        };

        // 1: all is well.
        incident.until_well().await?;
        incident.then(&[]).await?;
        // 2, 3: it falls behind, and catches up.
        replica.pause_writes(Duration::from_secs(6)).await?;
        incident.then(&["+lag:shop/r"]).await?;
        incident.then(&["-lag:shop/r"]).await?;
        // 4, 5: it hangs, and goes on.
        replica.daemon().freeze();
        incident.then(&["+down:shop/r"]).await?;
        replica.daemon().thaw();
        incident.then(&["-down:shop/r"]).await?;
        // 6: it dies, and somebody takes that on.
        replica.daemon().kill().await?;
        incident.then(&["+down:shop/r"]).await?;
        let taken = json!({ "id": "down:shop/r", "why": "a new disk is on its way" });
        let (status, shown) = post(&incident.monitor, "/api/alerts/ack", &taken);
        assert_eq!(
            (status, &shown["alerts"][0]["ack"]["by"]),
            (200, &json!("operator")),
            "{shown}"
        );
        // 7: the monitor dies too, and comes back to what it knew.
        let Incident {
            monitor,
            receiver,
            told,
        } = incident;
        drop(monitor);
        let mut incident = Incident {
            monitor: start(),
            receiver,
            told,
        };
        incident.until_fires("down:shop/r").await?;
        let alert = incident.monitor.json("/api/alerts")["alerts"][0].clone();
        assert_eq!(alert["ack"]["why"], "a new disk is on its way");
        // 8: it is replaced.
        replica.start().await?;
        replica.follow(master.port()).await?;
        incident.then(&["-down:shop/r"]).await?;
        incident.until_well().await?;
        // 9: in a silence nothing is told, and all is shown.
        let silence = json!({ "project": "shop", "forMs": 60_000, "why": "a drill", "maintenance": true });
        let (status, silence) = post(&incident.monitor, "/api/alerts/silence", &silence);
        assert_eq!(status, 200, "{silence}");
        replica.pause_writes(Duration::from_secs(6)).await?;
        incident.until_fires("lag:shop/r").await?;
        incident.until_well().await?;
        let over = async || incident.phase("lag:shop/r").as_deref() == Some("resolved");
        wait_for("the lag to be over", DEADLINE, over).await?;
        let (status, _) = post(
            &incident.monitor,
            "/api/alerts/unsilence",
            &json!({ "id": silence["id"] }),
        );
        assert_eq!(status, 200);
        // 10: somebody makes it a second master.
        replica.promote().await?;
        incident.then(&["+drift:shop/r", "+two_masters:shop"]).await?;
        // 11: and a replica again; meanwhile the receiver refuses.
        incident.receiver.refuse(true);
        replica.follow(master.port()).await?;
        let failing = |alerts: &Value| (alerts["channels"][0]["state"] == "failing").then_some(());
        incident.monitor.wait("/api/alerts", failing);
        incident.receiver.refuse(false);
        incident.then(&["-drift:shop/r", "-two_masters:shop"]).await?;
        // 12: the master dies, so that nobody can tell how far the replica is behind.
        master.daemon().kill().await?;
        incident.then(&["+down:shop/m"]).await
    })
    .await;
}

#[tokio::test]
async fn alertmanager_holds_what_fires_for_active_and_lets_go_of_what_is_over() {
    with_servers(async {
        let lab = Lab::new()?;
        let alertmanager = Alertmanager::start(&lab).await?;
        let url = format!("http://127.0.0.1:{}", alertmanager.port());
        let settings = json!({
            "channels": { "am": { "kind": "alertmanager", "url": url, "labels": { "site": "lab" } } },
            "conditions": { "tree": { "after": "0s" } }, "gather": "0s", "clear": "1s",
        });
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("alerts.json").display().to_string();
        std::fs::write(&file, settings.to_string())?;
        let monitor = Monitor::start(BROKEN, &["--alerts", &file, "--poll", "200"]);
        let active = async || -> Vec<Value> {
            let body = alertmanager.active().await.unwrap_or_default();
            serde_json::from_str(&body).unwrap_or_default()
        };
        wait_for("the alert to be active", DEADLINE, async || {
            active().await.len() == 1
        })
        .await?;
        let alert = active().await.remove(0);
        assert_eq!(
            alert["labels"],
            json!({ "alertname": "tree", "severity": "warning", "site": "lab" })
        );
        let summary = alert["annotations"]["summary"].as_str().unwrap();
        assert!(summary.starts_with("the tree: "), "{summary}");
        monitor.write_tree(TREE);
        wait_for("the alert to be over", DEADLINE, async || {
            active().await.is_empty()
        })
        .await
    })
    .await;
}

#[test]
fn only_operators_change_what_is_told() {
    let monitor = Monitor::start_with(TREE, &["--token", "view"], &[OPERATOR]);
    let silence = json!({ "project": "shop", "forMs": 60_000, "why": "a drill" }).to_string();
    let path = "/api/alerts/silence";
    let as_viewer = ("authorization", "Bearer view");
    assert_eq!(monitor.request("POST", path, &[as_viewer], &silence).status, 403);
    assert_eq!(monitor.request("POST", path, &[], &silence).status, 401);
    assert_eq!(monitor.request("GET", path, &[BEARER], &silence).status, 405);
    assert_eq!(
        monitor
            .request("POST", "/api/alerts/silence?token=operate", &[], &silence)
            .status,
        403
    );
    let foreign = [BEARER, ("origin", "http://evil.example")];
    assert_eq!(monitor.request("POST", path, &foreign, &silence).status, 403);
    let shown = monitor.request("GET", "/api/alerts", &[as_viewer], "").json();
    assert_eq!(shown["silences"], json!([]));

    assert_eq!(monitor.request("POST", path, &[BEARER], &silence).status, 200);
    let shown = monitor.request("GET", "/api/alerts", &[as_viewer], "").json();
    let silence = &shown["silences"][0];
    assert_eq!(
        (&silence["by"], &silence["why"], &silence["project"]),
        (&json!("operator"), &json!("a drill"), &json!("shop"))
    );
}

#[test]
fn what_is_asked_for_wrongly_is_refused_with_a_reason() {
    let monitor = Monitor::start_with(TREE, &[], &[OPERATOR]);
    for (path, body, status, wants) in [
        ("silence", json!({ "why": "x" }), 400, "forMs or until"),
        (
            "silence",
            json!({ "forMs": -1, "why": "x" }),
            400,
            "later than it begins",
        ),
        ("silence", json!({ "forMs": 60_000, "why": " " }), 400, "say why"),
        (
            "silence",
            json!({ "forMs": 60_000, "why": "x", "condition": "lagg" }),
            400,
            "no condition \"lagg\"",
        ),
        (
            "silence",
            json!({ "forMs": 60_000, "why": "x", "replica": "r" }),
            400,
            "with its project",
        ),
        (
            "silence",
            json!({ "forMs": 60_000, "why": "x", "projekt": "r" }),
            400,
            "projekt",
        ),
        ("silence", json!([]), 400, "the body"),
        ("unsilence", json!({ "id": "none" }), 404, "no silence \"none\""),
        (
            "ack",
            json!({ "id": "down:a/b", "why": "x" }),
            404,
            "\"down:a/b\"",
        ),
    ] {
        let answer = post(&monitor, &format!("/api/alerts/{path}"), &body);
        assert_eq!(answer.0, status, "{body}: {}", answer.1);
        let why = answer.1["error"].as_str().unwrap();
        assert!(why.contains(wants), "{body}: {why}");
    }
    let off = Monitor::start_with(TREE, &["--alerts", "off"], &[OPERATOR]);
    assert_eq!(off.get("/api/alerts").status, 404);
}

#[test]
fn an_operator_silences_and_looks_from_a_terminal() {
    let quick = r#"{ "conditions": { "tree": { "after": "0s" } }, "gather": "0s" }"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.json").display().to_string();
    std::fs::write(&file, quick).unwrap();
    let monitor = Monitor::start_with(BROKEN, &["--alerts", &file], &[OPERATOR]);
    monitor.wait("/api/alerts", |alerts| {
        (alerts["alerts"][0]["state"] == "firing").then_some(())
    });
    let url = format!("http://127.0.0.1:{}", monitor.port);
    let env = [("MONITOR_TOKEN", "operate"), ("MONITOR_URL", url.as_str())];

    let (code, said) = run(&["alerts"], &env);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.starts_with("WARNING  the tree: ") && said.contains("\n    tree\n"),
        "{said}"
    );
    let (code, said) = run(&["ack", "tree", "--why", "I am at it"], &env);
    assert_eq!((code, &*said), (Some(0), "tree is yours\n"));
    let (code, said) = run(
        &[
            "silence",
            "--condition",
            "tree",
            "--for",
            "2h",
            "--why",
            "a drill",
        ],
        &env,
    );
    assert_eq!(code, Some(0), "{said}");
    let id = said.trim_end().rsplit(' ').next().unwrap().to_owned();
    let (code, said) = run(&["alerts"], &env);
    assert_eq!(code, Some(0), "what is silenced is no reason to fail: {said}");
    assert!(
        said.contains("taken on by operator: I am at it") && said.contains("silenced by operator until "),
        "{said}"
    );
    let (code, said) = run(&["silence", "--end", &id], &env);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&["silence", "--end", &id], &env);
    assert_eq!(code, Some(1));
    assert!(said.contains("there is no silence"), "{said}");
    let (code, said) = run(
        &["silence", "--for", "2h", "--why", "x"],
        &[("MONITOR_URL", &url)],
    );
    assert_eq!(code, Some(1));
    assert!(said.contains("operator"), "{said}");
    for action in ["alerts.ack", "alerts.silence", "alerts.unsilence"] {
        monitor.wait("/api/events", |events| {
            let mut events = events.as_array().unwrap().iter();
            events
                .find(|event| event["action"] == action && event["who"] == "operator")
                .map(drop)
        });
    }
    let (_, said) = run(&["alerts", "--all", "--json"], &env);
    assert!(serde_json::from_str::<Value>(&said).unwrap()["conditions"].is_array());
}

#[test]
fn a_channel_can_be_tried_before_it_is_needed() {
    let receiver = Receiver::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.json").display().to_string();
    std::fs::write(&file, settings(receiver.port).to_string()).unwrap();
    let (code, said) = run(&["alerts", "--alerts", &file, "--try-channel", "hook"], &[]);
    assert_eq!((code, receiver.count()), (Some(0), 1), "{said}");
    receiver.refuse(true);
    let (code, said) = run(&["alerts", "--alerts", &file, "--try-channel", "hook"], &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("hook: it answers 503"), "{said}");
    let (code, said) = run(&["alerts", "--alerts", &file, "--try-channel", "pager"], &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("there are: hook"), "{said}");
}

#[test]
fn settings_that_cannot_be_used_are_refused_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.json").display().to_string();
    std::fs::write(&file, "{\n  \"channels\": { \"x\": { \"kind\": \"slack\" } }\n}").unwrap();
    let (code, said) = run(&["serve", "--tree", "t.json", "--alerts", &file], &[]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains(&file) && said.contains("channels.x: missing field `url`"),
        "{said}"
    );

    // What is kept must not take their place.
    std::fs::write(&file, "{}").unwrap();
    let state = folder.path().display().to_string();
    let (code, said) = run(
        &[
            "serve",
            "--tree",
            "t.json",
            "--alerts",
            &file,
            "--state-dir",
            &state,
        ],
        &[],
    );
    assert_eq!(code, Some(2));
    assert!(said.contains("choose another --state-dir"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}");
}

#[test]
fn what_was_kept_and_cannot_be_read_is_moved_aside_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json").display().to_string();
    std::fs::write(&file, "{}").unwrap();
    std::fs::write(folder.path().join("alerts.json"), "{ not JSON").unwrap();
    let state = folder.path().display().to_string();
    let monitor = Monitor::start_with(TREE, &["--alerts", &file, "--state-dir", &state], &[]);
    monitor.wait("/api/events", |events| {
        let mut events = events.as_array().unwrap().iter();
        let said = |event: &&Value| {
            event["context"] == "alerts" && event["message"].as_str().unwrap().contains("cannot be used")
        };
        events.find(said).map(drop)
    });
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().any(|name| name.starts_with("alerts.damaged-")),
        "{names:?}"
    );
}
