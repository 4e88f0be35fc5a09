//! Everything that can be wrong, and how it is seen at one moment.
//!
//! To add a condition, write its file and put its line into [`CONDITIONS`]. A condition only tells what is certain: what
//! nobody knows is [`Sight::Unsure`], which neither raises an alert nor ends one.

mod clock;
mod connections;
mod connectivity;
mod down;
mod drift;
mod history;
mod lag;
mod link;
mod pool;
mod rule_behind;
mod rule_failed;
mod rule_stalled;
mod rule_waits;
mod runway;
mod source;
mod tree;
mod two_masters;
mod unknown;

use super::subject::Subject;
use replica_core::{Project, Replica, ReplicaKey, Snapshot, State};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

impl Severity {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Something that can be wrong.
pub(crate) struct Condition {
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    /// For how long it must be so before anybody is told.
    pub(crate) after: Duration,
    /// The figure beyond which it is wrong; what it counts stands in `about`.
    pub(crate) limit: f64,
    /// What it means, in a sentence.
    pub(crate) about: &'static str,
    pub(super) see: fn(&Moment, f64) -> Vec<Seen>,
    /// A moment at which it is so, or is not.
    #[cfg(test)]
    pub(super) sample: fn(bool) -> Moment,
}

/// Every condition, the most urgent first.
pub(crate) static CONDITIONS: &[&Condition] = &[
    &two_masters::TWO_MASTERS,
    &connectivity::CONNECTIVITY,
    &down::DOWN,
    &source::SOURCE,
    &link::LINK,
    &runway::RUNWAY,
    &lag::LAG,
    &unknown::UNKNOWN,
    &drift::DRIFT,
    &rule_waits::RULE_WAITS,
    &rule_behind::RULE_BEHIND,
    &rule_failed::RULE_FAILED,
    &rule_stalled::RULE_STALLED,
    &connections::CONNECTIONS,
    &pool::POOL,
    &clock::CLOCK,
    &history::HISTORY,
    &tree::TREE,
];

/// The condition of that name.
pub(crate) fn named(name: &str) -> Option<&'static Condition> {
    CONDITIONS
        .iter()
        .copied()
        .find(|condition| condition.name == name)
}

/// Everything that conditions may look at.
#[derive(Clone)]
pub(crate) struct Moment {
    pub(crate) at_ms: i64,
    pub(crate) snapshot: Arc<Snapshot>,
    /// Since when the source does not answer.
    pub(crate) stalled_since: Option<i64>,
    /// Why the history is not written, if it is not and should be.
    pub(crate) history: Option<String>,
    /// Replicas whose lag is falling.
    pub(crate) falling: HashSet<ReplicaKey>,
    /// Why this machine rather than the others is cut off, if that is likelier.
    pub(crate) cut_off: Option<String>,
    /// Rules whose counts of failures, and of rows, have lately risen.
    pub(crate) failing: HashSet<replica_core::Name>,
    pub(crate) moving: HashSet<replica_core::Name>,
}

/// What a condition sees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) subject: Subject,
    pub(crate) sight: Sight,
}

/// How sure it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sight {
    /// It is so, in a sentence with figures; nobody is told before `patience` has passed, or that of the condition.
    Wrong {
        summary: String,
        patience: Option<Duration>,
    },
    /// Nobody can tell now.
    Unsure,
}

impl Seen {
    fn wrong(subject: Subject, summary: impl Into<String>) -> Self {
        let sight = Sight::Wrong {
            summary: summary.into(),
            patience: None,
        };
        Self { subject, sight }
    }

    fn unsure(subject: Subject) -> Self {
        Self {
            subject,
            sight: Sight::Unsure,
        }
    }
}

/// Asks `judge` about every replica that was looked at; of the others nobody can tell.
fn each_replica(moment: &Moment, judge: impl Fn(&Project, &Replica) -> Option<Sight>) -> Vec<Seen> {
    let mut all = Vec::new();
    for (project, replica) in moment.snapshot.replicas() {
        let sight = match replica.state {
            State::Unknown | State::Connecting => Some(Sight::Unsure),
            State::Down | State::Up => judge(project, replica),
        };
        let subject = || Subject::replica(&project.name, &replica.name);
        all.extend(sight.map(|sight| Seen {
            subject: subject(),
            sight,
        }));
    }
    all
}

/// The same of those that answer; of the others nobody can tell.
fn each_answering(moment: &Moment, judge: impl Fn(&Project, &Replica) -> Option<Sight>) -> Vec<Seen> {
    each_replica(moment, |project, replica| match replica.state {
        State::Up => judge(project, replica),
        _ => Some(Sight::Unsure),
    })
}

fn wrong(summary: String) -> Option<Sight> {
    Some(Sight::Wrong {
        summary,
        patience: None,
    })
}

#[cfg(test)]
pub(super) mod tests;
