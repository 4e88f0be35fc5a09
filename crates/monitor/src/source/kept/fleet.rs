//! How the replicas are that must bear what a rule writes, and how far those are that a rule feeds.
//!
//! Both are read from what is known anyway: the snapshot of the databases, and the reports of the rules.

use crate::tolerance::tolerance_ms;
use replica_core::{Lag, Name, Replica, ReplicaKey, Role, Rule, Snapshot, State, Verdict};
use replica_engine::rules::{Missing, Phase, Reading, Report};
use std::collections::{BTreeMap, BTreeSet};

/// A replica that has been down for so long holds no rule up any more: nobody reads from it, and the log of the source would fill its disk.
const GIVEN_UP_MS: i64 = 60_000;

/// The replicas of a fleet as rules see them, from look to look.
#[derive(Default)]
pub(super) struct Fleet {
    /// Since when those are down that are.
    down: BTreeMap<ReplicaKey, i64>,
}

impl Fleet {
    /// Notes who is down.
    pub(super) fn seen(&mut self, snapshot: &Snapshot, now_ms: i64) {
        let down = snapshot
            .replicas()
            .filter(|(_, replica)| replica.state == State::Down)
            .map(|(project, replica)| ReplicaKey::new(project.name.clone(), replica.name.clone()));
        let down = down.map(|key| {
            let since = self.down.get(&key).copied().unwrap_or(now_ms);
            (key, since)
        });
        self.down = down.collect();
    }

    /// How the slaves are that stand behind the ends of a rule and declare what lag they tolerate. Those that rules feed are not meant: their lag is the
    /// doing of the rule itself.
    pub(super) fn look(
        &self,
        snapshot: &Snapshot,
        rule: &Rule,
        fed: &BTreeSet<ReplicaKey>,
        now_ms: i64,
    ) -> Reading {
        let mut worst = Reading::Nobody;
        for (project, replica) in snapshot.replicas() {
            let key = ReplicaKey::new(project.name.clone(), replica.name.clone());
            let is_behind = project.name == rule.source || project.name == rule.target;
            let given_up = self
                .down
                .get(&key)
                .is_some_and(|since| now_ms - since >= GIVEN_UP_MS);
            if !is_behind || !bears(replica) || fed.contains(&key) || given_up {
                continue;
            }
            let words = format!("{} / {}", key.project, key.replica);
            worst = worse(worst, read(replica, words));
        }
        worst
    }
}

fn bears(replica: &Replica) -> bool {
    replica.role == Role::Slave && !replica.leads() && replica.lag_tolerance_ms.is_some()
}

fn read(replica: &Replica, words: String) -> Reading {
    match replica.lag.most_ms().zip(replica.last_ping_ms) {
        Some((ms, at)) => Reading::Known {
            whose: words,
            share: ms as f64 / tolerance_ms(replica.lag_tolerance_ms).max(1) as f64,
            at_ms: at,
            applied_ms: at.saturating_sub_unsigned(ms),
        },
        None => {
            let why = replica.lag.reason().unwrap_or("nobody knows how much");
            Reading::Unknown(format!("{words} is unknown: {why}"))
        }
    }
}

fn worse(one: Reading, other: Reading) -> Reading {
    match (one, other) {
        (Reading::Nobody, other) => other,
        (one, Reading::Nobody) => one,
        (unknown @ Reading::Unknown(_), _) | (_, unknown @ Reading::Unknown(_)) => unknown,
        (
            Reading::Known {
                whose,
                share,
                at_ms,
                applied_ms,
            },
            Reading::Known {
                whose: other,
                share: others,
                at_ms: other_at_ms,
                applied_ms: others_ms,
            },
        ) => Reading::Known {
            whose: if share >= others { whose } else { other },
            share: share.max(others),
            at_ms: at_ms.min(other_at_ms),
            applied_ms: applied_ms.min(others_ms),
        },
    }
}

/// The lag of a replica that a rule feeds, as the rule knows it.
pub(super) fn fed_lag(rule: &Name, report: &Report, now_ms: i64) -> Lag {
    let since = |ms: i64| u64::try_from(now_ms - ms).unwrap_or(0);
    let is_whole = report.owed.is_empty() && report.refused.is_empty();
    let verdict = match (&report.phase, report.missing) {
        // Where rows are left out, others may be as old as they like.
        (_, Missing::Since(at)) if !is_whole => Verdict::AtLeast(since(at)),
        (_, Missing::Nothing) if !is_whole => Verdict::AtLeast(0),
        (Phase::Streaming, Missing::Since(at)) => Verdict::Exact(since(at)),
        (Phase::Streaming, Missing::Nothing) => Verdict::Exact(0),
        // Of a mirror it is known when it was true, not what was changed since.
        (_, Missing::Since(at)) => Verdict::AtMost(since(at)),
        _ => Verdict::Unknown(format!("the rule {rule} feeds it: {}", crate::flow::sentence(report)).into()),
    };
    Lag {
        verdict,
        as_of_ms: None,
    }
}

/// Of two rules that feed a replica the one that is worse.
pub(super) fn worse_lag(one: Lag, other: Lag) -> Lag {
    match (one.ms(), other.ms()) {
        (None, _) => one,
        (_, None) => other,
        (first, second) if first >= second => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use replica_core::{Project, RuleMode};

    fn slave(name: &str, lag: Lag, state: State) -> Replica {
        Replica {
            lag,
            state,
            lag_tolerance_ms: Some(1000),
            last_ping_ms: Some(10_000),
            ..Replica::new(name, Role::Slave)
        }
    }

    fn looked(fleet: &Fleet, replicas: Vec<Replica>, now_ms: i64) -> Reading {
        let snapshot = Snapshot::named("test").with_project(Project::new("t", replicas));
        let rule = Rule::new("copy", "s", "t", RuleMode::Cdc);
        let fed = BTreeSet::from([ReplicaKey::new("t", "fed")]);
        fleet.look(&snapshot, &rule, &fed, now_ms)
    }

    #[test]
    fn the_worst_of_those_that_must_bear_it_counts() {
        let fleet = Fleet::default();
        let up = |name: &str, ms| slave(name, Lag::exact(ms), State::Up);
        assert_eq!(looked(&fleet, vec![], 0), Reading::Nobody);
        assert_eq!(
            looked(&fleet, vec![up("a", 100), up("b", 500), up("fed", 9000)], 0),
            Reading::Known {
                whose: "t / b".to_owned(),
                share: 0.5,
                at_ms: 10_000,
                applied_ms: 9500,
            }
        );
        let untold = Replica {
            lag_tolerance_ms: None,
            ..up("c", 9000)
        };
        assert_eq!(looked(&fleet, vec![untold], 0), Reading::Nobody);
        let unknown = slave("d", Lag::unknown("no grant"), State::Up);
        assert_eq!(
            looked(&fleet, vec![up("a", 100), unknown], 0),
            Reading::Unknown("t / d is unknown: no grant".to_owned())
        );
    }

    #[test]
    fn one_that_has_been_down_for_long_holds_nobody_up() {
        let down = || slave("a", Lag::unknown("refused"), State::Down);
        let mut fleet = Fleet::default();
        let snapshot = Snapshot::named("test").with_project(Project::new("t", vec![down()]));
        fleet.seen(&snapshot, 1000);
        fleet.seen(&snapshot, 50_000);
        assert!(matches!(
            looked(&fleet, vec![down()], 50_000),
            Reading::Unknown(_)
        ));
        assert_eq!(looked(&fleet, vec![down()], 61_000), Reading::Nobody);
        fleet.seen(&Snapshot::named("test"), 62_000);
        assert!(matches!(
            looked(&fleet, vec![down()], 63_000),
            Reading::Unknown(_)
        ));
    }

    fn report(phase: Phase, missing: Missing, is_whole: bool) -> Report {
        let refused = (!is_whole).then(|| ("t".to_owned(), "no key".to_owned()));
        Report {
            phase,
            missing,
            refused: refused.into_iter().collect(),
            ..Report::default()
        }
    }

    #[test]
    fn what_a_rule_has_not_brought_yet_is_the_lag_of_whom_it_feeds() {
        let of = |phase, missing, is_whole| {
            fed_lag(&"copy".into(), &report(phase, missing, is_whole), 1000).verdict
        };
        let resting = || Phase::Resting {
            next: replica_engine::rules::Next::After(std::time::Duration::from_secs(60)),
            is_mirrored: true,
        };
        assert_eq!(
            of(Phase::Streaming, Missing::Since(400), true),
            Verdict::Exact(600)
        );
        assert_eq!(of(Phase::Streaming, Missing::Nothing, true), Verdict::Exact(0));
        assert_eq!(of(Phase::Streaming, Missing::Nothing, false), Verdict::AtLeast(0));
        assert_eq!(of(resting(), Missing::Since(400), true), Verdict::AtMost(600));
        assert!(matches!(
            of(Phase::Starting, Missing::Unknown, true),
            Verdict::Unknown(_)
        ));
        // A clock that is ahead is no lag.
        assert_eq!(
            of(Phase::Streaming, Missing::Since(1500), true),
            Verdict::Exact(0)
        );
    }
}
