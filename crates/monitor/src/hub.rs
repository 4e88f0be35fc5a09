//! The one loop that everything passes through: snapshots and told events in, ticks out.
//!
//! It awaits nothing but its inbox. A source that hangs makes itself stale (and the hub says so); it never
//! delays a listener or an answer.

use crate::activity::{Activity, Recorded};
use crate::balance::Lately;
use crate::clock::now_ms;
use crate::history::History;
use crate::live::Live;
use crate::published::Published;
use crate::stream_log::{Batch, StreamLog};
use crate::wire::EventJson;
use replica_core::{Event, EventKind, Lag, Name, ReplicaKey, Snapshot, Source, State, diff};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

/// How many inputs may wait; an application that tells more is refused.
const INBOX: usize = 1024;
/// A source that has not answered for this many poll periods is called stalled.
const STALLED_PERIODS: u32 = 3;
/// How long each stream may be silent before it says that it is alive: the public one often enough for proxies, the page's often
/// enough to notice soon that the monitor is gone.
const SILENCE: Duration = Duration::from_secs(20);
const LIVE_SILENCE: Duration = Duration::from_secs(5);

/// What the hub is told.
enum Input {
    Polled(Arc<Snapshot>),
    /// The source failed, in words.
    Failed(String),
    Told(Vec<Event>),
}

/// The hub does not take more now; try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl std::fmt::Display for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the monitor takes no more events right now; try again later")
    }
}

impl std::error::Error for Busy {}

/// The hub, as its users hold it.
#[derive(Clone)]
pub(crate) struct Hub {
    source: Arc<dyn Source>,
    inbox: mpsc::Sender<Input>,
    published: watch::Receiver<Arc<Published>>,
    pub(crate) log: Arc<StreamLog>,
    /// The page's own stream.
    pub(crate) live: Arc<StreamLog>,
}

impl Hub {
    /// Starts polling `source` and the loop itself; both end when `stop` turns true.
    pub(crate) fn start(
        source: Arc<dyn Source>,
        poll: Duration,
        ring: usize,
        on_event: Option<OnEvent>,
        history: Option<History>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        // Starting at the clock, a number from before a restart is never mistaken for one of this run.
        let seq = u64::try_from(now_ms()).unwrap_or_default() * 1000;
        let log = Arc::new(StreamLog::new(seq));
        let empty = Published::nothing_yet(seq, poll);
        let live = Arc::new(StreamLog::new(seq));
        let deltas = Live::new(Arc::clone(&live), Arc::clone(&empty.snapshot));
        let (publish, published) = watch::channel(Arc::new(empty));
        let (inbox, inputs) = mpsc::channel(INBOX);
        tokio::spawn(poll_loop(Arc::clone(&source), poll, inbox.clone(), stop.clone()));
        let state = Loop {
            publish,
            log: Arc::clone(&log),
            activity: Activity::new(ring),
            on_event,
            history,
            poll,
            deltas,
        };
        tokio::spawn(state.run(inputs, stop));
        tokio::spawn(Arc::clone(&log).tell_of_silence(SILENCE));
        tokio::spawn(Arc::clone(&live).tell_of_silence(LIVE_SILENCE));
        Self {
            source,
            inbox,
            published,
            log,
            live,
        }
    }

    /// What is known now.
    pub(crate) fn now(&self) -> Arc<Published> {
        Arc::clone(&self.published.borrow())
    }

    /// What whoever sends traffic may rely on.
    pub(crate) fn lately(&self) -> Lately {
        self.now().lately()
    }

    /// Waits for the first snapshot.
    pub(crate) async fn first(&self) {
        let mut published = self.published.clone();
        // An error means that the hub has ended; nobody waits for a snapshot then.
        let _ = published.wait_for(|published| published.ready).await;
    }

    /// Where the servers are, as far as the source tells. On a thread that may block.
    pub(crate) async fn addresses(&self) -> Vec<(ReplicaKey, String)> {
        let source = Arc::clone(&self.source);
        let told = tokio::task::spawn_blocking(move || source.addresses()).await;
        // A source that panics has told nothing.
        told.unwrap_or_default()
    }

    /// Puts events into the stream and the activity log, all together and in order.
    pub(crate) fn tell(&self, events: Vec<Event>) -> Result<(), Busy> {
        self.inbox.try_send(Input::Told(events)).map_err(|_| Busy)
    }
}

/// Called with every event, on the hub's own task: it must not block.
pub type OnEvent = Arc<dyn Fn(&Event) + Send + Sync>;

/// Asks the source once a period, and at once when it calls.
async fn poll_loop(
    source: Arc<dyn Source>,
    period: Duration,
    inbox: mpsc::Sender<Input>,
    mut stop: watch::Receiver<bool>,
) {
    let changed = Arc::new(Notify::new());
    let wake = Arc::clone(&changed);
    source.on_change(Arc::new(move || wake.notify_one()));
    loop {
        let asked = Instant::now();
        let source = Arc::clone(&source);
        let runtime = tokio::runtime::Handle::current();
        // A source's own code never runs on the threads that serve: it may block.
        let polled = tokio::task::spawn_blocking(move || runtime.block_on(source.snapshot()));
        let input = tokio::select! {
            polled = polled => match polled {
                Ok(Ok(snapshot)) => Input::Polled(snapshot),
                Ok(Err(error)) => Input::Failed(error.to_string()),
                Err(_) => Input::Failed("the source panicked".to_owned()),
            },
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if inbox.send(input).await.is_err() {
            return;
        }
        // A source that takes longer than a period is given a whole one to rest.
        let rest = period.checked_sub(asked.elapsed()).unwrap_or(period);
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = changed.notified() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// What the loop owns.
struct Loop {
    publish: watch::Sender<Arc<Published>>,
    log: Arc<StreamLog>,
    activity: Activity,
    on_event: Option<OnEvent>,
    history: Option<History>,
    poll: Duration,
    deltas: Live,
}

/// The streams end with the loop that fills them, however it ends.
impl Drop for Loop {
    fn drop(&mut self) {
        self.log.end();
        self.deltas.log.end();
    }
}

impl Loop {
    async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut stop: watch::Receiver<bool>) {
        let patience = self
            .poll
            .saturating_mul(STALLED_PERIODS)
            .max(Duration::from_secs(1));
        let mut heard = Instant::now();
        loop {
            let stalled = self.publish.borrow().stalled_since.is_some();
            let due = self.deltas.due();
            let input = tokio::select! {
                input = inputs.recv() => match input { Some(input) => input, None => return },
                () = tokio::time::sleep_until(heard + patience), if !stalled => {
                    self.failed("the source does not answer".to_owned());
                    continue;
                }
                () = tokio::time::sleep_until(due.unwrap_or(heard)), if due.is_some() => {
                    self.flush();
                    continue;
                }
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match input {
                Input::Polled(snapshot) => {
                    heard = Instant::now();
                    self.polled(snapshot);
                }
                Input::Failed(why) => {
                    heard = Instant::now();
                    self.failed(why);
                }
                Input::Told(events) => self.told(events),
            }
        }
    }

    fn polled(&mut self, new: Arc<Snapshot>) {
        let old = Arc::clone(&self.publish.borrow());
        let unchanged = old.ready && old.stalled_since.is_none() && Arc::ptr_eq(&old.snapshot, &new);
        if unchanged || (old.ready && old.stalled_since.is_none() && old.snapshot == new) {
            return;
        }
        let now = now_ms();
        let empty = Snapshot {
            source: new.source.clone(),
            ..Snapshot::named("")
        };
        let before = if old.ready { &*old.snapshot } else { &empty };
        let mut events = diff(before, &new, now);
        if !old.ready {
            events.push(started(now));
        } else if old.stalled_since.is_some() {
            let message = "the source did not answer".to_owned();
            events.push(Event::new(now, EventKind::ProblemCleared { message }));
        }
        self.publish(&events, |next| next.show(new));
    }

    /// The source failed or is silent: everything stays as it was, and that is said once.
    fn failed(&mut self, why: String) {
        let old = Arc::clone(&self.publish.borrow());
        if old.stalled_since.is_some() {
            return;
        }
        tracing::warn!(source = %old.snapshot.source.label, why, "no snapshot; the last one stays");
        let event = Event::new(
            now_ms(),
            EventKind::Error {
                message: why,
                context: Some("source".to_owned()),
            },
        );
        self.publish(&[event], |next| next.stalled_since = Some(next.at_ms));
    }

    fn told(&mut self, events: Vec<Event>) {
        self.publish(&events, |_| {});
    }

    /// Frames the events once, then makes them and the new state visible together.
    fn publish(&mut self, events: &[Event], change: impl FnOnce(&mut Published)) {
        let old = Arc::clone(&self.publish.borrow());
        let mut batch = Batch::starting_at(old.seq + 1);
        let mut json = Vec::new();
        let mut kept = Vec::new();
        for event in events {
            let seq = batch.next_seq();
            json.clear();
            // Writing to memory cannot fail, and our own types always serialise.
            let _ = serde_json::to_writer(&mut json, &EventJson(event, seq));
            batch.push(&json);
            let recorded = Recorded::new(event, seq, &json);
            self.deltas.note(&recorded);
            if recorded.is_more_than_lag() {
                kept.push(recorded.json.clone());
            }
            self.activity.push(recorded);
            self.heard_of(event);
        }
        if let Some(history) = self.history.as_ref().filter(|_| !kept.is_empty()) {
            history.record_events(kept);
        }
        let mut next = old.next(events.len(), self.activity.all());
        change(&mut next);
        self.deltas.changed();
        self.log.append(batch);
        self.publish.send_replace(Arc::new(next));
    }

    fn heard_of(&self, event: &Event) {
        log_event(event);
        if let Some(on_event) = &self.on_event {
            on_event(event);
        }
    }

    /// Tells the pages what changed since they were last told.
    fn flush(&mut self) {
        let now = Arc::clone(&self.publish.borrow());
        self.deltas
            .flush(&now.snapshot, now.stalled_since.is_some(), now.seq, now.at_ms);
    }
}

/// Problems belong in the log, where somebody who does not look at the page finds them.
fn log_event(event: &Event) {
    match &event.kind {
        EventKind::Error { message, context } => tracing::error!(context, "{message}"),
        EventKind::ProblemCleared { message } => tracing::info!("mended: {message}"),
        EventKind::Audit { who, action, detail } => tracing::info!(%who, action, detail, "audit"),
        _ => {}
    }
}

/// The monitor tells of itself as the replica `server` of the project `_monitor_`.
fn started(now: i64) -> Event {
    let kind = EventKind::ReplicaState {
        key: ReplicaKey {
            project: Name::from("_monitor_"),
            replica: Name::from("server"),
        },
        state: State::Up,
        lag: Lag::not_applicable("the monitor itself"),
        role: None,
        reason: None,
        lag_only: false,
    };
    Event::new(now, kind)
}
