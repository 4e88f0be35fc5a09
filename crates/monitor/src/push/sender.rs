//! The two threads: one puts a request into the spool at every turn, the other delivers the oldest, again and again if need be.

use super::address::Address;
use super::series::Teller;
use super::spool::Spool;
use super::{Protocol, Push};
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

/// How long a receiver may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// Between two tries, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// How many samples a request may hold: receivers have limits, of 20 MB and less.
const MOST_SAMPLES: usize = 20_000;

/// A receiver that wants to be left alone for longer is asked again all the same.
const LONGEST_WISH: Duration = Duration::from_secs(300);

/// No answer that says anything is longer.
const LONGEST_ANSWER: u64 = 64 << 10;

/// Nobody wakes the threads to stop, so they look up that often.
const GLANCE: Duration = Duration::from_millis(100);

/// Why nothing will be sent.
#[derive(Debug)]
pub enum PushError {
    /// The spool's folder cannot be used.
    Spool(PathBuf, io::Error),
    /// The receiver's address is none.
    Url(String),
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spool(path, error) => write!(f, "the folder {} cannot be used: {error}", path.display()),
            Self::Url(why) => write!(f, "the address to send to {why}"),
        }
    }
}

impl std::error::Error for PushError {}

/// How it went so far, for the metrics.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) protocol: Protocol,
    pub(crate) delivered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) given_up: AtomicU64,
    pub(crate) waiting_bytes: AtomicU64,
}

struct Shared {
    settings: Push,
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
    settings: Push,
    text: impl Fn() -> Option<String> + Send + 'static,
    stopped: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<Arc<Counts>, PushError> {
    let address = Address::of(&settings)?;
    let spool = Spool::open(&settings.spool, settings.spool_bytes)
        .map_err(|error| PushError::Spool(settings.spool.clone(), error))?;
    let counts = Arc::new(Counts {
        protocol: settings.protocol,
        delivered: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        given_up: AtomicU64::new(0),
        waiting_bytes: AtomicU64::new(spool.bytes()),
    });
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
    let mut teller = Teller::new(&shared.settings.labels, now_ms());
    let mut next = Instant::now();
    loop {
        let pause = match text() {
            Some(text) => {
                teller.take(&text, now_ms());
                for batch in teller.batches(MOST_SAMPLES) {
                    keep(shared, shared.settings.protocol.pack(&batch));
                }
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
        tracing::warn!(%error, "{}: a request cannot be kept", shared.settings.protocol.name());
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
    let protocol = shared.settings.protocol;
    let name = protocol.name();
    let config = outbound::client(&address.uri.to_string()).timeout_global(Some(DEADLINE));
    let agent = config.build().new_agent();
    let mut pause = PAUSE.0;
    let mut silent_since = None;
    while let Some((number, body)) = shared.wait() {
        match send(&agent, protocol, address, &body) {
            Sent::Taken(rejected) => {
                shared.counts.delivered.fetch_add(1, Relaxed);
                if let Some(why) = rejected {
                    tracing::warn!(why, "{name}: the receiver took a request in part");
                }
                if silent_since.take().is_some() {
                    tracing::info!("{name}: the receiver takes requests again");
                }
            }
            Sent::Refused(why) => {
                shared.counts.given_up.fetch_add(1, Relaxed);
                tracing::warn!(
                    why,
                    "{name}: the receiver refuses a request for good; it is given up"
                );
            }
            Sent::Later(why, wanted) => {
                shared.counts.failed.fetch_add(1, Relaxed);
                // Said once, not at every try.
                if silent_since.is_none() {
                    silent_since = Some(Instant::now());
                    tracing::warn!(why, "{name}: not delivered; it waits and is tried again");
                }
                if shared.rest(wanted.map_or(pause, |wanted| wanted.min(LONGEST_WISH))) {
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
    /// With what of it was not taken after all.
    Taken(Option<String>),
    /// It will never be taken.
    Refused(String),
    /// With how long the receiver wants to be left alone, if it says so.
    Later(String, Option<Duration>),
}

fn send(agent: &Agent, protocol: Protocol, address: &Address, body: &[u8]) -> Sent {
    let mut request = agent.post(&address.uri);
    for (name, value) in protocol.headers() {
        request = request.header(*name, *value);
    }
    if let Some(authorization) = &address.authorization {
        request = request.header("authorization", authorization.expose());
    }
    match request.send(body) {
        Ok(mut answer) => match answer.status() {
            status if status.is_success() => {
                // An answer that cannot be read says nothing against the request.
                let answer = answer
                    .body_mut()
                    .with_config()
                    .limit(LONGEST_ANSWER)
                    .read_to_vec();
                Sent::Taken(protocol.rejected(&answer.unwrap_or_default()))
            }
            status if protocol.may_be_taken_later(status) => {
                let wanted = answer.headers().get("retry-after");
                let seconds = wanted.and_then(|value| value.to_str().ok()?.parse().ok());
                Sent::Later(format!("status {status}"), seconds.map(Duration::from_secs))
            }
            status => Sent::Refused(format!("status {status}")),
        },
        Err(ureq::Error::Timeout(_)) => Sent::Later("no answer".to_owned(), None),
        Err(ureq::Error::Io(error)) => Sent::Later(error.kind().to_string(), None),
        Err(_) => Sent::Later("the receiver cannot be reached".to_owned(), None),
    }
}
