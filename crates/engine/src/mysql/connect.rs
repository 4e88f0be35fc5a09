//! Getting in: address → connection, and what a refusal means.

use crate::fault::{Fault, FaultKind};
use crate::target::{Target, TlsWish};
use mysql_async::{Conn, DriverError, Error, OptsBuilder, SslOpts};

/// Opens a connection, in the address's database or in none: a look needs none, and its user may have no right to one. `Prefer` is not encrypted: the protocol's client here cannot fall back, and most servers have no
/// certificate; ask for TLS with `?ssl-mode=REQUIRED`.
pub(super) async fn open(target: &Target, database: Option<&str>) -> Result<Conn, Fault> {
    let mut options = OptsBuilder::default()
        .ip_or_hostname(target.host())
        .tcp_port(target.port())
        .user(Some(target.user().unwrap_or("root")))
        .pass(target.password())
        .db_name(database.filter(|name| !name.is_empty()))
        .prefer_socket(false);
    if let Some(tls) = tls(&target.tls(TlsWish::Prefer)?) {
        options = options.ssl_opts(tls);
    }
    // The future is large, and rarely runs.
    Box::pin(Conn::new(options)).await.map_err(|error| fault(&error))
}

fn tls(wish: &TlsWish) -> Option<SslOpts> {
    let anybody = SslOpts::default()
        .with_danger_accept_invalid_certs(true)
        .with_danger_skip_domain_validation(true);
    match wish {
        TlsWish::Off | TlsWish::Prefer => None,
        TlsWish::Require => Some(anybody),
        TlsWish::Verify {
            authorities,
            hostname,
        } => {
            let roots = authorities.iter().map(|path| path.clone().into()).collect();
            Some(
                SslOpts::default()
                    .with_root_certs(roots)
                    .with_danger_skip_domain_validation(!hostname),
            )
        }
    }
}

/// What an error says about the server.
pub(super) fn fault(error: &Error) -> Fault {
    match error {
        Error::Server(server) => {
            let kind = match server.code {
                1040 | 1203 => FaultKind::Saturated,
                1044 | 1045 | 1049 | 1130 | 1227 | 1142 | 1698 => FaultKind::Misconfigured,
                1053 | 1927 | 1317 => FaultKind::Closed,
                _ => FaultKind::Strange,
            };
            // It names the user and the host of a failed login, never the password.
            Fault::new(kind, format!("{} ({})", server.message, server.code))
        }
        Error::Io(mysql_async::IoError::Io(error)) => Fault::from_io(error),
        Error::Io(error) => Fault::new(FaultKind::Misconfigured, format!("TLS: {error}")),
        Error::Driver(DriverError::ConnectionClosed) => {
            Fault::new(FaultKind::Closed, "the connection was closed")
        }
        Error::Driver(error) => Fault::new(FaultKind::Strange, error.to_string()),
        Error::Url(_) => Fault::new(FaultKind::NotAsked, "its address cannot be used"),
        Error::Other(error) => Fault::new(FaultKind::Strange, error.to_string()),
    }
}

/// Whether a statement was refused for want of a grant.
pub(super) fn is_denied(error: &Error) -> bool {
    matches!(error, Error::Server(server) if matches!(server.code, 1227 | 1142 | 1044))
}
