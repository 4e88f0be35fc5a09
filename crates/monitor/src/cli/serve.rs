//! `serve`: watches a tree file until told to stop.

use super::Failure;
use super::settings::{Flags, LogFormat, Settings};
use crate::config::Config;
use crate::handle::{Handle, StartError, start};
use crate::source::TreeFile;
use replica_core::Event;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// Open files to ask for: one a client.
const FILES: u64 = 65_536;
/// What is still running after this is left behind: a source that hangs must not keep the process alive.
const LAST_WAIT: Duration = Duration::from_millis(300);

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let settings = flags.resolve()?;
    watch(settings, flags.log_format)
}

/// Watches what the settings say until told to stop.
pub(super) fn watch(settings: Settings, log: LogFormat) -> Result<(), Failure> {
    log_to_stderr(log);
    // Without it the system's own limit holds; clients beyond it wait.
    let _ = rlimit::increase_nofile_limit(FILES);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(serve(settings));
    runtime.shutdown_timeout(LAST_WAIT);
    done
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let Settings {
        config,
        tree,
        watch,
        live,
        heartbeat,
        rules,
        verify_rules,
    } = settings;
    if tree.is_dir() {
        return Err(Failure::Usage(format!(
            "--tree {}: this is a folder; name the file in it",
            tree.display()
        )));
    }
    // Listened for before the first client can come, so that no signal is lost.
    let stop = signals()?;
    let open = config.reads_open();
    let what = Watched {
        tree: &tree,
        watch,
        heartbeat,
        rules,
        verify_rules,
    };
    let (started, mut told) = match live {
        true => start_live(config, what).await?,
        false => start_declared(config, what).await?,
    };
    let monitor = started.map_err(|error| match error {
        StartError::Settings(why) => Failure::Usage(why),
        listen => Failure::Failed(listen.to_string()),
    })?;
    let mut out = io::stdout();
    writeln!(
        out,
        "replica-monitor serves {} at {}/",
        tree.display(),
        monitor.url()
    )?;
    if !live {
        writeln!(
            out,
            "It shows what the tree declares; with --live it asks the databases too."
        )?;
    }
    if !open {
        writeln!(
            out,
            "Reading needs the token: as Authorization: Bearer, or once as ?token= in a browser."
        )?;
    }
    out.flush()?;
    passed_on(stop, &monitor, &mut told).await;
    monitor.stop().await;
    Ok(())
}

/// Until it is to stop, what the rules tell is published.
async fn passed_on(
    stop: impl Future<Output = ()>,
    monitor: &Handle,
    told: &mut mpsc::UnboundedReceiver<Event>,
) {
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            // One that a full inbox does not take is shown by the figures nevertheless.
            Some(event) = told.recv() => drop(monitor.emit(event)),
        }
    }
}

/// What is watched, and how.
#[cfg_attr(
    not(feature = "drivers"),
    expect(dead_code, reason = "only drivers ask databases")
)]
struct Watched<'t> {
    tree: &'t Path,
    watch: bool,
    heartbeat: Option<i16>,
    /// How often what is mirrored is mirrored again, if rules are kept going.
    rules: Option<Duration>,
    /// How often both ends of a rule are compared, if they are.
    verify_rules: Option<Duration>,
}

#[cfg(feature = "drivers")]
impl Watched<'_> {
    /// How its rules are kept going, if they are.
    fn keeping(&self) -> Option<crate::Keeping> {
        let verify = self.verify_rules;
        self.rules.map(|every| crate::Keeping { every, verify })
    }
}

/// What was started, and what its rules will tell.
type Started = (Result<Handle, StartError>, mpsc::UnboundedReceiver<Event>);

/// The tree as it is declared.
async fn start_declared(config: Config, what: Watched<'_>) -> Result<Started, Failure> {
    #[cfg(feature = "drivers")]
    if let Some(keeping) = what.keeping() {
        let file = TreeFile::open_keeping(what.tree, what.watch, true);
        let file = file.map_err(|error| unreadable(what.tree, &error))?;
        return Ok(start_kept(config, file, keeping).await);
    }
    let source = TreeFile::open(what.tree, what.watch).map_err(|error| unreadable(what.tree, &error))?;
    Ok((start(config, source).await, silent()))
}

/// Nobody tells anything.
fn silent() -> mpsc::UnboundedReceiver<Event> {
    mpsc::unbounded_channel().1
}

#[cfg(feature = "drivers")]
async fn start_kept(
    config: Config,
    source: impl crate::source::Declares + 'static,
    keeping: crate::Keeping,
) -> Started {
    let (source, told) = crate::KeptRules::of(source, keeping);
    (start(config, source).await, told)
}

/// The tree with its databases asked, at the pace of the poll.
#[cfg(feature = "drivers")]
async fn start_live(config: Config, what: Watched<'_>) -> Result<Started, Failure> {
    let pace = replica_engine::Pace {
        heartbeat: what.heartbeat,
        ..replica_engine::Pace::every(config.poll)
    };
    let source = crate::LiveTree::open(what.tree, what.watch, pace);
    let source = source.map_err(|error| unreadable(what.tree, &error))?;
    Ok(match what.keeping() {
        Some(keeping) => start_kept(config, source, keeping).await,
        None => (start(config, source).await, silent()),
    })
}

#[cfg(not(feature = "drivers"))]
#[expect(clippy::unused_async, reason = "the same signature as with the drivers")]
async fn start_live(_: Config, _: Watched<'_>) -> Result<Started, Failure> {
    Err(Failure::Usage(
        "--live: this program was built without the drivers that ask databases".into(),
    ))
}

fn unreadable(tree: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!(
        "cannot read the tree file {}: {error}\nName the right one with --tree FILE, or start with an empty one: echo '{{}}' > FILE",
        tree.display()
    ))
}

/// Resolves at the first signal that asks to stop.
pub(super) fn signals() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

pub(super) fn log_to_stderr(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MONITOR_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    // An application that embeds this may have set its own; then that one stays.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
