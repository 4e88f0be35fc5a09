//! Everything that can be set about a running monitor, ready to use.
//!
//! Flags and environment variables are turned into this in [`crate::cli`]; an application writes it itself.

use crate::alert::AlertSettings;
use crate::hub::OnEvent;
use crate::push::Push;
use crate::server::TlsFiles;
use crate::server::token::{Token, TokenRole};
use replica_core::Secret;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// The settings of one monitor.
#[derive(Clone)]
pub struct Config {
    /// Where to listen. Anything but a loopback address needs a token, or `insecure_no_auth`.
    pub host: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Whoever shows it may read. Without one, reading is open.
    pub token: Option<Secret<String>>,
    /// Whoever shows it may read and write. Without one, nobody may write.
    pub operator_token: Option<Secret<String>>,
    /// More tokens, by name; with any of them reading needs one.
    pub tokens: Vec<Token>,
    /// A file of tokens (see [`Token::read_all`]), read again when it changes; with one, reading needs a token.
    pub token_file: Option<PathBuf>,
    /// Serve TLS with this certificate.
    pub tls: Option<TlsFiles>,
    /// How often the source is asked.
    pub poll: Duration,
    /// How many events are kept.
    pub activity_buffer_size: usize,
    /// Called with every event, on the hub's own task: it must not block.
    pub on_event: Option<OnEvent>,
    /// The file that keeps what was measured and what happened; none keeps nothing beyond this run.
    pub history: Option<PathBuf>,
    /// Serve what this file recorded, and record nothing: goes before `history`. Its source is a [`Recorded`](crate::Recorded).
    pub recording: Option<PathBuf>,
    /// What is told to whom when something is wrong; none does not look for it.
    pub alerts: Option<AlertSettings>,
    /// Host names, besides addresses and `localhost`, under which browsers may ask without a token.
    pub allow_hosts: Vec<String>,
    /// Serve beyond loopback without any token.
    pub insecure_no_auth: bool,
    /// Send the metrics to those as well.
    pub pushes: Vec<Push>,
    /// Where `/metrics` alone is served as well, at the same host.
    pub metrics_port: Option<u16>,
    /// Where HAProxy's agent checks are answered, at the same host and without a token.
    pub agent_port: Option<u16>,
    /// Applications whose `/check` says that they must wait, whatever the lag.
    pub denied_apps: Vec<String>,
    /// The most connections at one time.
    pub max_connections: usize,
    /// The most event streams at one time.
    pub max_streams: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 14499,
            token: None,
            operator_token: None,
            tokens: Vec::new(),
            token_file: None,
            tls: None,
            poll: Duration::from_millis(2000),
            activity_buffer_size: 200,
            on_event: None,
            history: None,
            recording: None,
            alerts: Some(AlertSettings::default()),
            allow_hosts: Vec::new(),
            insecure_no_auth: false,
            pushes: Vec::new(),
            metrics_port: None,
            agent_port: None,
            denied_apps: Vec::new(),
            max_connections: 32_768,
            max_streams: 10_000,
        }
    }
}

impl Config {
    /// Whether reading needs no token.
    pub fn reads_open(&self) -> bool {
        self.token.is_none() && self.tokens.is_empty() && self.token_file.is_none()
    }

    /// Every token that does not stand in a file, named.
    pub(crate) fn own_tokens(&self) -> Vec<Token> {
        let viewer = self
            .token
            .as_ref()
            .map(|secret| Token::new("viewer", TokenRole::Viewer, secret));
        let operator = self.operator_token.as_ref();
        let operator = operator.map(|secret| Token::new("operator", TokenRole::Operator, secret));
        self.tokens
            .iter()
            .cloned()
            .chain(viewer)
            .chain(operator)
            .collect()
    }
}
