//! `status` and `events`: commands that ask a running monitor, tried as people and monitoring systems run them.

use crate::support::{Monitor, TREE, binary, run};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A command that goes on, and the lines of its standard output.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = binary()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Reads up to the next line that holds `word`.
    fn until(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended before it said {word:?}");
            if line.contains(word) {
                return line;
            }
        }
    }

    fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

#[test]
fn what_nobody_measures_is_unknown_in_every_form() {
    let monitor = Monitor::start(TREE, &[]);
    let env = [("MONITOR_URL", &*url(monitor.port))];
    let (code, table) = run(&["status"], &env);
    assert_eq!(code, Some(3), "{table}");
    for word in [
        "UNKNOWN - nothing is measured",
        "shop (least-lag)",
        "slave-1",
        "unknown",
        "0 of 4",
    ] {
        assert!(table.contains(word), "{word}: {table}");
    }
    assert!(!table.contains('\u{1b}'), "colours where nobody sees them");
    assert!(
        table
            .lines()
            .all(|line| line.chars().count() <= 80 || line.starts_with("UNKNOWN")),
        "{table}"
    );

    let (code, line) = run(&["status", "--nagios", "--project", "shop"], &env);
    assert_eq!(code, Some(3));
    assert!(
        line.starts_with("UNKNOWN - ") && line.contains("| lag=U up=0;;;0;2 unknown_lag=1;;;0;2\n"),
        "{line}"
    );

    let (code, json) = run(&["status", "--json"], &env);
    let told: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (code, &told["code"], &told["status"]),
        (Some(3), &3.into(), &"UNKNOWN".into())
    );
    assert_eq!(told["projects"][0]["replicas"][1]["lag"], Value::Null);
    // The settings of a monitor lead to it as well.
    let port = monitor.port.to_string();
    let (_, table) = run(
        &["status"],
        &[("MONITOR_PORT", &port), ("MONITOR_HOST", "0.0.0.0")],
    );
    assert!(table.contains("slave-1"), "{table}");
}

#[test]
fn a_monitor_that_cannot_be_asked_is_unknown_and_says_why() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let guarded = Monitor::start(TREE, &["--token", "s3cret"]);
    let (nobody, guarded) = (format!("http://{closed}"), url(guarded.port));
    for (arguments, env, says) in [
        (&["--url", &*nobody][..], &[][..], "refuses the connection"),
        (&["--url", &guarded], &[], "set MONITOR_TOKEN"),
        (
            &["--url", &guarded],
            &[("MONITOR_TOKEN", "wrong")],
            "does not know this token",
        ),
        (
            &["--url", &guarded, "--token", "s3cret", "--project", "none"],
            &[],
            "no project \"none\"",
        ),
        (&["--url", "ftp://x"], &[], "is no address"),
        (&["--url", "http://u:pw@x"], &[], "MONITOR_TOKEN"),
        (&["--no-such-flag"], &[], "--no-such-flag"),
    ] {
        let (code, said) = run(&[&["status"], arguments].concat(), env);
        assert!(
            code == Some(3) && said.contains(says),
            "{arguments:?}: {code:?} {said}"
        );
        assert!(!said.contains("pw@"), "{said}");
    }
    let (_, table) = run(&["status", "--url", &guarded], &[("MONITOR_TOKEN", "s3cret")]);
    assert!(table.contains("slave-1"), "{table}");
    let (code, said) = run(&["events", "--url", &nobody, "--follow"], &[]);
    assert!(
        code == Some(1) && said.contains("refuses the connection"),
        "{said}"
    );
}

#[test]
fn a_certificate_of_ones_own_is_trusted_where_named() {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (tree, file) = (folder.path().join("t.json"), folder.path().join("cert.pem"));
    fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    fs::write(&file, cert.pem()).unwrap();
    fs::write(&tree, TREE).unwrap();
    let monitor = Monitor::start_on(
        folder,
        tree,
        &["--tls-cert", "cert.pem", "--tls-key", "key.pem"],
        &[],
    );
    let secure = format!("https://localhost:{}", monitor.port);
    let (_, table) = run(
        &["status", "--url", &secure, "--ca-file", file.to_str().unwrap()],
        &[],
    );
    assert!(table.contains("slave-1"), "{table}");
    let (code, said) = run(&["status", "--url", &secure], &[]);
    assert!(
        code == Some(3) && said.contains("no TLS with") && said.contains("--ca-file"),
        "{said}"
    );
}

#[test]
fn watching_looks_again_and_ends_with_ctrl_c() {
    let monitor = Monitor::start(TREE, &[]);
    let mut watch = Running::start(&["status", "--watch", "--url", &url(monitor.port)]);
    watch.until("UNKNOWN - ");
    watch.until("UNKNOWN - ");
    assert_eq!(watch.interrupt(), Some(3));
}

#[test]
fn events_come_once_in_order_and_filtered() {
    let monitor = Monitor::start_with(TREE, &[], &[("MONITOR_OPERATOR_TOKEN", "op")]);
    let tell = |body: &str| {
        let headers = [
            ("Authorization", "Bearer op"),
            ("Content-Type", "application/json"),
        ];
        assert_eq!(monitor.request("POST", "/api/events", &headers, body).status, 202);
    };
    tell(r#"{"type":"deploy","version":"1.1"}"#);
    monitor.wait("/api/events", |events| {
        let last = events
            .as_array()?
            .iter()
            .rev()
            .find(|event| event["type"] == "deploy")?;
        Some(last.clone())
    });
    let address = url(monitor.port);
    let (code, past) = run(&["events", "--url", &address], &[]);
    assert_eq!(code, Some(0));
    assert!(
        past.contains("deploy            version=1.1") && past.contains("audit"),
        "{past}"
    );
    let (_, one) = run(
        &["events", "--url", &address, "--type", "replica", "-n", "1"],
        &[],
    );
    assert!(one.lines().count() == 1 && one.contains("replica.state"), "{one}");

    let mut follow = Running::start(&[
        "events", "--follow", "--json", "--type", "deploy", "--url", &address,
    ]);
    let first: Value = serde_json::from_str(&follow.until("deploy")).unwrap();
    tell(r#"[{"type":"deploy.done","version":"1.2"},{"type":"other"}]"#);
    let second: Value = serde_json::from_str(&follow.until("deploy")).unwrap();
    assert_eq!(
        (&first["version"], &second["version"]),
        (&"1.1".into(), &"1.2".into())
    );
    let (_, of_project) = run(&["events", "--url", &address, "--project", "none"], &[]);
    assert!(of_project.is_empty(), "{of_project}");
}

/// Answers one request with that body and closes; returns the head of the request.
fn answer_once(listener: &TcpListener, body: &str) -> String {
    let (mut socket, _) = listener.accept().unwrap();
    let mut head = String::new();
    let mut lines = BufReader::new(socket.try_clone().unwrap());
    while !head.ends_with("\r\n\r\n") {
        assert!(lines.read_line(&mut head).unwrap() > 0, "no request: {head:?}");
    }
    write!(socket, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}").unwrap();
    head.to_ascii_lowercase()
}

#[test]
fn a_stream_that_is_cut_is_taken_up_where_it_was() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut follow = Running::start(&["events", "--follow", "--json", "--url", &address]);
    let event = |seq: u64| format!("{{\"type\":\"x\",\"ts\":0,\"seq\":{seq}}}");
    answer_once(&listener, &format!("[{}]", event(7)));
    let head = answer_once(
        &listener,
        &format!("id: 8\ndata: {}\n\n:ping\n\nid: 9\nda", event(8)),
    );
    assert!(
        head.contains("get /api/stream") && head.contains("last-event-id: 7\r\n"),
        "{head}"
    );
    let head = answer_once(&listener, &format!("id: 9\ndata: {}\n\n", event(9)));
    assert!(head.contains("last-event-id: 8\r\n"), "{head}");
    for seq in [7, 8, 9] {
        assert!(follow.until("\"x\"").contains(&format!("\"seq\":{seq}")));
    }
}
