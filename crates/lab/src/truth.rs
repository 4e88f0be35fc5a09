//! How far behind a replica truly is, told by nobody but a writer and a reader.
//!
//! The writer commits numbered rows and keeps the moment at which each commit was acknowledged, on this process's own clock. The true
//! lag of a replica that shows a number is the age of the oldest committed row beyond it; none missing, no lag.

use crate::client::{Client, Place};
use crate::{MariaDb, Postgres, Redis, SqliteFile};
use anyhow::Result;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

/// A server that the truth can be written to and read from.
pub trait Written {
    #[doc(hidden)]
    fn truth_place(&self) -> TruthPlace;
}

/// Where the truth is; made by the servers of this crate.
pub struct TruthPlace(Place);

macro_rules! written {
    ($($server:ty),*) => {$(
        impl Written for $server {
            fn truth_place(&self) -> TruthPlace {
                TruthPlace(self.place())
            }
        }
    )*};
}
written!(Postgres, MariaDb, Redis, SqliteFile);

/// The moments of all commits so far.
type Commits = Arc<Mutex<Vec<Instant>>>;

/// A writer of numbered rows.
pub struct Truth {
    commits: Commits,
    rate: watch::Sender<f64>,
    writing: JoinHandle<()>,
}

impl Truth {
    /// Starts to write so many rows a second to `server`.
    pub async fn start(server: &impl Written, rate: f64) -> Result<Self> {
        let TruthPlace(place) = server.truth_place();
        let mut client = Client::open(&place).await?;
        if let Client::MariaDb(_) = client {
            client.execute("USE lab").await?;
        }
        let first = client.last().await?;
        let commits: Commits = Arc::new(Mutex::new(vec![Instant::now(); usize::try_from(first)?]));
        let (rate, rates) = watch::channel(rate);
        let writing = tokio::spawn(write(client, Arc::clone(&commits), rates));
        Ok(Self {
            commits,
            rate,
            writing,
        })
    }

    /// Writes so many rows a second from now on; 0 stops.
    pub fn set_rate(&self, rate: f64) {
        self.rate.send_replace(rate);
    }

    /// Stops writing.
    pub fn pause(&self) {
        self.set_rate(0.0);
    }

    /// The number of the last committed row.
    pub fn last(&self) -> u64 {
        self.lock().len() as u64
    }

    /// Whether the writer could not go on.
    pub fn has_failed(&self) -> bool {
        self.writing.is_finished()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Instant>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far behind somebody is who showed `seen` as the last number at `at`.
    pub fn lag(&self, seen: u64, at: Instant) -> Duration {
        let next = usize::try_from(seen).unwrap_or(usize::MAX);
        let commits = self.lock();
        commits
            .get(next)
            .map_or(Duration::ZERO, |then| at.saturating_duration_since(*then))
    }

    /// A reader of one replica.
    pub async fn reader(&self, server: &impl Written) -> Result<Reader> {
        let TruthPlace(place) = server.truth_place();
        Ok(Reader {
            client: Client::open(&place).await?,
            commits: Arc::clone(&self.commits),
        })
    }
}

impl Drop for Truth {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

/// Reads what a replica shows.
pub struct Reader {
    client: Client,
    commits: Commits,
}

/// What a replica showed at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// When.
    pub at: Instant,
    /// The last number.
    pub seen: u64,
    /// How far behind that was.
    pub lag: Duration,
}

impl Reader {
    /// What it shows now, and how far behind that is.
    pub async fn look(&mut self) -> Result<Shown> {
        let asked = Instant::now();
        let seen = self.client.last().await?;
        let at = asked + asked.elapsed() / 2;
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let next = commits.get(usize::try_from(seen).unwrap_or(usize::MAX));
        let lag = next.map_or(Duration::ZERO, |then| at.saturating_duration_since(*then));
        Ok(Shown { at, seen, lag })
    }
}

async fn write(mut client: Client, commits: Commits, mut rates: watch::Receiver<f64>) {
    loop {
        let rate = *rates.borrow_and_update();
        if rate <= 0.0 {
            if rates.changed().await.is_err() {
                return;
            }
            continue;
        }
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !rates.has_changed().unwrap_or(true) {
            ticks.tick().await;
            let number = commits.lock().unwrap_or_else(PoisonError::into_inner).len() as u64 + 1;
            if let Err(error) = client.write(number).await {
                eprintln!("the truth's writer could not go on: {error:#}");
                return;
            }
            commits
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Instant::now());
        }
        if rates.has_changed().is_err() {
            return;
        }
    }
}
