//! A server under test: started on a free port, asked over plain sockets, ended by its process id.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process of ours that listens.
pub(super) struct Server {
    child: Child,
    pub(super) at: SocketAddr,
}

impl Server {
    /// Starts `command`, whose first line ends in the URL that it serves.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.as_mut() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line
            .trim()
            .trim_end_matches('/')
            .rsplit("//")
            .next()
            .unwrap_or_default();
        let at = address.parse().with_context(|| format!("no URL in {line:?}"))?;
        Ok(Self { child, at })
    }

    /// One that says nothing, as other people's do: it listens at `at`.
    pub(super) fn started(child: Child, at: SocketAddr) -> Self {
        Self { child, at }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The body of `path`.
    pub(super) fn get(&self, path: &str) -> Result<Vec<u8>> {
        get(self.at, path)
    }

    /// Seconds of CPU that it has used.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        let fields = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
        // Linux counts hundredths, on every machine.
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
    }

    /// Its resident memory in MB.
    pub(super) fn rss_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap_or_default();
        let kib = line
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .parse::<f64>()?;
        Ok(kib * 1024.0 / 1e6)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks once, on a connection of its own.
pub(super) fn get(at: SocketAddr, path: &str) -> Result<Vec<u8>> {
    exchange(
        at,
        &format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"),
    )
}

pub(super) fn exchange(at: SocketAddr, request: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("no answer")?;
    if !answer.starts_with(b"HTTP/1.1 2") {
        bail!("{}", String::from_utf8_lossy(&answer[..end]));
    }
    Ok(answer.split_off(end + 4))
}

/// Runs a program that prints one JSON object.
pub(super) fn json(command: &mut Command) -> Result<Value> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("{:?}: {}", command.get_program(), output.status);
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A figure of such an object.
pub(super) fn figure(told: &Value, name: &str) -> Result<f64> {
    told[name]
        .as_f64()
        .with_context(|| format!("no {name} in {told}"))
}
