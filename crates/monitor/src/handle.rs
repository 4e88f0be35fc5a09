//! A running monitor, and how it is started and stopped.

use crate::alert::{self, AlertSettings, Alerts};
use crate::clock::now_ms;
use crate::config::Config;
use crate::history::{self, History};
use crate::hub::{Busy, Hub};
use crate::push::{self, Push};
use crate::server::auth::Access;
use crate::server::{self, Limits, Site, Tls, TokenFile};
use replica_core::{Event, EventKind, Secret, Snapshot, Source};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;
/// Connections to the port of `/metrics`.
const SCRAPERS: usize = 64;

/// Why a monitor did not start.
#[derive(Debug)]
pub enum StartError {
    /// The settings do not go together; the text says what to do.
    Settings(String),
    /// The file of tokens cannot be read; the text names it, and the line if one is wrong.
    TokenFile(String),
    /// The address cannot be listened at.
    Listen(SocketAddr, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(why) | Self::TokenFile(why) => f.write_str(why),
            Self::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
                let port = address.port();
                write!(
                    f,
                    "port {port} at {} is in use; stop its owner or choose another with --port",
                    address.ip()
                )
            }
            Self::Listen(address, error) => write!(f, "cannot listen at {address}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A running monitor. Dropping it does not stop it; [`Handle::stop`] does.
pub struct Handle {
    address: SocketAddr,
    scheme: &'static str,
    hub: Hub,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    history: Option<History>,
    /// They end by themselves, when all that must survive is written.
    beside_it: Vec<JoinHandle<()>>,
}

/// Starts a monitor of `source` on the current tokio runtime. It answers when this returns.
pub async fn start(config: Config, source: impl Source + 'static) -> Result<Handle, StartError> {
    check(&config)?;
    let (listener, address) = listen_at(config.host, config.port)?;
    let beside = SideDoors::open(&config)?;
    let (stop, stopping) = watch::channel(false);
    let tls = start_tls(&config, &stopping)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let (access, token_file) = open_access(&config, &stopping)?;
    let recorded = open_recording(&config)?;
    let (history, notices) = match recorded {
        Some(_) => (None, Vec::new()),
        None => open_history(&config).await,
    };
    let hub = Hub::start(
        Arc::new(source),
        config.poll,
        config.activity_buffer_size,
        config.on_event.clone(),
        history.clone(),
        stopping.clone(),
    );
    if !notices.is_empty() {
        // The inbox of a hub that has just begun is empty: it takes them.
        let _ = hub.tell(notices);
    }
    let sample = |history| tokio::spawn(history::sample(hub.clone(), history, stopping.clone()));
    let mut beside_it: Vec<_> = history.clone().map(sample).into_iter().collect();
    let alerts = open_alerts(config.alerts).await;
    let watch = |alerts| alert::start(alerts, hub.clone(), history.clone(), stopping.clone());
    beside_it.extend(alerts.as_ref().map(watch));
    let site = Arc::new(Site {
        secure: config.tls.is_some(),
        allow_hosts: config.allow_hosts,
        max_streams: config.max_streams,
        denied_apps: config.denied_apps,
        shelf: history.clone().or(recorded).map(server::Shelf::new),
        alerts,
        ..Site::new(hub.clone(), access)
    });
    beside_it.extend(token_file.map(|file| tokio::spawn(file.follow(Arc::clone(&site)))));
    send_metrics(config.pushes, &site, &stopping)?;
    beside.serve(&site, tls.as_ref(), &stopping);
    // A quick source has answered before the first client can ask; a slow one must not delay the door.
    let _ = tokio::time::timeout(Duration::from_secs(2), hub.first()).await;
    let limits = Limits {
        connections: config.max_connections,
        tls,
    };
    let serving = tokio::spawn(server::serve(listener, server::router(site), limits, stopping));
    Ok(Handle {
        address,
        scheme,
        hub,
        stop,
        serving,
        history,
        beside_it,
    })
}

/// The ports beside the main one, which take one kind of question each.
struct SideDoors {
    agents: Option<TcpListener>,
    metrics: Option<TcpListener>,
}

impl SideDoors {
    fn open(config: &Config) -> Result<Self, StartError> {
        let open = |port: Option<u16>| {
            let opened = port.map(|port| listen_at(config.host, port)).transpose()?;
            Ok(opened.map(|(listener, _)| listener))
        };
        Ok(Self {
            agents: open(config.agent_port)?,
            metrics: open(config.metrics_port)?,
        })
    }

    fn serve(self, site: &Arc<Site>, tls: Option<&Tls>, stopping: &watch::Receiver<bool>) {
        if let Some(listener) = self.agents {
            tokio::spawn(server::serve_agents(listener, site.hub.clone(), stopping.clone()));
        }
        if let Some(listener) = self.metrics {
            let router = server::metrics_router(Arc::clone(site));
            let limits = Limits {
                connections: SCRAPERS,
                tls: tls.cloned(),
            };
            tokio::spawn(server::serve(listener, router, limits, stopping.clone()));
        }
    }
}

/// Who may do what, and the file that may change it.
fn open_access(
    config: &Config,
    stopping: &watch::Receiver<bool>,
) -> Result<(Access, Option<TokenFile>), StartError> {
    let (own, reads_open) = (config.own_tokens(), config.reads_open());
    let Some(path) = config.token_file.clone() else {
        return Ok((Access::new(own, reads_open), None));
    };
    let opened = TokenFile::open(path, own, stopping.clone());
    let (file, tokens) = opened.map_err(StartError::TokenFile)?;
    Ok((Access::new(tokens, reads_open), Some(file)))
}

fn start_tls(config: &Config, stopping: &watch::Receiver<bool>) -> Result<Option<Tls>, StartError> {
    let files = config.tls.clone();
    let tls = files.map(|files| Tls::start(files, stopping.clone()));
    tls.transpose()
        .map_err(|error| StartError::Settings(format!("TLS cannot be used: {error}")))
}

/// Sends what `/metrics` tells to where it is wanted too.
fn send_metrics(
    pushes: Vec<Push>,
    site: &Arc<Site>,
    stopping: &watch::Receiver<bool>,
) -> Result<(), StartError> {
    let start = |settings: Push| {
        let (told, stopping) = (Arc::clone(site), stopping.clone());
        let (name, stopped) = (settings.protocol.name(), move || *stopping.borrow());
        push::start(settings, move || server::whole_text(&told), stopped)
            .map_err(|error| StartError::Settings(format!("{name}: {error}")))
    };
    let counts: Result<Vec<_>, _> = pushes.into_iter().map(start).collect();
    // They are started once.
    let _ = site.pushes.set(counts?);
    Ok(())
}

/// Opens the history where one is wanted; what is wrong with it becomes events.
async fn open_history(config: &Config) -> (Option<History>, Vec<Event>) {
    /// Polls may be quicker than anything that is worth keeping.
    const QUICKEST: Duration = Duration::from_millis(100);
    let Some(path) = config.history.clone() else {
        return (None, Vec::new());
    };
    let settings = history::Settings::every(config.poll.max(QUICKEST));
    let opened = tokio::task::spawn_blocking(move || {
        // If that fails, opening tells why.
        let _ = path.parent().map(std::fs::create_dir_all);
        History::open(&path, settings)
    });
    let opened = opened.await;
    let Ok((history, notices)) = opened else {
        return (
            None,
            vec![history_event("no history is kept: opening it failed".to_owned())],
        );
    };
    let events = notices.iter().map(|notice| history_event(notice.to_string()));
    (Some(history), events.collect())
}

/// What is only read.
fn open_recording(config: &Config) -> Result<Option<History>, StartError> {
    let open = |path: &std::path::PathBuf| {
        let refused = |error| StartError::Settings(format!("{}: {error}", path.display()));
        History::recorded(path).map_err(refused)
    };
    config.recording.as_ref().map(open).transpose()
}

async fn open_alerts(settings: Option<AlertSettings>) -> Option<Arc<Alerts>> {
    let settings = settings?;
    let opened = tokio::task::spawn_blocking(move || Alerts::open(settings, now_ms()));
    // A panic there was reported already.
    opened.await.ok().map(Arc::new)
}

fn history_event(message: String) -> Event {
    let context = Some("history".to_owned());
    Event::new(now_ms(), EventKind::Error { message, context })
}

fn check(config: &Config) -> Result<(), StartError> {
    let empty =
        |token: &Option<Secret<String>>| token.as_ref().is_some_and(|token| token.expose().is_empty());
    if empty(&config.token) || empty(&config.operator_token) {
        return Err(StartError::Settings(
            "an empty token would leave the monitor open: give it a value, or none at all".into(),
        ));
    }
    if config.poll.is_zero() {
        return Err(StartError::Settings(
            "the poll period must be at least 1 ms".into(),
        ));
    }
    if !config.host.is_loopback() && config.reads_open() && !config.insecure_no_auth {
        return Err(StartError::Settings(format!(
            "{} can be reached from other machines and no token is set: set MONITOR_TOKEN, or accept it with --insecure-no-auth",
            config.host
        )));
    }
    Ok(())
}

/// A listener, and where it really is: port 0 lets the system choose.
fn listen_at(host: IpAddr, port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let wanted = SocketAddr::new(host, port);
    let opened = listen(wanted).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    opened.map_err(|error| StartError::Listen(wanted, error))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Handle {
    /// Where it serves, for people and browsers on this machine.
    pub fn url(&self) -> String {
        let reachable = match (self.address.ip().is_unspecified(), self.address.is_ipv4()) {
            (false, _) => self.address,
            (true, true) => SocketAddr::new([127, 0, 0, 1].into(), self.address.port()),
            (true, false) => SocketAddr::new([0, 0, 0, 0, 0, 0, 0, 1].into(), self.address.port()),
        };
        format!("{}://{reachable}", self.scheme)
    }

    /// Puts an application's own event into the activity log and the stream.
    pub fn emit(&self, event: Event) -> Result<(), Busy> {
        self.hub.tell(vec![event])
    }

    /// What is known now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.hub.now().snapshot)
    }

    /// What is kept beyond this run, where something is: its readers, and how it fares.
    pub fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    /// Ends the streams, lets open answers finish, and returns within two seconds.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // It ends by itself within its grace; a panic there was reported already.
        let _ = self.serving.await;
        for task in self.beside_it {
            let _ = task.await;
        }
    }
}
