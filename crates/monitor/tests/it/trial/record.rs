//! What was true of each server at any moment: what a reader of it saw, and what the script did to it.
//!
//! The monitor is not asked here. Where nobody can say what was true, nothing is judged.

use replica_lab::truth::Reader;
use replica_lab::{Redis, Truth};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How often a server is looked at.
const EVERY: Duration = Duration::from_millis(20);
/// A look that takes longer says nothing of any moment.
const PATIENCE: Duration = Duration::from_millis(100);
/// Between two looks that are further apart than this, anything may have been true.
const BLIND: Duration = Duration::from_millis(250);

/// What was true at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fact {
    /// It answered, and what it showed was this far behind its master.
    Behind(Duration),
    /// It was stopped or dead, and could answer nobody.
    Silent,
    /// It was being changed, or did not answer the reader.
    Unclear,
}

/// What was true, from the first moment to the last.
pub(crate) struct Record(pub(crate) Vec<(Instant, Fact)>);

impl Record {
    /// Whether that held all the time from one moment to the other.
    pub(crate) fn throughout(&self, from: Instant, to: Instant, holds: impl Fn(Fact) -> bool) -> bool {
        let Self(facts) = self;
        let first = facts.partition_point(|(at, _)| *at <= from);
        let last = facts.partition_point(|(at, _)| *at < to);
        if first == 0 || last == facts.len() {
            return false;
        }
        let facts = &facts[first - 1..=last];
        let seen = facts.windows(2).all(|two| two[1].0 - two[0].0 <= BLIND);
        seen && facts.iter().all(|(_, fact)| holds(*fact))
    }
}

/// Looks at one server all the time.
pub(crate) struct Witness {
    /// What the script knows better than any look.
    imposed: watch::Sender<Option<Fact>>,
    facts: Arc<Mutex<Vec<(Instant, Fact)>>>,
    looking: JoinHandle<()>,
}

impl Witness {
    pub(crate) fn of(server: Arc<Redis>, truth: Arc<Truth>) -> Self {
        let (imposed, imposing) = watch::channel(None);
        let facts = Arc::default();
        let looking = tokio::spawn(look(server, truth, imposing, Arc::clone(&facts)));
        Self {
            imposed,
            facts,
            looking,
        }
    }

    /// From now on that is true; none, what a look tells.
    pub(crate) fn impose(&self, fact: Option<Fact>) {
        self.imposed.send_replace(fact);
    }

    /// What is known up to now.
    pub(crate) fn record(&self) -> Record {
        Record(self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn look(
    server: Arc<Redis>,
    truth: Arc<Truth>,
    imposed: watch::Receiver<Option<Fact>>,
    facts: Arc<Mutex<Vec<(Instant, Fact)>>>,
) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reader = None;
    loop {
        ticks.tick().await;
        let known = *imposed.borrow();
        let fact = match known {
            Some(fact) => (Instant::now(), fact),
            None => seen(&server, &truth, &mut reader).await,
        };
        // What the script did while we looked makes the look worthless.
        if *imposed.borrow() == known {
            facts.lock().unwrap_or_else(PoisonError::into_inner).push(fact);
        }
    }
}

/// One look, over a connection that is made anew after it failed.
async fn seen(server: &Redis, truth: &Truth, reader: &mut Option<Reader>) -> (Instant, Fact) {
    let look = async {
        let mut open = match reader.take() {
            Some(open) => open,
            None => truth.reader(server).await?,
        };
        let shown = open.look().await?;
        *reader = Some(open);
        anyhow::Ok(shown)
    };
    match timeout(PATIENCE, look).await {
        Ok(Ok(shown)) => (shown.at, Fact::Behind(shown.lag)),
        _ => (Instant::now(), Fact::Unclear),
    }
}
