//! What one moment does not show: which lags fall, which rules fail and move, and whether the monitor itself is cut off.

use super::condition::Moment;
use crate::hub::Hub;
use crate::published::Published;
use replica_core::{Name, Replica, ReplicaKey, Snapshot, State};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;

/// A lag is compared with itself so long ago, in milliseconds.
const LAG_SPAN_MS: i64 = 15_000;
/// Rules are judged by what they counted within so long, in milliseconds.
const RULE_SPAN_MS: i64 = 10 * 60_000;

/// A count of a rule, and when it last rose.
#[derive(Default)]
struct Count {
    last: Option<u64>,
    rose_ms: Option<i64>,
}

impl Count {
    fn take_in(&mut self, count: Option<u64>, now: i64) {
        if let (Some(last), Some(count)) = (self.last, count)
            && count > last
        {
            self.rose_ms = Some(now);
        }
        self.last = count.or(self.last);
    }

    fn rose_lately(&self, now: i64) -> bool {
        self.rose_ms.is_some_and(|at| now - at < RULE_SPAN_MS)
    }
}

/// What is remembered from one moment to the next, of what the snapshot holds and no more.
#[derive(Default)]
pub(super) struct Trend {
    /// Each lag at the beginning of the span, and of the one before.
    lags: HashMap<ReplicaKey, [(i64, u64); 2]>,
    rules: HashMap<Name, (Count, Count)>,
}

impl Trend {
    /// The moment that `published` shows.
    pub(super) fn moment(
        &mut self,
        published: &Published,
        now: i64,
        history: Option<String>,
        cut_off: Option<String>,
    ) -> Moment {
        let snapshot = Arc::clone(&published.snapshot);
        let falling = self.falling(&snapshot, now);
        let (failing, moving) = self.counts(&snapshot, now);
        Moment {
            at_ms: now,
            stalled_since: published.stalled_since,
            history,
            falling,
            cut_off,
            failing,
            moving,
            snapshot,
        }
    }

    fn falling(&mut self, snapshot: &Snapshot, now: i64) -> HashSet<ReplicaKey> {
        let (mut falling, mut kept) = (HashSet::new(), HashMap::new());
        for (project, replica) in snapshot.replicas() {
            let Some(lag) = live_lag(replica) else { continue };
            let key = ReplicaKey::new(project.name.clone(), replica.name.clone());
            let mut marks = self.lags.get(&key).copied().unwrap_or([(now, lag); 2]);
            if now - marks[1].0 >= LAG_SPAN_MS {
                marks = [marks[1], (now, lag)];
            }
            if lag < marks[0].1 {
                falling.insert(key.clone());
            }
            kept.insert(key, marks);
        }
        self.lags = kept;
        falling
    }

    fn counts(&mut self, snapshot: &Snapshot, now: i64) -> (HashSet<Name>, HashSet<Name>) {
        let mut kept = HashMap::new();
        for rule in &snapshot.rules {
            let (mut errors, mut rows) = self.rules.remove(&rule.name).unwrap_or_default();
            let stats = rule.last_stats.as_ref();
            errors.take_in(stats.and_then(|stats| stats.total_errors), now);
            rows.take_in(stats.and_then(|stats| stats.total_synced), now);
            kept.insert(rule.name.clone(), (errors, rows));
        }
        self.rules = kept;
        let named = |holds: &dyn Fn(&(Count, Count)) -> bool| {
            let rules = self.rules.iter().filter(|(_, counts)| holds(counts));
            rules.map(|(name, _)| name.clone()).collect()
        };
        (
            named(&|(errors, _)| errors.rose_lately(now)),
            named(&|(_, rows)| rows.rose_lately(now)),
        )
    }
}

fn live_lag(replica: &Replica) -> Option<u64> {
    replica.lag.ms().filter(|_| replica.lag.as_of_ms.is_none())
}

/// Why this machine is likelier to be cut off than all others, if that is so. Asks the system for routes, and sends nothing.
pub(super) async fn cut_off(hub: &Hub, snapshot: &Arc<Snapshot>) -> Option<String> {
    // Mostly, somebody answers; then nobody is asked.
    if snapshot
        .replicas()
        .any(|(_, replica)| replica.state == State::Up && !is_file(replica))
    {
        return None;
    }
    let addresses = hub.addresses().await;
    let silent = silent_machines(snapshot, &addresses)?;
    let machines = silent.len();
    let asked: Vec<String> = silent.into_values().collect();
    let asked =
        tokio::task::spawn_blocking(move || asked.iter().filter(|address| !has_route(address)).count());
    let without_route = asked.await.unwrap_or_default();
    let routes = match without_route {
        0 => "this machine has routes to them".to_owned(),
        count => format!("this machine has no route to {count} of them"),
    };
    Some(format!(
        "none of the {machines} machines with replicas can be reached, and {routes}: see to the monitor's own network first"
    ))
}

fn is_file(replica: &Replica) -> bool {
    replica
        .dialect
        .as_ref()
        .is_some_and(replica_core::Dialect::is_file)
}

/// Other machines with an address each, if there are two or more, and each replica on them is down.
fn silent_machines(
    snapshot: &Snapshot,
    addresses: &[(ReplicaKey, String)],
) -> Option<BTreeMap<String, String>> {
    let mut machines = BTreeMap::new();
    let mut states = BTreeSet::new();
    for (key, address) in addresses {
        let host = address
            .rsplit_once(':')
            .map_or(address.as_str(), |(host, _)| host);
        let state = snapshot.replica(key).map(|replica| replica.state);
        if is_here(host) || state.is_none() {
            continue;
        }
        states.insert(state == Some(State::Down));
        machines.insert(host.to_owned(), address.clone());
    }
    (machines.len() >= 2 && !states.contains(&false)).then_some(machines)
}

fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = bare.parse().ok();
    bare == "localhost" || address.is_some_and(|address| address.is_loopback())
}

/// Connecting a datagram socket chooses a route, and sends nothing.
fn has_route(address: &str) -> bool {
    let found = address.to_socket_addrs().into_iter().flatten();
    let reachable = |to: std::net::SocketAddr| {
        let from = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        UdpSocket::bind(from)
            .and_then(|socket| socket.connect(to))
            .is_ok()
    };
    found.into_iter().any(reachable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::condition::tests::{moment, slave};
    use replica_core::Lag;

    fn of_lag(ms: u64) -> Arc<Snapshot> {
        let mut replica = slave();
        replica.lag = Lag::exact(ms);
        moment(vec![replica]).snapshot
    }

    #[test]
    fn a_lag_falls_when_it_is_less_than_a_while_ago() {
        let mut trend = Trend::default();
        let mut falls = |now, ms| !trend.falling(&of_lag(ms), now).is_empty();
        assert!(!falls(0, 60_000));
        assert!(!falls(10_000, 70_000));
        assert!(!falls(20_000, 80_000));
        assert!(falls(30_000, 40_000));
        assert!(falls(60_000, 20_000));
        assert!(!falls(80_000, 40_000), "it rises again");
    }

    #[test]
    fn one_machine_proves_nothing_and_one_that_answers_the_contrary() {
        let all = |states: [State; 2]| {
            let replicas = states.into_iter().enumerate().map(|(at, state)| {
                let mut replica = slave();
                (replica.name, replica.state) = (at.to_string().into(), state);
                replica
            });
            moment(replicas.collect()).snapshot
        };
        let at = |hosts: [&str; 2]| {
            let each = hosts.iter().enumerate();
            let addressed =
                each.map(|(at, host)| (ReplicaKey::new("p", at.to_string()), format!("{host}:5432")));
            addressed.collect::<Vec<_>>()
        };
        let down = all([State::Down, State::Down]);
        assert_eq!(
            silent_machines(&down, &at(["a", "b"])).map(|machines| machines.len()),
            Some(2)
        );
        assert_eq!(silent_machines(&down, &at(["a", "a"])), None);
        assert_eq!(silent_machines(&down, &at(["127.0.0.1", "b"])), None);
        let one_up = all([State::Up, State::Down]);
        assert_eq!(silent_machines(&one_up, &at(["a", "b"])), None);
    }
}
