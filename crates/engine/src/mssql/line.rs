//! The stream that the driver speaks over, after the greeting that decides about encryption.
//!
//! The driver greets too. That greeting has already been said, so it is swallowed here and answered with "no encryption": what it
//! then sends goes through the encryption that there is.

use super::tls::{Wrapped, packet, prelogin};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The type of a packet that answers.
const ANSWER: u8 = 4;
/// "I cannot encrypt."
const CANNOT: u8 = 2;

/// What lies below.
#[derive(Debug)]
pub(super) enum Way {
    /// Nothing is encrypted.
    Plain(TcpStream),
    /// Everything is.
    Tls(Box<TlsStream<Wrapped<TcpStream>>>),
}

/// A connection to SQL Server over which a driver may begin as if it were the first to speak.
#[derive(Debug)]
pub struct Line {
    way: Way,
    /// What was heard of the driver's greeting, until it is whole.
    heard: Option<Vec<u8>>,
    /// What is left of the answer to it.
    answer: Vec<u8>,
}

impl Line {
    pub(super) fn new(way: Way) -> Self {
        Self {
            way,
            heard: Some(Vec::new()),
            answer: packet(ANSWER, &prelogin(CANNOT)),
        }
    }

    fn way(&mut self) -> Pin<&mut dyn Both> {
        match &mut self.way {
            Way::Plain(stream) => Pin::new(stream),
            Way::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

trait Both: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Both for T {}

/// How much of `bytes` belongs to the packet that `heard` is the beginning of, and whether that completes it.
fn hear(heard: &mut Vec<u8>, bytes: &[u8]) -> (usize, bool) {
    for (place, byte) in bytes.iter().enumerate() {
        heard.push(*byte);
        if let [_, _, high, low, ..] = heard[..]
            && heard.len() >= usize::from(u16::from_be_bytes([high, low]))
        {
            return (place + 1, true);
        }
    }
    (bytes.len(), false)
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answer.is_empty() {
            return self.way().poll_read(cx, buffer);
        }
        let fits = self.answer.len().min(buffer.remaining());
        let part: Vec<u8> = self.answer.drain(..fits).collect();
        buffer.put_slice(&part);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(heard) = &mut self.heard else {
            return self.way().poll_write(cx, bytes);
        };
        let (taken, whole) = hear(heard, bytes);
        if whole {
            self.heard = None;
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.way().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.way().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_ends_where_it_says_so() {
        let greeting = packet(18, &[1, 2, 3]);
        let mut heard = Vec::new();
        assert_eq!(hear(&mut heard, &greeting[..3]), (3, false));
        assert_eq!(hear(&mut heard, &[&greeting[3..], &[9, 9]].concat()), (8, true));
        assert_eq!(heard, greeting);
    }
}
