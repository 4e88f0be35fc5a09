//! Flags, environment and `.env` files → [`Config`]: exactly what was asked for, or why not.
//!
//! Nothing is started here. The environment is only read, never changed.

use super::Failure;
use super::push::PushFlags;
use crate::{AlertSettings, Config, TlsFiles};
use clap::{Args, ValueEnum};
use replica_core::Secret;
use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the tree is when nobody says.
const DEFAULT_TREE: &str = ".mostajs/replicator-tree.json";
const DEFAULT_STATE: &str = ".mostajs/state";
/// In the state folder.
const HISTORY: &str = "history.db";
/// Read in this order; the first to name a variable wins, after the real environment.
const ENV_FILES: [&str; 2] = [".mostajs/config.env", ".env"];

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Args)]
pub(super) struct Flags {
    /// The tree file [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    /// The port to serve at; 0 lets the system choose [default: 14499] [env: MONITOR_PORT]
    #[arg(long)]
    port: Option<u16>,
    /// The address to serve at [default: 127.0.0.1] [env: MONITOR_HOST]
    #[arg(long)]
    host: Option<String>,
    /// The token that reading needs; visible in `ps`, so prefer MONITOR_TOKEN or --token-file [env: MONITOR_TOKEN]
    #[arg(long, value_name = "SECRET", conflicts_with = "token_file")]
    token: Option<String>,
    /// A file of tokens, read again when it changes (`token new` writes it): lines of `NAME viewer|operator SECRET [until=TIME]`, or
    /// one secret alone
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file whose first line is the token that writing needs [env: MONITOR_OPERATOR_TOKEN holds the token itself]
    #[arg(long, value_name = "FILE")]
    operator_token_file: Option<PathBuf>,
    /// Serve TLS with this certificate chain (PEM), loaded again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Connect to every replica of the tree and measure it, rather than only show what is declared [env: MONITOR_LIVE=1]
    #[arg(long)]
    live: bool,
    /// Write a heartbeat row to each project's master once a second, as a second source of lag; ID is the row's key, one for each
    /// monitor [default ID: 1] [env: MONITOR_HEARTBEAT=ID]. The only thing that --live ever writes: see docs/RISKS.md
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "1")]
    heartbeat: Option<i16>,
    /// Keep every enabled rule of the tree going as `run` does, and show how they are [env: MONITOR_RULES=1]. Rules write to databases: see
    /// docs/RISKS.md
    #[arg(long)]
    rules: bool,
    /// With --rules, compare both ends of every rule that streams so often, row by row, and show what differs: all of it is read
    /// [env: MONITOR_VERIFY_RULES]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    verify_rules: Option<Duration>,
    /// How often the tree, and with --live every replica, is looked at, in milliseconds [default: 2000] [env: MONITOR_POLL_MS]
    #[arg(long, value_name = "MS")]
    poll: Option<u64>,
    /// Keep what is measured and what happens in this file, for seven days; `off` keeps nothing beyond this run
    /// [default: history.db in the state folder with --live, otherwise off] [env: MONITOR_HISTORY]
    #[arg(long, value_name = "FILE|off")]
    history: Option<PathBuf>,
    /// Whom to tell when something is wrong, and when (docs/guides/alerts.md); `off` does not look for it
    /// [env: MONITOR_ALERTS]
    #[arg(long, value_name = "FILE|off")]
    alerts: Option<PathBuf>,
    /// Only poll; do not ask the system to tell of changes
    #[arg(long)]
    no_watch: bool,
    /// The folder that relative paths start from
    #[arg(long, value_name = "DIR")]
    runtime: Option<PathBuf>,
    /// A host name under which browsers may ask without a token (may be repeated)
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    #[command(flatten)]
    push: PushFlags,
    /// The folder for what must survive a restart [default: .mostajs/state] [env: MONITOR_STATE_DIR]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Serve /metrics alone at this port as well
    #[arg(long, value_name = "PORT")]
    metrics_port: Option<u16>,
    /// Answer HAProxy's agent checks at this port, without a token (docs/guides/balance.md)
    #[arg(long, value_name = "PORT")]
    agent_port: Option<u16>,
    /// An application whose /check says that it must wait, whatever the lag (may be repeated)
    #[arg(long, value_name = "APP")]
    deny_app: Vec<String>,
    /// Serve beyond this machine without any token
    #[arg(long)]
    insecure_no_auth: bool,
    /// How log lines look
    #[arg(long, value_enum, default_value_t)]
    pub(super) log_format: LogFormat,
}

/// What `serve` needs.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) tree: PathBuf,
    pub(super) watch: bool,
    pub(super) live: bool,
    /// The row to write heartbeats to.
    pub(super) heartbeat: Option<i16>,
    /// How often what is mirrored is mirrored again, if rules are kept going.
    pub(super) rules: Option<Duration>,
    /// How often both ends of a rule are compared, if they are.
    pub(super) verify_rules: Option<Duration>,
}

impl Flags {
    /// Joins flags, environment and files.
    pub(super) fn resolve(&self) -> Result<Settings, Failure> {
        let base = self.runtime.clone().unwrap_or_default();
        if self.runtime.as_ref().is_some_and(|folder| !folder.is_dir()) {
            return Err(Failure::Usage(format!(
                "--runtime {}: this is not a folder",
                base.display()
            )));
        }
        let env = Environment::read(&base)?;
        let poll_ms = match self.poll {
            Some(ms) => ms,
            None => env.number("MONITOR_POLL_MS")?.unwrap_or(2000),
        };
        if poll_ms == 0 {
            return Err(Failure::Usage(
                "the poll period must be 1 ms or more, but is 0".into(),
            ));
        }
        let port = match self.port {
            Some(port) => port,
            None => env.number("MONITOR_PORT")?.unwrap_or(14499),
        };
        let host = self.host.clone().or_else(|| env.get("MONITOR_HOST"));
        let live = self.live || env.flag("MONITOR_LIVE")?;
        let config = Config {
            host: host.as_deref().map_or(Ok(Config::default().host), address)?,
            port,
            token: self.token(&env)?,
            token_file: self.token_file.as_ref().map(|file| base.join(file)),
            tls: self
                .tls_cert
                .as_ref()
                .zip(self.tls_key.as_ref())
                .map(|(cert, key)| TlsFiles {
                    cert: base.join(cert),
                    key: base.join(key),
                }),
            operator_token: self.operator_token(&base, &env)?,
            poll: Duration::from_millis(poll_ms),
            history: self.history(&base, &env, live),
            alerts: self.alerts(&base, &env, live)?,
            allow_hosts: self.allow_host.clone(),
            insecure_no_auth: self.insecure_no_auth,
            pushes: self.push.resolve(&self.state_dir(&base, &env), &env)?,
            metrics_port: self.metrics_port,
            agent_port: self.agent_port,
            denied_apps: self.deny_app.clone(),
            ..Config::default()
        };
        let rules = self.rules(&env)?;
        Ok(Settings {
            config,
            tree: base.join(env.tree(self.tree.as_deref())),
            watch: !self.no_watch,
            live,
            heartbeat: self.heartbeat(&env, live)?,
            rules,
            verify_rules: self.verify_rules(&env, rules.is_some())?,
        })
    }

    fn state_dir(&self, base: &Path, env: &Environment) -> PathBuf {
        let named = self
            .state_dir
            .clone()
            .or_else(|| env.get("MONITOR_STATE_DIR").map(PathBuf::from));
        base.join(named.unwrap_or_else(|| DEFAULT_STATE.into()))
    }

    fn heartbeat(&self, env: &Environment, live: bool) -> Result<Option<i16>, Failure> {
        let id = match self.heartbeat {
            Some(id) => Some(id),
            None => env.number("MONITOR_HEARTBEAT")?,
        };
        match id {
            Some(_) if !live => Err(Failure::Usage(
                "--heartbeat needs --live: without it no database is connected to".into(),
            )),
            Some(id) if id < 1 => Err(Failure::Usage("the id of a heartbeat must be 1 to 32767".into())),
            id => Ok(id),
        }
    }

    #[cfg(feature = "drivers")]
    fn rules(&self, env: &Environment) -> Result<Option<Duration>, Failure> {
        match self.rules || env.flag("MONITOR_RULES")? {
            true => Ok(Some(env.rules_every()?)),
            false => Ok(None),
        }
    }

    #[cfg(not(feature = "drivers"))]
    fn rules(&self, env: &Environment) -> Result<Option<Duration>, Failure> {
        match self.rules || env.flag("MONITOR_RULES")? {
            true => Err(Failure::Usage(
                "--rules: this program was built without the drivers that rules need".into(),
            )),
            false => Ok(None),
        }
    }

    fn verify_rules(&self, env: &Environment, are_kept: bool) -> Result<Option<Duration>, Failure> {
        const NAME: &str = "MONITOR_VERIFY_RULES";
        let named = match (self.verify_rules, env.get(NAME)) {
            (Some(every), _) => Some(every),
            (None, Some(text)) => {
                let every = humantime::parse_duration(&text);
                Some(every.map_err(|error| Failure::Usage(format!("{NAME}={text}: {error}")))?)
            }
            (None, None) => None,
        };
        match named {
            Some(_) if !are_kept => Err(Failure::Usage(
                "--verify-rules needs --rules: the monitor compares what it keeps going; otherwise use `rules verify`".into(),
            )),
            Some(every) if every < Duration::from_secs(1) => {
                Err(Failure::Usage("--verify-rules must be 1s or more".into()))
            }
            named => Ok(named),
        }
    }

    /// What nobody measures need not be kept, unless that is asked for.
    fn history(&self, base: &Path, env: &Environment, live: bool) -> Option<PathBuf> {
        let named = self.history.clone();
        let named = named.or_else(|| env.get("MONITOR_HISTORY").map(PathBuf::from));
        match named {
            Some(off) if off.as_os_str() == "off" => None,
            Some(file) => Some(base.join(file)),
            None => live.then(|| self.state_dir(base, env).join(HISTORY)),
        }
    }

    /// Without a file what is wrong is shown, and nobody is told.
    fn alerts(&self, base: &Path, env: &Environment, live: bool) -> Result<Option<AlertSettings>, Failure> {
        let named = self.alerts.clone();
        let named = named.or_else(|| env.get("MONITOR_ALERTS").map(PathBuf::from));
        let settings = match &named {
            Some(off) if off.as_os_str() == "off" => return Ok(None),
            Some(file) => read_alerts(&base.join(file), env)?,
            None => AlertSettings::default(),
        };
        // As with the history: a declared tree leaves nothing behind, unless that is asked for.
        let kept = live || named.is_some();
        let state = kept.then(|| self.state_dir(base, env).join("alerts.json"));
        if let (Some(file), Some(state)) = (&named, &state) {
            refuse_same(&base.join(file), state)?;
        }
        Ok(Some(settings.kept_in(state)))
    }

    /// A token on the command line or in a file wins over the environment's.
    fn token(&self, env: &Environment) -> Result<Option<Secret<String>>, Failure> {
        match (&self.token, &self.token_file) {
            (Some(token), _) => secret("--token", token.clone()).map(Some),
            (None, Some(_)) => Ok(None),
            (None, None) => env.secret("MONITOR_TOKEN"),
        }
    }

    fn operator_token(&self, base: &Path, env: &Environment) -> Result<Option<Secret<String>>, Failure> {
        match &self.operator_token_file {
            Some(file) => secret_in("--operator-token-file", &base.join(file)).map(Some),
            None => env.secret("MONITOR_OPERATOR_TOKEN"),
        }
    }
}

/// The tree file that is meant, for commands that need nothing else.
pub(super) fn tree_path(given: Option<&Path>) -> Result<PathBuf, Failure> {
    Ok(Environment::read(Path::new(""))?.tree(given))
}

/// The file of the history that a monitor run from here writes, for commands that read it.
pub(super) fn history_path(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let env = Environment::read(Path::new(""))?;
    let named = given
        .map(Path::to_owned)
        .or_else(|| env.get("MONITOR_HISTORY").map(PathBuf::from));
    let state = env.get("MONITOR_STATE_DIR");
    Ok(named.unwrap_or_else(|| Path::new(state.as_deref().unwrap_or(DEFAULT_STATE)).join(HISTORY)))
}

/// The file for `--alerts`.
pub(super) fn read_alerts(path: &Path, env: &Environment) -> Result<AlertSettings, Failure> {
    AlertSettings::read(path, &|name| env.get(name))
        .map_err(|error| Failure::Usage(format!("--alerts {error}")))
}

/// What is kept of the alerts would take the place of the settings.
fn refuse_same(settings: &Path, state: &Path) -> Result<(), Failure> {
    let same =
        matches!((settings.canonicalize(), state.canonicalize()), (Ok(one), Ok(other)) if one == other);
    let why = "the alerts themselves are kept in a file of that name and place; name the settings otherwise, or choose another --state-dir";
    match same {
        true => Err(Failure::Usage(format!("--alerts {}: {why}", settings.display()))),
        false => Ok(()),
    }
}

fn address(host: &str) -> Result<IpAddr, Failure> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let found = (host, 0)
        .to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next());
    found
        .map(|found| found.ip())
        .ok_or_else(|| Failure::Usage(format!("the host {host:?} is no address and has none")))
}

/// An empty token would leave the monitor open without a word.
pub(super) fn secret(from: &str, token: String) -> Result<Secret<String>, Failure> {
    match token.is_empty() {
        true => Err(Failure::Usage(format!(
            "{from} is empty: give it a value, or leave it out to serve without a token"
        ))),
        false => Ok(Secret::new(token)),
    }
}

/// The first line of a file.
pub(super) fn secret_in(flag: &str, path: &Path) -> Result<Secret<String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Failed(format!("{flag} {}: {error}", path.display())))?;
    secret(
        &format!("{flag} {}", path.display()),
        text.lines().next().unwrap_or_default().trim().to_owned(),
    )
}

/// The variables of the process, then those of the files.
pub(super) struct Environment(HashMap<String, String>);

impl Environment {
    pub(super) fn read(base: &Path) -> Result<Self, Failure> {
        let mut variables: HashMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        for file in ENV_FILES.map(|file| base.join(file)) {
            let Ok(entries) = dotenvy::from_path_iter(&file) else {
                continue;
            };
            for entry in entries {
                // The error would quote the line, which may hold a password.
                let entry = entry.map_err(|_| {
                    Failure::Failed(format!("{} has a line that is not NAME=value", file.display()))
                });
                let (name, value) = entry?;
                variables.entry(name).or_insert(value);
            }
        }
        Ok(Self(variables))
    }

    /// Between two mirrors of a rule; the variable is the original's, and so is what it is without one.
    #[cfg(feature = "drivers")]
    pub(super) fn rules_every(&self) -> Result<Duration, Failure> {
        let every = self.number("REPLICATOR_INTERVAL_MS")?;
        Ok(every.map_or(Duration::from_secs(60), Duration::from_millis))
    }

    fn tree(&self, given: Option<&Path>) -> PathBuf {
        let named = given
            .map(Path::to_owned)
            .or_else(|| self.get("MONITOR_TREE").map(PathBuf::from));
        named.unwrap_or_else(|| DEFAULT_TREE.into())
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| Failure::Usage(format!("{name} must be a number, but is {text:?}")))
    }

    fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.get(name).as_deref() {
            None | Some("0" | "false" | "no") => Ok(false),
            Some("1" | "true" | "yes") => Ok(true),
            Some(other) => Err(Failure::Usage(format!("{name} must be 1 or 0, but is {other:?}"))),
        }
    }

    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret<String>>, Failure> {
        self.0
            .get(name)
            .map(|value| secret(name, value.clone()))
            .transpose()
    }
}
