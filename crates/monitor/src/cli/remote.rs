//! A running monitor, asked over HTTP: where it is, the token, and an answer or a sentence about why there is none.
//!
//! What the answers mean is the business of the commands. Nothing is retried here.

use super::Failure;
use super::settings::{Environment, secret, secret_in};
use crate::outbound;
use clap::Args;
use replica_core::Secret;
use serde_json::Value;
use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::http::{StatusCode, Uri};
use ureq::tls::{Certificate, PemItem, parse_pem};
use ureq::{Agent, Body};

/// For connecting, and for each wait for bytes.
const PATIENCE: Duration = Duration::from_secs(5);
/// A stream says something at least every 20 s; one that does not is cut.
const STREAM_PATIENCE: Duration = Duration::from_secs(45);
/// More than a tree of 100 000 replicas needs.
const LARGEST: u64 = 512 << 20;

/// Which monitor to ask.
#[derive(Args)]
pub(super) struct Remote {
    /// Where the monitor serves [default: http://127.0.0.1:14499, or what MONITOR_HOST and MONITOR_PORT say] [env: MONITOR_URL]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The token that reading needs; visible in `ps`, so prefer MONITOR_TOKEN or --token-file [env: MONITOR_TOKEN]
    #[arg(long, value_name = "SECRET", conflicts_with = "token_file")]
    token: Option<String>,
    /// A file whose first line is the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Trust the certificates of this file (PEM) rather than those of the system
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Why a monitor gave no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    why: String,
    /// Asking again would not help: the token or the address is wrong.
    pub(super) lasting: bool,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<NoAnswer> for Failure {
    fn from(why: NoAnswer) -> Self {
        Self::Failed(why.why)
    }
}

impl Remote {
    /// Joins flags and environment; connects to nobody yet.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let env = Environment::read(Path::new(""))?;
        let base = match self.url.clone().or_else(|| env.get("MONITOR_URL")) {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => here(&env)?,
        };
        let host = check(&base)?;
        let bearer = match (&self.token, &self.token_file) {
            (Some(token), _) => Some(secret("--token", token.clone())?),
            (None, Some(file)) => Some(secret_in("--token-file", file)?),
            (None, None) => env.secret("MONITOR_TOKEN")?,
        };
        if bearer
            .as_ref()
            .is_some_and(|token| token.expose().contains(char::is_whitespace))
        {
            return Err(Failure::Usage(
                "a token holds no spaces: the file for --token-file has one secret alone on its first line"
                    .into(),
            ));
        }
        let mut config = outbound::client(&base)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_resolve(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE));
        if let Some(file) = &self.ca_file {
            config = config.tls_config(outbound::trusting(authorities(file)?));
        }
        if is_this_machine(&host) {
            // A proxy for the world outside cannot reach it.
            config = config.proxy(None);
        }
        Ok(Client {
            agent: config.build().new_agent(),
            base,
            bearer,
        })
    }
}

fn authorities(file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let failed = |why: String| Failure::Failed(format!("--ca-file {}: {why}", file.display()));
    let pem = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    match certificates.is_empty() {
        true => Err(failed("holds no certificate (PEM)".to_owned())),
        false => Ok(certificates),
    }
}

/// Where a monitor of the same settings serves.
fn here(env: &Environment) -> Result<String, Failure> {
    let port: u16 = env.number("MONITOR_PORT")?.unwrap_or(14499);
    let host = match env.get("MONITOR_HOST").as_deref() {
        None | Some("0.0.0.0") => "127.0.0.1".to_owned(),
        Some("::") => "[::1]".to_owned(),
        Some(address) if address.contains(':') => format!("[{address}]"),
        Some(name) => name.to_owned(),
    };
    Ok(format!("http://{host}:{port}"))
}

/// The host of an address that can be asked. The address is not quoted if it may hold a secret.
fn check(base: &str) -> Result<String, Failure> {
    let refuse = |why: &str| Err(Failure::Usage(format!("--url: {why}")));
    if base.contains(['@', '?', '#']) {
        return refuse(
            "write http://HOST:PORT alone; the token comes by MONITOR_TOKEN, --token-file or --token",
        );
    }
    let uri = base
        .parse::<Uri>()
        .ok()
        .filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    match uri.as_ref().and_then(Uri::host) {
        Some(host) => Ok(host.to_owned()),
        None => refuse(&format!("{base:?} is no address such as http://127.0.0.1:14499")),
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<std::net::IpAddr> = bare.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

/// Asks one monitor.
pub(super) struct Client {
    agent: Agent,
    /// Without a `/` at its end.
    base: String,
    bearer: Option<Secret<String>>,
}

impl Client {
    /// Where it asks.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The whole body at `path`, which begins with `/`.
    pub(super) fn text(&self, path: &str) -> Result<String, NoAnswer> {
        let mut body = self.get(path, PATIENCE, None)?;
        let read = body.with_config().limit(LARGEST).read_to_string();
        read.map_err(|error| self.no_answer(error))
    }

    /// What is answered to this document at `path`. What an operator is refused is told in the monitor's own words.
    pub(super) fn post(&self, path: &str, document: &Value) -> Result<Value, NoAnswer> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        if let Some(token) = &self.bearer {
            request = request.header("authorization", format!("Bearer {}", token.expose()));
        }
        let request = request.header("content-type", "application/json");
        let request = request.config().timeout_per_read(Some(PATIENCE)).build();
        let answer = request.send(document.to_string().as_bytes());
        let mut answer = answer.map_err(|error| self.no_answer(error))?;
        let status = answer.status();
        let text = answer.body_mut().read_to_string();
        let told: Option<Value> = text.ok().and_then(|text| serde_json::from_str(&text).ok());
        let refused = |told: Option<Value>| match told.as_ref().and_then(|told| told["error"].as_str()) {
            Some(why) => format!("{} refuses: {why}", self.base),
            None => self.refused(status),
        };
        match told {
            Some(told) if status.is_success() => Ok(told),
            told => Err(NoAnswer {
                why: refused(told),
                lasting: true,
            }),
        }
    }

    /// The lines of an event stream, from after the event `last` if there is one.
    pub(super) fn stream(&self, path: &str, last: Option<u64>) -> Result<impl BufRead + use<>, NoAnswer> {
        let body = self.get(path, STREAM_PATIENCE, last)?;
        Ok(BufReader::new(body.into_reader()))
    }

    fn get(&self, path: &str, patience: Duration, last: Option<u64>) -> Result<Body, NoAnswer> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.bearer {
            request = request.header("authorization", format!("Bearer {}", token.expose()));
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let request = request.config().timeout_per_read(Some(patience)).build();
        let answer = request.call().map_err(|error| self.no_answer(error))?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(NoAnswer {
                why: self.refused(status),
                lasting: !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS,
            }),
        }
    }

    fn refused(&self, status: StatusCode) -> String {
        let base = &self.base;
        match (status.as_u16(), &self.bearer) {
            (401, None) => {
                format!("{base} wants a token: set MONITOR_TOKEN, or name a file with --token-file")
            }
            (401, Some(_)) => format!("{base} does not know this token: set MONITOR_TOKEN to a valid one"),
            (403, _) => format!("{base} does not allow this host name or token (403)"),
            (404, _) => {
                format!("{base} answers, but has no such path: is a replica-monitor of this version there?")
            }
            (429, _) => format!("{base} has locked this address out for wrong tokens; try again in a minute"),
            (300..=399, _) => format!("{base} points elsewhere ({status}): name that address"),
            (503, _) => format!("{base} is too busy, or has not started yet (503)"),
            _ => format!("{base} answers {status}"),
        }
    }

    fn no_answer(&self, error: ureq::Error) -> NoAnswer {
        let base = &self.base;
        let why = match error {
            ureq::Error::Io(error) => self.io(&error),
            ureq::Error::HostNotFound => format!("cannot reach {base}: the host has no address"),
            ureq::Error::Timeout(_) => {
                format!("{base} does not answer within {} s", PATIENCE.as_secs())
            }
            ureq::Error::Rustls(error) => untrusted(base, &error),
            ureq::Error::BodyExceedsLimit(_) => format!("{base} answers more than can be read"),
            other => format!("cannot ask {base}: {other}"),
        };
        NoAnswer { why, lasting: false }
    }

    fn io(&self, error: &io::Error) -> String {
        let base = &self.base;
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                format!("{base} refuses the connection: does the monitor run there? (--url, MONITOR_URL)")
            }
            // That is how the TLS layer hands on what it found.
            io::ErrorKind::InvalidData if base.starts_with("https:") => untrusted(base, error),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                format!("{base} does not answer within {} s", PATIENCE.as_secs())
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset if base.starts_with("http:") => {
                format!("{base} closes the connection; if it serves TLS, write https://")
            }
            _ => format!("cannot ask {base}: {error}"),
        }
    }
}

fn untrusted(base: &str, error: &dyn fmt::Display) -> String {
    format!("no TLS with {base}: {error}; --ca-file FILE trusts a certificate of your own")
}
