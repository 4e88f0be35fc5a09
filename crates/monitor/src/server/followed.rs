//! Files that are looked at every two seconds, for what is loaded again when they change.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// When a file was written and how long it is; none that is not there.
type Stamp = Option<(SystemTime, u64)>;

/// Some files, and how they were when they were last read.
pub(super) struct Followed {
    paths: Vec<PathBuf>,
    seen: Vec<Stamp>,
    stop: watch::Receiver<bool>,
}

impl Followed {
    /// Made before the files are read, so that no change between reading and following is missed.
    pub(super) fn new(paths: Vec<PathBuf>, stop: watch::Receiver<bool>) -> Self {
        let seen = stamps(&paths);
        Self { paths, seen, stop }
    }

    /// Waits until one of them is another than it was; `false` when the monitor stops.
    pub(super) async fn changed(&mut self) -> bool {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = self.stop.wait_for(|stop| *stop) => return false,
            }
            let now = stamps(&self.paths);
            if now != self.seen {
                self.seen = now;
                return true;
            }
        }
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let found = fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    paths.iter().map(stamp).collect()
}
