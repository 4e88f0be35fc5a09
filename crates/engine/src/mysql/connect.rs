//! Getting in: address → session, which of the two products it is, and what a refusal means.

use super::sql;
use crate::fault::{Fault, FaultKind};
use crate::target::{Target, TlsWish};
use crate::tls;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, IoError, OptsBuilder, SslOpts};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::ring;

/// Given, so that connecting does not ask for it: larger than any answer to a probe.
const LARGEST_ANSWER: usize = 16 << 20;
/// In seconds, the servers' own default; given for the same reason.
const IDLE_FOR: usize = 28_800;

/// Which product answers, whatever the tree calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// MariaDB.
    MariaDb,
    /// MySQL and what is built from it.
    MySql {
        /// Major, minor and patch.
        version: (u16, u16, u16),
    },
}

impl Flavour {
    /// What `@@version` tells: only MariaDB names itself in it.
    pub(super) fn of(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") {
            return Self::MariaDb;
        }
        let plain = version.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = plain.split('.').map(|part| part.parse().unwrap_or_default());
        let mut next = || numbers.next().unwrap_or_default();
        Self::MySql {
            version: (next(), next(), next()),
        }
    }

    /// Whether it is MySQL of that version or later.
    pub(super) fn at_least(self, major: u16, minor: u16, patch: u16) -> bool {
        matches!(self, Self::MySql { version } if version >= (major, minor, patch))
    }

    /// Its word for the one that follows, in statements.
    pub(super) fn replica(self) -> &'static str {
        if self.at_least(8, 0, 22) {
            "REPLICA"
        } else {
            "SLAVE"
        }
    }
}

/// A kept connection, and who is at its other end.
pub(super) struct Session {
    pub(super) client: Conn,
    pub(super) flavour: Flavour,
}

impl Session {
    pub(super) async fn start(target: &Target) -> Result<Self, Fault> {
        // In no database: a look needs none, and its user may have no right to one.
        let options = options(target, "replica-monitor")?
            .max_allowed_packet(Some(LARGEST_ANSWER))
            .wait_timeout(Some(IDLE_FOR));
        let mut client = open(options).await?;
        let version = client.query_first::<String, _>("SELECT @@version").await;
        let version = version.map_err(|error| fault(&error))?.unwrap_or_default();
        let flavour = Flavour::of(&version);
        let setup = client.query_drop(sql::setup(flavour)).await;
        setup.map_err(|error| fault(&error))?;
        Ok(Self { client, flavour })
    }
}

/// Opens a connection for an application.
pub(super) async fn lend(target: &Target) -> Result<Conn, Fault> {
    let database = Some(target.database()).filter(|name| !name.is_empty());
    open(options(target, "replica-monitor pool")?.db_name(database)).await
}

/// Opens a connection in no database, for beats: its user may have no right to the one that the address names.
pub(super) async fn plain(target: &Target, program: &str) -> Result<Conn, Fault> {
    open(options(target, program)?).await
}

async fn open(options: OptsBuilder) -> Result<Conn, Fault> {
    Conn::new(options).await.map_err(|error| fault(&error))
}

fn options(target: &Target, program: &str) -> Result<OptsBuilder, Fault> {
    Ok(OptsBuilder::default()
        .ip_or_hostname(target.host())
        .tcp_port(target.port())
        .user(Some(target.user().unwrap_or("root")))
        .pass(target.password())
        .socket(target.option("socket"))
        // An address that says TCP means it.
        .prefer_socket(false)
        .ssl_opts(encryption(target)?)
        .connect_attribute("program_name", program))
}

/// The driver can demand encryption but not merely prefer it, so an address that says nothing gets none: most servers of a
/// private network have no certificate to show.
///
/// It also compares the name where only the authority was to be asked (`verify-ca`): stricter than wished, never laxer.
fn encryption(target: &Target) -> Result<Option<SslOpts>, Fault> {
    let wish = target.tls(TlsWish::Prefer)?;
    // The driver would report a file of authorities that cannot be read as a server that cannot be reached.
    tls::config(&wish)?;
    let options = SslOpts::default();
    let options = match wish {
        TlsWish::Off | TlsWish::Prefer => return Ok(None),
        TlsWish::Require => options.with_danger_accept_invalid_certs(true),
        TlsWish::Verify {
            authorities,
            hostname,
        } => {
            let options = match authorities {
                Some(file) => options.with_root_certs(vec![file.into()]),
                None => options.with_root_certs(system_roots().into_iter().map(Into::into).collect()),
            };
            options
                .with_disable_built_in_roots(true)
                .with_danger_skip_domain_validation(!hostname)
        }
    };
    // The driver asks rustls for the process's provider; where the application has chosen one, that one stays.
    let _ = ring::default_provider().install_default();
    Ok(Some(options))
}

/// The system's authorities, without those that rustls cannot read: one of them would spoil the rest.
fn system_roots() -> Vec<Vec<u8>> {
    let certificates = rustls_native_certs::load_native_certs().certs;
    let usable = certificates
        .into_iter()
        .filter(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
    usable.map(|certificate| certificate.to_vec()).collect()
}

/// What an error says about the server.
pub(super) fn fault(error: &Error) -> Fault {
    match error {
        Error::Server(error) => Fault::new(
            kind(error.code),
            // The message of a failed login names user, host and database, never the password.
            format!("{} ({})", error.message, error.code),
        ),
        Error::Io(IoError::Io(error)) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(refused) => untrusted(refused),
            None => Fault::from_io(error),
        },
        Error::Io(IoError::Tls(error)) => Fault::new(FaultKind::Misconfigured, format!("TLS: {error}")),
        Error::Driver(DriverError::ConnectionClosed) => {
            Fault::new(FaultKind::Closed, "the connection was closed")
        }
        Error::Driver(
            error @ (DriverError::UnknownAuthPlugin { .. }
            | DriverError::MysqlOldPasswordDisabled
            | DriverError::CleartextPluginDisabled
            | DriverError::NoClientSslFlagFromServer),
        ) => Fault::new(FaultKind::Misconfigured, error.to_string()),
        // Texts of the driver may quote packets.
        Error::Driver(_) | Error::Other(_) => Fault::new(
            FaultKind::Strange,
            "it does not speak MySQL's protocol as expected",
        ),
        Error::Url(_) => Fault::new(FaultKind::NotAsked, "its address cannot be used"),
    }
}

/// It answers, but not with a certificate that the address accepts.
fn untrusted(error: &tokio_rustls::rustls::Error) -> Fault {
    Fault::new(FaultKind::Misconfigured, format!("TLS: {error}"))
}

fn kind(code: u16) -> FaultKind {
    match code {
        // Too many connections: of all, of this user, of this user by its own limit.
        1040 | 1203 | 1226 => FaultKind::Saturated,
        // Refused by password, database, host, blocked host, plugin, expired or locked account.
        1044 | 1045 | 1049 | 1129 | 1130 | 1142 | 1227 | 1251 | 1698 | 1820 | 1862 | 3118 | 3955 | 4151 => {
            FaultKind::Misconfigured
        }
        1053 => FaultKind::Starting,
        // Broken, killed, or shut for being idle.
        1152 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 3169 | 4031 => FaultKind::Closed,
        // Ended by the server's own limit.
        1317 | 1969 | 3024 => FaultKind::TimedOut,
        _ => FaultKind::Strange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use replica_core::Dialect;
    use replica_core::tree::Uri;

    #[test]
    fn the_flavour_is_what_the_version_says() {
        assert_eq!(Flavour::of("10.11.19-MariaDB-0+deb12u1-log"), Flavour::MariaDb);
        assert_eq!(Flavour::of("8.0.36-28.1"), Flavour::MySql { version: (8, 0, 36) });
        assert!(Flavour::of("9.7.4").at_least(8, 0, 22));
        assert!(!Flavour::of("8.0.21").at_least(8, 0, 22));
        assert!(!Flavour::MariaDb.at_least(0, 0, 0));
    }

    #[test]
    fn being_turned_away_is_told_from_being_gone() {
        assert_eq!(kind(1040), FaultKind::Saturated);
        assert_eq!(kind(1045), FaultKind::Misconfigured);
        assert_eq!(kind(1053), FaultKind::Starting);
        assert_eq!(kind(2013), FaultKind::Closed);
        assert_eq!(kind(1064), FaultKind::Strange);
    }

    #[test]
    fn an_address_that_says_nothing_of_tls_gets_none() {
        let options = |uri: &str| {
            let dialect = Dialect::new("mysql");
            let uri = Uri::parse(uri, Some(&dialect)).unwrap();
            encryption(&Target::new(uri, dialect, Some(3306)).unwrap())
        };
        assert_eq!(options("mysql://u:p@db/x"), Ok(None));
        assert_eq!(options("mysql://u:p@db/x?ssl-mode=PREFERRED"), Ok(None));
        let required = options("mysql://u:p@db/x?ssl-mode=REQUIRED").unwrap().unwrap();
        assert!(required.accept_invalid_certs());
        let verified = options("mysql://u:p@db/x?ssl-mode=VERIFY_IDENTITY")
            .unwrap()
            .unwrap();
        assert!(!verified.accept_invalid_certs() && !verified.skip_domain_validation());
        let unread = options("mysql://u:p@db/x?ssl-mode=VERIFY_CA&ssl-ca=/no/such/file.pem");
        assert_eq!(unread.unwrap_err().kind, FaultKind::NotAsked);
    }
}
