//! Waiting for a condition instead of for a time.

use anyhow::{Result, bail};
use std::time::Duration;
use tokio::time::Instant;

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(20);

/// Waits until `holds`; after `patience` it is an error that names what was waited for.
pub async fn wait_for(what: &str, patience: Duration, mut holds: impl AsyncFnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + patience;
    while !holds().await {
        if Instant::now() >= deadline {
            bail!("waited {patience:?} in vain for {what}");
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}
