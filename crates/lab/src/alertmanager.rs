//! Prometheus's Alertmanager as Debian ships it: who takes alerts of ours, and tells which it holds for active.

use crate::daemon::Daemon;
use crate::http;
use crate::lab::{Lab, free_port};
use crate::program::{find, give, unprivileged};
use crate::wait::wait_for;
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::fs;
use std::time::Duration;

const PACKAGE: &str = "prometheus-alertmanager";
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Alertmanager {
    port: u16,
    _daemon: Daemon,
}

impl Alertmanager {
    /// One that tells nobody.
    pub async fn start(lab: &Lab) -> Result<Self> {
        let user = unprivileged(&["prometheus", "nobody"])?;
        let room = lab.room("alertmanager");
        fs::create_dir(&room)?;
        let file = room.join("alertmanager.yml");
        fs::write(
            &file,
            "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n",
        )?;
        give(&room, user)?;
        give(&file, user)?;
        let port = free_port()?;
        let daemon = Daemon::new(find(PACKAGE, PACKAGE)?, &room, user, Signal::TERM)
            .argument(format!("--config.file={}", file.display()))
            .argument(format!("--storage.path={}", room.join("data").display()))
            .argument(format!("--web.listen-address=127.0.0.1:{port}"))
            // Alone: it looks for no others.
            .argument("--cluster.listen-address=");
        daemon.spawn()?;
        let answers = async || http::get(port, "/-/ready").await.is_ok();
        wait_for("alertmanager to answer", PATIENCE, answers)
            .await
            .with_context(|| daemon.log())?;
        Ok(Self {
            port,
            _daemon: daemon,
        })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The alerts that it holds for active, as JSON.
    pub async fn active(&self) -> Result<String> {
        http::get(self.port, "/api/v2/alerts?active=true").await
    }
}
