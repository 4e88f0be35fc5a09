//! `raw`: event streams with the least code there can be. It knows no paths, no state and no history.
//!
//! One thread, one write for each client and tick; what one cannot take now it gets with the next tick. If it lost clients under
//! load instead, whoever is compared with it would look the better for it.

use anyhow::Result;
use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nconnection: close\r\n\r\n";

/// One that leaves more than this unread, in bytes, is let go of.
const PATIENCE: usize = 8 << 20;

#[derive(clap::Args)]
pub(crate) struct Raw {
    /// Milliseconds between two ticks
    #[arg(long, default_value_t = 100)]
    every: u64,
    /// Events of one tick
    #[arg(long, default_value_t = 100)]
    burst: u64,
    /// Bytes of one event with its frame
    #[arg(long, default_value_t = 170)]
    size: usize,
}

struct Client {
    stream: TcpStream,
    /// What it could not take yet.
    behind: Vec<u8>,
}

type Clients = RefCell<Vec<Client>>;

impl Raw {
    pub(crate) async fn run(self) -> Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(4096)?;
        println!("http://{}/", listener.local_addr()?);
        let clients = Rc::<Clients>::default();
        LocalSet::new()
            .run_until(async {
                tokio::task::spawn_local(accept(listener, Rc::clone(&clients)));
                self.write(&clients).await
            })
            .await
    }

    async fn write(&self, clients: &Clients) -> Result<()> {
        let mut ticks = tokio::time::interval(Duration::from_millis(self.every));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seq = 1_000_000_000_000_000;
        loop {
            ticks.tick().await;
            let mut text = String::with_capacity(self.size * usize::try_from(self.burst)?);
            for _ in 0..self.burst {
                seq += 1;
                text.push_str(&frame(seq, self.size));
            }
            clients
                .borrow_mut()
                .retain_mut(|client| client.write(text.as_bytes()));
        }
    }
}

impl Client {
    /// Writes what it is behind with, then `bytes`; whether it is still there.
    fn write(&mut self, bytes: &[u8]) -> bool {
        if self.behind.is_empty() {
            let Some(taken) = self.try_write(bytes) else {
                return false;
            };
            self.behind.extend_from_slice(&bytes[taken..]);
        } else {
            self.behind.extend_from_slice(bytes);
            let Some(taken) = self.try_write(&self.behind) else {
                return false;
            };
            self.behind.drain(..taken);
        }
        self.behind.len() < PATIENCE
    }

    fn try_write(&self, bytes: &[u8]) -> Option<usize> {
        match self.stream.try_write(bytes) {
            Err(error) => (error.kind() == ErrorKind::WouldBlock).then_some(0),
            taken => taken.ok(),
        }
    }
}

/// An event of `size` bytes.
fn frame(seq: u64, size: usize) -> String {
    let mut frame = format!("id: {seq}\ndata: {{\"type\":\"replica.state\",\"seq\":{seq},\"fill\":\"");
    let end = "\"}\n\n";
    let missing = size.saturating_sub(frame.len() + end.len());
    frame.extend(std::iter::repeat_n('x', missing));
    frame + end
}

async fn accept(listener: TcpListener, clients: Rc<Clients>) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            continue;
        };
        let clients = Rc::clone(&clients);
        tokio::task::spawn_local(async move {
            let asked = stream.read(&mut [0; 2048]).await.is_ok_and(|count| count > 0);
            if asked && stream.set_nodelay(true).is_ok() && stream.write_all(HEAD).await.is_ok() {
                let behind = Vec::new();
                clients.borrow_mut().push(Client { stream, behind });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_size_that_was_asked_for() {
        assert_eq!(frame(1_000_000_000_000_001, 170).len(), 170);
    }
}
