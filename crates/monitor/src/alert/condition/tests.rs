//! Each condition on a moment at which it holds, and on one at which it does not.

use super::*;
use replica_core::observed::{Drift, DriftKind};
use replica_core::{Lag, Link, LinkState, Observed, Role, Rule, RuleMode, Runway, SyncStats};

/// One that keeps up.
pub(in crate::alert) fn slave() -> Replica {
    let mut replica = Replica::new("r", Role::Slave);
    replica.state = State::Up;
    replica.lag = Lag::exact(10);
    replica.observed = Some(Arc::new(Observed::default()));
    replica
}

pub(in crate::alert) fn moment(replicas: Vec<Replica>) -> Moment {
    let mut snapshot = Snapshot::named("test");
    snapshot.projects.push(Arc::new(Project::new("p", replicas)));
    Moment {
        at_ms: 1_000_000,
        snapshot: Arc::new(snapshot),
        stalled_since: None,
        history: None,
        falling: HashSet::new(),
        cut_off: None,
        failing: HashSet::new(),
        moving: HashSet::new(),
    }
}

pub(super) fn observing(change: impl FnOnce(&mut Observed)) -> Moment {
    let mut seen = Observed::default();
    change(&mut seen);
    let mut replica = slave();
    replica.observed = Some(Arc::new(seen));
    moment(vec![replica])
}

pub(super) fn drifting(drifts: bool, kind: DriftKind) -> Moment {
    let drift = Drift {
        kind,
        message: "it is not what it should be".to_owned(),
    };
    observing(|seen| seen.drift.extend(drifts.then_some(drift)))
}

pub(super) fn linked(change: impl FnOnce(&mut Link)) -> Moment {
    let mut link = Link {
        name: "eu".into(),
        state: LinkState::Streaming,
        reason: None,
        upstream: None,
        upstream_key: None,
        lag: Lag::exact(10),
        delay_ms: None,
        runway: Runway::Unbounded,
    };
    change(&mut link);
    observing(|seen| seen.links.push(link))
}

pub(super) fn change(moment: &mut Moment, change: impl FnOnce(&mut Replica)) {
    let mut replica = moment.snapshot.projects[0].replicas[0].clone();
    change(&mut replica);
    let mut snapshot = Snapshot::clone(&moment.snapshot);
    snapshot.projects = vec![Arc::new(Project::new("p", vec![replica]))];
    moment.snapshot = Arc::new(snapshot);
}

pub(super) fn ruled() -> Moment {
    let mut moment = moment(vec![slave()]);
    let mut snapshot = Snapshot::clone(&moment.snapshot);
    snapshot.rules.push(Rule::new("copy", "p", "q", RuleMode::Cdc));
    moment.snapshot = Arc::new(snapshot);
    moment
}

/// The same with a rule that is kept going.
pub(super) fn kept(set: impl FnOnce(&mut SyncStats)) -> Moment {
    let mut moment = ruled();
    let mut snapshot = Snapshot::clone(&moment.snapshot);
    let mut stats = SyncStats::default();
    set(&mut stats);
    snapshot.rules[0].last_stats = Some(Arc::new(stats));
    moment.snapshot = Arc::new(snapshot);
    moment
}

fn wrongs(condition: &Condition, moment: &Moment) -> Vec<String> {
    let seen = (condition.see)(moment, condition.limit);
    let summaries = seen.into_iter().filter_map(|seen| match seen.sight {
        Sight::Wrong { summary, .. } => Some(summary),
        Sight::Unsure => None,
    });
    summaries.collect()
}

#[test]
fn each_condition_fires_on_its_sample_and_not_on_the_other() {
    let mut names = HashSet::new();
    for condition in CONDITIONS {
        assert!(names.insert(condition.name), "{} is there twice", condition.name);
        let [fires, quiet] = [true, false].map(|fires| wrongs(condition, &(condition.sample)(fires)));
        assert_eq!(fires.len(), 1, "{}: {fires:?}", condition.name);
        assert!(!fires[0].is_empty());
        assert_eq!(quiet, Vec::<String>::new(), "{}", condition.name);
    }
}

#[test]
fn the_guide_tells_of_each_condition_and_each_channel() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/alerts.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let conditions = CONDITIONS.iter().map(|condition| condition.name);
    let channels = crate::alert::channel::CHANNELS.iter().map(|kind| kind.name);
    for name in conditions.chain(channels) {
        assert!(
            guide.contains(&format!("| `{name}` |")),
            "docs/guides/alerts.md lacks a row for {name}"
        );
    }
}

#[test]
fn what_nobody_measures_alarms_nobody() {
    let mut declared = Replica::new("r", Role::Slave);
    declared.lag_tolerance_ms = Some(1);
    let moment = moment(vec![declared]);
    for condition in CONDITIONS {
        assert_eq!(
            wrongs(condition, &moment),
            Vec::<String>::new(),
            "{}",
            condition.name
        );
    }
}

#[test]
fn a_bound_proves_only_its_side() {
    let seen = |lag: Lag| {
        let mut replica = slave();
        replica.lag = lag;
        (lag::LAG.see)(&moment(vec![replica]), 1.0)
            .pop()
            .map(|seen| seen.sight)
    };
    let of = |verdict| {
        seen(Lag {
            verdict,
            as_of_ms: None,
        })
    };
    use replica_core::Verdict;
    assert!(matches!(of(Verdict::AtLeast(6000)), Some(Sight::Wrong { .. })));
    assert_eq!(of(Verdict::AtLeast(10)), Some(Sight::Unsure));
    assert_eq!(of(Verdict::AtMost(9000)), Some(Sight::Unsure));
    assert_eq!(of(Verdict::AtMost(10)), None);
    assert_eq!(of(Verdict::Unknown("no grant".into())), Some(Sight::Unsure));
}
