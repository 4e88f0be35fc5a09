//! What one channel is still to be told: gathered, at a bounded pace, and kept until it is delivered.

use super::notice::{Line, Notice};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Notices that may wait for one channel; beyond that the oldest are given up, and counted.
const MOST: usize = 100;
/// The time in which a channel gets only so many notices, in milliseconds.
const SPAN_MS: i64 = 5 * 60_000;

/// One channel's. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Outbox {
    /// What changed since the last notice, by the ids of the alerts.
    held: BTreeMap<String, Line>,
    pub(super) waiting: VecDeque<Notice>,
    /// When the last notices were written.
    written: VecDeque<i64>,
    /// When it was last reminded of what still fires.
    reminded: i64,
    pub(super) delivered: u64,
    pub(super) failed: u64,
    pub(super) given_up: u64,
}

impl Outbox {
    /// Takes in how an alert stands now. One that is over before its beginning was told, or the other way round, needs no word.
    pub(super) fn hold(&mut self, line: Line) {
        match self.held.get(&line.id) {
            Some(held) if held.is_over() != line.is_over() => drop(self.held.remove(&line.id)),
            _ => drop(self.held.insert(line.id.clone(), line)),
        }
    }

    /// Writes a notice of all that changed, if there may be a further one now.
    pub(super) fn write(&mut self, channel: usize, at_most: usize, now: i64) {
        self.written.retain(|at| (0..SPAN_MS).contains(&(now - at)));
        if self.held.is_empty() || self.written.len() >= at_most {
            return;
        }
        let alerts = std::mem::take(&mut self.held).into_values().collect();
        self.written.push_back(now);
        self.push(notice(channel, now, alerts, false));
    }

    /// Whether it is time to tell again of what still fires.
    pub(super) fn wants_reminder(&self, every_ms: Option<i64>, now: i64) -> bool {
        let last = self
            .reminded
            .max(self.written.back().copied().unwrap_or_default());
        every_ms.is_some_and(|every| now - last >= every)
    }

    /// Tells again of what still fires; one that waits already is replaced by the newer one.
    pub(super) fn remind(&mut self, channel: usize, alerts: Vec<Line>, now: i64) {
        self.reminded = now;
        self.waiting.retain(|notice| !notice.reminder);
        if !alerts.is_empty() {
            self.push(notice(channel, now, alerts, true));
        }
    }

    fn push(&mut self, notice: Notice) {
        self.waiting.push_back(notice);
        if self.waiting.len() > MOST {
            self.waiting.pop_front();
            self.given_up += 1;
        }
    }
}

fn notice(channel: usize, now: i64, alerts: Vec<Line>, reminder: bool) -> Notice {
    // No two of a channel are written within a millisecond.
    let kind = if reminder { "r" } else { "n" };
    Notice {
        id: format!("{now:x}-{kind}{channel}"),
        at: now,
        alerts,
        reminder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::book::Phase;

    fn line(id: &str, state: Phase) -> Line {
        Line {
            id: id.to_owned(),
            state,
            ..Notice::sample(0).alerts.remove(0)
        }
    }

    #[test]
    fn what_comes_and_goes_untold_needs_no_word() {
        let mut outbox = Outbox::default();
        outbox.hold(line("a", Phase::Firing));
        outbox.hold(line("b", Phase::Firing));
        outbox.hold(line("a", Phase::Resolved));
        outbox.write(0, 10, 1000);
        let ids: Vec<&str> = outbox.waiting[0].alerts.iter().map(|line| &*line.id).collect();
        assert_eq!(ids, ["b"]);
        outbox.write(0, 10, 2000);
        assert_eq!(outbox.waiting.len(), 1, "nothing is told twice");
    }

    #[test]
    fn a_channel_gets_only_so_many_and_loses_nothing() {
        let mut outbox = Outbox::default();
        for now in 0..5 {
            outbox.hold(line(&now.to_string(), Phase::Firing));
            outbox.write(0, 3, now);
        }
        assert_eq!(outbox.waiting.len(), 3);
        outbox.write(0, 3, SPAN_MS);
        assert_eq!(
            outbox.waiting[3].alerts.len(),
            2,
            "the rest comes together, later"
        );
    }

    #[test]
    fn too_many_that_wait_are_counted() {
        let mut outbox = Outbox::default();
        for now in 0..=MOST as i64 {
            outbox.hold(line("a", Phase::Firing));
            outbox.write(0, usize::MAX, now);
        }
        assert_eq!((outbox.waiting.len(), outbox.given_up), (MOST, 1));
    }

    #[test]
    fn only_the_newest_reminder_waits() {
        let mut outbox = Outbox::default();
        assert!(!outbox.wants_reminder(None, 1_000_000));
        for now in [60_000, 120_000] {
            assert!(outbox.wants_reminder(Some(60_000), now));
            outbox.remind(0, vec![line("a", Phase::Firing)], now);
        }
        assert_eq!(
            outbox.waiting.iter().map(|notice| notice.at).collect::<Vec<_>>(),
            [120_000]
        );
    }
}
