//! An incident in one file: what it holds, what it hides, and how it is shown again.

use crate::support::{Client, binary};
use replica_core::observed::LinkState;
use replica_core::{Lag, Link, Observed, Project, Replica, Role, Runway, Snapshot, State};
use replica_monitor::history::{History, Moment, Reader, Settings};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// 2026-05-28T20:26:40Z.
const BEGIN: i64 = 1_780_000_000_000;
const SECONDS: i64 = 1200;
const TREE: &str = r#"{ "replicas": { "shop": {
    "m": { "role": "master", "dialect": "postgres", "uri": "postgresql://app:pw-secret@db1:5432/shop" },
    "r": { "role": "slave", "dialect": "postgres", "uri": "postgresql://app:pw-secret@db2.eu.example:5432/shop" } } } }"#;

/// Twenty minutes in which the replica fell behind, and named machines in its words.
struct Shop {
    folder: TempDir,
    history: PathBuf,
}

impl Shop {
    fn recorded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.db");
        let (history, _) = History::open(&file, Settings::default());
        for second in (0..SECONDS).step_by(2) {
            history.record(Moment::new(Arc::new(moment(second)), BEGIN + second * 1000));
            if second % 100 == 0 {
                let event = format!(
                    r#"{{"type":"error","message":"db1:5432 and 10.0.0.9 refuse","ts":{},"seq":{second}}}"#,
                    BEGIN + second * 1000
                );
                history.record_events(vec![event.into()]);
                assert!(history.flush());
            }
        }
        history.close();
        fs::write(folder.path().join("t.json"), TREE).unwrap();
        Self {
            history: file,
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = binary().current_dir(self.folder.path()).args(arguments).output();
        let Output {
            status,
            stdout,
            stderr,
        } = output.unwrap();
        (
            status.code(),
            String::from_utf8([stdout, stderr].concat()).unwrap(),
        )
    }

    /// From the fifth minute until the tenth.
    fn export(&self, out: &str, more: &[&str]) -> (Option<i32>, String) {
        let arguments = [
            "incident",
            "export",
            "--history",
            "history.db",
            "--from",
            "2026-05-28T20:31:40Z",
            "--to",
            "2026-05-28T20:36:40Z",
            "--out",
            out,
        ];
        self.run(&[&arguments[..], more].concat())
    }
}

fn moment(second: i64) -> Snapshot {
    let mut replica = Replica::new("r", Role::Slave);
    replica.state = State::Up;
    replica.lag = match second {
        300..400 => Lag::unknown("db2.eu.example does not answer"),
        _ => Lag::exact(second as u64),
    };
    let link = Link {
        name: "".into(),
        state: if second < 500 {
            LinkState::Streaming
        } else {
            LinkState::Broken
        },
        reason: Some("connection to db1 lost".into()),
        upstream: Some("db1:5432".into()),
        upstream_key: None,
        lag: Lag::exact(1),
        delay_ms: None,
        runway: Runway::Unbounded,
    };
    replica.observed = Some(Arc::new(Observed {
        links: vec![link],
        ..Observed::default()
    }));
    let mut master = Replica::new("m", Role::Master);
    master.state = State::Up;
    master.lag = Lag::not_applicable("a master");
    Snapshot::named("t").with_project(Project::new("shop", vec![master, replica]))
}

/// A recording that is shown.
struct Shown {
    child: Child,
    client: Client,
    page: String,
}

impl Shown {
    fn open(file: &Path) -> Self {
        let mut child = binary()
            .arg("open")
            .arg(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let page = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("open ")?.to_owned()));
        let page = page.unwrap_or_default();
        let (base, _) = page.split_once("/#").unwrap();
        let client = Client::at(base);
        Self { child, client, page }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_is_shown_again_is_what_was_recorded() {
    let shop = Shop::recorded();
    let (code, said) = shop.export("incident.db", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("show it with: replica-monitor open incident.db"),
        "{said}"
    );
    let (code, said) = shop.run(&["history", "check", "incident.db"]);
    assert_eq!(code, Some(0), "{said}");
    let file = shop.path("incident.db");
    let bytes = fs::read(&file).unwrap();
    let shown = Shown::open(&file);
    let original = Reader::open(&shop.history).unwrap();
    for second in (300..600).step_by(7) {
        let ts = BEGIN + second * 1000;
        let was = original.at(ts).unwrap().unwrap();
        let now = shown.client.json(&format!("/api/at?ts={ts}"));
        assert_eq!(now["at"], was.figures.unwrap().tick_ms);
        let replica = &now["projects"][0]["replicas"][1];
        match second {
            300..400 => assert_eq!(replica["lagReason"], "db2.eu.example does not answer", "{second}"),
            _ => assert_eq!(replica["lag"], second / 2 * 2, "{second}"),
        }
        let broken = if second < 500 { "streaming" } else { "broken" };
        assert_eq!(replica["observed"]["links"][0]["state"], broken, "{second}");
    }
    let events = shown.client.json("/api/events?limit=1000");
    let seqs: Vec<i64> = events
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["seq"].as_i64())
        .collect();
    assert_eq!(seqs, [300, 400, 500], "those of the stretch, and no other");
    let lag = shown.client.json(&format!(
        "/api/history?project=shop&replica=r&from={}&to={}&buckets=10",
        BEGIN + 400_000,
        BEGIN + 600_000
    ));
    assert!(lag["series"][0]["max"][0].is_i64(), "{lag}");
    assert_eq!(lag["health"]["why"], "this is a recording");
    drop(shown);
    assert_eq!(fs::read(&file).unwrap(), bytes, "the file is only read");
}

#[test]
fn a_recording_is_never_taken_for_now() {
    let shop = Shop::recorded();
    let shown = Shown::open(&shop.history);
    assert!(
        shown
            .page
            .ends_with(&format!("/#/overview?at={}", BEGIN + (SECONDS - 2) * 1000)),
        "{}",
        shown.page
    );
    // The last moment is there for programs that ask as of old.
    let replicas = shown.client.json("/api/replicas");
    assert_eq!(
        (&replicas["shop"][1]["name"], &replicas["shop"][1]["lag"]),
        (&"r".into(), &1198.into())
    );
    let snapshot = shown.client.json("/api/snapshot");
    assert_eq!(snapshot["source"]["kind"], "recording");
    // As soon as it was told, its source is silent: whoever acts by it is refused.
    let silent = shown.client.wait("/api/snapshot", |snapshot| {
        snapshot["source"]["stalledSince"].as_i64()
    });
    assert!(silent > BEGIN);
    for path in ["/lb/shop/primary", "/lb/shop/replica/r", "/lb/shop/read-only"] {
        assert_eq!(shown.client.get(path).status, 503, "{path}");
    }
    assert_ne!(shown.client.get("/check/app/shop").status, 200);
    let metrics = shown.client.get("/metrics").text().to_owned();
    assert!(
        metrics.contains("\nreplica_monitor_source_answers 0\n"),
        "{metrics}"
    );
    let alerts = shown.client.get("/api/alerts");
    assert_eq!(alerts.status, 404, "{}", alerts.text());
}

#[test]
fn machines_and_secrets_are_not_handed_on() {
    let shop = Shop::recorded();
    let (code, said) = shop.export("hidden.db", &["--hash-hosts", "--tree", "t.json"]);
    assert_eq!(code, Some(0), "{said}");
    let shown = Shown::open(&shop.path("hidden.db"));
    let (mut all, mut names) = (String::new(), Vec::new());
    for path in [
        format!("/api/at?ts={}", BEGIN + 350_000),
        format!("/api/at?ts={}", BEGIN + 550_000),
        "/api/events?limit=1000".to_owned(),
    ] {
        all.push_str(shown.client.get(&path).text());
    }
    for secret in ["db1", "db2", "10.0.0.9", "pw-secret"] {
        assert!(!all.contains(secret), "{secret} in {all}");
        let plain = fs::read(shop.path("hidden.db")).unwrap();
        assert!(
            !plain.windows(secret.len()).any(|part| part == secret.as_bytes()),
            "{secret}"
        );
    }
    // The same machine is the same hash, whoever speaks of it, and its port is told.
    let past = shown.client.json(&format!("/api/at?ts={}", BEGIN + 550_000));
    let link = &past["projects"][0]["replicas"][1]["observed"]["links"][0];
    let upstream = link["upstream"].as_str().unwrap();
    let host = upstream.strip_suffix(":5432").unwrap();
    names.push(link["reason"].as_str().unwrap().to_owned());
    let events = shown.client.json("/api/events?limit=1");
    names.push(events[0]["message"].as_str().unwrap().to_owned());
    assert!(
        host.starts_with("host-") && names.iter().all(|words| words.contains(host)),
        "{upstream} {names:?}"
    );
    // Without being asked, nothing is hidden, and there is no secret either.
    shop.export("plain.db", &[]);
    let shown = Shown::open(&shop.path("plain.db"));
    let past: Value = shown.client.json(&format!("/api/at?ts={}", BEGIN + 550_000));
    assert!(
        past.to_string().contains("db1:5432") && !past.to_string().contains("pw-secret"),
        "{past}"
    );
}

#[test]
fn what_cannot_be_exported_or_opened_is_said() {
    let shop = Shop::recorded();
    let export = |from: &str, to: &str, out: &str| {
        shop.run(&[
            "incident",
            "export",
            "--history",
            "history.db",
            "--from",
            from,
            "--to",
            to,
            "--out",
            out,
        ])
    };
    let (code, said) = export("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "x.db");
    assert!(
        code == Some(1) && said.contains("keeps nothing from 2020-01-01T00:00:00"),
        "{said}"
    );
    let (code, said) = export("1h", "2h", "x.db");
    assert!(
        code == Some(2) && said.contains("--from must be before --to"),
        "{said}"
    );
    let (code, said) = export("soon", "2h", "x.db");
    assert!(
        code == Some(2) && said.contains("how long ago, like 2h"),
        "{said}"
    );
    fs::write(
        shop.path("t.db"),
        "not a database, but long enough to be looked at as one",
    )
    .unwrap();
    let (code, said) = shop.export("t.db", &[]);
    assert!(
        code == Some(1) && said.contains("is there already: --force"),
        "{said}"
    );
    let (code, said) = shop.export("t.db", &["--force"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = shop.export("x.db", &["--history", "none.db"]);
    assert!(code != Some(0), "{said}");
    for (file, why) in [
        ("none.db", "cannot read none.db"),
        ("t.json", "cannot read t.json"),
    ] {
        let (code, said) = shop.run(&["open", file]);
        assert!(code == Some(1) && said.contains(why), "{said}");
    }
    let left: Vec<_> = fs::read_dir(shop.folder.path())
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    assert!(left.iter().all(|name| !name.contains(".part")), "{left:?}");
}
