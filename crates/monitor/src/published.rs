//! What is known at one instant, and every body rendered from it, each at most once.
//!
//! It never changes once it is published; the hub makes the next one.

use crate::activity::Recorded;
use crate::balance::Lately;
use crate::body::Body;
use crate::clock::now_ms;
use crate::metrics::{self, Format};
use crate::wire::{ReplicasJson, RoutingJson, RulesJson, SnapshotInfo};
use replica_core::Snapshot;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// How many snapshots of the last period are kept.
const LATELY: usize = 16;

/// One state of everything, under its number.
pub(crate) struct Published {
    pub(crate) seq: u64,
    /// When something last changed, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) poll: Duration,
    /// Since when the source has not answered.
    pub(crate) stalled_since: Option<i64>,
    /// Whether the source has answered at least once.
    pub(crate) ready: bool,
    /// The last events, oldest first.
    pub(crate) recent: Vec<Recorded>,
    /// The snapshots of the last poll period, this one included, with the moment until which each was the newest.
    lately: Vec<(Arc<Snapshot>, Instant)>,
    /// How many events there were so far.
    pub(crate) events: u64,
    bodies: Bodies,
}

#[derive(Clone, Default)]
struct Bodies {
    replicas: Arc<OnceLock<Body>>,
    rules: Arc<OnceLock<Body>>,
    routing: Arc<OnceLock<Body>>,
    snapshot: Arc<OnceLock<Body>>,
    events: Arc<OnceLock<Body>>,
    metrics: Arc<[OnceLock<Body>; 2]>,
}

impl Published {
    /// Before the source has answered.
    pub(crate) fn nothing_yet(seq: u64, poll: Duration) -> Self {
        Self {
            seq,
            at_ms: now_ms(),
            snapshot: Arc::new(Snapshot::named("nothing yet")),
            poll,
            stalled_since: None,
            ready: false,
            recent: Vec::new(),
            lately: Vec::new(),
            events: 0,
            bodies: Bodies::default(),
        }
    }

    /// The state after so many events more, of which the last are `recent`; nothing else has changed.
    pub(crate) fn next(&self, events: usize, recent: Vec<Recorded>) -> Self {
        let events = events as u64;
        Self {
            // A change without an event takes a number too, so that a number names one state.
            seq: self.seq + events.max(1),
            at_ms: now_ms(),
            snapshot: Arc::clone(&self.snapshot),
            recent,
            lately: self.lately.clone(),
            events: self.events + events,
            bodies: Bodies {
                events: Arc::default(),
                snapshot: Arc::default(),
                ..self.bodies.clone()
            },
            ..*self
        }
    }

    /// The source has answered with this.
    pub(crate) fn show(&mut self, new: Arc<Snapshot>) {
        let mut bodies = Bodies::default();
        if self.ready && self.snapshot.rules == new.rules {
            bodies.rules = Arc::clone(&self.bodies.rules);
        }
        self.bodies = bodies;
        self.snapshot = new;
        self.stalled_since = None;
        self.ready = true;
        self.remember();
    }

    pub(crate) fn replicas(&self) -> &Body {
        self.bodies
            .replicas
            .get_or_init(|| Body::json(&ReplicasJson(&self.snapshot)))
    }

    pub(crate) fn rules(&self) -> &Body {
        self.bodies
            .rules
            .get_or_init(|| Body::json(&RulesJson(&self.snapshot)))
    }

    pub(crate) fn routing(&self) -> &Body {
        self.bodies
            .routing
            .get_or_init(|| Body::json(&RoutingJson(&self.snapshot)))
    }

    pub(crate) fn events(&self) -> &Body {
        self.bodies.events.get_or_init(|| {
            let events: Vec<&[u8]> = self.recent.iter().map(|event| &event.json[..]).collect();
            Body::new([&b"["[..], &events.join(&b","[..]), b"]"].concat().into())
        })
    }

    /// What follows from the snapshot, for whoever scrapes.
    pub(crate) fn metrics(&self, format: Format) -> &Body {
        let [plain, open] = &*self.bodies.metrics;
        let body = match format {
            Format::Plain => plain,
            Format::Open => open,
        };
        body.get_or_init(|| Body::new(metrics::of_snapshot(&self.snapshot, format).into()))
    }

    /// Notes that a new snapshot is there, and forgets those that were replaced more than a period ago.
    fn remember(&mut self) {
        let (now, period) = (Instant::now(), self.poll);
        if let Some((_, until)) = self.lately.last_mut() {
            *until = now;
        }
        self.lately
            .retain(|(_, until)| now.duration_since(*until) < period);
        // A source that calls all the time is remembered for less than a period.
        let excess = (self.lately.len() + 1).saturating_sub(LATELY);
        self.lately.drain(..excess);
        self.lately.push((Arc::clone(&self.snapshot), now));
    }

    /// What whoever sends traffic may rely on.
    pub(crate) fn lately(&self) -> Lately {
        let now = Instant::now();
        let newest = self.lately.len().saturating_sub(1);
        let kept = self.lately.iter().enumerate();
        let kept =
            kept.filter(|(place, (_, until))| *place == newest || now.duration_since(*until) < self.poll);
        let snapshots = kept.map(|(_, (snapshot, _))| Arc::clone(snapshot)).collect();
        Lately::new(snapshots, !self.ready || self.stalled_since.is_some())
    }

    pub(crate) fn whole(&self) -> &Body {
        self.bodies.snapshot.get_or_init(|| {
            let poll_ms = u64::try_from(self.poll.as_millis()).unwrap_or(u64::MAX);
            let (seq, since) = (self.seq, self.stalled_since);
            Body::json(&SnapshotInfo::new(
                &self.snapshot,
                seq,
                self.at_ms,
                poll_ms,
                since,
            ))
        })
    }
}
