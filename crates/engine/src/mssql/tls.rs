//! How a connection gets encrypted: a greeting that asks for it, and a TLS handshake inside packets of the protocol.
//!
//! It is done here and not by the driver, whose own way needs another crypto library and cannot check a certificate as addresses
//! wish.

use super::line::{Line, Way};
use crate::fault::{Fault, FaultKind};
use crate::target::{Target, TlsWish};
use crate::tls;
use rustls_pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const HEADER: usize = 8;
/// The type of a greeting, and of what carries a handshake.
const PRELOGIN: u8 = 18;
/// The option of a greeting that speaks of encryption.
const ENCRYPTION: u8 = 1;
const END: u8 = 0xff;

/// What greetings say of encryption.
mod level {
    pub(super) const ON: u8 = 1;
    pub(super) const NOT_SUPPORTED: u8 = 2;
    pub(super) const REQUIRED: u8 = 3;
}

/// What the address wishes, in the words of SQL Server's own drivers or in ours. Every server can encrypt, if only with a
/// certificate of its own making.
pub(super) fn wish(target: &Target) -> Result<TlsWish, Fault> {
    let Some(encrypt) = target.option("encrypt") else {
        return target.tls(TlsWish::Prefer);
    };
    let is_true =
        |value: Option<&str>| value.is_some_and(|value| matches!(value, "true" | "True" | "yes" | "1"));
    match encrypt.to_ascii_lowercase().as_str() {
        "false" | "no" | "optional" => Ok(TlsWish::Prefer),
        "true" | "yes" | "mandatory" | "required" if is_true(target.option("trustServerCertificate")) => {
            Ok(TlsWish::Require)
        }
        "true" | "yes" | "mandatory" | "required" => Ok(TlsWish::Verify {
            authorities: target.option("sslrootcert").map(Into::into),
            hostname: true,
        }),
        _ => Err(Fault::new(
            FaultKind::NotAsked,
            "its option encrypt is none of true, false: strict (TDS 8) is not spoken here",
        )),
    }
}

/// Greets, and encrypts as wished and agreed.
pub(super) async fn establish(mut stream: TcpStream, host: &str, wish: &TlsWish) -> Result<Line, Fault> {
    let config = tls::config(wish)?;
    let wanted = match config {
        Some(_) => level::ON,
        None => level::NOT_SUPPORTED,
    };
    let agreed = greet(&mut stream, wanted)
        .await
        .map_err(|error| Fault::from_io(&error))?;
    match (config, agreed) {
        (Some(config), Some(level::ON | level::REQUIRED)) => {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| Fault::new(FaultKind::NotAsked, "its host is no name that TLS could check"))?;
            let wrapped = Wrapped::new(stream);
            let tls = TlsConnector::from(Arc::new(config)).connect(name, wrapped).await;
            let mut tls = tls.map_err(|error| handshake_fault(&error))?;
            tls.get_mut().0.unwrap_from_now();
            Ok(Line::new(Way::Tls(Box::new(tls))))
        }
        (None, Some(level::REQUIRED)) => Err(Fault::new(
            FaultKind::Misconfigured,
            "it takes only encrypted connections: say encrypt=true in its address",
        )),
        (Some(_), Some(_)) if *wish != TlsWish::Prefer => Err(Fault::new(
            FaultKind::Misconfigured,
            "it cannot encrypt, and its address asks for that",
        )),
        (_, Some(_)) => Ok(Line::new(Way::Plain(stream))),
        (_, None) => Err(Fault::new(
            FaultKind::Strange,
            "what answers there does not speak SQL Server's protocol (TDS)",
        )),
    }
}

fn handshake_fault(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::InvalidData => Fault::new(
            FaultKind::Misconfigured,
            format!("its certificate is not accepted, or TLS cannot be agreed on: {error}"),
        ),
        _ => Fault::from_io(error),
    }
}

/// Says what we want of encryption; returns what the server says of it, if that is an answer.
async fn greet(stream: &mut TcpStream, wanted: u8) -> io::Result<Option<u8>> {
    stream.write_all(&packet(PRELOGIN, &prelogin(wanted))).await?;
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await?;
    let Some(length) = payload_of(header) else {
        return Ok(None);
    };
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(encryption_of(&answer))
}

/// One whole packet.
pub(super) fn packet(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + HEADER).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    // Type, "the last one", length, process, number, window.
    let mut packet = vec![kind, 1, high, low, 0, 0, 1, 0];
    packet.extend_from_slice(payload);
    packet
}

/// How much follows a header.
fn payload_of(header: [u8; HEADER]) -> Option<usize> {
    let [_, _, high, low, ..] = header;
    usize::from(u16::from_be_bytes([high, low])).checked_sub(HEADER)
}

/// The payload of a greeting: a table of options (token, offset, length), and what they say.
pub(super) fn prelogin(encryption: u8) -> Vec<u8> {
    let version: &[u8] = &[0; 6];
    let options: [(u8, &[u8]); 5] = [
        (0, version),
        (ENCRYPTION, &[encryption]),
        // No instance is named, the thread is of no interest, and one question is asked at a time.
        (2, &[0]),
        (3, &[0; 4]),
        (4, &[0]),
    ];
    let mut offset = u16::try_from(options.len() * 5 + 1).unwrap_or_default();
    let (mut table, mut said) = (Vec::new(), Vec::new());
    for (token, says) in options {
        let length = u16::try_from(says.len()).unwrap_or_default();
        table.push(token);
        table.extend(offset.to_be_bytes());
        table.extend(length.to_be_bytes());
        said.extend_from_slice(says);
        offset += length;
    }
    table.push(END);
    table.extend(said);
    table
}

fn encryption_of(answer: &[u8]) -> Option<u8> {
    let entries = answer.chunks_exact(5).take_while(|entry| entry[0] != END);
    let entry = entries.into_iter().find(|entry| entry[0] == ENCRYPTION)?;
    let offset = usize::from(u16::from_be_bytes([entry[1], entry[2]]));
    answer.get(offset).copied()
}

/// A stream whose bytes travel inside packets for as long as a handshake lasts.
#[derive(Debug)]
pub(super) struct Wrapped<S> {
    inner: S,
    wrapping: bool,
    header: Vec<u8>,
    /// How much of the packet that is being read is left.
    left: usize,
    /// Written and not yet made a packet of: that is done at each flush.
    written: Vec<u8>,
    /// A packet on its way out.
    leaving: Vec<u8>,
}

impl<S> Wrapped<S> {
    fn new(inner: S) -> Self {
        Self {
            inner,
            wrapping: true,
            header: Vec::with_capacity(HEADER),
            left: 0,
            written: Vec::new(),
            leaving: Vec::new(),
        }
    }

    fn unwrap_from_now(&mut self) {
        self.wrapping = false;
    }
}

impl<S: AsyncRead + Unpin> Wrapped<S> {
    /// Reads up to `most` bytes; fewer than one mean that the stream has ended.
    fn read_some(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Vec<u8>>> {
        let mut room = [0; 4096];
        let fits = most.min(room.len());
        let mut buffer = ReadBuf::new(&mut room[..fits]);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().to_vec()))
    }

    /// Reads headers until one announces something; false where the stream has ended.
    fn next_packet(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.left == 0 {
            let missing = HEADER - self.header.len();
            let read = ready!(self.read_some(cx, missing))?;
            if read.is_empty() {
                return Poll::Ready(Ok(false));
            }
            self.header.extend(read);
            let Ok(header) = <[u8; HEADER]>::try_from(&self.header[..]) else {
                continue;
            };
            self.header.clear();
            let strange = || io::Error::new(io::ErrorKind::InvalidData, "no packet of a TLS handshake");
            let length = payload_of(header).filter(|_| header[0] == PRELOGIN);
            self.left = length.ok_or_else(strange)?;
        }
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wrapped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.wrapping {
            return Pin::new(&mut self.inner).poll_read(cx, buffer);
        }
        if ready!(self.next_packet(cx))? {
            let most = self.left.min(buffer.remaining());
            let read = ready!(self.read_some(cx, most))?;
            self.left -= read.len();
            buffer.put_slice(&read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wrapped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.wrapping {
            return Pin::new(&mut self.inner).poll_write(cx, bytes);
        }
        self.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.written.is_empty() {
            this.leaving.extend(packet(PRELOGIN, &this.written));
            this.written.clear();
        }
        while !this.leaving.is_empty() {
            let gone = ready!(Pin::new(&mut this.inner).poll_write(cx, &this.leaving))?;
            if gone == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.leaving.drain(..gone);
        }
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
