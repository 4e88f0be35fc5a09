//! Which replica a read goes to.
//!
//! Only replicas that answer, whose lag is known, and within what their owner tolerates, are chosen from; the master is the last resort.

use replica_core::{Project, Replica, Role, Routing, State};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Another replica must be this much less behind before `least-lag` moves to it, or reads would flutter.
const HYSTERESIS_MS: u64 = 250;

/// Remembers whose turn it is.
#[derive(Default)]
pub(super) struct Turns {
    next: AtomicUsize,
    /// The place chosen last, plus one; 0 for none.
    last: AtomicUsize,
}

/// The replicas to try for a read, best first: the chosen one, then the others that are fit, then the masters.
pub(super) fn order(project: &Project, turns: &Turns) -> Vec<usize> {
    let fit: Vec<usize> = (0..project.replicas.len())
        .filter(|&place| is_fit(&project.replicas[place]))
        .collect();
    let mut order = match project.routing {
        Routing::RoundRobin => rotated(&fit, turns.next.fetch_add(1, Ordering::Relaxed)),
        Routing::Random => rotated(&fit, random()),
        Routing::LeastLag => least_lag(project, fit, turns),
    };
    let masters = project.replicas.iter().enumerate();
    order.extend(
        masters
            .filter(|(_, replica)| replica.leads() && replica.state != State::Down)
            .map(|(place, _)| place),
    );
    order
}

/// The replicas to try for a write.
pub(super) fn writers(project: &Project) -> Vec<usize> {
    let fit = |replica: &Replica| {
        let observed = replica.observed.as_deref();
        replica.leads()
            && replica.state == State::Up
            && observed.is_none_or(|observed| observed.writable != Some(false))
    };
    (0..project.replicas.len())
        .filter(|&place| fit(&project.replicas[place]))
        .collect()
}

fn is_fit(replica: &Replica) -> bool {
    let tolerated = |ms: u64| replica.lag_tolerance_ms.is_none_or(|tolerance| ms <= tolerance);
    !replica.leads()
        && replica.role == Role::Slave
        && replica.state == State::Up
        && replica.lag.most_ms().is_some_and(tolerated)
}

fn rotated(fit: &[usize], by: usize) -> Vec<usize> {
    let mut order = fit.to_vec();
    if !order.is_empty() {
        order.rotate_left(by % fit.len());
    }
    order
}

fn least_lag(project: &Project, mut fit: Vec<usize>, turns: &Turns) -> Vec<usize> {
    let lag = |place: &usize| project.replicas[*place].lag.ms().unwrap_or(u64::MAX);
    fit.sort_by_key(lag);
    let Some(best) = fit.first().copied() else {
        return fit;
    };
    let last = turns.last.load(Ordering::Relaxed).checked_sub(1);
    let stays =
        last.filter(|last| fit.contains(last) && lag(last) <= lag(&best).saturating_add(HYSTERESIS_MS));
    let chosen = stays.unwrap_or(best);
    turns.last.store(chosen + 1, Ordering::Relaxed);
    fit.retain(|place| *place != chosen);
    fit.insert(0, chosen);
    fit
}

fn random() -> usize {
    let mut bytes = [0; 8];
    // Without the system's randomness the first is as good as any.
    let _ = getrandom::fill(&mut bytes);
    usize::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use replica_core::Lag;

    fn project(routing: Routing, lags: &[Option<u64>]) -> Project {
        let slave = |(place, lag): (usize, &Option<u64>)| Replica {
            state: State::Up,
            lag: lag.map_or_else(|| Lag::unknown("?"), Lag::exact),
            lag_tolerance_ms: Some(1000),
            ..Replica::new(format!("s{place}"), Role::Slave)
        };
        let mut replicas = vec![Replica {
            state: State::Up,
            ..Replica::new("m", Role::Master)
        }];
        replicas.extend(lags.iter().enumerate().map(slave));
        Project {
            routing,
            ..Project::new("p", replicas)
        }
    }

    #[test]
    fn round_robin_really_rotates() {
        let (project, turns) = (
            project(Routing::RoundRobin, &[Some(0), Some(0)]),
            Turns::default(),
        );
        let firsts: Vec<usize> = (0..4).map(|_| order(&project, &turns)[0]).collect();
        assert_eq!(firsts, [1, 2, 1, 2]);
    }

    #[test]
    fn the_late_and_the_unknown_are_left_out_and_the_master_is_last() {
        let project = project(Routing::RoundRobin, &[Some(5000), None, Some(3)]);
        assert_eq!(order(&project, &Turns::default()), [3, 0]);
        assert_eq!(writers(&project), [0]);
    }

    #[test]
    fn at_least_so_much_may_be_hours() {
        let mut project = project(Routing::RoundRobin, &[Some(0), Some(3)]);
        project.replicas[1].lag = Lag {
            verdict: replica_core::Verdict::AtLeast(0),
            as_of_ms: None,
        };
        assert_eq!(order(&project, &Turns::default()), [2, 0]);
    }

    #[test]
    fn least_lag_does_not_flutter() {
        let turns = Turns::default();
        let first = |lags: &[Option<u64>]| order(&project(Routing::LeastLag, lags), &turns)[0];
        assert_eq!(first(&[Some(10), Some(20)]), 1);
        assert_eq!(first(&[Some(100), Some(20)]), 1);
        assert_eq!(first(&[Some(900), Some(20)]), 2);
        assert_eq!(first(&[Some(0), None]), 1);
    }

    #[test]
    fn random_only_chooses_from_the_fit() {
        let project = project(Routing::Random, &[Some(0), Some(5000), Some(1)]);
        for _ in 0..50 {
            assert!([1, 3].contains(&order(&project, &Turns::default())[0]));
        }
    }
}
