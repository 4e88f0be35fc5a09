//! `listen`: many clients of one event stream.
//!
//! Time has three parts: everybody connects, what is replayed arrives (not counted), and the measured window.

use crate::decode::Decoder;
use crate::process::{cpu_seconds, rss_kib};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

/// Handshakes at one time: what the shortest backlog of a server can take.
const HANDSHAKES: usize = 128;
/// How long the replay of old events may take.
const SETTLE: Duration = Duration::from_millis(1500);
/// How long everybody may take to connect.
const CONNECT: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(crate) struct Listen {
    /// Where the server listens
    #[arg(long)]
    at: SocketAddr,
    /// The path of the stream
    #[arg(long, default_value = "/api/stream")]
    path: String,
    /// How many clients
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 10.0)]
    secs: f64,
    /// The server's process
    #[arg(long)]
    pid: u32,
}

/// What all clients share: they run on one thread.
struct Shared {
    handshakes: Semaphore,
    buffer: RefCell<Vec<u8>>,
    connected: Cell<usize>,
    ended: Cell<usize>,
    measuring: Cell<bool>,
    events: Cell<u64>,
    lost: Cell<u64>,
    doubled: Cell<u64>,
}

impl Listen {
    pub(crate) async fn run(self) -> Result<()> {
        let shared = Rc::new(Shared {
            handshakes: Semaphore::new(HANDSHAKES),
            buffer: RefCell::new(vec![0; 256 << 10]),
            connected: Cell::new(0),
            ended: Cell::new(0),
            measuring: Cell::new(false),
            events: Cell::new(0),
            lost: Cell::new(0),
            doubled: Cell::new(0),
        });
        LocalSet::new().run_until(self.measure(shared)).await
    }

    async fn measure(self, shared: Rc<Shared>) -> Result<()> {
        for _ in 0..self.clients {
            let (shared, at, path) = (Rc::clone(&shared), self.at, self.path.clone());
            tokio::task::spawn_local(async move {
                // However a client's stream ends, it ended before the bench did.
                if let Err(error) = client(at, &path, &shared).await {
                    eprintln!("a client: {error:#}");
                }
                shared.ended.set(shared.ended.get() + 1);
            });
        }
        let everybody = async {
            while shared.connected.get() + shared.ended.get() < self.clients {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(CONNECT, everybody)
            .await
            .context("not everybody could connect")?;
        tokio::time::sleep(SETTLE).await;
        let (begin, cpu) = (Instant::now(), cpu_seconds(self.pid)?);
        shared.measuring.set(true);
        tokio::time::sleep(Duration::from_secs_f64(self.secs)).await;
        shared.measuring.set(false);
        let (secs, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds(self.pid)? - cpu);
        let answer = json!({ "clients": self.clients, "ended": shared.ended.get(), "events": shared.events.get(), "secs": secs,
            "lost": shared.lost.get(), "doubled": shared.doubled.get(), "cpuSecs": cpu, "rssKib": rss_kib(self.pid)? });
        println!("{answer}");
        Ok(())
    }
}

async fn client(at: SocketAddr, path: &str, shared: &Shared) -> Result<()> {
    let place = shared.handshakes.acquire().await?;
    let mut stream = TcpStream::connect(at).await?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes())
        .await?;
    let (mut decoder, rest) = head(&mut stream).await?;
    drop(place);
    shared.connected.set(shared.connected.get() + 1);
    let mut last = None;
    decoder.feed(&rest, &mut |id| shared.heard(&mut last, id));
    loop {
        stream.readable().await?;
        // Borrowed between two waits only: one buffer does for all.
        let mut buffer = shared.buffer.borrow_mut();
        match stream.try_read(&mut buffer) {
            Ok(0) => bail!("the stream ended"),
            Ok(read) => decoder.feed(&buffer[..read], &mut |id| shared.heard(&mut last, id)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl Shared {
    fn heard(&self, last: &mut Option<u64>, id: u64) {
        if let Some(last) = *last {
            self.doubled.set(self.doubled.get() + u64::from(id <= last));
            self.lost.set(self.lost.get() + id.saturating_sub(last + 1));
        }
        *last = Some(id);
        if self.measuring.get() {
            self.events.set(self.events.get() + 1);
        }
    }
}

/// Reads the head of the answer; what came behind it is handed back.
async fn head(stream: &mut TcpStream) -> Result<(Decoder, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
            if !text.starts_with("http/1.1 200") {
                bail!("refused: {}", text.lines().next().unwrap_or_default());
            }
            return Ok((Decoder::new(text.contains("transfer-encoding: chunked")), rest));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            bail!("the connection ended before an answer");
        }
    }
}
