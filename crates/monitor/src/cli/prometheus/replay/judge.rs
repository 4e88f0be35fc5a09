//! Evaluates every alert at every step of the recorded past, as a Prometheus that scraped and judged at those steps would have.

use super::kept::{self, Changes, Kept};
use super::look::{Look, METRICS};
use crate::alert::Subject;
use crate::cli::prometheus::alert::{About, Alert};
use crate::cli::prometheus::alerts::ALERTS;
use crate::history::{self, HistoryError, Metric, Reader, SeriesKey, Value};
use replica_core::ReplicaKey;
use std::collections::HashMap;
use std::time::Duration;

/// A scrape tells what was recorded so lately, or nothing.
const FRESH_MS: i64 = 10_000;
/// Samples are read in stretches of this, so that weeks need no more memory than hours.
const STRETCH_MS: i64 = 6 * 3_600_000;
/// `increase(…[10m])`.
const RISE_MS: i64 = 600_000;

/// What is replayed.
pub(super) struct Replay<'r> {
    pub(super) reader: &'r Reader,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// Between two scrapes, and two evaluations.
    pub(super) every_ms: i64,
    /// Limits to judge by instead of those that were recorded.
    pub(super) limits: HashMap<ReplicaKey, u64>,
}

/// One alert of one subject, and when it fired: from and until, in milliseconds since 1970.
pub(super) struct Fired {
    pub(super) alert: &'static Alert,
    pub(super) subject: Subject,
    pub(super) spans: Vec<(i64, i64)>,
}

/// What came of it.
pub(super) struct Outcome {
    /// Only those that fired.
    pub(super) fired: Vec<Fired>,
    /// The share of the steps at which the monitor had recorded something.
    pub(super) recorded: f64,
}

/// One step: what a scrape then would have read.
#[derive(Clone, Copy)]
struct Step {
    at: i64,
    /// The last sample before, if there is a fresh one.
    tick: Option<i64>,
    stalled: bool,
}

impl Replay<'_> {
    pub(super) fn run(&self) -> Result<Outcome, HistoryError> {
        let steps = self.steps()?;
        let changes = kept::read(self.reader, self.from_ms, self.to_ms)?;
        let mut fired = Vec::new();
        for subject in changes.keys() {
            fired.extend(self.subject(subject, &changes, &steps)?);
        }
        let recorded = steps.iter().filter(|step| step.tick.is_some()).count();
        Ok(Outcome {
            fired,
            recorded: recorded as f64 / steps.len().max(1) as f64,
        })
    }

    /// The stretches, each from and until before.
    fn stretches(&self) -> impl Iterator<Item = (i64, i64)> {
        let to = self.to_ms;
        let starts = (self.from_ms..=to).step_by(STRETCH_MS as usize);
        starts.map(move |from| (from, (from + STRETCH_MS).min(to + 1)))
    }

    fn steps(&self) -> Result<Vec<Step>, HistoryError> {
        let monitor = |metric| SeriesKey {
            subject: history::Subject::Monitor,
            metric,
        };
        let mut steps = Vec::new();
        let mut ats = (self.from_ms..=self.to_ms)
            .step_by(self.every_ms as usize)
            .peekable();
        for (from, to) in self.stretches() {
            let mut ticks = Track::read(self.reader, &monitor(Metric::Seq), from - FRESH_MS, to)?;
            let mut stalls = Track::read(self.reader, &monitor(Metric::StalledSinceMs), from - FRESH_MS, to)?;
            while let Some(at) = ats.next_if(|at| *at < to) {
                let tick = ticks.last_until(at).filter(|tick| at - tick < FRESH_MS);
                let stalled = tick.is_some_and(|tick| stalls.at(tick).is_some());
                steps.push(Step { at, tick, stalled });
            }
        }
        Ok(steps)
    }

    fn subject(
        &self,
        subject: &Subject,
        changes: &Changes,
        steps: &[Step],
    ) -> Result<Vec<Fired>, HistoryError> {
        let about = About::of(subject);
        let mut watches: Vec<Watch> = ALERTS
            .iter()
            .filter(|alert| alert.about == about)
            .map(Watch::new)
            .collect();
        let mut kept = changes[subject].iter().peekable();
        let (mut now, mut rise, mut left) = (None, Rise::default(), steps);
        for (from, to) in self.stretches() {
            let mut tracks = self.tracks(subject, from - FRESH_MS, to)?;
            let (of_stretch, later) = left.split_at(left.partition_point(|step| step.at < to));
            left = later;
            for step in of_stretch {
                while let Some((_, change)) = kept.next_if(|(since, _)| *since <= step.at) {
                    now = change.as_ref();
                }
                let look = self.look(subject, step, now, &mut tracks, &mut rise);
                for watch in &mut watches {
                    watch.turn(step.at, &look);
                }
            }
        }
        let fired = watches
            .into_iter()
            .filter_map(|watch| watch.end(subject, self.to_ms));
        Ok(fired.collect())
    }

    fn tracks(&self, subject: &Subject, from: i64, to: i64) -> Result<Tracks, HistoryError> {
        let read = |subject: history::Subject, metric| {
            let key = SeriesKey { subject, metric };
            Track::read(self.reader, &key, from, to)
        };
        Ok(match (&subject.project, &subject.replica, &subject.rule) {
            (Some(project), Some(replica), _) => {
                let of = || {
                    let key = ReplicaKey::new(project.clone(), replica.clone());
                    history::Subject::Replica(key)
                };
                let tracks = METRICS.map(|metric| read(of(), metric));
                Tracks::Replica(tracks.into_iter().collect::<Result<_, _>>()?)
            }
            (None, _, Some(rule)) => {
                let of = history::Subject::Rule(rule.clone());
                Tracks::Rule(read(of, Metric::TotalErrors)?)
            }
            _ => Tracks::None,
        })
    }

    fn look<'k>(
        &self,
        subject: &Subject,
        step: &Step,
        kept: Option<&'k Kept>,
        tracks: &mut Tracks,
        rise: &mut Rise,
    ) -> Look<'k> {
        let mut look = Look {
            recorded: step.tick.is_some(),
            stalled: step.stalled,
            kept,
            ..Look::default()
        };
        match tracks {
            Tracks::Replica(tracks) => {
                for (known, track) in look.known.iter_mut().zip(tracks) {
                    *known = step.tick.and_then(|tick| track.at(tick)).flatten();
                }
                let key = subject.project.clone().zip(subject.replica.clone());
                look.limit_ms = key.and_then(|(project, replica)| {
                    self.limits.get(&ReplicaKey::new(project, replica)).copied()
                });
            }
            Tracks::Rule(errors) => {
                let count = step.tick.and_then(|tick| errors.at(tick)).flatten();
                look.failing = rise.failing(step, count);
            }
            Tracks::None => {}
        }
        look
    }
}

enum Tracks {
    /// In the order of [`METRICS`].
    Replica(Vec<Track>),
    Rule(Track),
    None,
}

/// The samples of one series, read forwards.
struct Track {
    samples: Vec<(i64, Value)>,
    next: usize,
}

impl Track {
    fn read(reader: &Reader, key: &SeriesKey, from: i64, to: i64) -> Result<Self, HistoryError> {
        let samples = reader.samples(key, from, to)?;
        Ok(Self { samples, next: 0 })
    }

    /// The time of the last sample at or before `at`, which must not go back.
    fn last_until(&mut self, at: i64) -> Option<i64> {
        while self.samples.get(self.next).is_some_and(|(ts, _)| *ts <= at) {
            self.next += 1;
        }
        self.next.checked_sub(1).map(|last| self.samples[last].0)
    }

    /// The sample of exactly that tick: None if there is none, Some(None) if it is unknown.
    fn at(&mut self, tick: i64) -> Option<Option<i64>> {
        let found = self.last_until(tick)? == tick;
        found.then(|| match &self.samples[self.next - 1].1 {
            Value::Known(figure) => Some(*figure),
            Value::Unknown(_) => None,
        })
    }
}

/// When the failures of a rule last rose.
#[derive(Default)]
struct Rise {
    /// The last scrape that told the count.
    last: Option<(i64, i64)>,
    /// The scrape before the rise.
    from: Option<i64>,
}

impl Rise {
    /// Whether `increase(…[10m]) > 0`: a count that begins anew counts from 0.
    fn failing(&mut self, step: &Step, count: Option<i64>) -> bool {
        // While its source is silent a monitor goes on telling what it last knew.
        let count = match (step.stalled, self.last) {
            (true, Some((_, last))) => Some(last),
            _ => count,
        };
        if let Some(count) = count {
            if let Some((at, last)) = self.last
                && (count > last || (count < last && count > 0))
            {
                self.from = Some(at);
            }
            self.last = Some((step.at, count));
        }
        self.from.is_some_and(|from| from >= step.at - RISE_MS)
    }
}

/// One alert of one subject on its way: pending, firing, resolved.
struct Watch {
    alert: &'static Alert,
    hold_ms: i64,
    holds: bool,
    since: Option<i64>,
    firing: Option<i64>,
    spans: Vec<(i64, i64)>,
}

impl Watch {
    fn new(alert: &'static Alert) -> Self {
        let hold = humantime::parse_duration(alert.hold).unwrap_or(Duration::ZERO);
        Self {
            alert,
            hold_ms: hold.as_millis() as i64,
            holds: false,
            since: None,
            firing: None,
            spans: Vec::new(),
        }
    }

    fn turn(&mut self, at: i64, look: &Look<'_>) {
        // While its source is silent a monitor goes on telling what it last knew; of itself it tells what is.
        let stands_still = look.source_stalled() && self.alert.about != About::Monitor;
        if !stands_still {
            self.holds = (self.alert.holds)(look);
        }
        if !self.holds {
            self.since = None;
            self.resolve(at);
            return;
        }
        let since = *self.since.get_or_insert(at);
        if at - since >= self.hold_ms {
            self.firing.get_or_insert(at);
        }
    }

    fn resolve(&mut self, at: i64) {
        let firing = self.firing.take();
        self.spans.extend(firing.map(|from| (from, at)));
    }

    fn end(mut self, subject: &Subject, to_ms: i64) -> Option<Fired> {
        self.resolve(to_ms);
        (!self.spans.is_empty()).then(|| Fired {
            alert: self.alert,
            subject: subject.clone(),
            spans: self.spans,
        })
    }
}
