//! How fast one way of a rule writes: no faster than it may, and no more than the replicas of its ends can bear.
//!
//! Whoever knows how the replicas are says so through a [`Valve`](super::Valve); the brake obeys.

use super::batch::Part;
use super::cell::Cell;
use super::keep::now_ms;
use super::report::Told;
use super::store::Change;
use super::valve::Allowance;
use replica_core::Throttle;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// How long a closed valve is waited for at a time.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is written within that is noted as one, by its last moment.
const GRAIN_MS: i64 = 20;
/// Of what is under way, so many notes are kept.
const MOST_NOTED: usize = 4096;

/// What was written, and costs its time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Written {
    pub(super) fn of(parts: &[Part]) -> Self {
        parts.iter().fold(Self::default(), |sum, part| {
            let more = Self::of_changes(&part.changes);
            Self {
                rows: sum.rows + more.rows,
                bytes: sum.bytes + more.bytes,
            }
        })
    }

    pub(super) fn of_changes(changes: &[Change]) -> Self {
        let size = |cells: &[Cell]| cells.iter().map(Cell::size).sum::<usize>();
        let sizes = changes.iter().map(|change| match change {
            Change::Delete(key) => size(&key.0),
            Change::Insert(row) | Change::Update(row) | Change::Put { row, .. } => size(row),
        });
        Self {
            rows: changes.len() as u64,
            bytes: sizes.sum::<usize>() as u64,
        }
    }
}

/// The brake of one way.
pub(super) struct Brake {
    limits: Throttle,
    valve: Option<watch::Receiver<Allowance>>,
    /// What was written and is not known to be applied by the replicas: when, in milliseconds since 1970, and how many rows.
    under_way: VecDeque<(i64, u64)>,
}

impl Brake {
    pub(super) fn new(limits: Throttle, valve: Option<watch::Receiver<Allowance>>) -> Self {
        Self {
            limits,
            valve,
            under_way: VecDeque::new(),
        }
    }

    /// How many rows may be written at once, where so many would be.
    pub(super) fn most(&self, most: usize) -> usize {
        self.limits
            .rows
            .map_or(most, |rows| most.min(rows.max(1) as usize))
    }

    /// Waits until that was slow enough, or it is to stop; `begun` is when its writing began.
    pub(super) async fn pay(&mut self, written: Written, begun: Instant, told: &Told) {
        self.note(written.rows);
        let seconds = |amount: u64, limit: Option<f64>| limit.map_or(0.0, |limit| amount as f64 / limit);
        let rows = seconds(written.rows, self.limits.rows.map(f64::from));
        let bytes = seconds(written.bytes, self.limits.bytes.map(|bytes| bytes as f64));
        // Longer than a day is never waited for: a row of any size goes through in the end.
        let due = Duration::from_secs_f64(rows.max(bytes).min(86_400.0));
        told.stopped_within(due.saturating_sub(begun.elapsed())).await;
    }

    /// Rows are under way, if somebody tells when they are not any more.
    fn note(&mut self, rows: u64) {
        if self.valve.is_none() || rows == 0 {
            return;
        }
        let now = now_ms();
        match self.under_way.back_mut() {
            Some((at, sum)) if now - *at < GRAIN_MS => (*at, *sum) = (now, *sum + rows),
            _ => self.under_way.push_back((now, rows)),
        }
        // Where there is no window nobody may ever tell that they are applied.
        if self.under_way.len() > MOST_NOTED {
            self.under_way.pop_front();
        }
    }

    /// Whether the replicas bear more now. If not, that is told, and waited for a moment.
    pub(super) async fn opens(&mut self, told: &Told) -> bool {
        let Some(valve) = &mut self.valve else { return true };
        let allowed = valve.borrow_and_update().clone();
        while self
            .under_way
            .front()
            .is_some_and(|(at, _)| *at < allowed.applied_ms)
        {
            self.under_way.pop_front();
        }
        let rows: u64 = self.under_way.iter().map(|(_, rows)| rows).sum();
        let is_open = allowed.window.is_none_or(|window| rows < window);
        if !is_open {
            allowed.is_used_up.store(true, Ordering::Relaxed);
        }
        let why = (!is_open).then_some(allowed.why);
        told.tell_if(|report| {
            let is_other = report.throttled != why;
            report.throttled = why;
            is_other
        });
        if !is_open {
            // Who turns it may be gone; then it stays as it is, and so does whoever asks.
            let _ = timeout(PATIENCE, told.stop_or(valve.changed())).await;
        }
        is_open
    }

    /// Waits until the replicas bear more, or it is to stop.
    pub(super) async fn wait(&mut self, told: &Told) {
        while !told.is_to_stop() && !self.opens(told).await {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Reading, Valve};

    fn written(rows: u64, bytes: u64) -> Written {
        Written { rows, bytes }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_costs_its_time_once() {
        let (_stop, asked) = watch::channel(false);
        let told = Told::new(asked);
        let limits = Throttle {
            rows: Some(10),
            bytes: Some(1000),
        };
        let mut brake = Brake::new(limits, None);
        assert_eq!(brake.most(5000), 10);
        for (written, ms) in [
            (written(5, 100), 500),
            (written(5, 2000), 2000),
            (written(0, 0), 0),
        ] {
            let begun = Instant::now();
            brake.pay(written, begun, &told).await;
            assert!(begun.elapsed().abs_diff(Duration::from_millis(ms)) < Duration::from_millis(5));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_valve_is_told_and_waited_for() {
        let (stop, asked) = watch::channel(false);
        let told = Told::new(asked);
        let seen = told.seen();
        let mut valve = Valve::new();
        let mut brake = Brake::new(Throttle::default(), Some(valve.allowance()));
        assert!(!brake.opens(&told).await);
        assert!(
            seen.borrow()
                .throttled
                .as_deref()
                .is_some_and(|why| why.contains("not measured"))
        );
        valve.turn(&Reading::Nobody);
        assert!(brake.opens(&told).await);
        assert_eq!(seen.borrow().throttled, None);
        valve.turn(&Reading::Unknown("p / b does not answer".to_owned()));
        assert!(!brake.opens(&told).await);
        stop.send(true).unwrap();
        brake.wait(&told).await;
    }
}
