//! Getting in: address → connection, and what a refusal means.

use crate::fault::{Fault, FaultKind};
use crate::target::{Target, TlsWish};
use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, ServerErrorKind,
};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server that is full says so at once.
const LISTEN: Duration = Duration::from_millis(200);

/// Opens a connection; deadlines are the caller's.
pub(super) async fn open(target: &Target) -> Result<MultiplexedConnection, Fault> {
    let usual = match target.scheme() {
        "rediss" | "valkeys" => TlsWish::Verify {
            authorities: None,
            hostname: true,
        },
        _ => TlsWish::Off,
    };
    let (host, port) = (target.host().to_owned(), target.port());
    let address = match target.tls(usual)? {
        TlsWish::Off | TlsWish::Prefer => ConnectionAddr::Tcp(host, port),
        TlsWish::Verify {
            authorities: Some(_), ..
        } => {
            return Err(Fault::new(
                FaultKind::NotAsked,
                "a file of authorities cannot be given for Redis; add it to the system's",
            ));
        }
        wish => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: wish == TlsWish::Require,
            tls_params: None,
        },
    };
    let mut settings = RedisConnectionInfo::default();
    if let Some(user) = target.user() {
        settings = settings.set_username(user);
    }
    if let Some(password) = target.password().filter(|password| !password.is_empty()) {
        settings = settings.set_password(password);
    }
    if let Ok(database) = target.database().parse() {
        settings = settings.set_db(database);
    }
    let info = address.into_connection_info().map_err(|error| fault(&error))?;
    let client = Client::open(info.set_redis_settings(settings)).map_err(|error| fault(&error))?;
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    match client
        .get_multiplexed_async_connection_with_config(&patient)
        .await
    {
        Ok(connection) => Ok(connection),
        Err(error) => {
            let fault = fault(&error);
            let closed = fault.kind == FaultKind::Closed;
            Err(match closed && is_full(target).await {
                true => Fault::new(FaultKind::Saturated, FULL),
                false => fault,
            })
        }
    }
}

const FULL: &str = "max number of clients reached";

/// Whether the server closes connections because it has too many. It says so at once and hangs up, and what we had sent by then
/// makes the system throw its words away; so this one only listens.
async fn is_full(target: &Target) -> bool {
    let heard = async {
        let mut stream = TcpStream::connect((target.host(), target.port())).await?;
        let mut words = [0; 128];
        let length = stream.read(&mut words).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&words[..length]).contains("max number of clients"))
    };
    matches!(timeout(LISTEN, heard).await, Ok(Ok(true)))
}

/// What an error says about the server.
pub(super) fn fault(error: &RedisError) -> Fault {
    let text = error.to_string();
    if text.contains("max number of clients") {
        return Fault::new(FaultKind::Saturated, FULL);
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed => {
            Fault::new(FaultKind::Misconfigured, "the user or password is refused")
        }
        ErrorKind::Server(ServerErrorKind::BusyLoading) => {
            Fault::new(FaultKind::Starting, "it loads its data")
        }
        ErrorKind::Server(ServerErrorKind::NoPerm) => Fault::new(
            FaultKind::Misconfigured,
            "its user may not run INFO: ACL SETUSER <user> +info +ping +role",
        ),
        _ if error.code() == Some("NOAUTH") => {
            Fault::new(FaultKind::Misconfigured, "it wants a password (NOAUTH)")
        }
        _ if error.code() == Some("WRONGPASS") => Fault::new(
            FaultKind::Misconfigured,
            "the user or password is refused (WRONGPASS)",
        ),
        ErrorKind::Io => io_fault(error),
        _ if error.is_connection_dropped() => Fault::new(FaultKind::Closed, "the connection was closed"),
        _ => Fault::new(FaultKind::Strange, text),
    }
}

fn io_fault(error: &RedisError) -> Fault {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Fault::from_io(io);
        }
        cause = inner.source();
    }
    match () {
        () if error.is_connection_refusal() => {
            Fault::new(FaultKind::Refused, "connection refused: nothing listens there")
        }
        () if error.is_timeout() => Fault::new(FaultKind::TimedOut, "no answer"),
        () => Fault::new(FaultKind::Closed, "the connection was closed"),
    }
}
