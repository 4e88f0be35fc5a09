//! Every way in which a tree file changes on disk.

use crate::support::{Monitor, TREE, rename_over};
use serde_json::Value;
use std::fs;

fn rule(name: &str) -> String {
    TREE.replace("\"copy\"", &format!("\"{name}\""))
}

fn wait_for_rule(monitor: &Monitor, name: &str) {
    monitor.wait("/api/rules", |rules| (rules[0]["name"] == name).then_some(()));
}

fn problems(whole: &Value) -> Vec<String> {
    let list = whole["problems"].as_array().unwrap();
    list.iter()
        .map(|problem| problem["message"].as_str().unwrap().to_owned())
        .collect()
}

/// The ways, in both modes. A poll period of an hour proves that the watching did it.
fn every_way(arguments: &[&str]) {
    let monitor = Monitor::start(TREE, arguments);
    monitor.write_tree(&rule("in-place"));
    wait_for_rule(&monitor, "in-place");
    rename_over(&monitor.tree, &rule("renamed-over"));
    wait_for_rule(&monitor, "renamed-over");
    rename_over(&monitor.tree, &rule("renamed-again"));
    wait_for_rule(&monitor, "renamed-again");
    fs::remove_file(&monitor.tree).unwrap();
    monitor.wait("/api/snapshot", |whole| {
        problems(whole)
            .first()
            .filter(|p| p.starts_with("cannot be read"))
            .cloned()
    });
    wait_for_rule(&monitor, "renamed-again");
    monitor.write_tree(&rule("recreated"));
    wait_for_rule(&monitor, "recreated");
    monitor.wait("/api/snapshot", |whole| problems(whole).is_empty().then_some(()));
    let folder = monitor.tree.parent().unwrap().to_owned();
    let moved = folder.with_extension("moved");
    fs::rename(&folder, &moved).unwrap();
    monitor.wait("/api/snapshot", |whole| {
        (!problems(whole).is_empty()).then_some(())
    });
    fs::create_dir(&folder).unwrap();
    monitor.write_tree(&rule("parent-came-back"));
    wait_for_rule(&monitor, "parent-came-back");
    fs::remove_dir_all(&moved).unwrap();
}

#[test]
fn changes_are_followed_by_watching() {
    every_way(&["--poll", "3600000"]);
}

#[test]
fn changes_are_followed_by_polling() {
    every_way(&["--no-watch", "--poll", "50"]);
}

#[cfg(unix)]
#[test]
fn a_swapped_symlink_is_followed() {
    use std::os::unix::fs::symlink;
    // As a Kubernetes ConfigMap: file → ..data/file, ..data → ..v1.
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for version in ["..v1", "..v2", "..v3"] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("tree.json"), rule(version)).unwrap();
    }
    symlink("..v1", at("..data")).unwrap();
    symlink("..data/tree.json", at("tree.json")).unwrap();
    let tree = at("tree.json");
    let monitor = Monitor::start_on(folder, tree, &["--poll", "3600000"], &[]);
    wait_for_rule(&monitor, "..v1");
    for version in ["..v2", "..v3"] {
        let at = |name: &str| monitor.folder.path().join(name);
        symlink(version, at("..new")).unwrap();
        fs::rename(at("..new"), at("..data")).unwrap();
        wait_for_rule(&monitor, version);
    }
}

#[test]
fn a_broken_file_keeps_the_last_good_tree_and_says_where() {
    let monitor = Monitor::start(TREE, &["--poll", "3600000"]);
    let mut stream = monitor.stream("");
    while stream.event()["project"] != "_monitor_" {}
    monitor.write_tree("{\n  \"replicas\": }");
    let problem = monitor.wait("/api/snapshot", |whole| whole["problems"].get(0).cloned());
    assert_eq!(
        (problem["line"].as_u64(), problem["column"].as_u64()),
        (Some(2), Some(15))
    );
    assert_eq!(problem["severity"], "error");
    wait_for_rule(&monitor, "copy");
    let event = stream.event();
    assert_eq!(event["type"], "error");
    assert!(
        event["message"]
            .as_str()
            .unwrap()
            .starts_with("replicator-tree.json:2:15: is not JSON"),
        "{event}"
    );
    monitor.write_tree(&rule("mended"));
    wait_for_rule(&monitor, "mended");
    monitor.wait("/api/snapshot", |whole| problems(whole).is_empty().then_some(()));
    let types: Vec<_> = (0..3)
        .map(|_| stream.event()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["rule.added", "rule.removed", "problem.cleared"]);
}

#[test]
fn a_broken_file_at_the_start_is_shown_and_mended() {
    let monitor = Monitor::start("{\"replicas\":", &[]);
    assert_eq!(
        problems(&monitor.json("/api/snapshot")),
        ["ends in the middle; it may be half-written"]
    );
    monitor.write_tree(&rule("mended"));
    wait_for_rule(&monitor, "mended");
}

#[test]
fn one_bad_entry_costs_that_entry() {
    let tree =
        r#"{"replicas":{"p":{"bad":{"role":5},"none":null,"good":{"role":"master"}}},"rules":{"r":null}}"#;
    let monitor = Monitor::start(tree, &[]);
    let replicas = &monitor.json("/api/replicas")["p"];
    assert_eq!(replicas.as_array().unwrap().len(), 2);
    assert_eq!(
        (&replicas[0]["name"], &replicas[0]["state"]),
        (&"bad".into(), &"unknown".into())
    );
    let told = &monitor.json("/api/snapshot")["projects"][0]["replicas"];
    assert!(told[0]["problem"].as_str().is_some() && told[1].get("problem").is_none());
    let errors = monitor
        .json("/api/events")
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["type"] == "error")
        .count();
    assert_eq!(errors, 3);
}

#[test]
fn a_file_written_bit_by_bit_is_never_called_broken() {
    use std::io::Write;
    let monitor = Monitor::start(TREE, &["--poll", "20"]);
    let mut file = fs::File::create(&monitor.tree).unwrap();
    let text = rule("slowly");
    let (first, second) = text.split_at(text.len() / 2);
    file.write_all(first.as_bytes()).unwrap();
    // A round trip stands between the halves: the monitor may look now.
    assert_eq!(monitor.json("/api/rules")[0]["name"], "copy");
    file.write_all(second.as_bytes()).unwrap();
    drop(file);
    wait_for_rule(&monitor, "slowly");
    let events = monitor.json("/api/events");
    assert!(
        events
            .as_array()
            .unwrap()
            .iter()
            .all(|event| event["type"] != "error"),
        "{events}"
    );
}
