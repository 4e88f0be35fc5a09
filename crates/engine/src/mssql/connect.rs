//! Getting in: address → connection, and what a refusal means.

use super::line::Line;
use super::tls;
use crate::fault::{Fault, FaultKind};
use crate::quiet::quietly;
use crate::target::Target;
use tiberius::error::Error;
use tiberius::{AuthMethod, Config};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

/// A connection to SQL Server, encrypted or not.
pub type Client = tiberius::Client<Compat<Line>>;

/// Opens a connection to that database; deadlines are the caller's.
pub(super) async fn open(target: &Target, database: &str) -> Result<Client, Fault> {
    match open_as(target, database, false).await {
        // A secondary may take only those who say that they will not write.
        Err(error) if error.code == Some(READERS_ONLY) => {
            open_as(target, database, true).await.map_err(|error| error.fault)
        }
        other => other.map_err(|error| error.fault),
    }
}

const READERS_ONLY: u32 = 978;

struct Refusal {
    fault: Fault,
    code: Option<u32>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, code: None }
    }
}

async fn open_as(target: &Target, database: &str, readonly: bool) -> Result<Client, Refusal> {
    let Some(user) = target.user() else {
        return Err(Fault::new(
            FaultKind::NotAsked,
            "it has no user: SQL Server is asked with a login of its own, not with Windows's",
        )
        .into());
    };
    let wish = tls::wish(target)?;
    let stream = TcpStream::connect((target.host(), target.port())).await;
    let stream = stream.map_err(|error| Fault::from_io(&error))?;
    // Questions are small and each waits for its answer; where the option cannot be set, it is only slower.
    let _ = stream.set_nodelay(true);
    let line = tls::establish(stream, target.host(), &wish).await?;
    let mut config = Config::new();
    config.host(target.host());
    config.port(target.port());
    config.application_name("replica-monitor");
    config.authentication(AuthMethod::sql_server(
        user,
        target.password().unwrap_or_default(),
    ));
    config.readonly(readonly);
    config.handshake_timeout(None);
    let database = database.trim_matches('/');
    if !database.is_empty() {
        config.database(database);
    }
    let connected = quietly(Client::connect(config, line.compat())).await;
    connected.map_err(|error| Refusal {
        fault: fault(&error),
        code: error.code(),
    })
}

/// What an error says about the server. Its messages may quote statements and values, so only numbers are passed on.
pub(super) fn fault(error: &Error) -> Fault {
    match error {
        Error::Server(token) => refusal(token.code()),
        Error::Io { kind, .. } => Fault::from_io(&(*kind).into()),
        Error::Routing { .. } => Fault::new(
            FaultKind::NotAsked,
            "its address is a listener's, which sends readers elsewhere: give each server's own address",
        ),
        _ => Fault::new(
            FaultKind::Strange,
            "what answers there does not speak SQL Server's protocol (TDS)",
        ),
    }
}

fn refusal(code: u32) -> Fault {
    let (kind, why) = match code {
        18_452 | 18_456 => (FaultKind::Misconfigured, "the login or password is refused"),
        18_470 | 18_486 => (FaultKind::Misconfigured, "its login is disabled or locked"),
        18_487 | 18_488 => (FaultKind::Misconfigured, "the password of its login has expired"),
        911 | 4060 | 4064 => (
            FaultKind::Misconfigured,
            "there is no such database, or its login may not use it",
        ),
        229 | 297 | 300 | 916 => (FaultKind::Misconfigured, "its login lacks a right"),
        976 | 978 => (
            FaultKind::Misconfigured,
            "its database takes no readers while it is a secondary (ALLOW_CONNECTIONS)",
        ),
        10_928 | 10_929 | 17_809 => (FaultKind::Saturated, "it takes no more connections"),
        921 | 922 | 927 | 983 | 6005 | 17_142 | 18_401 => {
            (FaultKind::Starting, "it starts, recovers or shuts down")
        }
        _ => (FaultKind::Strange, "it answers with an error"),
    };
    Fault::new(kind, format!("{why} (error {code})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_tell_what_they_say_of_the_server() {
        assert_eq!(refusal(18_456).kind, FaultKind::Misconfigured);
        assert_eq!(refusal(17_809).kind, FaultKind::Saturated);
        assert_eq!(refusal(922).kind, FaultKind::Starting);
        assert_eq!(refusal(50_000).message, "it answers with an error (error 50000)");
        let closed = Error::Io {
            kind: std::io::ErrorKind::UnexpectedEof,
            message: "s3cret".to_owned(),
        };
        assert_eq!(fault(&closed).kind, FaultKind::Closed);
        assert!(!fault(&closed).message.contains("s3cret"));
    }
}
