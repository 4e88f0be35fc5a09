//! Where snapshots come from: the one trait that anything watchable implements.
//!
//! A tree file, the live manager, another process, a mock in a test and an application's own manager
//! all look the same from the hub. Polling, deadlines and threads are the caller's business.

use crate::{Command, CommandError, ReplicaKey, Snapshot};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A boxed future, so that [`Source`] can be a trait object without an async runtime in this crate.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Tells the poller that a fresh snapshot is worth fetching now. Cheap, and may be called from any thread.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Anything that can be watched.
///
/// A closure that returns a [`Snapshot`] is a source:
///
/// ```
/// use replica_core::{Snapshot, Source};
/// let source = || Snapshot::named("my manager");
/// fn watchable(_: &impl Source) {}
/// watchable(&source);
/// ```
pub trait Source: Send + Sync {
    /// Everything the source knows now. Called once a poll, never concurrently with itself; it may
    /// return the same `Arc` while nothing changed, which makes the comparison free.
    fn snapshot(&self) -> Pending<'_, Result<Arc<Snapshot>, SourceError>>;

    /// Hands over the wake-up call, for sources that know when something changed between two polls.
    fn on_change(&self, wake: Wake) {
        drop(wake);
    }

    /// Where the servers are, as `host:port` and without anything secret, for whoever scrapes them too. May block; sources that do not
    /// know tell nothing.
    fn addresses(&self) -> Vec<(ReplicaKey, String)> {
        Vec::new()
    }

    /// Carries out a command. Sources that cannot say so.
    fn execute(&self, command: Command) -> Pending<'_, Result<(), CommandError>> {
        let refused = CommandError::Unsupported {
            command: command.word(),
        };
        Box::pin(std::future::ready(Err(refused)))
    }
}

impl<F> Source for F
where
    F: Fn() -> Snapshot + Send + Sync,
{
    fn snapshot(&self) -> Pending<'_, Result<Arc<Snapshot>, SourceError>> {
        Box::pin(std::future::ready(Ok(Arc::new(self()))))
    }
}

/// A source could not produce a snapshot; the last one stays. The text is for people, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError(pub String);

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SourceError {}
