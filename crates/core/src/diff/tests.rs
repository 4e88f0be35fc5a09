//! The diff against its own meaning: applying the events to what was known gives what is known.

use super::*;
use crate::view::View;
use crate::{Lag, RuleMode, State};
use proptest::prelude::*;

fn replica(name: &str, role: Role, state: State, lag: Lag) -> Replica {
    Replica {
        state,
        lag,
        ..Replica::new(name, role)
    }
}

fn snapshot(projects: Vec<Project>) -> Snapshot {
    projects
        .into_iter()
        .fold(Snapshot::named("test"), Snapshot::with_project)
}

fn words(old: &Snapshot, new: &Snapshot) -> Vec<String> {
    diff(old, new, 7)
        .iter()
        .map(|event| {
            assert_eq!(event.ts, 7);
            match &event.kind {
                EventKind::ReplicaAdded { key, .. } => format!("+{}/{}", key.project, key.replica),
                EventKind::ReplicaRemoved { key } => format!("-{}/{}", key.project, key.replica),
                EventKind::ReplicaPromoted { key, .. } => format!("^{}/{}", key.project, key.replica),
                EventKind::ReplicaState {
                    key, role, lag_only, ..
                } => {
                    format!(
                        "~{}/{}{}{}",
                        key.project,
                        key.replica,
                        if role.is_some() { " demoted" } else { "" },
                        if *lag_only { " lag" } else { "" }
                    )
                }
                EventKind::RuleAdded { rule } => format!("+rule {rule}"),
                EventKind::RuleChanged { rule } => format!("~rule {rule}"),
                EventKind::RuleRemoved { rule } => format!("-rule {rule}"),
                EventKind::Error { message, .. } => format!("error {message}"),
                EventKind::ProblemCleared { message } => format!("cleared {message}"),
                other => panic!("the diff never makes {other:?}"),
            }
        })
        .collect()
}

#[test]
fn the_order_is_the_contract_s() {
    let slave = |name: &str, lag| replica(name, Role::Slave, State::Up, Lag::exact(lag));
    let master = |name: &str| replica(name, Role::Master, State::Up, Lag::not_applicable("a master"));
    let mut old = snapshot(vec![
        Project::new("gone", vec![master("m")]),
        Project::new(
            "p",
            vec![master("m"), slave("a", 1), slave("b", 1), slave("left", 1)],
        ),
    ]);
    old.rules = vec![
        Rule::new("old", "p", "p", RuleMode::Cdc),
        Rule::new("kept", "p", "p", RuleMode::Cdc),
    ];
    old.problems = vec![crate::Problem::error("broken")];
    let mut new = snapshot(vec![
        Project::new(
            "p",
            vec![
                replica("m", Role::Slave, State::Up, Lag::exact(0)),
                master("a"),
                slave("b", 2),
                slave("new", 0),
            ],
        ),
        Project::new("q", vec![master("m")]),
    ]);
    new.rules = vec![
        Rule::new("kept", "p", "q", RuleMode::Cdc),
        Rule::new("fresh", "p", "p", RuleMode::Cdc),
    ];
    new.problems = vec![crate::Problem::error("other")];
    // Removed replicas of surviving projects come first, then those of projects that are gone.
    assert_eq!(
        words(&old, &new),
        [
            "~p/m demoted",
            "^p/a",
            "~p/b lag",
            "+p/new",
            "+q/m",
            "-p/left",
            "-gone/m",
            "+rule fresh",
            "~rule kept",
            "-rule old",
            "error other",
            "cleared broken",
        ]
    );
}

#[test]
fn pool_use_and_pings_are_not_events() {
    let old = snapshot(vec![Project::new("p", vec![Replica::new("r", Role::Slave)])]);
    let mut busy = Replica::new("r", Role::Slave);
    busy.pool_usage = Some(crate::PoolUsage { idle: 1, borrowed: 2 });
    busy.last_ping_ms = Some(5);
    assert!(words(&old, &snapshot(vec![Project::new("p", vec![busy])])).is_empty());
}

#[test]
fn keys_are_never_joined() {
    let old = snapshot(vec![Project::new("a/b", vec![Replica::new("c", Role::Slave)])]);
    let new = snapshot(vec![Project::new("a", vec![Replica::new("b/c", Role::Slave)])]);
    assert_eq!(words(&old, &new), ["+a/b/c", "-a/b/c"]);
}

fn any_lag() -> impl Strategy<Value = Lag> {
    prop_oneof![
        (0..3u64).prop_map(Lag::exact),
        (0..3u64).prop_map(|ms| Lag {
            verdict: crate::Verdict::AtLeast(ms),
            as_of_ms: None
        }),
        (0..3i64).prop_map(|at| Lag {
            verdict: crate::Verdict::Exact(1),
            as_of_ms: Some(at)
        }),
        Just(Lag::unknown("no answer")),
        Just(Lag::not_applicable("a master")),
    ]
}

fn any_project() -> impl Strategy<Value = Vec<Replica>> {
    let one = (0..6u8, any::<bool>(), 0..4usize, any_lag()).prop_map(|(name, master, state, lag)| {
        let role = if master { Role::Master } else { Role::Slave };
        replica(&format!("r{name}"), role, State::ALL[state], lag)
    });
    proptest::collection::vec(one, 0..6).prop_map(unique_by(|replica: &Replica| replica.name.clone()))
}

fn unique_by<T>(name: impl Fn(&T) -> Name) -> impl Fn(Vec<T>) -> Vec<T> {
    move |items| {
        let mut seen = HashSet::new();
        items.into_iter().filter(|item| seen.insert(name(item))).collect()
    }
}

fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let project =
        (0..4u8, any_project()).prop_map(|(name, replicas)| Project::new(format!("p{name}"), replicas));
    let rule = (0..4u8, any::<bool>()).prop_map(|(name, enabled)| Rule {
        enabled,
        ..Rule::new(format!("rule{name}"), "p0", "p1", RuleMode::Cdc)
    });
    let projects = proptest::collection::vec(project, 0..4).prop_map(unique_by(|p: &Project| p.name.clone()));
    let rules = proptest::collection::vec(rule, 0..4).prop_map(unique_by(|r: &Rule| r.name.clone()));
    (projects, rules).prop_map(|(projects, rules)| Snapshot {
        rules,
        ..snapshot(projects)
    })
}

proptest! {
    #[test]
    fn applying_the_events_reproduces_the_new_snapshot(old in any_snapshot(), new in any_snapshot()) {
        let mut view = View::of(&old);
        for event in diff(&old, &new, 0) {
            view.apply(&event);
        }
        prop_assert_eq!(view, View::of(&new));
    }

    #[test]
    fn no_change_is_no_event(snapshot in any_snapshot()) {
        prop_assert!(diff(&snapshot, &snapshot.clone(), 0).is_empty());
    }

    #[test]
    fn each_replica_has_at_most_one_event(old in any_snapshot(), new in any_snapshot()) {
        let mut seen = HashSet::new();
        for event in diff(&old, &new, 0) {
            let key = match event.kind {
                EventKind::ReplicaAdded { key, .. } | EventKind::ReplicaRemoved { key }
                | EventKind::ReplicaPromoted { key, .. } | EventKind::ReplicaState { key, .. } => key,
                _ => continue,
            };
            prop_assert!(seen.insert(key));
        }
    }

    #[test]
    fn shared_projects_and_rebuilt_ones_give_the_same_events(old in any_snapshot(), new in any_snapshot()) {
        let mut shared = new.clone();
        for project in &mut shared.projects {
            if let Some(same) = old.projects.iter().find(|was| was == &project) {
                *project = Arc::clone(same);
            }
        }
        prop_assert_eq!(diff(&old, &new, 0), diff(&old, &shared, 0));
    }
}
