//! `raw`: event streams with the least code there can be. It keeps no state, routes nothing and queues nothing.
//!
//! One thread, one write for each client and tick; who cannot take it now is let go of.

use anyhow::Result;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nconnection: close\r\n\r\n";

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

impl Raw {
    pub(crate) async fn run(self) -> Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(4096)?;
        println!("http://{}/", listener.local_addr()?);
        let clients = Rc::default();
        LocalSet::new()
            .run_until(async {
                tokio::task::spawn_local(accept(listener, Rc::clone(&clients)));
                self.write(&clients).await
            })
            .await
    }

    async fn write(&self, clients: &RefCell<Vec<TcpStream>>) -> Result<()> {
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
            let taken = |client: &mut TcpStream| matches!(client.try_write(text.as_bytes()), Ok(count) if count == text.len());
            clients.borrow_mut().retain_mut(taken);
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

async fn accept(listener: TcpListener, clients: Rc<RefCell<Vec<TcpStream>>>) {
    loop {
        let Ok((mut client, _)) = listener.accept().await else {
            continue;
        };
        let clients = Rc::clone(&clients);
        tokio::task::spawn_local(async move {
            let asked = client.read(&mut [0; 2048]).await.is_ok_and(|count| count > 0);
            if asked && client.set_nodelay(true).is_ok() && client.write_all(HEAD).await.is_ok() {
                clients.borrow_mut().push(client);
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
