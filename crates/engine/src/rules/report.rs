//! What somebody who keeps a rule going tells of it, and hears: how it is, and whether it is to stop.

use super::brake::Written;
use super::log::Left;
use super::progress::Progress;
use super::schedule::Next;
use super::snapshot::nothing;
use super::store::{Change, Rejected};
use replica_core::rule::CollectionStats;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// What is being done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It connects to both ends, and looks where it was.
    #[default]
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
    /// It rests until it mirrors next.
    Resting {
        /// When that is.
        next: Next,
        /// Whether it has mirrored everything already.
        is_mirrored: bool,
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

/// What the target is known to lack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Nobody can tell.
    #[default]
    Unknown,
    /// Nothing.
    Nothing,
    /// Nothing that was changed in the source before then, in milliseconds since 1970 by its clock.
    Since(i64),
}

/// How one way of a rule is.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// Changes that this way would have brought, and that lost against those of the other side; none where rows go one way only.
    pub conflicts: Option<u64>,
    /// What the target lacks now.
    pub missing: Missing,
    /// Why it waits although there is something to write: replicas must keep up.
    pub throttled: Option<String>,
    /// Bytes of values that were written since it was started, as they are in memory.
    pub bytes: u64,
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
        Self {
            report: watch::Sender::new(Report::default()),
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

    /// The target has taken these.
    pub(super) fn wrote(&self, changes: &[Change]) {
        let bytes = Written::of_changes(changes).bytes;
        self.tell(|report| report.bytes += bytes);
    }

    pub(super) fn copying(&self, why: &str) {
        let (why, progress) = (why.to_owned(), Progress::default());
        self.tell(|report| {
            report.phase = Phase::Copying { why, progress };
            report.missing = Missing::Unknown;
        });
    }

    pub(super) fn progress(&self, now: &Progress) {
        self.tell(|report| {
            if let Phase::Copying { progress, .. } = &mut report.phase {
                progress.clone_from(now);
            }
        });
    }

    pub(super) fn waiting(&self, why: String) {
        self.tell(|report| {
            report.phase = Phase::Waiting { why };
            (report.lag_ms, report.missing) = (None, Missing::Unknown);
            report.throttled = None;
        });
    }

    /// Looking again at what is left alone is no interruption of a stream.
    pub(super) fn starting(&self) {
        self.tell(|report| {
            if report.phase != Phase::Streaming {
                report.phase = Phase::Starting;
            }
        });
    }

    pub(super) fn ended(&self, why: &str) {
        let why = why.to_owned();
        self.tell(|report| {
            report.phase = Phase::Ended { why };
            (report.missing, report.throttled) = (Missing::Unknown, None);
        });
    }

    pub(super) fn is_to_stop(&self) -> bool {
        // An error says that its sender is gone.
        *self.stop.borrow() || self.stop.has_changed().is_err()
    }

    /// What comes of that, or nothing once it is to stop.
    pub(super) async fn stop_or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.stop.clone();
        tokio::select! {
            done = work => Some(done),
            // An error says that nobody can ask any more, which is as good.
            _ = stop.wait_for(|stop| *stop) => None,
        }
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
