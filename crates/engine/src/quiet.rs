//! Drivers that write the server's own words to the log: here they do not.
//!
//! An error's message may quote a statement, a name or a value. What it means is told by a [`Fault`](crate::Fault), without them.

use tracing::Dispatch;
use tracing::instrument::{WithDispatch, WithSubscriber};

/// That future, whose events and spans nobody gets.
pub(crate) fn quietly<F: Future>(future: F) -> WithDispatch<F> {
    future.with_subscriber(Dispatch::none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    /// Counts events.
    struct Ear(Arc<AtomicUsize>);

    impl Subscriber for Ear {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[tokio::test]
    async fn nothing_is_heard_of_what_is_done_quietly() {
        let heard = Arc::new(AtomicUsize::new(0));
        let _listening = tracing::subscriber::set_default(Ear(Arc::clone(&heard)));
        quietly(async {
            tokio::task::yield_now().await;
            tracing::error!("Login failed for user 'bob'");
        })
        .await;
        assert_eq!(heard.load(Ordering::Relaxed), 0);
        tracing::error!("heard");
        assert_eq!(heard.load(Ordering::Relaxed), 1);
    }
}
