//! Why a session of a stream ended, and what follows from it.

use super::stopped::Stopped;
use super::store::StoreError;
use crate::fault::Fault;

/// Why a session ended.
pub(super) enum Broken {
    /// Somebody asked for it.
    Asked,
    /// Somebody else runs the rule.
    Fenced,
    /// It must begin again, at once: tables were altered, or the log has a gap.
    Again,
    /// The source has no log that can be followed.
    Unfollowed,
    /// An end cannot be spoken to.
    Fault(String),
}

impl From<Stopped> for Broken {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Asked => Self::Asked,
            Stopped::Fenced => Self::Fenced,
            Stopped::Fault { .. } => Self::Fault(stopped.to_string()),
        }
    }
}

pub(super) fn at_source(fault: &Fault) -> Broken {
    Broken::Fault(format!("the source: {fault}"))
}

pub(super) fn at_target(error: &StoreError) -> Broken {
    match error {
        StoreError::Fenced => Broken::Fenced,
        error => Broken::Fault(format!("the target: {error}")),
    }
}
