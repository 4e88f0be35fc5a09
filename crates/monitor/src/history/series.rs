//! What a series is of: a subject, and one figure of it.

use replica_core::lag::Reason;
use replica_core::{Name, ReplicaKey};

/// What figures are of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The monitor itself.
    Monitor,
    /// A replica.
    Replica(ReplicaKey),
    /// A rule.
    Rule(Name),
}

impl Subject {
    /// How the file keeps it: a kind, a project, a name.
    pub(super) fn parts(&self) -> (i64, &str, &str) {
        match self {
            Self::Monitor => (0, "", ""),
            Self::Replica(key) => (1, &key.project, &key.replica),
            Self::Rule(rule) => (2, "", rule),
        }
    }

    pub(super) fn from_parts(kind: i64, project: &str, name: &str) -> Option<Self> {
        match kind {
            0 => Some(Self::Monitor),
            1 => Some(Self::Replica(ReplicaKey::new(project, name))),
            2 => Some(Self::Rule(name.into())),
            _ => None,
        }
    }
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident = $code:literal $word:literal;)*) => {
        /// One figure of a subject.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Metric { $($(#[$doc])* $name = $code,)* }

        impl Metric {
            /// Every metric; the numbers stand in files and are never given to another one.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word of JSON, with its unit.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

metrics! {
    /// The number of the state that was served.
    Seq = 1 "seq";
    /// When that state was published.
    PublishedMs = 2 "published_ms";
    /// How late the sample was taken, where that is more than tolerated.
    LateMs = 3 "late_ms";
    /// Since when the source has not answered.
    StalledSinceMs = 4 "stalled_since_ms";
    /// How far behind its master.
    LagMs = 10 "lag_ms";
    /// What the lag is worth: the code of [`Verdict`](replica_core::Verdict).
    Verdict = 11 "verdict";
    /// When a frozen lag was true.
    LagAsOfMs = 12 "lag_as_of_ms";
    /// The code of [`State`](replica_core::State).
    State = 13 "state";
    /// Idle connections of the pool.
    PoolIn = 14 "pool_in";
    /// Borrowed connections of the pool.
    PoolOut = 15 "pool_out";
    /// Connections open at the server.
    ConnectionsUsed = 16 "connections_used";
    /// Connections that the server allows.
    ConnectionsMax = 17 "connections_max";
    /// Until it falls off the retained log: the least of its streams.
    RunwayS = 18 "runway_s";
    /// How long the last look took.
    ProbeUs = 19 "probe_us";
    /// When it last answered, before the tick.
    PingAgoMs = 20 "ping_ago_ms";
    /// Bytes not yet applied.
    BehindBytes = 21 "behind_bytes";
    /// The server's clock minus ours.
    ClockOffsetMs = 22 "clock_offset_ms";
    /// Transactions not yet applied.
    BehindTransactions = 23 "behind_transactions";
    /// Heartbeats not yet seen.
    BehindBeats = 24 "behind_beats";
    /// Rows inserted in the last run.
    Inserted = 40 "inserted";
    /// Rows updated in the last run.
    Updated = 41 "updated";
    /// Rows deleted in the last run.
    Deleted = 42 "deleted";
    /// Rows that failed in the last run.
    Failed = 43 "failed";
    /// How long the last run took.
    DurationMs = 44 "duration_ms";
    /// Rows since the rule exists.
    TotalSynced = 45 "total_synced";
    /// Failures since the rule exists.
    TotalErrors = 46 "total_errors";
    /// How old the oldest change was that a rule's target got last.
    RuleLagMs = 47 "rule_lag_ms";
    /// Changes that a rule's target lacks.
    Backlog = 48 "backlog";
    /// Bytes of the log behind what a rule's target has.
    BacklogBytes = 49 "backlog_bytes";
}

impl Metric {
    /// The metric of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.word() == word)
    }

    /// Whether its minutes are kept beside its samples. Times and numbers are read one by one; nobody asks for their mean.
    pub(super) fn has_minutes(self) -> bool {
        !matches!(
            self,
            Self::Seq
                | Self::PublishedMs
                | Self::LateMs
                | Self::StalledSinceMs
                | Self::LagAsOfMs
                | Self::PingAgoMs
        )
    }

    pub(super) fn code(self) -> i64 {
        self as i64
    }

    pub(super) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.code() == code)
    }
}

/// Names one series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// What it is of.
    pub subject: Subject,
    /// Which figure.
    pub metric: Metric,
}

impl SeriesKey {
    /// The series of `metric` of that replica.
    pub fn replica(project: impl Into<Name>, replica: impl Into<Name>, metric: Metric) -> Self {
        Self {
            subject: Subject::Replica(ReplicaKey::new(project, replica)),
            metric,
        }
    }
}

/// What a series says at one tick. One that has nothing to say is not sampled at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A figure.
    Known(i64),
    /// Nobody can tell, and why.
    Unknown(Reason),
}

impl Value {
    /// A figure; one too large for the file is kept at its limit.
    pub(super) fn of(figure: u64) -> Self {
        Self::Known(i64::try_from(figure).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_name_one_metric_each() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_word(metric.word()), Some(*metric));
            assert_eq!(Metric::from_code(metric.code()), Some(*metric));
        }
    }
}
