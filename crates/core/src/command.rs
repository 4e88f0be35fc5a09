//! What a person may ask a source to do, and the ways in which it can be refused.
//!
//! Nothing is carried out here. Which commands a source takes stands in its snapshot's
//! [`Capabilities`](crate::Capabilities), so that no door shows a button that cannot work.

use crate::{Name, ReplicaKey, Routing};
use std::fmt;

/// Something a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Stop a rule, keeping its place.
    PauseRule {
        /// The rule.
        rule: Name,
    },
    /// Let a paused rule go on.
    ResumeRule {
        /// The rule.
        rule: Name,
    },
    /// Run a rule now.
    SyncRule {
        /// The rule.
        rule: Name,
    },
    /// Make a slave its project's master.
    Promote {
        /// The slave.
        replica: ReplicaKey,
    },
    /// Change how reads of a project are spread.
    SetRouting {
        /// The project.
        project: Name,
        /// The new strategy.
        routing: Routing,
    },
}

impl Command {
    /// The word that capabilities and audit entries use.
    pub fn word(&self) -> &'static str {
        match self {
            Self::PauseRule { .. } => "rule.pause",
            Self::ResumeRule { .. } => "rule.resume",
            Self::SyncRule { .. } => "rule.sync",
            Self::Promote { .. } => "replica.promote",
            Self::SetRouting { .. } => "routing.set",
        }
    }
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// This source cannot do that at all.
    Unsupported {
        /// The command's word.
        command: &'static str,
    },
    /// It could, but refused or failed; the text says why and what to do, without secrets.
    Failed(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { command } => write!(f, "this source cannot do `{command}`"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for CommandError {}
