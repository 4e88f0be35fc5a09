//! What is written for Prometheus and Grafana, tried with promtool and against the metrics that there are.

use crate::support::{TREE, run, with_servers};
use anyhow::ensure;
use replica_core::{Lag, Project, Replica, Role, Snapshot, State};
use replica_lab::prometheus::promtool;
use replica_monitor::history::{History, Moment, Settings};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Names are data: whatever could end a string, begin a template or a line, or not be a text at all.
fn hostile() -> String {
    let slave = |tolerance: u64| json!({ "role": "slave", "dialect": "redis", "uri": "redis://h", "lagTolerance": tolerance });
    let project = json!({
        "m": { "role": "master", "dialect": "redis", "uri": "redis://h" },
        "{{ $value }} \"q\" 'a' \\ %s": slave(1500),
        "line\nbreak: [x] # no": slave(86_400_000),
        "\u{7f}\u{85}\u{2028}\u{feff}\t": slave(0),
        "long".repeat(64): slave(5000),
    });
    json!({ "replicas": { "sh\"op {{ .x }}": project, "": { "s": slave(1) } } }).to_string()
}

fn write_rules(tree: &str, folder: &Path, command: &[&str]) {
    let file = folder.join("t.json");
    fs::write(&file, tree).unwrap();
    let more = [
        "--tree",
        file.to_str().unwrap(),
        "--out",
        folder.to_str().unwrap(),
    ];
    let (code, said) = run(&[command, &more].concat(), &[]);
    assert_eq!(code, Some(0), "{said}");
}

const FILES: [&str; 2] = ["replica-monitor.rules.yml", "replica-monitor.rules.test.yml"];

#[tokio::test]
async fn promtool_passes_the_rules_of_any_tree() {
    with_servers(async {
        for tree in [TREE, "{}", &hostile()] {
            let folder = tempfile::tempdir()?;
            write_rules(tree, folder.path(), &["prometheus-rules", "--job", "a \"job\""]);
            let [rules, tests] = FILES.map(|name| folder.path().join(name).display().to_string());
            let promtool = async |arguments: &[&str]| promtool(arguments, folder.path()).await;
            promtool(&["check", "rules", "--lint=all", "--lint-fatal", &rules]).await?;
            promtool(&["test", "rules", &tests]).await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_unit_tests_find_a_rule_that_is_wrong() {
    with_servers(async {
        let folder = tempfile::tempdir()?;
        write_rules(TREE, folder.path(), &["rules", "--prometheus"]);
        let [rules, tests] = FILES.map(|name| folder.path().join(name));
        let text = fs::read_to_string(&rules)?;
        let broken = text.replace("vector(5)", "vector(4)");
        ensure!(broken != text, "nothing to break");
        fs::write(&rules, broken)?;
        let tried = promtool(&["test", "rules", &tests.display().to_string()], folder.path()).await;
        ensure!(tried.is_err(), "the tests pass whatever the rules are");
        // Its other name writes the same, over what is its own.
        write_rules(TREE, folder.path(), &["prometheus-rules"]);
        ensure!(fs::read_to_string(&rules)? == text, "the two names differ");
        Ok(())
    })
    .await;
}

#[test]
fn what_somebody_wrote_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, own) = (
        folder.path().join("t.json"),
        folder.path().join("replica-monitor.rules.test.yml"),
    );
    fs::write(&tree, TREE).unwrap();
    fs::write(&own, "groups: []\n").unwrap();
    let arguments = [
        "prometheus-rules",
        "--tree",
        tree.to_str().unwrap(),
        "--out",
        folder.path().to_str().unwrap(),
    ];
    let (code, said) = run(&arguments, &[]);
    assert!(
        code == Some(1) && said.contains("was not written by this command"),
        "{said}"
    );
    assert!(!folder.path().join("replica-monitor.rules.yml").exists());
    let (code, said) = run(&["rules"], &[]);
    assert!(code == Some(2) && said.contains("--prometheus"), "{said}");
}

/// The names of metrics in a text: words that begin as ours do and do not end in the middle of a recorded name.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let words = text.split(|c| !is_of_name(c));
    let ours = words.filter(|word| word.starts_with("replica_") || word.starts_with("process_"));
    ours.filter(|word| !word.contains(':'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn rules_and_dashboard_use_only_metrics_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("t.json");
    fs::write(&tree, TREE).unwrap();
    let (_, rules) = run(&["prometheus-rules", "--tree", tree.to_str().unwrap()], &[]);
    let (code, dashboard) = run(&["dashboard", "--grafana"], &[]);
    assert_eq!(code, Some(0));
    let board: Value = serde_json::from_str(&dashboard).unwrap();
    assert_eq!(board["schemaVersion"], 38);
    let (_, known) = run(&["metrics"], &[]);
    let known = metrics_in(&known);
    for (what, text) in [("rules", &rules), ("dashboard", &dashboard)] {
        let used = metrics_in(text);
        assert!(used.len() > 8, "{what}: {used:?}");
        let unknown: Vec<_> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "{what} use what there is not: {unknown:?}");
    }
}

#[test]
fn the_dashboard_holds_together() {
    let (_, text) = run(&["dashboard"], &[]);
    let board: Value = serde_json::from_str(&text).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "ids are told apart");
    for panel in panels {
        let place = &panel["gridPos"];
        assert!(
            place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24,
            "{panel}"
        );
        assert!(
            panel["title"].is_string() && panel["targets"][0]["expr"].is_string(),
            "{panel}"
        );
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
    }
    let variables = board["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["datasource", "project"]);
}

/// A history in which `shop / slave-1` was 8 s behind for ten minutes of an hour, and the monitor stood still for ten more.
fn past(folder: &Path) -> (String, i64) {
    let file = folder.join("history.db");
    let (history, notices) = History::open(&file, Settings::default());
    assert!(notices.is_empty(), "{notices:?}");
    let begin = 1_780_000_000_000;
    for second in (0..=3600)
        .step_by(2)
        .filter(|second| !(2400..3000).contains(second))
    {
        let mut slave = Replica::new("slave-1", Role::Slave);
        slave.state = State::Up;
        slave.lag_tolerance_ms = Some(5000);
        slave.lag = Lag::exact(if (600..1200).contains(&second) { 8000 } else { 20 });
        let snapshot = Snapshot::named("t").with_project(Project::new("shop", vec![slave]));
        history.record(Moment::new(Arc::new(snapshot), begin + second * 1000));
        // Recording never waits: so that nothing is dropped, whoever records does.
        assert!(second % 200 != 0 || history.flush());
    }
    history.close();
    (file.display().to_string(), begin)
}

#[test]
fn a_replay_tells_when_alerts_would_have_fired() {
    let folder = tempfile::tempdir().unwrap();
    let (file, begin) = past(folder.path());
    let replay = [
        "rules",
        "replay",
        "--history",
        &file,
        "--until",
        "2026-05-28T21:26:40Z",
    ];
    let (code, said) = run(&replay, &[]);
    assert_eq!(code, Some(0), "{said}");
    let head = said.lines().next().unwrap_or_default();
    assert!(head.starts_with("1 h from 2026-05-28T20:26:40"), "{head}");
    let told: Vec<&str> = said
        .lines()
        .skip(1)
        .filter(|line| !line.ends_with("never"))
        .collect();
    assert_eq!(
        told,
        [
            "ReplicaLagAboveLimit         warning  once, 9 m in all",
            "    shop / slave-1: 1, last at 2026-05-28T20:37:40.000Z",
            "ReplicaMonitorNotScraped     critical once, 7 m 45 s in all",
            "    the monitor: 1, last at 2026-05-28T21:08:55.000Z",
        ]
    );
    let (code, said) = run(&[&replay[..], &["--json", "--since", "50m"]].concat(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["from"], begin + 600_000);
    let lag = &told["alerts"][0]["subjects"][0];
    assert_eq!(
        lag["spans"],
        json!([[begin + 660_000, begin + 1_200_000]]),
        "{lag}"
    );
    // With another limit nothing would have been said.
    let patient = folder.path().join("patient.json");
    fs::write(
        &patient,
        TREE.replace("\"lagTolerance\": 5000", "\"lagTolerance\": 9000"),
    )
    .unwrap();
    let (_, said) = run(
        &[&replay[..], &["--tree", patient.to_str().unwrap()]].concat(),
        &[],
    );
    assert!(
        said.contains("ReplicaLagAboveLimit         warning  never"),
        "{said}"
    );
}

#[test]
fn a_replay_without_a_past_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = past(folder.path());
    let cases: [(&[&str], Option<i32>, &str); 4] = [
        (&["--history", "none.db"], Some(1), "cannot read none.db"),
        (
            &["--history", &file, "--until", "2020-01-01T00:00:00Z"],
            Some(1),
            "keeps nothing of that time",
        ),
        (
            &["--history", &file, "--every", "10ms"],
            Some(2),
            "--every must be 1s or more",
        ),
        (
            &["--history", &file, "--tree", "none.json"],
            Some(1),
            "cannot read none.json",
        ),
    ];
    for (arguments, wanted, why) in cases {
        let (code, said) = run(&[&["rules", "replay"], arguments].concat(), &[]);
        assert!(
            code == wanted && said.contains(why),
            "{arguments:?}: {code:?} {said}"
        );
    }
}
