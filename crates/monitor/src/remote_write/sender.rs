//! The two threads: one puts a request into the spool at every turn, the other delivers the oldest, again and again if need be.

use super::RemoteWrite;
use super::series::Teller;
use super::spool::Spool;
use crate::clock::now_ms;
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
    /// Something was put into the spool, or it is time to stop.
    news: Condvar,
    counts: Arc<Counts>,
    stopped: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Shared {
    fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for news, or that long; whether it is time to stop.
    fn rest(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        // Nobody wakes it to stop, so it looks up now and then.
        while !(self.stopped)() && Instant::now() < until {
            let left = until
                .saturating_duration_since(Instant::now())
                .min(Duration::from_millis(100));
            drop(self.news.wait_timeout(self.spool(), left));
        }
        (self.stopped)()
    }
}

/// Starts to send what `text` tells, until `stopped` says so. The text is none while there is nothing to tell.
pub(crate) fn start(
    settings: RemoteWrite,
    text: impl Fn() -> Option<String> + Send + 'static,
    stopped: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<Arc<Counts>, RemoteWriteError> {
    let wrong = |why: &str| RemoteWriteError::Url(why.to_owned());
    let url: ureq::http::Uri = settings
        .url
        .expose()
        .parse()
        .map_err(|_| wrong("cannot be read"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(wrong("must begin with http:// or https://"));
    }
    let spool = Spool::open(&settings.spool, settings.spool_bytes)
        .map_err(|error| RemoteWriteError::Spool(settings.spool.clone(), error))?;
    let counts = Arc::new(Counts::default());
    counts.waiting_bytes.store(spool.bytes(), Relaxed);
    let shared = Arc::new(Shared {
        spool: Mutex::new(spool),
        news: Condvar::new(),
        counts: Arc::clone(&counts),
        stopped: Box::new(stopped),
        settings,
    });
    let filling = Arc::clone(&shared);
    thread::spawn(move || fill(&filling, text));
    thread::spawn(move || deliver(&shared));
    Ok(counts)
}

fn fill(shared: &Shared, text: impl Fn() -> Option<String>) {
    let mut teller = Teller::new(&shared.settings.labels);
    let mut next = Instant::now();
    loop {
        if let Some(body) = text().and_then(|text| teller.tell(&text, now_ms()).packed()) {
            let pushed = shared.spool().push(&body);
            match pushed {
                Ok(given_up) => drop(shared.counts.given_up.fetch_add(given_up, Relaxed)),
                Err(error) => {
                    shared.counts.given_up.fetch_add(1, Relaxed);
                    tracing::warn!(%error, "remote write: a request cannot be kept");
                }
            }
            note(shared);
            shared.news.notify_all();
        }
        next += shared.settings.every;
        if shared.rest(next.saturating_duration_since(Instant::now())) {
            return;
        }
    }
}

fn note(shared: &Shared) {
    shared.counts.waiting_bytes.store(shared.spool().bytes(), Relaxed);
}

fn deliver(shared: &Shared) {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(DEADLINE))
        .http_status_as_error(false)
        .build()
        .into();
    let mut pause = PAUSE.0;
    let mut silent_since = None;
    loop {
        let oldest = shared.spool().oldest();
        let Some((number, body)) = oldest else {
            if shared.rest(shared.settings.every) {
                return;
            }
            continue;
        };
        match send(&agent, &shared.settings, &body) {
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
        if (shared.stopped)() {
            return;
        }
    }
}

/// What became of a request.
enum Sent {
    Taken,
    /// It will never be taken: by the specification, any 4xx but 429.
    Refused(String),
    Later(String),
}

fn send(agent: &Agent, settings: &RemoteWrite, body: &[u8]) -> Sent {
    let mut request = agent
        .post(settings.url.expose())
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0")
        .header(
            "user-agent",
            concat!("replica-monitor/", env!("CARGO_PKG_VERSION")),
        );
    if let Some(token) = &settings.token {
        request = request.header("authorization", format!("Bearer {}", token.expose()));
    }
    match request.send(body) {
        Ok(answer) => match answer.status() {
            status if status.is_success() => Sent::Taken,
            status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                Sent::Refused(format!("status {status}"))
            }
            status => Sent::Later(format!("status {status}")),
        },
        // Its text may hold the address, and that a password.
        Err(ureq::Error::Timeout(_)) => Sent::Later("no answer".to_owned()),
        Err(ureq::Error::Io(error)) => Sent::Later(error.kind().to_string()),
        Err(_) => Sent::Later("the receiver cannot be reached".to_owned()),
    }
}
