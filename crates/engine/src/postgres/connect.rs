//! Getting in: address → session with its statements prepared, and what a refusal means.

use super::sql;
use crate::fault::{Fault, FaultKind};
use crate::target::{Target, TlsWish};
use crate::tls;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The server ends what we forgot to wait for.
const STATEMENT_TIMEOUT: &str = "SET statement_timeout = 5000";

/// An open connection and what the server said of itself at once.
pub(super) struct Opened {
    pub(super) client: Client,
    /// The major version.
    version: u32,
    /// CockroachDB speaks the protocol but knows none of the functions.
    cockroach: Option<String>,
}

/// A kept connection with everything prepared.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) statements: Option<Statements>,
    /// What CockroachDB calls itself.
    pub(super) cockroach: Option<String>,
}

/// The statements of a look.
pub(super) struct Statements {
    pub(super) server: Statement,
    /// Denied on some managed services.
    pub(super) history: Option<Statement>,
    pub(super) slots: Statement,
    pub(super) followers: Statement,
    pub(super) subscriptions: Statement,
}

impl Session {
    pub(super) async fn start(target: &Target) -> Result<Self, Fault> {
        let Opened {
            client,
            version,
            cockroach,
        } = open(target, "replica-monitor").await?;
        if cockroach.is_some() {
            return Ok(Self {
                client,
                statements: None,
                cockroach,
            });
        }
        let (server, subscriptions) = (sql::server(version), sql::subscriptions(version));
        // Sent together: one round trip.
        let (timeout, server, history, slots, followers, subscriptions) = tokio::join!(
            client.batch_execute(STATEMENT_TIMEOUT),
            client.prepare(&server),
            client.prepare(sql::HISTORY),
            client.prepare(sql::SLOTS),
            client.prepare(sql::FOLLOWERS),
            client.prepare(&subscriptions),
        );
        timeout.map_err(|error| fault(&error))?;
        let statements = Statements {
            server: server.map_err(|error| fault(&error))?,
            history: history.ok(),
            slots: slots.map_err(|error| fault(&error))?,
            followers: followers.map_err(|error| fault(&error))?,
            subscriptions: subscriptions.map_err(|error| fault(&error))?,
        };
        Ok(Self {
            client,
            statements: Some(statements),
            cockroach,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }
}

/// Opens a connection under that application name.
pub(super) async fn open(target: &Target, application: &str) -> Result<Opened, Fault> {
    let mut config = Config::new();
    config
        .host(target.host())
        .port(target.port())
        .user(target.user().unwrap_or("postgres"))
        .application_name(application);
    if let Some(password) = target.password() {
        config.password(password);
    }
    if !target.database().is_empty() {
        config.dbname(target.database());
    }
    let wish = target.tls(TlsWish::Prefer)?;
    config.ssl_mode(match wish {
        TlsWish::Off => SslMode::Disable,
        TlsWish::Prefer => SslMode::Prefer,
        TlsWish::Require | TlsWish::Verify { .. } => SslMode::Require,
    });
    match tls::config(&wish)? {
        None => connected(config.connect(NoTls).await),
        Some(tls) => connected(config.connect(MakeRustlsConnect::new(tls)).await),
    }
}

/// Starts what moves the bytes; it ends with the client.
fn connected<S, T>(result: Result<(Client, tokio_postgres::Connection<S, T>), Error>) -> Result<Opened, Fault>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) = result.map_err(|error| fault(&error))?;
    let version = connection
        .parameter("server_version")
        .and_then(|version| version.split(['.', ' ', 'd', 'b', 'r']).next())
        .and_then(|major| major.parse().ok())
        .unwrap_or_default();
    let cockroach = connection
        .parameter("crdb_version")
        .map(|version| version.split(" (").next().unwrap_or(version).to_owned());
    tokio::spawn(async move {
        // How it ended shows at the next look.
        let _ = connection.await;
    });
    Ok(Opened {
        client,
        version,
        cockroach,
    })
}

/// What a refusal of the server's says about it.
pub(super) fn refusal(code: &SqlState, message: &str) -> Fault {
    let kind = match code {
        &SqlState::CANNOT_CONNECT_NOW => FaultKind::Starting,
        &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN => FaultKind::Closed,
        &SqlState::TOO_MANY_CONNECTIONS => FaultKind::Saturated,
        code if code.code().starts_with("28") || code.code().starts_with("3D") => FaultKind::Misconfigured,
        &SqlState::INSUFFICIENT_PRIVILEGE => FaultKind::Misconfigured,
        &SqlState::QUERY_CANCELED => FaultKind::TimedOut,
        _ => FaultKind::Strange,
    };
    Fault::new(kind, format!("{message} ({})", code.code()))
}

/// What an error says about the server.
pub(super) fn fault(error: &Error) -> Fault {
    if let Some(server) = error.as_db_error() {
        // The message of a failed login names the role and the database, never the password.
        return refusal(server.code(), server.message());
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Fault::from_io(io);
        }
        cause = inner.source();
    }
    if error.is_closed() {
        return Fault::new(FaultKind::Closed, "the connection was closed");
    }
    Fault::new(FaultKind::Misconfigured, describe(error))
}

/// What went wrong on our side of the protocol, with its cause.
fn describe(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
