//! The network between two servers: a TCP proxy that can be cut, blackholed and slowed.

use anyhow::Result;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Fair,
    /// Connections break, and new ones are closed at once.
    Cut,
    /// Connections stay, and nothing passes.
    Blackhole,
    /// Every piece is late by this much.
    Slow(Duration),
}

/// A port that leads to another one, as long as nothing is broken on the way.
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A way to `target` on this machine.
    pub async fn to(target: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (weather, watching) = watch::channel(Weather::Fair);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, watching.clone()));
            }
        });
        Ok(Self {
            port,
            weather,
            accepting,
        })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks every connection and lets no new one through.
    pub fn cut(&self) {
        self.weather.send_replace(Weather::Cut);
    }

    /// Lets nothing pass, and tells nobody.
    pub fn blackhole(&self) {
        self.weather.send_replace(Weather::Blackhole);
    }

    /// Delays every piece by `delay`.
    pub fn slow(&self, delay: Duration) {
        self.weather.send_replace(Weather::Slow(delay));
    }

    /// Everything passes again.
    pub fn heal(&self) {
        self.weather.send_replace(Weather::Fair);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.weather.send_replace(Weather::Cut);
        self.accepting.abort();
    }
}

async fn carry(client: TcpStream, target: u16, mut weather: watch::Receiver<Weather>) {
    // A blackhole accepts, like a firewall's state that still knows the connection, and leads nowhere.
    let open = weather.wait_for(|now| *now != Weather::Blackhole).await;
    if !open.is_ok_and(|now| *now != Weather::Cut) {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let cut = async {
        let _ = weather.clone().wait_for(|now| *now == Weather::Cut).await;
    };
    tokio::select! {
        () = pump(from_client, to_server, weather.clone()) => {}
        () = pump(from_server, to_client, weather.clone()) => {}
        () = cut => {}
    }
}

async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut weather: watch::Receiver<Weather>,
) {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let Ok(length) = from.read(&mut piece).await else {
            return;
        };
        let now = weather
            .wait_for(|now| *now != Weather::Blackhole)
            .await
            .map(|now| *now);
        if let Ok(Weather::Slow(delay)) = now {
            tokio::time::sleep(delay).await;
        }
        if length == 0 || now.is_err() || to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
