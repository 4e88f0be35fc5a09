//! Looks at what is served at every aligned tick, and records it. The hub does not notice.

use super::History;
use super::sample::Moment;
use super::settings::ms;
use crate::clock::now_ms;
use crate::hub::Hub;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Records until told to stop, then once more: what happened last is what people will ask for.
pub(crate) async fn sample(hub: Hub, history: History, mut stop: watch::Receiver<bool>) {
    let tick = ms(history.settings().tick).max(1);
    hub.first().await;
    loop {
        let rest = tick - now_ms().rem_euclid(tick);
        let rest = Duration::from_millis(rest.unsigned_abs());
        tokio::select! {
            () = tokio::time::sleep(rest) => record(&hub, &history),
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    // Writing blocks; a runtime that ends meanwhile waits for it.
    let closing = tokio::task::spawn_blocking(move || history.close());
    let _ = closing.await;
}

fn record(hub: &Hub, history: &History) {
    let now = hub.now();
    history.record(Moment {
        snapshot: Arc::clone(&now.snapshot),
        at_ms: now_ms(),
        seq: now.seq,
        published_ms: now.at_ms,
        poll_ms: u64::try_from(now.poll.as_millis()).unwrap_or(u64::MAX),
        stalled_since_ms: now.stalled_since,
    });
}
