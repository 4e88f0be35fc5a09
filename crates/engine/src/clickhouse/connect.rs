//! Getting in: address → client, and what a refusal means.

use crate::fault::{Fault, FaultKind};
use crate::target::{Target, TlsWish};
use crate::tls;
use ::clickhouse::Client;
use ::clickhouse::error::Error;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A client for that server. Nothing is sent yet; deadlines are the caller's.
pub(super) fn open(target: &Target) -> Result<Client, Fault> {
    let usual = match target.scheme() {
        "https" | "clickhouses" => TlsWish::Verify {
            authorities: None,
            hostname: true,
        },
        _ => TlsWish::Off,
    };
    let wish = match target.tls(usual)? {
        // HTTP cannot change its mind half-way.
        TlsWish::Prefer => TlsWish::Off,
        wish => wish,
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let mut pool = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
    pool.pool_max_idle_per_host(1);
    let (scheme, client) = match tls::config(&wish)? {
        None => ("http", Client::with_http_client(pool.build(tcp))),
        Some(config) => {
            let tls = HttpsConnectorBuilder::new()
                .with_tls_config(config)
                .https_only()
                .enable_http1()
                .wrap_connector(tcp);
            ("https", Client::with_http_client(pool.build(tls)))
        }
    };
    let host = match target.host() {
        bare if bare.contains(':') && !bare.starts_with('[') => format!("[{bare}]"),
        host => host.to_owned(),
    };
    let client = client.with_url(format!("{scheme}://{host}:{}", target.port()));
    let client = match target.user() {
        Some(user) => client.with_user(user),
        None => client,
    };
    let client = match target.password().filter(|password| !password.is_empty()) {
        Some(password) => client.with_password(password),
        None => client,
    };
    Ok(match target.database().trim_matches('/') {
        "" => client,
        database => client.with_database(database),
    })
}

/// What an error says about the server. Its text may quote the statement, so only its number is passed on.
pub(super) fn fault(error: &Error) -> Fault {
    match error {
        Error::BadResponse(text) => refusal(text),
        Error::Network(cause) => network(&**cause),
        Error::TimedOut => Fault::new(FaultKind::TimedOut, "no answer"),
        Error::InvalidParams(_) => Fault::new(FaultKind::NotAsked, "its address cannot be used for HTTP"),
        _ => Fault::new(FaultKind::Strange, NOT_CLICKHOUSE),
    }
}

const NOT_CLICKHOUSE: &str = "what answers there does not speak ClickHouse's HTTP";

/// The number of a server's error: "Code: 516. DB::Exception: …".
pub(super) fn code(error: &Error) -> Option<u32> {
    match error {
        Error::BadResponse(text) => number(text),
        _ => None,
    }
}

fn number(text: &str) -> Option<u32> {
    let (_, after) = text.split_once("Code: ")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn refusal(text: &str) -> Fault {
    let misconfigured = |why: String| Fault::new(FaultKind::Misconfigured, why);
    match number(text) {
        Some(code @ (192 | 193 | 194 | 516)) => {
            misconfigured(format!("the user or password is refused (code {code})"))
        }
        Some(195) => misconfigured("its user may not come from this address (code 195)".to_owned()),
        Some(81) => misconfigured("there is no such database (code 81)".to_owned()),
        Some(497) => misconfigured("its user lacks a right (code 497)".to_owned()),
        Some(code @ (202 | 745)) => Fault::new(
            FaultKind::Saturated,
            format!("it runs as many queries as it may (code {code})"),
        ),
        Some(code) => Fault::new(FaultKind::Strange, format!("it answers with error {code}")),
        None if text.contains("clickhouse-client") => misconfigured(
            "its port is that of the native protocol: give the one of HTTP, usually 8123 or 8443".to_owned(),
        ),
        None => Fault::new(FaultKind::Strange, NOT_CLICKHOUSE),
    }
}

fn network(error: &(dyn std::error::Error + 'static)) -> Fault {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Fault::from_io(io);
        }
        cause = inner.source();
    }
    Fault::new(FaultKind::Closed, "the connection was closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Fault {
        fault(&Error::BadResponse(text.to_owned()))
    }

    #[test]
    fn refusals_are_told_by_number_and_nothing_is_quoted() {
        let old = "Code: 193, e.displayText() = DB::Exception: Wrong password for user bob, e.what() = DB::Exception";
        let new = "Code: 516. DB::Exception: bob: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)";
        for text in [old, new] {
            let fault = said(text);
            assert_eq!(fault.kind, FaultKind::Misconfigured);
            assert!(!fault.message.contains("bob"), "{fault}");
        }
        assert_eq!(
            said("Code: 202. DB::Exception: Too many simultaneous queries").kind,
            FaultKind::Saturated
        );
        assert_eq!(
            said("Code: 999. DB::Exception: 's3cret'").message,
            "it answers with error 999"
        );
        assert_eq!(said("<html>Code of conduct</html>").message, NOT_CLICKHOUSE);
    }

    #[test]
    fn the_native_port_is_told_apart() {
        let text = "Port 9000 is for clickhouse-client program.\r\nYou must use port 8123 for HTTP.\r\n";
        assert!(said(text).message.contains("native"));
    }
}
