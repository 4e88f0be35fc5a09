//! Tokens, hosts, origins, hostile bytes, and what is never shown.

use crate::support::{Answer, Monitor, TREE, binary};
use std::io::{Read, Write};

const BEARER: (&str, &str) = ("Authorization", "Bearer let me+in");
const OPERATOR: (&str, &str) = ("Authorization", "Bearer operate");

fn guarded() -> Monitor {
    Monitor::start_with(
        TREE,
        &[],
        &[
            ("MONITOR_TOKEN", "let me+in"),
            ("MONITOR_OPERATOR_TOKEN", "operate"),
        ],
    )
}

#[test]
fn without_a_token_there_is_only_401() {
    let monitor = guarded();
    for path in [
        "/",
        "/api/health",
        "/api/replicas",
        "/api/stream",
        "/nope",
        "/a/x/main.js",
    ] {
        for headers in [
            &[][..],
            &[("Authorization", "Bearer wrong")],
            &[("Cookie", "replica_monitor=viewer.1.00")],
        ] {
            let answer = monitor.request("GET", path, headers, "");
            assert_eq!((answer.status, answer.text()), (401, "unauthorized"), "{path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    let opened = monitor.request("GET", "/", &[("Sec-Fetch-Mode", "navigate")], "");
    assert!(
        opened.status == 401 && opened.text().contains("?token="),
        "{opened:?}"
    );
    assert_eq!(monitor.get("/healthz").status, 200);
    assert_eq!(monitor.get("/readyz").status, 200);
}

#[test]
fn a_token_opens_by_header_and_by_address() {
    let monitor = guarded();
    assert_eq!(monitor.request("GET", "/api/health", &[BEARER], "").status, 200);
    assert_eq!(monitor.get("/api/health?token=let%20me%2Bin").status, 200);
    assert_eq!(monitor.get("/api/health?token=let+me%2Bin&x=1").status, 200);
    assert_eq!(monitor.request("GET", "/nope", &[BEARER], "").status, 404);
}

#[test]
fn the_page_gets_a_cookie_for_the_token() {
    let monitor = guarded();
    let page = monitor.get("/?token=let%20me%2Bin");
    let cookie = page.header("set-cookie").unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    assert!(!cookie.contains("let me"));
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(
        monitor
            .request("GET", "/api/replicas", &[("Cookie", cookie)], "")
            .status,
        200
    );
}

#[test]
fn whoever_asks_is_told_who_they_are_and_what_there_is() {
    let me = |monitor: &Monitor, path: &str, headers: &[(&str, &str)]| {
        serde_json::from_str::<serde_json::Value>(monitor.request("GET", path, headers, "").text()).unwrap()
    };
    let monitor = guarded();
    let viewer = me(&monitor, "/api/me", &[BEARER]);
    assert_eq!(
        (&viewer["role"], &viewer["operators"]),
        (&"viewer".into(), &true.into())
    );
    let page = monitor.get("/?token=operate");
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap();
    let operator = me(&monitor, "/api/me", &[("Cookie", cookie)]);
    assert_eq!(operator["role"], "operator");
    assert!(operator["name"].is_string(), "{operator}");

    let open = me(&Monitor::start(TREE, &["--alerts", "off"]), "/api/me", &[]);
    let none = serde_json::json!({ "name": null, "role": null, "operators": false, "alerts": false, "history": false });
    assert_eq!(open, none);
    let kept = Monitor::start(TREE, &["--history", "history.db"]);
    let kept = me(&kept, "/api/me", &[]);
    assert_eq!((&kept["alerts"], &kept["history"]), (&true.into(), &true.into()));
}

#[test]
fn guessing_ends_in_429() {
    let monitor = guarded();
    let statuses: Vec<u16> = (0..25)
        .map(|n| monitor.get(&format!("/api/health?token={n}")).status)
        .collect();
    assert_eq!((statuses[0], statuses[24]), (401, 429));
}

#[test]
fn only_an_operator_writes_and_it_is_audited() {
    let monitor = guarded();
    let event = r#"{"type":"deploy","version":"1.2"}"#;
    let post = |path: &str, headers: &[(&str, &str)]| monitor.request("POST", path, headers, event).status;
    assert_eq!(post("/api/events", &[]), 401);
    assert_eq!(post("/api/events", &[BEARER]), 403);
    assert_eq!(post("/api/events?token=operate", &[]), 403);
    assert_eq!(
        post("/api/events", &[OPERATOR, ("Origin", "http://evil.example")]),
        403
    );
    assert_eq!(
        post("/api/events", &[OPERATOR, ("Origin", "http://localhost")]),
        202
    );
    // Taken is not yet told.
    let events = monitor.wait("/api/events?token=let%20me%2Bin", |events| {
        let events = events.as_array()?;
        let told = events.iter().any(|event| event["type"] == "audit");
        told.then(|| events.clone())
    });
    let [.., told, audit] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (&told["type"], &told["version"]),
        (&"deploy".into(), &"1.2".into())
    );
    assert_eq!(
        (&audit["type"], &audit["who"]),
        (&"audit".into(), &"operator".into())
    );
    assert_eq!(events.iter().filter(|event| event["type"] == "deploy").count(), 1);
}

#[test]
fn an_open_monitor_takes_no_writes_and_no_foreign_names() {
    let monitor = Monitor::start(TREE, &["--allow-host", "db.example"]);
    assert_eq!(
        monitor
            .request("POST", "/api/events", &[], r#"{"type":"x"}"#)
            .status,
        403
    );
    let as_host = |host: &str| {
        monitor
            .request("GET", "/api/health", &[("Host", host)], "")
            .status
    };
    for host in [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1:14499",
        "[::1]:1",
        "db.example:1",
    ] {
        assert_eq!(as_host(host), 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "x:99999"] {
        assert_eq!(as_host(host), 403, "{host}");
    }
    for host in ["[", "a b", ""] {
        assert!(matches!(as_host(host), 400 | 403), "{host}");
    }
    let old = Answer::read(monitor.raw(b"GET /api/health HTTP/1.0\r\n\r\n"));
    assert_eq!(old.status, 200);
}

#[test]
fn beyond_loopback_a_token_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.json"), TREE).unwrap();
    let run = |arguments: &[&str]| {
        binary()
            .current_dir(folder.path())
            .args(["--tree", "t.json", "--port", "0"])
            .args(arguments)
            .output()
    };
    let output = run(&["--host", "0.0.0.0"]).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("MONITOR_TOKEN"));
}

#[test]
fn the_page_is_served_under_a_strict_policy() {
    let page = Monitor::start(TREE, &[]).get("/");
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "require-trusted-types-for 'script'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !page.text().contains("style="));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn every_byte_sequence_gets_an_answer_or_a_closed_connection() {
    let monitor = Monitor::start(TREE, &[]);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(5000));
    let samples: [&[u8]; 12] = [
        b"\r\n\r\n\r\n\r\n",
        b"GET",
        b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://[::bad/ HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /%ff%00%zz?token=%ff%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\xff\xfe\x00\x01\x02",
        long.as_bytes(),
        many.as_bytes(),
    ];
    for sample in samples {
        let mut stream = monitor.raw(sample);
        stream.shutdown(std::net::Shutdown::Write).unwrap_or_default();
        // Whatever comes, it ends: an answer, a reset, or the end of the connection.
        let _ = stream.read_to_end(&mut Vec::new());
        assert_eq!(monitor.get("/api/health").status, 200);
    }
}

#[test]
fn a_listener_that_never_reads_delays_nobody() {
    let monitor = guarded();
    let stuck: Vec<_> = (0..50)
        .map(|_| monitor.raw(b"GET /api/stream?token=operate HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        .collect();
    let batch = format!(
        "[{}]",
        vec![r#"{"type":"noise","text":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#; 500].join(",")
    );
    for _ in 0..100 {
        assert_eq!(
            monitor.request("POST", "/api/events", &[OPERATOR], &batch).status,
            202
        );
    }
    assert_eq!(monitor.request("GET", "/api/health", &[BEARER], "").status, 200);
    let (code, took) = monitor.terminate("TERM");
    assert_eq!(code, Some(0));
    assert!(took.as_secs() < 2, "{took:?}");
    drop(stuck);
}

/// Passwords in every form that an address may hold them.
const PLANTED: [(&str, &str); 12] = [
    ("postgres", "postgres://u:PLANT01@h/db"),
    ("postgres", "postgresql://u:a@PLANT02@h:5432/db"),
    ("postgres", "postgresql://u:a%40PLANT03@h/db"),
    ("postgres", "postgresql://u:a/PLANT04@h/db"),
    ("mariadb", "mysql://root:a:PLANT05@h/db"),
    ("mongodb", "mongodb+srv://e:PLANT06@c.example.net/a?x=y"),
    ("oracle", "oracle://u:PLANT07%@h:1521/XEPDB1"),
    ("redis", "redis://:PLANT08@h:6379/0"),
    ("postgres", "postgres://h/db?user=u&password=PLANT09"),
    ("mssql", "Server=h;User Id=sa;Password=PLANT10;"),
    ("postgres", "postgres://u:PLANT11@h:99999/db"),
    ("postgres", "u:PLANT12@h/db"),
];

#[test]
fn planted_passwords_come_out_nowhere() {
    let entries = PLANTED.iter().enumerate().map(|(n, (dialect, uri))| {
        (format!("r{n}"), serde_json::json!({ "role": "slave", "dialect": dialect, "uri": uri, "lagTolerance": uri, "pool": { "max": uri } }))
    });
    let replicas: serde_json::Map<_, _> = entries.collect();
    let tree =
        serde_json::json!({ "replicas": { "p": replicas }, "rules": { "r": { "mode": PLANTED[0].1 } } })
            .to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.json");
    std::fs::write(&path, &tree).unwrap();
    let mut shown = Vec::new();
    for arguments in [&["check", "t.json"][..], &["check", "--json", "t.json"]] {
        let output = binary()
            .current_dir(folder.path())
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        shown.extend([output.stdout, output.stderr].concat());
    }
    let mut child = binary()
        .current_dir(folder.path())
        .args(["--tree", "t.json", "--port", "0"])
        .env("MONITOR_LOG", "trace")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::from(
            std::fs::File::create(folder.path().join("log")).unwrap(),
        ))
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.as_mut().unwrap()),
        &mut line,
    )
    .unwrap();
    let port: u16 = line
        .trim()
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    for path in [
        "/",
        "/api/replicas",
        "/api/rules",
        "/api/events",
        "/api/snapshot",
        "/api/routing",
        "/PLANTED",
        "/readyz",
    ] {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        stream.read_to_end(&mut shown).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    shown.extend(std::fs::read(folder.path().join("log")).unwrap());
    let shown = String::from_utf8_lossy(&shown);
    assert!(
        shown.contains("r11") && shown.contains("cannot be used as an address"),
        "the outputs were looked at"
    );
    assert!(
        !shown.contains("PLANT"),
        "{}",
        shown
            .lines()
            .find(|line| line.contains("PLANT"))
            .unwrap_or_default()
    );
}

#[test]
fn a_token_file_names_who_reads_and_who_writes() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("t.json");
    std::fs::write(&tree, TREE).unwrap();
    std::fs::write(
        folder.path().join("tokens"),
        "# who may\nwall viewer w\nmaya operator m\n",
    )
    .unwrap();
    let monitor = Monitor::start_on(folder, tree, &["--token-file", "tokens"], &[]);
    let as_maya = [("Authorization", "Bearer m")];
    assert_eq!(monitor.get("/api/health").status, 401);
    assert_eq!(monitor.get("/api/health?token=w").status, 200);
    assert_eq!(
        monitor
            .request(
                "POST",
                "/api/events",
                &[("Authorization", "Bearer w")],
                r#"{"type":"x"}"#
            )
            .status,
        403
    );
    assert_eq!(
        monitor
            .request("POST", "/api/events", &as_maya, r#"{"type":"x"}"#)
            .status,
        202
    );
    let audit = monitor.wait("/api/events?token=w", |events| {
        let last = events.as_array()?.last()?;
        (last["type"] == "audit").then(|| last.clone())
    });
    assert_eq!(audit["who"], "maya");
}
