//! Why something that runs for long ended before its end, and how long a database may take for its part of it.

use crate::fault::{Fault, FaultKind};
use std::fmt;
use std::time::Duration;

/// How long a database may take for one stretch.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// Why a run ended before its end.
#[derive(Debug)]
pub enum Stopped {
    /// Somebody asked for it.
    Asked,
    /// Somebody else runs the rule now.
    Fenced,
    /// An end cannot be spoken to.
    Fault {
        /// Which end: the source or the target.
        end: &'static str,
        /// What is wrong.
        fault: Fault,
    },
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("stopped before its end"),
            Self::Fenced => f.write_str("somebody else runs this rule now"),
            Self::Fault { end, fault } => write!(f, "the {end}: {fault}"),
        }
    }
}

impl std::error::Error for Stopped {}

/// What a database answers, within the deadline.
pub(super) async fn within<T>(
    end: &'static str,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Stopped> {
    let done = tokio::time::timeout(DEADLINE, work).await;
    done.unwrap_or_else(|_| Err(late(DEADLINE)))
        .map_err(|fault| Stopped::Fault { end, fault })
}

pub(super) fn late(after: Duration) -> Fault {
    Fault::new(
        FaultKind::TimedOut,
        format!("no answer within {} s", after.as_secs()),
    )
}
