//! What comes out, for snapshots made by hand.

use super::*;
use replica_core::observed::Observed;
use replica_core::{Lag, Project, Replica, Role, State, Verdict};
use std::sync::Arc;

fn lines(snapshot: &Snapshot, name: &str) -> Vec<String> {
    let text = String::from_utf8(of_snapshot(snapshot, Format::Plain)).unwrap();
    let is = |line: &&str| line.starts_with(&format!("{name}{{"));
    text.lines().filter(is).map(str::to_owned).collect()
}

fn one(replica: Replica) -> Snapshot {
    Snapshot::named("t").with_project(Project::new("p", vec![replica]))
}

#[test]
fn unknown_is_absent_and_never_zero() {
    let mut replica = Replica::new("r", Role::Slave);
    let known = |replica: &Replica| {
        let snapshot = one(replica.clone());
        (
            lines(&snapshot, "replica_lag_seconds"),
            lines(&snapshot, "replica_lag_known"),
        )
    };
    let told = |value: &str| {
        vec![format!(
            "replica_lag_known{{project=\"p\",replica=\"r\"}} {value}"
        )]
    };
    assert_eq!(known(&replica), (Vec::new(), told("0")));
    replica.lag = Lag::exact(0);
    let zero = vec!["replica_lag_seconds{project=\"p\",replica=\"r\"} 0".to_owned()];
    assert_eq!(known(&replica), (zero, told("1")));
    replica.lag = Lag {
        verdict: Verdict::Exact(1500),
        as_of_ms: Some(7000),
    };
    assert_eq!(known(&replica), (Vec::new(), told("0")), "frozen");
    let as_of = lines(&one(replica.clone()), "replica_lag_as_of_timestamp_seconds");
    assert!(as_of[0].ends_with(" 7"), "{as_of:?}");
    replica.lag = Lag::not_applicable("a master");
    assert_eq!(known(&replica), (Vec::new(), Vec::new()));
    // Nobody looks, so nothing is said of how that went.
    assert_eq!(
        lines(&one(replica), "replica_probe_success"),
        Vec::<String>::new()
    );
}

#[test]
fn a_refusal_is_no_answer() {
    let mut replica = Replica::new("r", Role::Slave);
    let success = |replica: &Replica| {
        let lines = lines(&one(replica.clone()), "replica_probe_success");
        lines.first().and_then(|line| line.chars().last())
    };
    replica.state = State::Up;
    replica.observed = Some(Arc::new(Observed::default()));
    assert_eq!(success(&replica), Some('1'));
    replica.observed = Some(Arc::new(Observed {
        reason: Some("too many connections".into()),
        ..Observed::default()
    }));
    assert_eq!(success(&replica), Some('0'), "it is up, and turned us away");
    replica.state = State::Unknown;
    assert_eq!(success(&replica), None);
}

#[test]
fn of_several_words_one_holds() {
    let mut replica = Replica::new("r", Role::Slave);
    replica.state = State::Up;
    replica.observed = Some(Arc::new(Observed::default()));
    let states = lines(&one(replica), "replica_state");
    assert_eq!(states.len(), 4);
    let holds: Vec<&String> = states.iter().filter(|line| line.ends_with(" 1")).collect();
    assert_eq!(
        holds,
        ["replica_state{project=\"p\",replica=\"r\",state=\"up\"} 1"]
    );
}

#[test]
fn names_are_data() {
    let name = "quo\"te\\back\nline";
    let snapshot = one(Replica::new(name, Role::Master));
    let line = lines(&snapshot, "replica_state").remove(0);
    assert!(line.contains(r#"replica="quo\"te\\back\nline""#), "{line}");
    let long = |end: &str| one(Replica::new(format!("{}{end}", "é".repeat(500)), Role::Master));
    let (a, b) = (
        lines(&long("a"), "replica_state"),
        lines(&long("b"), "replica_state"),
    );
    assert!(a[0].chars().count() < 220, "{}", a[0]);
    assert_ne!(a[0], b[0], "cut, and still told apart");
}

#[test]
fn names_follow_the_conventions() {
    let mut seen = std::collections::HashSet::new();
    for metric in METRICS {
        assert!(seen.insert(metric.name), "{} stands twice", metric.name);
        assert_eq!(
            metric.kind == Kind::Counter,
            metric.name.ends_with("_total"),
            "{}",
            metric.name
        );
        assert_eq!(
            metric.kind == Kind::Info,
            metric.name.ends_with("_info"),
            "{}",
            metric.name
        );
        assert!(
            !metric.name.contains("milli") && !metric.name.ends_with("_ms"),
            "{}",
            metric.name
        );
        let plain = |letter: char| !matches!(letter, '"' | '\\' | '\n');
        assert!(
            metric.help.ends_with('.') && metric.help.chars().all(plain),
            "{}",
            metric.name
        );
    }
}
