//! How old the newest data on a replica is, and what that figure is worth.
//!
//! A lag is never a bare number: it comes with a [`Verdict`], and an unmeasured one with the reason.
//! How the figures are won is the engine's business.

use std::borrow::Cow;

/// A short, lower-case reason for people, without secrets. Mostly a literal, so usually not allocated.
pub type Reason = Cow<'static, str>;

/// What a lag figure is worth. All figures are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Measured, to the precision of one probe.
    Exact(u64),
    /// The truth is this much or more (the record of positions does not reach back far enough).
    AtLeast(u64),
    /// The truth is this much or less.
    AtMost(u64),
    /// Nobody can tell, and why.
    Unknown(Reason),
    /// The question has no meaning here (a master has no master), and why.
    NotApplicable(Reason),
}

impl Verdict {
    /// Every word of [`Verdict::word`], in the order of the wire codes.
    pub const WORDS: [&'static str; 5] = ["exact", "at_least", "at_most", "unknown", "not_applicable"];

    /// The position of this verdict in [`Verdict::WORDS`].
    pub fn code(&self) -> u8 {
        match self {
            Self::Exact(_) => 0,
            Self::AtLeast(_) => 1,
            Self::AtMost(_) => 2,
            Self::Unknown(_) => 3,
            Self::NotApplicable(_) => 4,
        }
    }

    /// The word used in JSON, in metrics and on screen.
    pub fn word(&self) -> &'static str {
        Self::WORDS[usize::from(self.code())]
    }
}

/// The lag of one replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The figure and its worth.
    pub verdict: Verdict,
    /// Set when the figure is frozen because its master cannot be reached: wall-clock milliseconds
    /// of the last moment it was true.
    pub as_of_ms: Option<i64>,
}

impl Lag {
    /// A measured lag.
    pub fn exact(ms: u64) -> Self {
        Self {
            verdict: Verdict::Exact(ms),
            as_of_ms: None,
        }
    }

    /// An unknown lag and the reason.
    pub fn unknown(reason: impl Into<Reason>) -> Self {
        Self {
            verdict: Verdict::Unknown(reason.into()),
            as_of_ms: None,
        }
    }

    /// A master's lag: there is none to have.
    pub fn not_applicable(reason: impl Into<Reason>) -> Self {
        Self {
            verdict: Verdict::NotApplicable(reason.into()),
            as_of_ms: None,
        }
    }

    /// The figure in milliseconds, or `None`, never 0, when there is none.
    pub fn ms(&self) -> Option<u64> {
        match self.verdict {
            Verdict::Exact(ms) | Verdict::AtLeast(ms) | Verdict::AtMost(ms) => Some(ms),
            Verdict::Unknown(_) | Verdict::NotApplicable(_) => None,
        }
    }

    /// The same, of now: a frozen figure of a minute ago is none.
    pub fn live_ms(&self) -> Option<u64> {
        self.ms().filter(|_| self.as_of_ms.is_none())
    }

    /// What the lag is certainly not above now. None also where it is only known to be at least so much: the truth may be hours.
    pub fn most_ms(&self) -> Option<u64> {
        match self.verdict {
            Verdict::Exact(_) | Verdict::AtMost(_) => self.live_ms(),
            _ => None,
        }
    }

    /// Why there is no figure.
    pub fn reason(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Unknown(reason) | Verdict::NotApplicable(reason) => Some(reason),
            Verdict::Exact(_) | Verdict::AtLeast(_) | Verdict::AtMost(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_has_no_figure_and_zero_is_a_figure() {
        assert_eq!(Lag::unknown("not measured").ms(), None);
        assert_eq!(Lag::not_applicable("a master").ms(), None);
        assert_eq!(Lag::exact(0).ms(), Some(0));
    }

    #[test]
    fn only_what_is_known_now_bounds_a_lag_from_above() {
        let of = |verdict, as_of_ms| {
            let lag = Lag { verdict, as_of_ms };
            (lag.live_ms(), lag.most_ms())
        };
        assert_eq!(of(Verdict::Exact(7), None), (Some(7), Some(7)));
        assert_eq!(of(Verdict::AtMost(7), None), (Some(7), Some(7)));
        assert_eq!(of(Verdict::AtLeast(7), None), (Some(7), None));
        assert_eq!(of(Verdict::Exact(7), Some(1)), (None, None));
        assert_eq!(of(Verdict::Unknown("x".into()), None), (None, None));
    }

    #[test]
    fn every_verdict_has_its_own_word() {
        let all = [
            Verdict::Exact(1),
            Verdict::AtLeast(1),
            Verdict::AtMost(1),
            Verdict::Unknown("x".into()),
            Verdict::NotApplicable("x".into()),
        ];
        for (position, verdict) in all.iter().enumerate() {
            assert_eq!(usize::from(verdict.code()), position);
            assert_eq!(verdict.word(), Verdict::WORDS[position]);
        }
    }
}
