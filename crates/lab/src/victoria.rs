//! VictoriaMetrics as Debian ships it: a receiver of remote writes.

use crate::daemon::Daemon;
use crate::http;
use crate::lab::{Lab, free_port};
use crate::program::find;
use crate::wait::wait_for;
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Victoria {
    port: u16,
    daemon: Daemon,
}

impl Victoria {
    /// An empty one.
    pub async fn start(lab: &Lab) -> Result<Self> {
        let room = lab.room("victoria");
        let port = free_port()?;
        let program = find("victoria-metrics", "victoria-metrics")?;
        let daemon = Daemon::new(program, &room, None, Signal::TERM)
            .argument(format!("-storageDataPath={}", room.display()))
            .argument(format!("-httpListenAddr=127.0.0.1:{port}"))
            // Otherwise it hides what came in the last half minute.
            .argument("-search.latencyOffset=0s");
        daemon.spawn()?;
        let answers = async || http::get(port, "/health").await.is_ok();
        wait_for("victoria-metrics to answer", PATIENCE, answers)
            .await
            .with_context(|| daemon.log())?;
        Ok(Self { port, daemon })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// What an instant query answers, as JSON.
    pub async fn query(&self, query: &str) -> Result<String> {
        http::query(self.port, query).await
    }
}
