//! The thread that writes: takes what comes through a bounded door, and goes on trying when the disk does not take it.

use super::HistoryError;
use super::sample::{Moment, Said};
use super::settings::{Health, Settings, Status};
use super::store::Store;
use crate::clock::now_ms;
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Events that may wait for a disk that does not take them.
const WAITING: usize = 10_000;

pub(super) enum Message {
    Moment(Moment),
    Said(i64, Said),
    Events(Vec<Bytes>),
    /// Answered when all that came before is written, or is not.
    Flush(SyncSender<bool>),
    #[cfg(test)]
    LimitPages(i64),
}

/// How the history fares, shared with whoever asks.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Status>>);

impl Shared {
    pub(super) fn new(health: Health) -> Self {
        Self(Arc::new(Mutex::new(Status {
            health,
            dropped_samples: 0,
            dropped_events: 0,
            refused_series: 0,
        })))
    }

    /// Nobody panics while holding it; were it so, the figures would still be right.
    pub(super) fn lock(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) path: PathBuf,
    pub(super) settings: Settings,
    pub(super) status: Shared,
    pub(super) trial: Trial,
}

/// After a failure: whether the disk takes samples again. A write of nothing proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    /// No sample is taken in.
    None,
    /// The next one is.
    Open,
    /// One was.
    Taken,
}

impl Writer {
    /// Runs until the last door is closed, then writes what is left.
    pub(super) fn run(mut self, inbox: &Receiver<Message>) {
        let flush = self.settings.flush.max(Duration::from_millis(1));
        let mut due = Instant::now() + flush;
        loop {
            let message = inbox.recv_timeout(due.saturating_duration_since(Instant::now()));
            match message {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= due {
                self.flush();
                due = Instant::now() + flush;
            }
        }
        self.flush();
    }

    fn takes_samples(&self) -> bool {
        self.trial != Trial::None || self.status.lock().health == Health::Writing
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Moment(moment) if self.takes_samples() => {
                let taken = self.store.sample(&moment);
                self.sampled(taken);
            }
            Message::Said(at_ms, said) if self.takes_samples() => {
                let taken = self.store.take_in(at_ms, said);
                self.sampled(taken);
            }
            // What is open is kept, and bounded by taking no more.
            Message::Moment(_) | Message::Said(..) => self.status.lock().dropped_samples += 1,
            Message::Events(events) => {
                for event in events {
                    match self.store.waiting_events() < WAITING {
                        true => self.store.event(event),
                        false => self.status.lock().dropped_events += 1,
                    }
                }
            }
            Message::Flush(answer) => {
                let written = self.flush();
                // Whoever asked may have gone.
                let _ = answer.try_send(written);
            }
            #[cfg(test)]
            Message::LimitPages(pages) => drop(self.store.limit_pages(pages)),
        }
    }

    fn sampled(&mut self, taken: Result<bool, HistoryError>) {
        let taken = taken.map(|taken| {
            if self.trial == Trial::Open {
                self.trial = Trial::Taken;
            }
            let mut status = self.status.lock();
            status.dropped_samples += u64::from(!taken);
            status.refused_series = self.store.refused_series;
        });
        if let Err(error) = taken {
            self.status.lock().dropped_samples += 1;
            self.failed(error);
        }
    }

    fn flush(&mut self) -> bool {
        match self.store.flush() {
            Ok(()) => {
                let mut status = self.status.lock();
                self.trial = match (&status.health, self.trial) {
                    (Health::Writing, _) => Trial::None,
                    (_, Trial::Taken) => {
                        status.health = Health::Writing;
                        tracing::info!("history is written again");
                        Trial::None
                    }
                    _ => Trial::Open,
                };
                true
            }
            Err(error) => {
                self.failed(error);
                false
            }
        }
    }

    fn failed(&mut self, error: HistoryError) {
        self.trial = Trial::None;
        if error.is_the_file() {
            // Nothing can be written to it any more: keep it for whoever can mend it, and begin anew.
            match Store::begin_anew(&self.path, &self.settings, &error, now_ms()) {
                Ok((store, notices)) => {
                    self.store = store;
                    notices
                        .iter()
                        .for_each(|notice| tracing::error!("history: {notice}"));
                    return;
                }
                Err(error) => self.stop(&error),
            }
        }
        self.stop(&error);
    }

    fn stop(&mut self, error: &HistoryError) {
        let mut status = self.status.lock();
        if status.health == Health::Writing {
            tracing::error!("history stops: {error}; it is tried again");
            status.health = Health::Stopped {
                since_ms: now_ms(),
                why: error.to_string(),
            };
        }
    }
}
