//! Seven days in one SQLite file: every figure, every event, and how everything stood at any second.
//!
//! One thread writes ([`History`]); readers have connections of their own ([`Reader`]). Recording never waits: what the writer cannot
//! take is dropped and counted. Serving what is read is the server's business. The layout is told in docs/ARCHITECTURE.md.

mod cells;
mod check;
mod column;
mod error;
mod event;
mod excerpt;
mod file;
mod head;
mod hidden;
mod keyframe;
mod level;
mod names;
mod open_end;
mod past;
mod query;
mod reader;
mod retain;
mod sample;
mod sampler;
mod seal;
mod series;
mod settings;
mod store;
mod stripped;
#[cfg(test)]
mod tests;
mod varint;
mod writer;

pub use check::Report;
pub use error::HistoryError;
pub use event::{EventQuery, KeptEvent};
pub use excerpt::{Excerpt, excerpt};
pub use file::Notice;
pub use hidden::Hide;
pub use level::Level;
pub use past::Figures;
pub use query::{Columns, MOST_BUCKETS};
pub use reader::{Past, Reader};
pub use sample::Moment;
pub(crate) use sampler::sample;
pub use series::{Metric, SeriesKey, Subject, Value};
pub use settings::{Health, Settings, Status};

use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use store::Store;
use writer::{Message, Shared, Trial, Writer};

/// Messages that may wait for the writer: some minutes of ticks.
const DOOR: usize = 256;

/// A history that is being written. Clones share it; it ends with [`History::close`], or with the last of them.
#[derive(Clone)]
pub struct History {
    path: PathBuf,
    settings: Settings,
    status: Shared,
    /// None when it is off or closed.
    open: Arc<Mutex<Option<Open>>>,
}

struct Open {
    door: SyncSender<Message>,
    thread: JoinHandle<()>,
}

impl History {
    /// Opens or begins the file at `path`. It never fails: what cannot be used is told, and then nothing is recorded.
    pub fn open(path: &Path, settings: Settings) -> (Self, Vec<Notice>) {
        let now_ms = crate::clock::now_ms();
        let status = Shared::new(Health::Writing);
        let history = Self {
            path: path.to_owned(),
            settings: settings.clone(),
            status: status.clone(),
            open: Arc::default(),
        };
        let opened = Store::open(path, &settings, now_ms).and_then(|(mut store, notices)| {
            store.retain(now_ms)?;
            Ok((store, notices))
        });
        let (store, mut notices) = match opened {
            Ok(opened) => opened,
            Err(error) => return history.off(Vec::new(), &error),
        };
        let writer = Writer {
            store,
            path: path.to_owned(),
            settings,
            status,
            trial: Trial::None,
        };
        let (door, inbox) = sync_channel(DOOR);
        let thread = std::thread::Builder::new().name("history".to_owned());
        match thread.spawn(move || writer.run(&inbox)) {
            Ok(thread) => *history.lock() = Some(Open { door, thread }),
            Err(error) => return history.off(std::mem::take(&mut notices), &error.into()),
        }
        (history, notices)
    }

    /// What a file recorded, for reading alone: the file is not changed, and nothing is recorded.
    pub fn recorded(path: &Path) -> Result<Self, HistoryError> {
        drop(Reader::open(path)?);
        let why = "this is a recording".to_owned();
        Ok(Self {
            path: path.to_owned(),
            settings: Settings::default(),
            status: Shared::new(Health::Off { why }),
            open: Arc::default(),
        })
    }

    fn off(self, mut notices: Vec<Notice>, error: &HistoryError) -> (Self, Vec<Notice>) {
        let why = error.to_string();
        self.status.lock().health = Health::Off { why: why.clone() };
        notices.push(Notice::Off { why });
        (self, notices)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the message went through the door.
    fn tell(&self, message: Message) -> bool {
        let open = self.lock();
        open.as_ref()
            .is_some_and(|open| open.door.try_send(message).is_ok())
    }

    /// Records how everything stands, at the tick nearest to `moment.at_ms`. Never waits.
    pub fn record(&self, moment: Moment) {
        if !self.tell(Message::Moment(moment)) {
            self.status.lock().dropped_samples += 1;
        }
    }

    /// Records figures of one tick that come from elsewhere. Never waits; false when the writer is behind.
    pub fn record_figures(&self, at_ms: i64, said: Vec<(SeriesKey, Value)>) -> bool {
        let told = self.tell(Message::Said(at_ms, said));
        self.status.lock().dropped_samples += u64::from(!told);
        told
    }

    /// Records events, each as it was served. Never waits.
    pub fn record_events(&self, events: Vec<Bytes>) {
        let count = events.len() as u64;
        if !self.tell(Message::Events(events)) {
            self.status.lock().dropped_events += count;
        }
    }

    /// How it fares.
    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    /// Whether it is written.
    pub fn health(&self) -> Health {
        self.status().health
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A reader of what was flushed.
    pub fn reader(&self) -> Result<Reader, HistoryError> {
        Reader::open(&self.path)
    }

    /// Waits until all that was recorded is written; false when it could not be. Blocks.
    pub fn flush(&self) -> bool {
        let door = self.lock().as_ref().map(|open| open.door.clone());
        let (answer, answered) = sync_channel(1);
        let sent = door.is_some_and(|door| door.send(Message::Flush(answer)).is_ok());
        sent && answered.recv().unwrap_or(false)
    }

    /// Writes what is left and ends. Blocks.
    pub fn close(&self) {
        let Some(Open { door, thread }) = self.lock().take() else {
            return;
        };
        drop(door);
        // A panic there was reported already.
        let _ = thread.join();
    }
}
