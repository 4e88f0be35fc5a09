//! Getting in: address → client of one server, and what a refusal means.

use crate::fault::{Fault, FaultKind};
use crate::target::{Target, TlsWish};
use ::mongodb::Client;
use ::mongodb::error::{Error, ErrorKind};
use ::mongodb::options::{
    AuthMechanism, ClientOptions, Credential, ServerAddress, ServerMonitoringMode, Tls, TlsOptions,
};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpStream;

/// The driver waits for a server that it cannot reach; a look has a deadline of its own and wants to know why.
const PATIENCE: Duration = Duration::from_millis(1000);

/// A client of that one server; deadlines are the caller's.
pub(super) async fn open(target: &Target) -> Result<Client, Fault> {
    if target.scheme().ends_with("+srv") {
        return Err(Fault::new(
            FaultKind::NotAsked,
            "an SRV address names a set and not a server: give each server's own address",
        ));
    }
    let options = options(target)?;
    // The driver tells a refused connection only as one it waited for in vain.
    let knock = TcpStream::connect((target.host(), target.port())).await;
    drop(knock.map_err(|error| Fault::from_io(&error))?);
    Client::with_options(options).map_err(|error| fault(&error))
}

fn options(target: &Target) -> Result<ClientOptions, Fault> {
    let mut options = ClientOptions::default();
    options.hosts = vec![ServerAddress::Tcp {
        host: target.host().to_owned(),
        port: Some(target.port()),
    }];
    // Otherwise the driver goes to the primary, whoever was named.
    options.direct_connection = Some(true);
    options.app_name = Some("replica-monitor".to_owned());
    options.server_selection_timeout = Some(PATIENCE);
    options.connect_timeout = Some(PATIENCE);
    options.max_pool_size = Some(2);
    // One connection less than streaming, and nothing here waits for a change.
    options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
    options.retry_reads = Some(false);
    options.retry_writes = Some(false);
    options.credential = credential(target)?;
    options.tls = Some(tls(target)?);
    Ok(options)
}

fn credential(target: &Target) -> Result<Option<Credential>, Fault> {
    let mechanism: Option<AuthMechanism> = match target.option("authMechanism") {
        None => None,
        Some(name) => Some(name.parse().map_err(|_| {
            Fault::new(
                FaultKind::NotAsked,
                "its authMechanism is none that can be used here",
            )
        })?),
    };
    if target.user().is_none() && mechanism.is_none() {
        return Ok(None);
    }
    let database = target.database().trim_matches('/');
    // A certificate is known to the server by a database of its own name, which the driver knows.
    let source = match (&mechanism, target.option("authSource")) {
        (_, Some(source)) => Some(source),
        (None | Some(AuthMechanism::ScramSha1 | AuthMechanism::ScramSha256), None)
            if !database.is_empty() =>
        {
            Some(database)
        }
        _ => None,
    };
    let mut credential = Credential::default();
    credential.username = target.user().map(str::to_owned);
    credential.password = target.password().map(str::to_owned);
    credential.source = source.map(str::to_owned);
    credential.mechanism = mechanism;
    Ok(Some(credential))
}

/// In MongoDB's words `tls=true` verifies, and what asks for less says so.
fn tls(target: &Target) -> Result<Tls, Fault> {
    let is_true = |name: &str| {
        target
            .option(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    let (authorities, unverified) = match target.tls(TlsWish::Off)? {
        // Nothing can be negotiated.
        TlsWish::Off | TlsWish::Prefer => return Ok(Tls::Disabled),
        TlsWish::Require => (None, !is_true("tls") && !is_true("ssl")),
        TlsWish::Verify { authorities, .. } => (authorities, false),
    };
    let mut options = TlsOptions::default();
    options.ca_file_path = authorities;
    options.cert_key_file_path = target.option("tlsCertificateKeyFile").map(PathBuf::from);
    let unverified = unverified || is_true("tlsInsecure") || is_true("tlsAllowInvalidCertificates");
    options.allow_invalid_certificates = Some(unverified);
    Ok(Tls::Enabled(options))
}

/// What an error says about the server. Its texts may quote commands, so only numbers and their names are passed on.
pub(super) fn fault(error: &Error) -> Fault {
    let misconfigured = |why: &'static str| Fault::new(FaultKind::Misconfigured, why);
    match &*error.kind {
        ErrorKind::Authentication { .. } => misconfigured("the user or password is refused"),
        ErrorKind::Command(command) => refusal(command.code, &command.code_name),
        ErrorKind::Io(io) => Fault::from_io(io),
        ErrorKind::ConnectionPoolCleared { .. } | ErrorKind::Shutdown => {
            Fault::new(FaultKind::Closed, "the connection was closed")
        }
        ErrorKind::ServerSelection { message, .. } => not_selected(message),
        ErrorKind::DnsResolve { .. } => Fault::new(FaultKind::Refused, "its name cannot be resolved"),
        ErrorKind::InvalidTlsConfig { .. } => {
            Fault::new(FaultKind::NotAsked, "its TLS settings cannot be used")
        }
        ErrorKind::InvalidArgument { .. } => {
            Fault::new(FaultKind::NotAsked, "its address or options cannot be used")
        }
        ErrorKind::IncompatibleServer { .. } => {
            Fault::new(FaultKind::Strange, "it is older than MongoDB 4.4")
        }
        _ => Fault::new(
            FaultKind::Strange,
            "it answers what the driver does not understand",
        ),
    }
}

fn refusal(code: i32, name: &str) -> Fault {
    let kind = match code {
        // AuthenticationFailed, Unauthorized.
        18 | 13 => FaultKind::Misconfigured,
        // ShutdownInProgress, InterruptedAtShutdown.
        91 | 11_600 => FaultKind::Starting,
        // PrimarySteppedDown, InterruptedDueToReplStateChange: it ended what was asked, and answers anew.
        189 | 11_602 => FaultKind::Closed,
        _ => FaultKind::Strange,
    };
    let why = match (code, kind) {
        (18, _) => "the user or password is refused",
        (13, _) => "its user lacks a right",
        (_, FaultKind::Starting) => "it shuts down",
        (_, FaultKind::Closed) => "it changes its role",
        _ => "it answers with an error",
    };
    Fault::new(kind, format!("{why} ({code} {name})"))
}

/// What the driver saw while it waited is in the text alone.
fn not_selected(message: &str) -> Fault {
    let saw = |words: &str| message.contains(words);
    if saw("Connection refused") {
        return Fault::new(FaultKind::Refused, "connection refused: nothing listens there");
    }
    if saw("certificate") {
        return Fault::new(FaultKind::Misconfigured, "its certificate is not accepted");
    }
    if saw("wire version") {
        return Fault::new(FaultKind::Strange, "it is older than MongoDB 4.4");
    }
    // A full server, and one that wants TLS, hang up without a word.
    if saw("unexpected end of file") || saw("eof") || saw("reset by peer") {
        return Fault::new(
            FaultKind::Closed,
            "it closes connections at once: it is full, wants TLS, or is no MongoDB",
        );
    }
    Fault::new(FaultKind::TimedOut, "no answer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use replica_core::Dialect;
    use replica_core::tree::Uri;

    fn target(uri: &str) -> Target {
        let dialect = Dialect::new("mongodb");
        Target::new(Uri::parse(uri, Some(&dialect)).unwrap(), dialect, Some(27_017)).unwrap()
    }

    #[test]
    fn one_server_is_asked_with_few_connections() {
        let options = options(&target("mongodb://bob:s3cret@db.example/shop")).unwrap();
        assert_eq!(options.direct_connection, Some(true));
        assert_eq!(options.hosts[0].to_string(), "db.example:27017");
        assert_eq!(options.max_pool_size, Some(2));
        assert_eq!(options.tls, Some(Tls::Disabled));
        assert_eq!(options.credential.unwrap().source.as_deref(), Some("shop"));
    }

    #[test]
    fn the_database_of_the_user_is_the_one_that_is_named_for_it() {
        let source = |uri: &str| credential(&target(uri)).unwrap().map(|found| found.source);
        assert_eq!(source("mongodb://db/shop"), None);
        assert_eq!(
            source("mongodb://u:p@db/shop?authSource=admin"),
            Some(Some("admin".into()))
        );
        assert_eq!(source("mongodb://u:p@db"), Some(None));
        assert_eq!(source("mongodb://db/shop?authMechanism=MONGODB-X509"), Some(None));
        assert!(credential(&target("mongodb://u:p@db?authMechanism=none")).is_err());
    }

    #[test]
    fn tls_verifies_unless_told_otherwise() {
        let unverified = |options: &str| match tls(&target(&format!("mongodb://db/{options}"))).unwrap() {
            Tls::Enabled(options) => options.allow_invalid_certificates,
            Tls::Disabled => None,
        };
        assert_eq!(unverified(""), None);
        assert_eq!(unverified("?tls=true"), Some(false));
        assert_eq!(unverified("?ssl=true&tlsCAFile=ca.pem"), Some(false));
        assert_eq!(
            unverified("?tls=true&tlsAllowInvalidCertificates=true"),
            Some(true)
        );
        assert_eq!(unverified("?ssl=require"), Some(true));
    }

    #[test]
    fn refusals_tell_what_they_say_of_the_server() {
        assert_eq!(refusal(18, "AuthenticationFailed").kind, FaultKind::Misconfigured);
        assert_eq!(refusal(91, "ShutdownInProgress").kind, FaultKind::Starting);
        assert_eq!(
            refusal(59, "CommandNotFound").message,
            "it answers with an error (59 CommandNotFound)"
        );
        let waited = "Server selection timeout: No available servers. Topology: { Type: Single, Servers: [ { Address: db:1, \
                      Type: Unknown, Error: Kind: I/O error: Connection refused (os error 111)";
        assert_eq!(not_selected(waited).kind, FaultKind::Refused);
    }

    #[tokio::test]
    async fn a_dead_port_is_refused_at_once() {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let refused = open(&target(&format!("mongodb://u:p@127.0.0.1:{port}")))
            .await
            .unwrap_err();
        assert_eq!(refused.kind, FaultKind::Refused);
        let set = open(&target("mongodb+srv://u:p@set.example")).await.unwrap_err();
        assert_eq!(set.kind, FaultKind::NotAsked);
    }
}
