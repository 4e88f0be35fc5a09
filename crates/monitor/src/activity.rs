//! The last events, bounded, so that a noisy lag cannot push a promotion out.
//!
//! A replica has at most one lag-only event here, and those together at most a quarter of the places. Sending events
//! to listeners is the stream's business.

use bytes::Bytes;
use replica_core::{Event, ReplicaKey};
use std::collections::VecDeque;

/// An event as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// Its sequence number.
    pub(crate) seq: u64,
    /// Its JSON.
    pub(crate) json: Bytes,
    /// The replica whose lag alone changed, if that is all.
    lag_of: Option<ReplicaKey>,
}

impl Recorded {
    /// Keeps a copy of the JSON that goes to the listeners.
    pub(crate) fn new(event: &Event, seq: u64, json: &[u8]) -> Self {
        Self {
            seq,
            json: Bytes::copy_from_slice(json),
            lag_of: event.lag_only().cloned(),
        }
    }

    /// Whether it tells more than that a lag moved.
    pub(crate) fn is_more_than_lag(&self) -> bool {
        self.lag_of.is_none()
    }
}

/// The ring.
pub(crate) struct Activity {
    events: VecDeque<Recorded>,
    size: usize,
    lag_only: usize,
}

impl Activity {
    /// A ring of at most `size` events.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            events: VecDeque::new(),
            size: size.max(1),
            lag_only: 0,
        }
    }

    /// Takes in one event and lets go of what no longer has a place.
    pub(crate) fn push(&mut self, event: Recorded) {
        if let Some(key) = &event.lag_of {
            let same = self
                .events
                .iter()
                .position(|kept| kept.lag_of.as_ref() == Some(key));
            let too_many = self.lag_only >= (self.size / 4).max(1);
            let oldest = || self.events.iter().position(|kept| kept.lag_of.is_some());
            if let Some(place) = same.or_else(|| if too_many { oldest() } else { None }) {
                self.events.remove(place);
                self.lag_only -= 1;
            }
            self.lag_only += 1;
        }
        self.events.push_back(event);
        if self.events.len() > self.size
            && let Some(gone) = self.events.pop_front()
        {
            self.lag_only -= usize::from(gone.lag_of.is_some());
        }
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<Recorded> {
        self.events.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use replica_core::{EventKind, Lag, State};

    fn lag(replica: &str) -> Event {
        let key = ReplicaKey::new("p", replica);
        let kind = EventKind::ReplicaState {
            key,
            state: State::Up,
            lag: Lag::exact(1),
            role: None,
            reason: None,
            lag_only: true,
        };
        Event::new(0, kind)
    }

    fn other() -> Event {
        Event::new(0, EventKind::RuleAdded { rule: "r".into() })
    }

    fn seqs(ring: &Activity) -> Vec<u64> {
        ring.all().iter().map(|event| event.seq).collect()
    }

    #[test]
    fn a_noisy_lag_pushes_nothing_out() {
        let mut ring = Activity::new(8);
        for seq in 0..7 {
            ring.push(Recorded::new(&other(), seq, b""));
        }
        for seq in 7..1000 {
            ring.push(Recorded::new(&lag("noisy"), seq, b""));
        }
        assert_eq!(seqs(&ring), [0, 1, 2, 3, 4, 5, 6, 999]);
    }

    #[test]
    fn many_noisy_replicas_share_a_quarter() {
        let mut ring = Activity::new(8);
        for seq in 0..1000 {
            ring.push(Recorded::new(&lag(&format!("r{seq}")), seq, b""));
        }
        assert_eq!(seqs(&ring), [998, 999]);
        for seq in 1000..1007 {
            ring.push(Recorded::new(&other(), seq, b""));
        }
        assert_eq!(seqs(&ring), [999, 1000, 1001, 1002, 1003, 1004, 1005, 1006]);
    }
}
