//! The command line: flags, environment, files, refusals and exit codes.

use crate::support::{Monitor, TREE, run};
use std::fs;

#[test]
fn bad_input_is_refused_with_the_reason() {
    for (arguments, code, reason) in [
        (&["--tree", "none.json"][..], 1, "none.json"),
        (&[], 1, ".mostajs/replicator-tree.json"),
        (&["--tree", "."], 2, "this is a folder"),
        (&["--tree", "t.json", "--port", "abc"], 2, "--port"),
        (&["--tree", "t.json", "--port", "70000"], 2, "--port"),
        (&["--tree", "t.json", "--poll", "0"], 2, "1 ms or more"),
        (
            &["--tree", "t.json", "--heartbeat"],
            2,
            "--heartbeat needs --live",
        ),
        (
            &["--tree", "t.json", "--verify-rules", "1h"],
            2,
            "--verify-rules needs --rules",
        ),
        (
            &["--tree", "t.json", "--rules", "--verify-rules", "1ms"],
            2,
            "must be 1s or more",
        ),
        (
            &["--tree", "t.json", "--live", "--heartbeat=0"],
            2,
            "must be 1 to 32767",
        ),
        (&["--tree", "t.json", "--token", ""], 2, "--token is empty"),
        (&["--tree", "t.json", "--token="], 2, "--token is empty"),
        (&["--tree", "t.json", "--token"], 2, "--token"),
        (&["--tree", "t.json", "--token-file", "none"], 1, "none"),
        (&["--tree", "t.json", "--runtime", "none"], 2, "not a folder"),
        (&["--tree", "t.json", "--host", "no such host"], 2, "no such host"),
        (
            &["--tree", "t.json", "--port", "0", "--remote-write", "ftp://h/x"],
            2,
            "must begin with http:// or https://",
        ),
        (&["--no-such-flag"], 2, "--no-such-flag"),
    ] {
        let (found, said) = run(arguments, &[]);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }
    let (code, said) = run(&["--tree", "t.json"], &[("MONITOR_PORT", "abc")]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = run(&["--tree", "t.json"], &[("MONITOR_TOKEN", "")]);
    assert!(
        code == Some(2) && said.contains("MONITOR_TOKEN is empty"),
        "{said}"
    );
}

#[test]
fn a_port_in_use_is_named() {
    let monitor = Monitor::start(TREE, &[]);
    let port = monitor.port.to_string();
    let (code, said) = run(&["--tree", "t.json", "--port", &port], &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains(&port) && said.contains("in use"), "{said}");
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".mostajs")).unwrap();
    fs::write(folder.path().join(".mostajs/replicator-tree.json"), TREE).unwrap();
    fs::write(
        folder.path().join(".mostajs/config.env"),
        "MONITOR_TOKEN=from-config\nMONITOR_POLL_MS=77\n",
    )
    .unwrap();
    fs::write(
        folder.path().join(".env"),
        "MONITOR_TOKEN=from-dotenv\nMONITOR_POLL_MS=88\n",
    )
    .unwrap();
    let tree = folder.path().join(".mostajs/replicator-tree.json");
    let monitor = Monitor::start_on(folder, tree, &[], &[("MONITOR_POLL_MS", "99")]);
    let status = |token: &str| {
        monitor
            .request(
                "GET",
                "/api/health",
                &[("Authorization", &format!("Bearer {token}"))],
                "",
            )
            .status
    };
    assert_eq!((status("from-config"), status("from-dotenv")), (200, 401));
    let whole = monitor
        .request(
            "GET",
            "/api/snapshot",
            &[("Authorization", "Bearer from-config")],
            "",
        )
        .json();
    assert_eq!(whole["pollMs"], 99);
}

#[test]
fn a_token_is_taken_as_given_and_from_a_file() {
    let monitor = Monitor::start(TREE, &["--token=T=1"]);
    assert_eq!(monitor.get("/api/health?token=T%3D1").status, 200);
    assert_eq!(monitor.get("/api/health").status, 401);
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("t.json");
    fs::write(&tree, TREE).unwrap();
    fs::write(folder.path().join("token"), "from-file\n").unwrap();
    let monitor = Monitor::start_on(folder, tree, &["--token-file", "token"], &[]);
    assert_eq!(monitor.get("/api/health?token=from-file").status, 200);
}

#[test]
fn the_menu_s_runtime_flag_moves_relative_paths() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("app/.mostajs")).unwrap();
    fs::write(home.path().join("app/.mostajs/replicator-tree.json"), TREE).unwrap();
    let monitor = Monitor::start_on(
        home,
        ".mostajs/replicator-tree.json".into(),
        &["--runtime", "app"],
        &[],
    );
    assert_eq!(monitor.json("/api/rules")[0]["name"], "copy");
}

#[test]
fn check_tells_what_is_wrong() {
    let (code, said) = run(&["check", "t.json"], &[]);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "t.json: 3 projects, 4 replicas, 1 rule, 0 errors\n")
    );
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.json");
    fs::write(&bad, "{\n \"replicas\": {\"p\": {\"r\": {\"role\": 5}}}}").unwrap();
    let (code, said) = run(&["check", bad.to_str().unwrap()], &[]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("bad.json:2:35: must be master or slave, but is a number (at replicas.p.r.role)"),
        "{said}"
    );
    let (_, said) = run(&["check", "--json", bad.to_str().unwrap()], &[]);
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&told["ok"], &told["problems"][0]["line"]),
        (&false.into(), &2.into())
    );
}

#[test]
fn help_completions_and_the_manual_are_there() {
    let (code, said) = run(&["--help"], &[]);
    assert_eq!(code, Some(0));
    for word in ["--tree", "--token-file", "MONITOR_TOKEN", "--no-watch", "check"] {
        assert!(said.contains(word), "{said}");
    }
    assert!(
        run(&["completions", "bash"], &[])
            .1
            .contains("complete -F _replica")
    );
    assert!(run(&["man"], &[]).1.contains(".TH replica-monitor"));
}
