//! What somebody who keeps a rule going tells of it, and hears: how it is, and whether it is to stop.

use super::log::Left;
use super::snapshot::{Progress, nothing};
use super::store::Rejected;
use replica_core::rule::CollectionStats;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// What is being done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It connects to both ends, and looks where it was.
    Starting,
    /// It copies what was never copied, or must be copied again, for this reason.
    Copying {
        /// Why.
        why: String,
        /// How far it is.
        progress: Progress,
    },
    /// It follows the log.
    Streaming,
    /// It has mirrored everything, and does so again after this.
    Resting {
        /// After how long.
        every: Duration,
    },
    /// Something is broken; it tries again by itself.
    Waiting {
        /// What.
        why: String,
    },
    /// It has ended, and must be started by somebody.
    Ended {
        /// Why.
        why: String,
    },
}

/// How one way of a rule is.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What is being done.
    pub phase: Phase,
    /// What was done since it was started, by table.
    pub details: BTreeMap<String, CollectionStats>,
    /// Rows that the target does not take, and that are tried again.
    pub owed: Vec<Rejected>,
    /// Tables that are left alone, and why.
    pub refused: BTreeMap<String, String>,
    /// How old the oldest change of the last batch was when it was committed in the target, in milliseconds; 0 when nothing is left to do.
    pub lag_ms: Option<u64>,
    /// Changes that the log holds and the target does not, where the log counts them.
    pub backlog: Option<u64>,
    /// Bytes of the log behind what the target has, where it counts those.
    pub backlog_bytes: Option<u64>,
}

impl Report {
    pub(super) fn add(&mut self, done: &CollectionStats) {
        let name = done.collection.to_string();
        let sum = self
            .details
            .entry(name)
            .or_insert_with(|| nothing(&done.collection));
        sum.created += done.created;
        sum.updated += done.updated;
        sum.deleted += done.deleted;
        sum.skipped += done.skipped;
        sum.errors += done.errors;
    }

    pub(super) fn left(&mut self, left: Left) {
        (self.backlog, self.backlog_bytes) = match left {
            Left::Changes(changes) => (Some(changes), None),
            Left::Some => (None, None),
            Left::Bytes(bytes) => ((bytes == 0).then_some(0), Some(bytes)),
        };
    }
}

/// The end of whoever does it.
pub struct Told {
    report: watch::Sender<Report>,
    stop: watch::Receiver<bool>,
}

/// Nothing stops silently, not even by a mistake of ours.
impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.ended("it failed in a way that nobody foresaw: its last words are in the log");
        }
    }
}

impl Told {
    /// Nothing done yet. It is to stop when `stop` turns true, or its sender is gone.
    pub fn new(stop: watch::Receiver<bool>) -> Self {
        let report = Report {
            phase: Phase::Starting,
            details: BTreeMap::new(),
            owed: Vec::new(),
            refused: BTreeMap::new(),
            lag_ms: None,
            backlog: None,
            backlog_bytes: None,
        };
        Self {
            report: watch::Sender::new(report),
            stop,
        }
    }

    /// The end of whoever looks.
    pub fn seen(&self) -> watch::Receiver<Report> {
        self.report.subscribe()
    }

    pub(super) fn tell(&self, change: impl FnOnce(&mut Report)) {
        self.report.send_modify(change);
    }

    /// The same; nobody is woken where `change` says that nothing is otherwise.
    pub(super) fn tell_if(&self, change: impl FnOnce(&mut Report) -> bool) {
        self.report.send_if_modified(change);
    }

    /// What was told last.
    pub(super) fn last<T>(&self, read: impl FnOnce(&Report) -> T) -> T {
        read(&self.report.borrow())
    }

    pub(super) fn copying(&self, why: &str) {
        let (why, progress) = (why.to_owned(), Progress::default());
        self.tell(|report| report.phase = Phase::Copying { why, progress });
    }

    pub(super) fn progress(&self, now: &Progress) {
        self.tell(|report| {
            if let Phase::Copying { progress, .. } = &mut report.phase {
                progress.clone_from(now);
            }
        });
    }

    pub(super) fn ended(&self, why: &str) {
        let why = why.to_owned();
        self.tell(|report| report.phase = Phase::Ended { why });
    }

    pub(super) fn is_to_stop(&self) -> bool {
        // An error says that its sender is gone.
        *self.stop.borrow() || self.stop.has_changed().is_err()
    }

    /// Waits so long, or until it is to stop.
    pub(super) async fn stopped_within(&self, pause: Duration) -> bool {
        let mut stop = self.stop.clone();
        // Who would say so may be gone: that is as good.
        timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_panics_says_so() {
        let (_stop, asked) = watch::channel(false);
        let told = Told::new(asked);
        let seen = told.seen();
        let failed = tokio::spawn(async move {
            tokio::task::yield_now().await;
            let count = told.last(|report| report.owed.len());
            assert_eq!(count, 1, "a mistake");
        });
        assert!(failed.await.is_err());
        let phase = seen.borrow().phase.clone();
        assert!(
            matches!(&phase, Phase::Ended { why } if why.contains("nobody foresaw")),
            "{phase:?}"
        );
    }
}
