//! What one way of a rule has done, run by run. Pure: it is given reports and times.

use crate::flow;
use replica_core::rule::CollectionStats;
use replica_core::{CopyProgress, SyncStats};
use replica_engine::rules::{Phase, Report};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a streaming interval lasts, from its first change.
const INTERVAL_MS: i64 = 60_000;

/// A run that began, or one that ended and how it went.
pub(super) type Run = Option<Arc<SyncStats>>;

/// The book of one way.
pub(super) struct Ledger {
    /// To where, if the rule has several ways.
    to: Option<String>,
    /// What had been done when the run began that is open, or the last one ended.
    before: BTreeMap<String, CollectionStats>,
    open: Option<Open>,
    /// What the last run did.
    last: SyncStats,
    shown: SyncStats,
}

struct Open {
    began_ms: i64,
    /// A copy or a mirror, which ends by itself; otherwise an interval of a stream.
    is_copy: bool,
}

impl Ledger {
    pub(super) fn new(to: Option<String>) -> Self {
        Self {
            to,
            before: BTreeMap::new(),
            open: None,
            last: SyncStats::default(),
            shown: SyncStats::default(),
        }
    }

    /// Takes a report; whether something is shown otherwise now, and which runs began and ended.
    pub(super) fn note(&mut self, report: &Report, now_ms: i64) -> (bool, Vec<Run>) {
        let mut runs = Vec::new();
        let is_copying = matches!(report.phase, Phase::Copying { .. });
        let has_moved = report.details != self.before;
        if self.open.is_none() && (is_copying || has_moved) {
            let began_ms = now_ms;
            // A copy or a mirror may begin and end between two looks.
            let is_copy = is_copying || self.shown.phase.as_deref() != Some("streaming");
            self.open = Some(Open { began_ms, is_copy });
            runs.push(None);
        }
        let counted = counted(&self.before, report);
        if let Some(open) = &self.open {
            let is_over = match (&report.phase, open.is_copy) {
                (Phase::Starting | Phase::Copying { .. }, _) => false,
                (Phase::Streaming, false) => now_ms - open.began_ms >= INTERVAL_MS,
                _ => true,
            };
            if is_over {
                self.last = SyncStats {
                    // One that was over within a look took less than can be told.
                    duration_ms: u64::try_from(now_ms - open.began_ms).ok().filter(|ms| *ms > 0),
                    last_run: Some(now_ms.into()),
                    last_sync: match flow::trouble(report) {
                        None => Some(now_ms.into()),
                        Some(_) => self.last.last_sync.clone(),
                    },
                    last_error: flow::trouble(report).map(Into::into),
                    ..counted.clone()
                };
                runs.push(Some(Arc::new(self.last.clone())));
                self.before.clone_from(&report.details);
                self.open = None;
            }
        }
        let figures = match self.open {
            Some(_) => counted,
            None => self.last.clone(),
        };
        let shown = self.with(report, figures);
        let changed = shown != self.shown;
        self.shown = shown;
        (changed, runs)
    }

    /// How far it lags, if it follows a log now and that is known.
    pub(super) fn streaming_lag(&self) -> Option<Duration> {
        let is_streaming = self.shown.phase.as_deref() == Some("streaming");
        self.shown
            .lag_ms
            .filter(|_| is_streaming)
            .map(Duration::from_millis)
    }

    /// Figures of a run, with what is true of the way as a whole.
    fn with(&self, report: &Report, figures: SyncStats) -> SyncStats {
        let all = report.details.values();
        let doing = flow::sentence(report);
        SyncStats {
            duration_ms: self.last.duration_ms,
            last_run: self.last.last_run.clone(),
            last_sync: self.last.last_sync.clone(),
            total_synced: Some(
                all.clone()
                    .map(|done| done.created + done.updated + done.deleted)
                    .sum(),
            ),
            total_errors: Some(all.map(|done| done.errors).sum()),
            last_error: flow::trouble(report).map(Into::into),
            phase: Some(flow::phase(report).into()),
            doing: Some(match &self.to {
                None => doing.into(),
                Some(to) => format!("{to}: {doing}").into(),
            }),
            lag_ms: report.lag_ms,
            conflicts: report.conflicts,
            backlog: report.backlog,
            backlog_bytes: report.backlog_bytes,
            total_bytes: Some(report.bytes),
            copy: copy(report),
            ..figures
        }
    }
}

/// How far it is, if it copies.
fn copy(report: &Report) -> Option<CopyProgress> {
    let Phase::Copying { progress, .. } = &report.phase else {
        return None;
    };
    let (done, tables) = progress.tables;
    Some(CopyProgress {
        table: progress.table.as_str().into(),
        done,
        tables,
        rows: progress.rows,
        expected: progress.expected,
        left_ms: progress
            .left
            .map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
    })
}

/// What was done since.
fn counted(before: &BTreeMap<String, CollectionStats>, report: &Report) -> SyncStats {
    let details: Vec<CollectionStats> = report
        .details
        .iter()
        .map(|(table, done)| match before.get(table) {
            None => done.clone(),
            Some(before) => CollectionStats {
                collection: Arc::clone(&done.collection),
                created: done.created - before.created,
                updated: done.updated - before.updated,
                deleted: done.deleted - before.deleted,
                skipped: done.skipped - before.skipped,
                errors: done.errors - before.errors,
            },
        })
        .collect();
    let sum = |figure: fn(&CollectionStats) -> u64| Some(details.iter().map(figure).sum());
    SyncStats {
        inserted: sum(|done| done.created),
        updated: sum(|done| done.updated),
        deleted: sum(|done| done.deleted),
        failed: sum(|done| done.errors),
        details,
        ..SyncStats::default()
    }
}

/// Several ways as one rule: sums, the largest lag, and what the one does that is worst off.
pub(super) fn merged(ledgers: &[Arc<Mutex<Ledger>>]) -> SyncStats {
    let shown = |ledger: &Arc<Mutex<Ledger>>| {
        ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .shown
            .clone()
    };
    let mut all: Vec<SyncStats> = ledgers.iter().map(shown).collect();
    all.sort_by_key(|stats| rank(stats.phase.as_deref()));
    let mut all = all.into_iter();
    let Some(worst) = all.next() else {
        return SyncStats::default();
    };
    all.fold(worst, joined)
}

/// The worst first.
fn rank(phase: Option<&str>) -> usize {
    const ORDER: [&str; 6] = ["ended", "waiting", "starting", "copying", "streaming", "resting"];
    let place = |phase| ORDER.iter().position(|known| *known == phase);
    phase.and_then(place).unwrap_or(ORDER.len())
}

/// What one does not know nobody knows of both.
fn joined(one: SyncStats, other: SyncStats) -> SyncStats {
    let sum = |one: Option<u64>, other: Option<u64>| Some(one? + other?);
    let latest = |one: Option<serde_json::Value>, other: Option<serde_json::Value>| {
        let ms = |value: &Option<serde_json::Value>| value.as_ref().and_then(serde_json::Value::as_i64);
        if ms(&one) >= ms(&other) { one } else { other }
    };
    SyncStats {
        inserted: sum(one.inserted, other.inserted),
        updated: sum(one.updated, other.updated),
        deleted: sum(one.deleted, other.deleted),
        failed: sum(one.failed, other.failed),
        duration_ms: one.duration_ms.max(other.duration_ms),
        last_run: latest(one.last_run, other.last_run),
        last_sync: latest(one.last_sync, other.last_sync),
        total_synced: sum(one.total_synced, other.total_synced),
        total_errors: sum(one.total_errors, other.total_errors),
        last_error: one.last_error.or(other.last_error),
        phase: one.phase,
        doing: one.doing,
        lag_ms: one.lag_ms.zip(other.lag_ms).map(|(one, other)| one.max(other)),
        conflicts: sum(one.conflicts, other.conflicts),
        backlog: sum(one.backlog, other.backlog),
        backlog_bytes: sum(one.backlog_bytes, other.backlog_bytes),
        total_bytes: sum(one.total_bytes, other.total_bytes),
        copy: one.copy.or(other.copy),
        // It is known of the rule, not of its ways.
        verified: None,
        details: details(one.details, other.details),
    }
}

fn details(one: Vec<CollectionStats>, other: Vec<CollectionStats>) -> Vec<CollectionStats> {
    let mut all: BTreeMap<replica_core::Name, CollectionStats> = BTreeMap::new();
    for done in one.into_iter().chain(other) {
        match all.get_mut(&done.collection) {
            None => drop(all.insert(Arc::clone(&done.collection), done)),
            Some(sum) => {
                sum.created += done.created;
                sum.updated += done.updated;
                sum.deleted += done.deleted;
                sum.skipped += done.skipped;
                sum.errors += done.errors;
            }
        }
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use replica_engine::rules::Next;

    fn report(phase: Phase, created: u64) -> Report {
        let done = CollectionStats {
            collection: "t".into(),
            created,
            updated: 0,
            deleted: 0,
            skipped: 0,
            errors: 0,
        };
        Report {
            phase,
            details: [("t".to_owned(), done)].into(),
            lag_ms: Some(7),
            backlog_bytes: Some(3),
            ..Report::default()
        }
    }

    fn copying() -> Phase {
        Phase::Copying {
            why: "new".to_owned(),
            progress: replica_engine::rules::Progress::default(),
        }
    }

    #[test]
    fn a_copy_and_each_minute_of_a_stream_is_a_run() {
        let mut ledger = Ledger::new(None);
        let mut note = |phase, created, at| {
            let runs = ledger.note(&report(phase, created), at).1;
            let told = runs.iter().map(|run| run.as_ref().map(|stats| stats.inserted));
            told.collect::<Vec<_>>()
        };
        assert_eq!(note(copying(), 0, 1000), [None]);
        assert_eq!(note(copying(), 5, 1500), []);
        assert_eq!(note(Phase::Streaming, 10, 2000), [Some(Some(10))]);
        assert_eq!(note(Phase::Streaming, 10, 90_000), []);
        assert_eq!(note(Phase::Streaming, 12, 100_000), [None]);
        assert_eq!(note(Phase::Streaming, 15, 159_000), []);
        assert_eq!(note(Phase::Streaming, 15, 160_000), [Some(Some(5))]);
        // What breaks ends what was open.
        assert_eq!(note(Phase::Streaming, 16, 170_000), [None]);
        let why = "gone".to_owned();
        assert_eq!(note(Phase::Waiting { why }, 16, 171_000), [Some(Some(1))]);
        assert_eq!(ledger.shown.last_error.as_deref(), Some("gone"));
        assert_eq!(ledger.shown.last_sync, Some(160_000.into()));
        assert_eq!(
            (ledger.shown.total_synced, ledger.shown.lag_ms),
            (Some(16), Some(7))
        );
    }

    #[test]
    fn a_mirror_between_two_looks_is_a_run() {
        let mut ledger = Ledger::new(None);
        let runs = ledger.note(&report(Phase::Streaming, 2), 1000).1;
        assert_eq!(runs.len(), 2);
        let resting = || Phase::Resting {
            next: Next::After(Duration::from_secs(1)),
            is_mirrored: true,
        };
        let (changed, runs) = ledger.note(&report(resting(), 3), 5000);
        assert!(changed && runs.len() == 2);
        let (changed, runs) = ledger.note(&report(resting(), 3), 5500);
        assert!(!changed && runs.is_empty());
    }

    #[test]
    fn several_ways_are_as_well_as_the_worst_of_them() {
        let of = |to: &str, phase, created| {
            let mut ledger = Ledger::new(Some(to.to_owned()));
            ledger.note(&report(phase, created), 1000);
            Arc::new(Mutex::new(ledger))
        };
        let why = "down".to_owned();
        let both = merged(&[of("a", Phase::Streaming, 2), of("b", Phase::Waiting { why }, 3)]);
        assert_eq!(both.doing.as_deref(), Some("b: waiting: down"));
        assert_eq!(
            (both.total_synced, both.backlog, both.backlog_bytes),
            (Some(5), None, Some(6))
        );
        assert_eq!(both.details[0].created, 5);
    }
}
