//! A connection to the part of the server that sends its log: the same protocol, with commands of its own.
//!
//! <https://www.postgresql.org/docs/current/protocol-replication.html>. tokio-postgres has no such connections; the crates that do bring a
//! second implementation of TLS's cryptography. Messages and logins are postgres-protocol's, on which tokio-postgres is built too.

use super::lsn::Lsn;
use crate::fault::{Fault, FaultKind};
use crate::postgres::connect::refusal;
use crate::target::{Target, TlsWish};
use crate::tls;
use bytes::{BufMut, Bytes, BytesMut};
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{ErrorResponseBody, Header, Message};
use postgres_protocol::message::frontend;
use rustls_pki_types::ServerName;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::error::SqlState;
use tokio_rustls::TlsConnector;

/// Between 1970 and 2000, where the server's clock begins, in microseconds.
const EPOCH_US: u128 = 946_684_800_000_000;
/// The same text as `SETUP` gets for queries. Spaces would end an option.
const OPTIONS: &str = "-c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=postgres -c extra_float_digits=3 -c bytea_output=hex";
/// Says that both sides send copy data from now on; postgres-protocol does not know it.
const COPY_BOTH: u8 = b'W';

/// What bytes come and go through.
trait Line: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Line for S {}

/// A row of an answer.
pub(super) type Answer = Vec<Option<String>>;

/// An open connection.
pub(super) struct Session {
    line: Box<dyn Line>,
    incoming: BytesMut,
    outgoing: BytesMut,
    /// The process that serves it.
    pub(super) pid: i32,
}

/// What came.
enum Reply {
    CopyBoth,
    Message(Message),
}

impl Session {
    pub(super) async fn connect(target: &Target) -> Result<Self, Fault> {
        let mut session = Self {
            line: line(target).await?,
            incoming: BytesMut::with_capacity(1 << 16),
            outgoing: BytesMut::new(),
            pid: 0,
        };
        let user = target.user().unwrap_or("postgres");
        let mut parameters = vec![
            ("user", user),
            ("replication", "database"),
            ("application_name", "replica-monitor log"),
            ("client_encoding", "UTF8"),
            ("options", OPTIONS),
        ];
        if !target.database().is_empty() {
            parameters.push(("database", target.database()));
        }
        session.put(|out| frontend::startup_message(parameters, out))?;
        session
            .log_in(user, target.password().unwrap_or_default())
            .await?;
        Ok(session)
    }

    /// Answers what the server asks for until it is ready.
    async fn log_in(&mut self, user: &str, password: &str) -> Result<(), Fault> {
        loop {
            match self.message().await? {
                Message::AuthenticationCleartextPassword => {
                    self.put(|out| frontend::password_message(password.as_bytes(), out))?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let hash = md5_hash(user.as_bytes(), password.as_bytes(), body.salt());
                    self.put(|out| frontend::password_message(hash.as_bytes(), out))?;
                }
                Message::AuthenticationSasl(body) => {
                    let is_ours = body.mechanisms().any(|mechanism| Ok(mechanism == SCRAM_SHA_256));
                    if !is_ours.map_err(|error| Fault::from_io(&error))? {
                        return Err(unknown_login());
                    }
                    self.scram(password).await?;
                }
                Message::BackendKeyData(body) => self.pid = body.process_id(),
                Message::ReadyForQuery(_) => return Ok(()),
                Message::AuthenticationOk | Message::ParameterStatus(_) | Message::NoticeResponse(_) => {}
                _ => return Err(unknown_login()),
            }
        }
    }

    async fn scram(&mut self, password: &str) -> Result<(), Fault> {
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        let first = scram.message().to_vec();
        self.put(|out| frontend::sasl_initial_response(SCRAM_SHA_256, &first, out))?;
        let Message::AuthenticationSaslContinue(body) = self.message().await? else {
            return Err(unknown_login());
        };
        scram.update(body.data()).map_err(|error| strange(&error))?;
        let second = scram.message().to_vec();
        self.put(|out| frontend::sasl_response(&second, out))?;
        let Message::AuthenticationSaslFinal(body) = self.message().await? else {
            return Err(unknown_login());
        };
        scram.finish(body.data()).map_err(|error| strange(&error))
    }

    /// The rows that a command answers with.
    pub(super) async fn query(&mut self, command: &str) -> Result<Vec<Answer>, Fault> {
        self.put(|out| frontend::query(command, out))?;
        let mut rows = Vec::new();
        loop {
            match self.message().await? {
                Message::DataRow(row) => {
                    let bytes = row.buffer();
                    let cell = |range: Option<std::ops::Range<usize>>| {
                        Ok(range.map(|range| String::from_utf8_lossy(&bytes[range]).into_owned()))
                    };
                    let cells: io::Result<Answer> = row.ranges().map(cell).collect();
                    rows.push(cells.map_err(|error| strange(&error))?);
                }
                Message::ReadyForQuery(_) => return Ok(rows),
                _ => {}
            }
        }
    }

    /// Lets the server send its log.
    pub(super) async fn start(&mut self, command: &str) -> Result<(), Fault> {
        self.put(|out| frontend::query(command, out))?;
        loop {
            if let Reply::CopyBoth = self.reply().await? {
                return Ok(());
            }
        }
    }

    /// What the log says next. Nothing is lost if the call is dropped.
    pub(super) async fn data(&mut self) -> Result<Bytes, Fault> {
        loop {
            match self.message().await? {
                Message::CopyData(body) => return Ok(body.into_bytes()),
                Message::CopyDone | Message::CommandComplete(_) => {
                    return Err(Fault::new(FaultKind::Closed, "the server ended its log"));
                }
                _ => {}
            }
        }
    }

    /// Tells that everything up to there was written and need not be kept.
    pub(super) async fn confirm(&mut self, done: Lsn) -> Result<(), Fault> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_micros().saturating_sub(EPOCH_US);
        let mut status = BytesMut::with_capacity(34);
        status.put_u8(b'r');
        // Received, kept safe, applied.
        (0..3).for_each(|_| status.put_u64(done.0));
        status.put_u64(u64::try_from(now).unwrap_or_default());
        status.put_u8(0);
        let message = frontend::CopyData::new(status.freeze()).map_err(|error| strange(&error))?;
        message.write(&mut self.outgoing);
        self.send().await
    }

    fn put(&mut self, write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<(), Fault> {
        write(&mut self.outgoing).map_err(|error| strange(&error))
    }

    async fn send(&mut self) -> Result<(), Fault> {
        while !self.outgoing.is_empty() {
            let sent = self.line.write_buf(&mut self.outgoing).await;
            if sent.map_err(|error| Fault::from_io(&error))? == 0 {
                return Err(closed());
            }
        }
        self.line.flush().await.map_err(|error| Fault::from_io(&error))
    }

    async fn message(&mut self) -> Result<Message, Fault> {
        match self.reply().await? {
            Reply::Message(message) => Ok(message),
            Reply::CopyBoth => Err(Fault::new(FaultKind::Strange, "the server sends its log unasked")),
        }
    }

    async fn reply(&mut self) -> Result<Reply, Fault> {
        self.send().await?;
        loop {
            let header = Header::parse(&self.incoming).map_err(|error| strange(&error))?;
            if let Some(header) = header {
                // The length counts itself and not the tag.
                let whole = usize::try_from(header.len()).unwrap_or_default() + 1;
                if header.tag() == COPY_BOTH && self.incoming.len() >= whole {
                    drop(self.incoming.split_to(whole));
                    return Ok(Reply::CopyBoth);
                }
                if header.tag() != COPY_BOTH
                    && let Some(message) =
                        Message::parse(&mut self.incoming).map_err(|error| strange(&error))?
                {
                    return match message {
                        Message::ErrorResponse(body) => Err(refused(&body)),
                        message => Ok(Reply::Message(message)),
                    };
                }
            }
            let read = self.line.read_buf(&mut self.incoming).await;
            if read.map_err(|error| Fault::from_io(&error))? == 0 {
                return Err(closed());
            }
        }
    }
}

async fn line(target: &Target) -> Result<Box<dyn Line>, Fault> {
    #[cfg(unix)]
    if target.host().starts_with('/') {
        let path = format!("{}/.s.PGSQL.{}", target.host(), target.port());
        let stream = tokio::net::UnixStream::connect(path).await;
        return Ok(Box::new(stream.map_err(|error| Fault::from_io(&error))?));
    }
    let stream = TcpStream::connect((target.host(), target.port())).await;
    let mut stream = stream.map_err(|error| Fault::from_io(&error))?;
    stream.set_nodelay(true).map_err(|error| Fault::from_io(&error))?;
    let wish = target.tls(TlsWish::Prefer)?;
    let Some(config) = tls::config(&wish)? else {
        return Ok(Box::new(stream));
    };
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    let asked = async {
        stream.write_all(&request).await?;
        stream.read_u8().await
    };
    match asked.await.map_err(|error| Fault::from_io(&error))? {
        b'S' => {
            let name = ServerName::try_from(target.host().to_owned());
            let name =
                name.map_err(|_| Fault::new(FaultKind::NotAsked, "its host is no name that TLS knows"))?;
            let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
            let stream =
                stream.map_err(|error| Fault::new(FaultKind::Misconfigured, format!("TLS: {error}")))?;
            Ok(Box::new(stream))
        }
        _ if wish == TlsWish::Prefer => Ok(Box::new(stream)),
        _ => Err(Fault::new(
            FaultKind::Misconfigured,
            "the server does not speak TLS",
        )),
    }
}

fn closed() -> Fault {
    Fault::new(FaultKind::Closed, "the connection was closed")
}

fn unknown_login() -> Fault {
    Fault::new(
        FaultKind::Misconfigured,
        "the server asks for a login that is not known here",
    )
}

fn strange(error: &io::Error) -> Fault {
    Fault::new(
        FaultKind::Strange,
        format!("it does not speak PostgreSQL's protocol as expected: {error}"),
    )
}

fn refused(body: &ErrorResponseBody) -> Fault {
    let (mut code, mut message) = (String::new(), String::new());
    let mut fields = body.fields();
    while let Ok(Some(field)) = fields.next() {
        match field.type_() {
            b'C' => code = String::from_utf8_lossy(field.value_bytes()).into_owned(),
            b'M' => message = String::from_utf8_lossy(field.value_bytes()).into_owned(),
            _ => {}
        }
    }
    refusal(&SqlState::from_code(&code), &message)
}
