//! What is sampled of a snapshot: every figure that changes from look to look.
//!
//! What changes seldom (roles, drift, reasons, rules as declared) is kept by [`super::keyframe`].

use super::series::{Metric, SeriesKey, Subject, Value};
use replica_core::{Replica, ReplicaKey, Rule, Runway, Snapshot};
use std::sync::Arc;

/// Why nothing is known while the source does not answer.
const STALLED: &str = "the source does not answer";

/// What was served at one instant.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Everything that was known.
    pub snapshot: Arc<Snapshot>,
    /// When it was looked at.
    pub at_ms: i64,
    /// The number under which it was published.
    pub seq: u64,
    /// When it was published.
    pub published_ms: i64,
    /// How often the source is asked.
    pub poll_ms: u64,
    /// Since when the source has not answered: then nothing is known, whatever the snapshot says.
    pub stalled_since_ms: Option<i64>,
}

impl Moment {
    /// A snapshot of a source that answers, published as it is looked at.
    pub fn new(snapshot: Arc<Snapshot>, at_ms: i64) -> Self {
        Self {
            snapshot,
            at_ms,
            seq: 0,
            published_ms: at_ms,
            poll_ms: 2000,
            stalled_since_ms: None,
        }
    }
}

/// What every series says at one tick.
pub(super) type Said = Vec<(SeriesKey, Value)>;

/// Everything to sample; `late_ms` is told where the tick was missed by more than is tolerated.
pub(super) fn figures(moment: &Moment, late_ms: i64) -> Said {
    let mut said = Said::with_capacity(moment.snapshot.replica_count() * 8 + 8);
    let mut monitor = Sayer::new(Subject::Monitor, &mut said);
    monitor.say(Metric::Seq, Some(moment.seq));
    monitor.figure(Metric::PublishedMs, Some(moment.published_ms));
    monitor.figure(Metric::LateMs, Some(late_ms));
    monitor.figure(Metric::StalledSinceMs, moment.stalled_since_ms);
    let stalled = moment.stalled_since_ms.is_some();
    for (project, replica) in moment.snapshot.replicas() {
        let key = ReplicaKey::new(Arc::clone(&project.name), Arc::clone(&replica.name));
        let sayer = Sayer::new(Subject::Replica(key), &mut said);
        match stalled {
            true => unknown(sayer),
            false => of_replica(replica, moment.at_ms, sayer),
        }
    }
    for rule in moment.snapshot.rules.iter().filter(|_| !stalled) {
        of_rule(rule, Sayer::new(Subject::Rule(Arc::clone(&rule.name)), &mut said));
    }
    said
}

struct Sayer<'s> {
    subject: Subject,
    said: &'s mut Said,
}

impl<'s> Sayer<'s> {
    fn new(subject: Subject, said: &'s mut Said) -> Self {
        Self { subject, said }
    }

    fn value(&mut self, metric: Metric, value: Value) {
        let subject = self.subject.clone();
        self.said.push((SeriesKey { subject, metric }, value));
    }

    fn say(&mut self, metric: Metric, figure: Option<u64>) {
        figure
            .into_iter()
            .for_each(|figure| self.value(metric, Value::of(figure)));
    }

    fn figure(&mut self, metric: Metric, figure: Option<i64>) {
        figure
            .into_iter()
            .for_each(|figure| self.value(metric, Value::Known(figure)));
    }
}

/// The snapshot still says what was true before; that is no sample of now.
fn unknown(mut replica: Sayer<'_>) {
    for metric in [Metric::LagMs, Metric::Verdict, Metric::State] {
        replica.value(metric, Value::Unknown(STALLED.into()));
    }
}

fn of_replica(replica: &Replica, at_ms: i64, mut sayer: Sayer<'_>) {
    let lag = &replica.lag;
    match (lag.ms(), lag.reason()) {
        (Some(ms), _) => sayer.value(Metric::LagMs, Value::of(ms)),
        (None, reason) => sayer.value(
            Metric::LagMs,
            Value::Unknown(reason.unwrap_or("not measured").to_owned().into()),
        ),
    }
    sayer.say(Metric::Verdict, Some(lag.verdict.code().into()));
    sayer.figure(Metric::LagAsOfMs, lag.as_of_ms);
    sayer.say(Metric::State, Some(replica.state.code().into()));
    if let Some(pool) = replica.pool_usage {
        sayer.say(Metric::PoolIn, Some(pool.idle.into()));
        sayer.say(Metric::PoolOut, Some(pool.borrowed.into()));
    }
    sayer.figure(Metric::PingAgoMs, replica.last_ping_ms.map(|ping| at_ms - ping));
    let Some(observed) = &replica.observed else {
        return;
    };
    if let Some(connections) = observed.connections {
        sayer.say(Metric::ConnectionsUsed, Some(connections.used.into()));
        sayer.say(Metric::ConnectionsMax, Some(connections.max.into()));
    }
    if let Some(runway) = shortest(observed.links.iter().map(|link| &link.runway)) {
        sayer.value(Metric::RunwayS, runway);
    }
    sayer.say(Metric::ProbeUs, observed.probe_us);
    if let Some(behind) = observed.behind {
        let metric = match behind.unit {
            "bytes" => Metric::BehindBytes,
            "beats" => Metric::BehindBeats,
            _ => Metric::BehindTransactions,
        };
        sayer.say(metric, Some(behind.amount));
    }
    sayer.figure(Metric::ClockOffsetMs, observed.clock_offset_ms);
}

/// The least of several; where none has a figure, what the first says instead.
fn shortest<'r>(runways: impl Iterator<Item = &'r Runway> + Clone) -> Option<Value> {
    if let Some(seconds) = runways.clone().filter_map(Runway::seconds).min() {
        return Some(Value::of(seconds));
    }
    let mut runways = runways;
    runways.next().map(|runway| match runway {
        Runway::Unknown(reason) => Value::Unknown(reason.clone()),
        _ => Value::Unknown("the log is kept until it is read".into()),
    })
}

fn of_rule(rule: &Rule, mut sayer: Sayer<'_>) {
    let Some(stats) = &rule.last_stats else {
        return;
    };
    for (metric, figure) in [
        (Metric::Inserted, stats.inserted),
        (Metric::Updated, stats.updated),
        (Metric::Deleted, stats.deleted),
        (Metric::Failed, stats.failed),
        (Metric::DurationMs, stats.duration_ms),
        (Metric::TotalSynced, stats.total_synced),
        (Metric::TotalErrors, stats.total_errors),
        (Metric::RuleLagMs, stats.lag_ms),
        (Metric::Backlog, stats.backlog),
        (Metric::BacklogBytes, stats.backlog_bytes),
    ] {
        sayer.say(metric, figure);
    }
}
