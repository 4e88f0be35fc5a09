//! What a scrape at one instant would have told of one subject, read from the history instead.
//!
//! Each method stands for a metric or recording rule that alerts read; what is absent from `/metrics` is None or false here.

use super::kept::Kept;
use crate::history::Metric;
use crate::tolerance::tolerance_ms;
use replica_core::{State, Verdict};

/// The figures that alerts read.
pub(super) const METRICS: [Metric; 7] = [
    Metric::LagMs,
    Metric::LagAsOfMs,
    Metric::Verdict,
    Metric::State,
    Metric::RunwayS,
    Metric::ConnectionsUsed,
    Metric::ConnectionsMax,
];

/// One subject at one instant.
#[derive(Default)]
pub(crate) struct Look<'h> {
    /// Whether the monitor recorded anything then.
    pub(super) recorded: bool,
    /// Whether its source did not answer.
    pub(super) stalled: bool,
    /// In the order of [`METRICS`].
    pub(super) known: [Option<i64>; METRICS.len()],
    pub(super) kept: Option<&'h Kept>,
    /// Instead of the limit of that time.
    pub(super) limit_ms: Option<u64>,
    /// Whether a rule's failures rose within the last ten minutes.
    pub(super) failing: bool,
}

impl Look<'_> {
    fn get(&self, metric: Metric) -> Option<i64> {
        let place = METRICS.iter().position(|known| *known == metric)?;
        self.known[place]
    }

    fn verdict(&self) -> Option<&'static str> {
        Verdict::WORDS
            .get(usize::try_from(self.get(Metric::Verdict)?).ok()?)
            .copied()
    }

    /// `replica_lag_seconds`, in milliseconds: absent while frozen.
    fn lag_ms(&self) -> Option<u64> {
        let lag = self.get(Metric::LagMs)?;
        self.get(Metric::LagAsOfMs)
            .is_none()
            .then(|| lag.try_into().unwrap_or(0))
    }

    fn limit_ms(&self) -> u64 {
        self.limit_ms
            .unwrap_or_else(|| tolerance_ms(self.kept.and_then(|kept| kept.limit_ms)))
    }

    pub(crate) fn down(&self) -> bool {
        self.get(Metric::State) == Some(State::Down.code().into())
    }

    pub(crate) fn lag_unknown(&self) -> bool {
        let meant = self.verdict().is_some_and(|word| word != "not_applicable");
        meant && self.lag_ms().is_none()
    }

    /// Certainly above: what is only an upper bound does not count.
    pub(crate) fn lag_above_limit(&self) -> bool {
        self.verdict() != Some("at_most") && self.lag_ms().is_some_and(|lag| lag > self.limit_ms())
    }

    /// Certainly within: what is only a lower bound does not count.
    pub(crate) fn lag_within_limit(&self) -> bool {
        self.verdict() != Some("at_least") && self.lag_ms().is_some_and(|lag| lag <= self.limit_ms())
    }

    /// Of the stream that has the least.
    pub(crate) fn runway_s(&self) -> Option<i64> {
        self.get(Metric::RunwayS)
    }

    /// The share of connections in use.
    pub(crate) fn connections(&self) -> Option<f64> {
        let (used, max) = (
            self.get(Metric::ConnectionsUsed)?,
            self.get(Metric::ConnectionsMax)?,
        );
        Some(used as f64 / max as f64)
    }

    /// Whether the kept snapshot says so; nothing is said of a time that was not recorded.
    fn kept(&self, says: impl Fn(&Kept) -> bool) -> bool {
        self.recorded && self.kept.is_some_and(says)
    }

    /// Whether there is drift of a kind that `counts`.
    pub(crate) fn drifts(&self, counts: impl Fn(&str) -> bool) -> bool {
        self.kept(|kept| kept.drift.iter().any(|kind| counts(kind)))
    }

    pub(crate) fn any_link_is(&self, states: &[&str]) -> bool {
        self.kept(|kept| kept.links.iter().any(|state| states.contains(&state.as_str())))
    }

    pub(crate) fn lacks_grants(&self) -> bool {
        self.kept(|kept| kept.lacks_grants)
    }

    pub(crate) fn tree_has_problems(&self) -> bool {
        self.kept(|kept| kept.problems)
    }

    pub(crate) fn rule_fails(&self) -> bool {
        self.failing
    }

    pub(crate) fn not_recorded(&self) -> bool {
        !self.recorded
    }

    pub(crate) fn source_stalled(&self) -> bool {
        self.recorded && self.stalled
    }
}
