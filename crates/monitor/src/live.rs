//! What the page's own stream says: small deltas, at most four times a second, the last write winning.
//!
//! A page holds a snapshot and is told only what changed in it; when its structure changed it is told to load it again. The
//! public event stream is [`crate::stream_log`]'s and knows nothing of this.

use crate::activity::Recorded;
use crate::stream_log::StreamLog;
use crate::wire::{ReplicaInfo, StatsInfo};
use bytes::Bytes;
use replica_core::{Project, Replica, Snapshot};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The least time between two deltas.
const EVERY: Duration = Duration::from_millis(250);

/// Of more events at once a page is told only the last: its log shows no more either.
const MAX_EVENTS: usize = 500;

/// When more rows than this have more to tell than figures, loading everything is cheaper for both sides.
const MAX_DETAILS: usize = 100;

/// What has been said, and what is still to say.
pub(crate) struct Live {
    pub(crate) log: Arc<StreamLog>,
    /// What a page that follows knows.
    said: Arc<Snapshot>,
    stalled: bool,
    /// Events still to be told, as JSON.
    events: VecDeque<Bytes>,
    pending: bool,
    last: Instant,
}

impl Live {
    pub(crate) fn new(log: Arc<StreamLog>, known: Arc<Snapshot>) -> Self {
        Self {
            log,
            said: known,
            stalled: false,
            events: VecDeque::new(),
            pending: false,
            last: Instant::now(),
        }
    }

    /// When there is something to say, and when it may be said.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.pending.then_some(self.last + EVERY)
    }

    /// Remembers an event, if it is more than a lag.
    pub(crate) fn note(&mut self, event: &Recorded) {
        if event.is_more_than_lag() {
            self.events.push_back(event.json.clone());
            if self.events.len() > MAX_EVENTS {
                self.events.pop_front();
            }
        }
    }

    /// Remembers that something was published.
    pub(crate) fn changed(&mut self) {
        self.pending = true;
    }

    /// Says all that is still to say, as of `seq`.
    pub(crate) fn flush(&mut self, now: &Arc<Snapshot>, stalled: bool, seq: u64, ts: i64) {
        let mut text = String::new();
        let mut say = |event: &str, data: &str| {
            text.push_str(&format!("event: {event}\nid: {seq}\ndata: {data}\n\n"));
        };
        let Rows { figures, details } = rows(&self.said, now);
        if stalled != self.stalled || details.len() > MAX_DETAILS || !same_structure(&self.said, now) {
            say("reload", &json!({ "seq": seq }).to_string());
        } else {
            for (event, rows) in [("delta", figures), ("detail", details)] {
                if !rows.is_empty() {
                    let rows = rows.join(",");
                    say(event, &format!("{{\"seq\":{seq},\"t\":{ts},\"r\":[{rows}]}}"));
                }
            }
            let stats = stats(&self.said, now);
            if !stats.is_empty() {
                say(
                    "stats",
                    &json!({ "seq": seq, "t": ts, "rules": stats }).to_string(),
                );
            }
        }
        if !self.events.is_empty() {
            let events: Vec<&[u8]> = self.events.iter().map(|event| &event[..]).collect();
            say(
                "log",
                &format!("[{}]", String::from_utf8_lossy(&events.join(&b","[..]))),
            );
        }
        if !text.is_empty() {
            self.log.append_framed(seq, text.into());
        }
        self.said = Arc::clone(now);
        self.stalled = stalled;
        self.events.clear();
        self.pending = false;
        self.last = Instant::now();
    }
}

/// Whether a page may apply a delta: the same rows in the same places, declared the same.
fn same_structure(old: &Snapshot, new: &Snapshot) -> bool {
    let same_project = |(old, new): (&Arc<Project>, &Arc<Project>)| {
        Arc::ptr_eq(old, new)
            || (old.name == new.name
                && old.routing == new.routing
                && old.replicas.len() == new.replicas.len()
                && old
                    .replicas
                    .iter()
                    .zip(&new.replicas)
                    .all(|(old, new)| old.name == new.name && old.same_declaration(new)))
    };
    old.source == new.source
        && old.capabilities == new.capabilities
        && old.problems == new.problems
        && old.projects.len() == new.projects.len()
        && old.projects.iter().zip(&new.projects).all(same_project)
        && old.rules.len() == new.rules.len()
        && old
            .rules
            .iter()
            .zip(&new.rules)
            .all(|(old, new)| old.same_declaration(new))
}

/// The rows that differ.
#[derive(Default)]
struct Rows {
    /// Those where only figures do, each as `[place, state, lag, verdict, in, out, seen]`.
    figures: Vec<String>,
    /// Those that have more to tell, each as `[place, {…}]`.
    details: Vec<String>,
}

fn rows(old: &Snapshot, new: &Snapshot) -> Rows {
    let mut rows = Rows::default();
    let mut place = 0;
    for (was, is) in old.projects.iter().zip(&new.projects) {
        if !Arc::ptr_eq(was, is) {
            let pairs = was.replicas.iter().zip(&is.replicas).enumerate();
            for (at, (was, is)) in pairs.filter(|(_, (was, is))| was != is) {
                if more_than_figures(was, is) {
                    rows.details
                        .push(json!([place + at, ReplicaInfo::from(is)]).to_string());
                } else if let Some(row) = row(place + at, was, is) {
                    rows.figures.push(row);
                }
            }
        }
        place += is.replicas.len();
    }
    rows
}

fn more_than_figures(was: &Replica, is: &Replica) -> bool {
    let same = match (&was.observed, &is.observed) {
        (Some(was), Some(is)) => was.says_the_same(is),
        (None, None) => true,
        _ => false,
    };
    !same || was.lag.reason() != is.lag.reason() || was.lag.as_of_ms != is.lag.as_of_ms
}

/// Nothing for a row of which only the evidence changed: who looks at it asks for it.
fn row(place: usize, was: &Replica, is: &Replica) -> Option<String> {
    let number = |value: Option<i64>| value.map_or_else(|| "null".to_owned(), |value| value.to_string());
    let usage = is.pool_usage;
    let items = [
        place.to_string(),
        is.state.code().to_string(),
        is.lag.ms().map_or_else(|| "null".to_owned(), |ms| ms.to_string()),
        is.lag.verdict.code().to_string(),
        number(usage.map(|usage| usage.idle.into())),
        number(usage.map(|usage| usage.borrowed.into())),
        number(is.last_ping_ms),
    ];
    let told_before = was.state == is.state && was.lag == is.lag && was.pool_usage == is.pool_usage;
    if told_before && was.last_ping_ms == is.last_ping_ms {
        return None;
    }
    // What is left off at the end did not change; a verdict that is left off is exact.
    let told = match () {
        () if was.last_ping_ms != is.last_ping_ms => 7,
        () if was.pool_usage != is.pool_usage => 6,
        () if is.lag.verdict.code() != 0 => 4,
        () => 3,
    };
    Some(format!("[{}]", items[..told].join(",")))
}

fn stats(old: &Snapshot, new: &Snapshot) -> Vec<Value> {
    let pairs = old.rules.iter().zip(&new.rules).enumerate();
    let changed = pairs.filter(|(_, (old, new))| old.last_stats != new.last_stats);
    changed
        .map(|(place, (_, new))| json!([place, new.last_stats.as_deref().map(StatsInfo::from)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream_log::tests::read;
    use replica_core::{Lag, PoolUsage, Role, State};

    fn snapshot(lag: Lag, state: State, pool: Option<PoolUsage>) -> Arc<Snapshot> {
        let still = Replica::new("still", Role::Master);
        let replica = Replica {
            lag,
            state,
            pool_usage: pool,
            ..Replica::new("r", Role::Slave)
        };
        Arc::new(Snapshot::named("t").with_project(Project::new("p", vec![still, replica])))
    }

    fn said(live: &mut Live, now: &Arc<Snapshot>, seq: u64) -> String {
        live.changed();
        live.flush(now, false, seq, 7);
        read(&live.log, seq - 1).1
    }

    #[test]
    fn only_what_changed_is_said_and_structure_asks_for_a_reload() {
        let first = snapshot(Lag::exact(1), State::Up, None);
        let mut live = Live::new(Arc::new(StreamLog::new(0)), Arc::clone(&first));
        let moved = snapshot(Lag::exact(42), State::Up, None);
        assert_eq!(
            said(&mut live, &moved, 1),
            "event: delta\nid: 1\ndata: {\"seq\":1,\"t\":7,\"r\":[[1,3,42]]}\n\n"
        );
        let pooled = snapshot(
            Lag::exact(42),
            State::Down,
            Some(PoolUsage { idle: 3, borrowed: 0 }),
        );
        assert!(said(&mut live, &pooled, 2).contains("\"r\":[[1,2,42,0,3,0]]"));
        let unpooled = snapshot(Lag::exact(42), State::Down, None);
        assert!(said(&mut live, &unpooled, 3).contains("\"r\":[[1,2,42,0,null,null]]"));
        let same = Arc::clone(&unpooled);
        assert_eq!(said(&mut live, &same, 4), "");
        let unknown = snapshot(Lag::unknown("no answer"), State::Down, None);
        let told = said(&mut live, &unknown, 5);
        assert!(
            told.starts_with("event: detail\nid: 5\ndata: {\"seq\":5,\"t\":7,\"r\":[[1,{\"lag\":null"),
            "{told}"
        );
        assert!(told.contains("\"lagReason\":\"no answer\""), "{told}");
        let renamed = Arc::new(Snapshot::named("t").with_project(Project::new("p", Vec::new())));
        assert_eq!(
            said(&mut live, &renamed, 6),
            "event: reload\nid: 6\ndata: {\"seq\":6}\n\n"
        );
        assert_eq!(live.due(), None);
    }
}
