//! `hold`: thousands of clients that behave badly, and one that does not.
//!
//! Stuck ones ask for the stream and never read; they come again when the server must have let go of them. Idle ones say
//! nothing. Slow ones send a request byte by byte. The healthy one asks on a thread of its own, with a fresh connection each time.

use crate::process::rss_kib;
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};

/// How long a stuck client stays.
const STUCK_FOR: Duration = Duration::from_secs(40);
/// How long the healthy client pauses between two requests.
const PAUSE: Duration = Duration::from_millis(5);
/// How long it waits for an answer before that is an error.
const PATIENCE: Duration = Duration::from_secs(10);
/// What it asks for, one after the other.
const ASKED: [&str; 2] = ["/api/health", "/api/replicas"];

#[derive(clap::Args)]
pub(crate) struct Hold {
    /// Where the server listens
    #[arg(long)]
    at: SocketAddr,
    /// Clients of the stream that never read
    #[arg(long, default_value_t = 5000)]
    stuck: usize,
    /// Connections without a word
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// Requests of one byte a second
    #[arg(long, default_value_t = 2000)]
    slow: usize,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 60)]
    secs: u64,
    /// The server's process
    #[arg(long)]
    pid: u32,
}

impl Hold {
    pub(crate) async fn run(self) -> Result<()> {
        let before = rss_kib(self.pid)?;
        // Kinds have addresses of their own, so that none runs out of ports.
        let mut stuck = Crowd::new(self.at, 11, self.stuck);
        let mut idle = Crowd::new(self.at, 12, self.idle);
        let mut slow = Crowd::new(self.at, 13, self.slow);
        for crowd in [&mut stuck, &mut idle, &mut slow] {
            crowd.fill().await?;
        }
        stuck.say(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let stop = Arc::new(AtomicBool::new(false));
        let healthy = healthy(self.at, Arc::clone(&stop));
        let (begin, mut renewed, mut rss) = (Instant::now(), Instant::now(), Vec::new());
        while begin.elapsed() < Duration::from_secs(self.secs) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            slow.say(b"G");
            for crowd in [&mut idle, &mut slow] {
                crowd.forget_ended();
                crowd.fill().await?;
            }
            if renewed.elapsed() > STUCK_FOR {
                renewed = Instant::now();
                stuck.clients.clear();
                stuck.fill().await?;
                stuck.say(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
            }
            rss.push(rss_kib(self.pid)?);
        }
        stop.store(true, Relaxed);
        let Ok(measured) = healthy.join() else {
            bail!("the healthy client panicked");
        };
        let (mut took, failed) = measured;
        took.sort_by(f64::total_cmp);
        let peak = rss.iter().copied().max().unwrap_or(before);
        let answer = json!({ "bad": self.stuck + self.idle + self.slow, "asked": took.len() + failed, "failed": failed,
            "p50Ms": at(&took, 0.5), "p99Ms": at(&took, 0.99), "maxMs": at(&took, 1.0),
            "rssBeforeKib": before, "rssPeakKib": peak, "rssEndKib": rss.last() });
        println!("{answer}");
        Ok(())
    }
}

/// The figure below which `share` of them lie.
fn at(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied()
}

/// Clients of one kind.
struct Crowd {
    to: SocketAddr,
    from: SocketAddr,
    size: usize,
    clients: Vec<TcpStream>,
}

impl Crowd {
    fn new(to: SocketAddr, address: u8, size: usize) -> Self {
        Self {
            to,
            from: SocketAddr::new(IpAddr::from([127, 0, 0, address]), 0),
            size,
            clients: Vec::with_capacity(size),
        }
    }

    /// Connects whoever is missing.
    async fn fill(&mut self) -> Result<()> {
        while self.clients.len() < self.size {
            let socket = TcpSocket::new_v4()?;
            // A stuck client has little room, as one behind a slow line has.
            socket.set_recv_buffer_size(4096)?;
            socket.bind(self.from)?;
            let connecting = tokio::time::timeout(PATIENCE, socket.connect(self.to));
            self.clients
                .push(connecting.await.context("a bad client cannot connect")??);
        }
        Ok(())
    }

    fn say(&mut self, bytes: &[u8]) {
        for client in &self.clients {
            // Whoever was let go of is found by `forget_ended`.
            let _ = client.try_write(bytes);
        }
    }

    /// Drops those whose connection the server has closed.
    fn forget_ended(&mut self) {
        self.clients
            .retain(|client| match client.try_read(&mut [0; 256]) {
                Ok(read) => read > 0,
                Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
            });
    }
}

/// Asks until told to stop: how long each answer took in milliseconds, and how many there were none.
fn healthy(at: SocketAddr, stop: Arc<AtomicBool>) -> JoinHandle<(Vec<f64>, usize)> {
    std::thread::spawn(move || {
        let (mut took, mut failed) = (Vec::new(), 0);
        for path in ASKED.iter().cycle() {
            if stop.load(Relaxed) {
                break;
            }
            let begin = Instant::now();
            match ask(at, path) {
                Ok(()) => took.push(begin.elapsed().as_secs_f64() * 1000.0),
                Err(error) => {
                    eprintln!("the healthy client: {error:#}");
                    failed += 1;
                }
            }
            std::thread::park_timeout(PAUSE);
        }
        (took, failed)
    })
}

fn ask(at: SocketAddr, path: &str) -> Result<()> {
    let mut stream = std::net::TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        bail!(
            "{path}: {}",
            String::from_utf8_lossy(&answer[..answer.len().min(40)])
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_members() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(
            (at(&sorted, 0.5), at(&sorted, 0.99), at(&sorted, 1.0)),
            (Some(51.0), Some(99.0), Some(100.0))
        );
        assert_eq!(at(&[], 0.5), None);
    }
}
