//! The two threads: one puts a request into the spool at every turn, the other delivers the oldest, again and again if need be.

use super::RemoteWrite;
use super::address::Address;
use super::series::Teller;
use super::spool::Spool;
use crate::clock::now_ms;
use crate::outbound;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::StatusCode;

/// How long a receiver may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// Between two tries, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Nobody wakes the threads to stop, so they look up that often.
const GLANCE: Duration = Duration::from_millis(100);

/// Why nothing will be sent.
#[derive(Debug)]
pub enum RemoteWriteError {
    /// The spool's folder cannot be used.
    Spool(PathBuf, io::Error),
    /// The receiver's address is none.
    Url(String),
}

impl fmt::Display for RemoteWriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spool(path, error) => write!(f, "the folder {} cannot be used: {error}", path.display()),
            Self::Url(why) => write!(f, "the address to write to {why}"),
        }
    }
}

impl std::error::Error for RemoteWriteError {}

/// How it went so far, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) delivered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) given_up: AtomicU64,
    pub(crate) waiting_bytes: AtomicU64,
}

struct Shared {
    settings: RemoteWrite,
    spool: Mutex<Spool>,
    /// Something was put into the spool.
    filled: Condvar,
    counts: Arc<Counts>,
    stopped: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Shared {
    fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits that long; whether it is time to stop.
    fn rest(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while !(self.stopped)() && Instant::now() < until {
            thread::park_timeout(until.saturating_duration_since(Instant::now()).min(GLANCE));
        }
        (self.stopped)()
    }

    /// Waits until a request is there, which is the oldest; none when it is time to stop.
    fn wait(&self) -> Option<(u64, Vec<u8>)> {
        let mut spool = self.spool();
        while !(self.stopped)() {
            if let Some(oldest) = spool.oldest() {
                return Some(oldest);
            }
            let waited = self.filled.wait_timeout(spool, GLANCE);
            spool = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }
}

/// Starts to send what `text` tells, until `stopped` says so. The text is none while there is nothing to tell.
pub(crate) fn start(
    settings: RemoteWrite,
    text: impl Fn() -> Option<String> + Send + 'static,
    stopped: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<Arc<Counts>, RemoteWriteError> {
    let address = Address::of(&settings)?;
    let spool = Spool::open(&settings.spool, settings.spool_bytes)
        .map_err(|error| RemoteWriteError::Spool(settings.spool.clone(), error))?;
    let counts = Arc::new(Counts::default());
    counts.waiting_bytes.store(spool.bytes(), Relaxed);
    let shared = Arc::new(Shared {
        spool: Mutex::new(spool),
        filled: Condvar::new(),
        counts: Arc::clone(&counts),
        stopped: Box::new(stopped),
        settings,
    });
    let filling = Arc::clone(&shared);
    thread::spawn(move || fill(&filling, text));
    thread::spawn(move || deliver(&shared, &address));
    Ok(counts)
}

fn fill(shared: &Shared, text: impl Fn() -> Option<String>) {
    let mut teller = Teller::new(&shared.settings.labels);
    let mut next = Instant::now();
    loop {
        let pause = match text() {
            Some(text) => {
                keep(shared, teller.tell(&text, now_ms()).packed());
                next += shared.settings.every;
                next.saturating_duration_since(Instant::now())
            }
            // The turns begin when there is something to tell.
            None => {
                next = Instant::now();
                GLANCE
            }
        };
        if shared.rest(pause) {
            return;
        }
    }
}

fn keep(shared: &Shared, body: Option<Vec<u8>>) {
    let pushed = match body {
        Some(body) => shared.spool().push(&body),
        None => Err(io::Error::from(io::ErrorKind::FileTooLarge)),
    };
    let given_up = pushed.unwrap_or_else(|error| {
        tracing::warn!(%error, "remote write: a request cannot be kept");
        1
    });
    shared.counts.given_up.fetch_add(given_up, Relaxed);
    note(shared);
    shared.filled.notify_all();
}

fn note(shared: &Shared) {
    shared.counts.waiting_bytes.store(shared.spool().bytes(), Relaxed);
}

fn deliver(shared: &Shared, address: &Address) {
    let config = outbound::client(&address.uri.to_string()).timeout_global(Some(DEADLINE));
    let agent = config.build().new_agent();
    let mut pause = PAUSE.0;
    let mut silent_since = None;
    while let Some((number, body)) = shared.wait() {
        match send(&agent, address, &body) {
            Sent::Taken => {
                shared.counts.delivered.fetch_add(1, Relaxed);
                if silent_since.take().is_some() {
                    tracing::info!("remote write: the receiver takes requests again");
                }
            }
            Sent::Refused(why) => {
                shared.counts.given_up.fetch_add(1, Relaxed);
                tracing::warn!(
                    why,
                    "remote write: the receiver refuses a request for good; it is given up"
                );
            }
            Sent::Later(why) => {
                shared.counts.failed.fetch_add(1, Relaxed);
                // Said once, not at every try.
                if silent_since.is_none() {
                    silent_since = Some(Instant::now());
                    tracing::warn!(why, "remote write: not delivered; it waits and is tried again");
                }
                if shared.rest(pause) {
                    return;
                }
                pause = (pause * 2).min(PAUSE.1);
                continue;
            }
        }
        pause = PAUSE.0;
        shared.spool().done(number);
        note(shared);
    }
}

/// What became of a request.
enum Sent {
    Taken,
    /// It will never be taken: by the specification, any 4xx but 429.
    Refused(String),
    Later(String),
}

fn send(agent: &Agent, address: &Address, body: &[u8]) -> Sent {
    let mut request = agent
        .post(&address.uri)
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0");
    if let Some(authorization) = &address.authorization {
        request = request.header("authorization", authorization.expose());
    }
    match request.send(body) {
        Ok(answer) => match answer.status() {
            status if status.is_success() => Sent::Taken,
            status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                Sent::Refused(format!("status {status}"))
            }
            status => Sent::Later(format!("status {status}")),
        },
        Err(ureq::Error::Timeout(_)) => Sent::Later("no answer".to_owned()),
        Err(ureq::Error::Io(error)) => Sent::Later(error.kind().to_string()),
        Err(_) => Sent::Later("the receiver cannot be reached".to_owned()),
    }
}
