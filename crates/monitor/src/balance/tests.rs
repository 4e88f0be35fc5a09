//! Who is let in, for snapshots made by hand.

use super::*;
use replica_core::observed::{Behind, Observed};
use replica_core::{Lag, Verdict};

fn slave(lag: Lag) -> Replica {
    Replica {
        state: State::Up,
        lag,
        lag_tolerance_ms: Some(1000),
        observed: Some(Arc::new(Observed {
            role: Some(Role::Slave),
            behind: Some(Behind {
                amount: 4096,
                unit: "bytes",
            }),
            ..Observed::default()
        })),
        ..Replica::new("s", Role::Slave)
    }
}

fn master(name: &str, writable: bool) -> Replica {
    Replica {
        state: State::Up,
        lag: Lag::not_applicable("a master"),
        observed: Some(Arc::new(Observed {
            role: Some(Role::Master),
            writable: Some(writable),
            ..Observed::default()
        })),
        ..Replica::new(name, Role::Master)
    }
}

fn snapshot(replicas: &[Replica]) -> Arc<Snapshot> {
    Arc::new(Snapshot::named("t").with_project(Project::new("p", replicas.to_vec())))
}

fn lately(each: &[&[Replica]]) -> Lately {
    Lately::new(each.iter().map(|replicas| snapshot(replicas)).collect(), false)
}

fn key() -> ReplicaKey {
    ReplicaKey::new("p", "s")
}

#[test]
fn a_replica_is_fit_within_its_limit_and_only_then() {
    let fit = |lag: Lag, limit: Option<Limit>| lately(&[&[slave(lag)]]).is_replica(&key(), limit).is_ok();
    assert!(fit(Lag::exact(900), None) && !fit(Lag::exact(1100), None));
    assert!(!fit(Lag::exact(900), Some(Limit::Time(500))));
    assert!(fit(Lag::exact(0), Some(Limit::Bytes(4096))) && !fit(Lag::exact(0), Some(Limit::Bytes(4095))));
    assert!(!fit(Lag::unknown("?"), None), "unknown is not fit");
    let at_least = |ms| Lag {
        verdict: Verdict::AtLeast(ms),
        as_of_ms: None,
    };
    assert!(!fit(at_least(10), None), "it may be hours");
    assert!(!fit(at_least(10), Some(Limit::Time(500))));
    let frozen = Lag {
        verdict: Verdict::Exact(0),
        as_of_ms: Some(1),
    };
    assert!(!fit(frozen, None), "a frozen 0 is not a 0");
}

#[test]
fn a_refusal_is_immediate_and_its_end_is_not() {
    let (good, bad) = ([slave(Lag::exact(0))], [slave(Lag::exact(9000))]);
    assert!(lately(&[&good, &good, &bad]).is_replica(&key(), None).is_err());
    let recovering = lately(&[&bad, &good, &good]).is_replica(&key(), None);
    assert!(matches!(recovering, Err(Refusal::Not(why)) if why.starts_with("only just recovered")));
    assert!(lately(&[&good, &good]).is_replica(&key(), None).is_ok());
    let new = lately(&[&[], &good]);
    assert!(
        new.is_replica(&key(), None).is_ok(),
        "one that is new has no past"
    );
}

#[test]
fn there_is_one_primary_or_none() {
    let primary = |replicas: &[Replica]| lately(&[replicas]).primary("p");
    assert_eq!(primary(&[master("m", true)]), Ok("m".into()));
    assert!(primary(&[master("m", false)]).is_err());
    assert!(primary(&[master("m", true), master("n", true)]).is_err());
    assert!(primary(&[slave(Lag::exact(0))]).is_err());
    let down = Replica {
        state: State::Down,
        ..master("m", true)
    };
    assert!(primary(&[down]).is_err());
    assert_eq!(
        lately(&[&[]]).primary("q"),
        Err(Refusal::NoSuch("no such project"))
    );
}

#[test]
fn reads_go_to_the_least_behind_and_at_last_to_the_primary() {
    let mut late = slave(Lag::exact(700));
    late.name = "late".into();
    let both = [master("m", true), late.clone(), slave(Lag::exact(3))];
    let names = |answer: Answer<Vec<Arc<str>>>| {
        answer.map(|names| names.iter().map(|name| name.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(
        names(lately(&[&both]).readers("p", None)),
        Ok(vec!["s".to_owned(), "late".to_owned()])
    );
    let alone = [master("m", true), slave(Lag::unknown("?"))];
    assert_eq!(
        names(lately(&[&alone]).readers("p", None)),
        Ok(vec!["m".to_owned()])
    );
    let stalled = Lately::new(vec![snapshot(&both)], true);
    assert!(stalled.readers("p", None).is_err());
}

#[test]
fn the_worst_lag_of_those_that_answer_counts() {
    let mut down = slave(Lag::unknown("down"));
    down.state = State::Down;
    let all = [slave(Lag::exact(700)), slave(Lag::exact(30)), down.clone()];
    assert_eq!(lately(&[&all]).worst_lag("p"), Ok((700, Some(1000))));
    assert!(lately(&[&[down]]).worst_lag("p").is_err());
    assert!(lately(&[&[slave(Lag::unknown("?"))]]).worst_lag("p").is_err());
}
