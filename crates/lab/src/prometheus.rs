//! Prometheus as Debian ships it: a server that scrapes a monitor of ours, and `promtool`.

use crate::daemon::{Daemon, run};
use crate::http;
use crate::lab::{Lab, free_port};
use crate::program::{find, give, unprivileged};
use crate::wait::wait_for;
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const PACKAGE: &str = "prometheus";
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Prometheus {
    port: u16,
    daemon: Daemon,
}

impl Prometheus {
    /// Scrapes `/metrics` at that port every second, with that token if there is one.
    pub async fn scraping(lab: &Lab, port: u16, token: Option<&str>) -> Result<Self> {
        let token = token.map_or(String::new(), |token| {
            format!("    authorization: {{ credentials: {token} }}\n")
        });
        let config = format!(
            "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: replicas\n{token}    static_configs: [{{ targets: ['127.0.0.1:{port}'] }}]\n"
        );
        Self::start(lab, &config).await
    }

    /// A server with that configuration; it also takes remote writes.
    pub async fn start(lab: &Lab, config: &str) -> Result<Self> {
        let user = unprivileged(&["prometheus", "nobody"])?;
        let room = lab.room("prometheus");
        fs::create_dir(&room)?;
        let file = room.join("prometheus.yml");
        fs::write(&file, config)?;
        give(&room, user)?;
        give(&file, user)?;
        let port = free_port()?;
        let daemon = Daemon::new(find("prometheus", PACKAGE)?, &room, user, Signal::TERM)
            .argument(format!("--config.file={}", file.display()))
            .argument(format!("--storage.tsdb.path={}", room.join("data").display()))
            .argument(format!("--web.listen-address=127.0.0.1:{port}"))
            .argument("--web.enable-remote-write-receiver");
        let server = Self { port, daemon };
        server.start_again().await?;
        Ok(server)
    }

    /// Starts it, also after a kill, with the data that it has.
    pub async fn start_again(&self) -> Result<()> {
        self.daemon.spawn()?;
        let answers = async || http::get(self.port, "/-/ready").await.is_ok();
        wait_for("prometheus to answer", PATIENCE, answers)
            .await
            .with_context(|| self.daemon.log())
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

/// What `promtool check metrics` has to say of a text; nothing, if all is well.
pub fn check_metrics(text: &[u8]) -> Result<String> {
    let mut child = Command::new(find("promtool", PACKAGE)?)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("no input")?.write_all(text)?;
    let output = child.wait_with_output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// Runs `promtool` and fails with what it says.
pub async fn promtool(arguments: &[&str], folder: &Path) -> Result<()> {
    run(&find("promtool", PACKAGE)?, arguments, None, &folder.join("x")).await
}
