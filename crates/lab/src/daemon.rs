//! A server process: started, stopped, killed and frozen by its id.

use crate::lab::note;
use crate::program::User;
use crate::wait::wait_for;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a server may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server process that can be started again.
pub struct Daemon {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, String)>,
    user: Option<User>,
    room: PathBuf,
    /// Asks it to end quickly and leave nothing behind.
    quit: Signal,
    child: Mutex<Option<Child>>,
}

impl Daemon {
    pub(crate) fn new(program: PathBuf, room: &Path, user: Option<User>, quit: Signal) -> Self {
        Self {
            program,
            arguments: Vec::new(),
            variables: Vec::new(),
            user,
            room: room.to_owned(),
            quit,
            child: Mutex::default(),
        }
    }

    pub(crate) fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// An environment variable, for what should not stand in a list of processes.
    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Where its files and its log are.
    pub fn room(&self) -> &Path {
        &self.room
    }

    /// The end of its log, for messages.
    pub fn log(&self) -> String {
        let text = std::fs::read(self.log_file()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    fn log_file(&self) -> PathBuf {
        self.room.with_extension("log")
    }

    pub(crate) fn spawn(&self) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(self.room.parent().unwrap_or(&self.room))
            .env("LC_ALL", "C")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C at the terminal is ours to handle.
            .process_group(0);
        as_user(&mut command, self.user);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        note(&self.room, child.id(), &name)?;
        *self.child() = Some(child);
        Ok(())
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.child()
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Ends it properly and waits for that.
    pub async fn stop(&self, with: Signal) -> Result<()> {
        self.thaw();
        if let Some(pid) = self.pid() {
            signal(pid, with);
        }
        wait_for("a server to end", PATIENCE, async || !self.is_running()).await?;
        *self.child() = None;
        Ok(())
    }

    /// Ends it as a power failure would.
    pub async fn kill(&self) -> Result<()> {
        for pid in self.family() {
            signal(pid, Signal::KILL);
        }
        wait_for("a killed server to be gone", PATIENCE, async || {
            !self.is_running()
        })
        .await?;
        *self.child() = None;
        Ok(())
    }

    /// Stops it without ending it: its sockets stay open and nothing answers.
    pub fn freeze(&self) {
        for pid in self.family() {
            signal(pid, Signal::STOP);
        }
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        for pid in self.family() {
            signal(pid, Signal::CONT);
        }
    }

    /// The processor time that the process and its children have used, those that have ended included.
    pub fn cpu(&self) -> Duration {
        let ended = self.pid().and_then(|pid| ticks(pid, 13));
        let living = self.family().into_iter().filter_map(|pid| ticks(pid, 11));
        let ticks: u64 = living.chain(ended).sum();
        // Linux counts hundredths, on every machine.
        Duration::from_millis(ticks * 10)
    }

    /// The process and its children.
    fn family(&self) -> Vec<u32> {
        let Some(pid) = self.pid() else {
            return Vec::new();
        };
        let mut family = vec![pid];
        family.extend(children(pid));
        family
    }
}

impl Drop for Daemon {
    #[expect(
        clippy::disallowed_methods,
        reason = "dropping cannot await; the condition is the process's end, and the deadline is above"
    )]
    fn drop(&mut self) {
        self.thaw();
        let Some(mut child) = self.child().take() else {
            return;
        };
        let family = children(child.id());
        signal(child.id(), self.quit);
        let asked = Instant::now();
        while matches!(child.try_wait(), Ok(None)) {
            if asked.elapsed() > Duration::from_secs(5) {
                family.iter().for_each(|pid| signal(*pid, Signal::KILL));
                let _ = child.kill();
                let _ = child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Runs a tool to its end, as that user.
pub(crate) async fn run(program: &Path, arguments: &[&str], user: Option<User>, room: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(room.parent().unwrap_or(room))
        .env("LC_ALL", "C")
        .env("PGPASSWORD", crate::PASSWORD)
        .stdin(Stdio::null());
    as_user(&mut command, user);
    let output = tokio::process::Command::from(command).output().await?;
    if !output.status.success() {
        bail!(
            "{} failed: {}",
            program.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

fn as_user(command: &mut Command, user: Option<User>) {
    if let Some(user) = user {
        command.uid(user.id).gid(user.group);
    }
}

/// Sends a signal; a process that is gone already needs none.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// What the kernel tells of a process, from its third field on: the name before it may hold anything.
fn stat(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rsplit(')').next().unwrap_or_default();
    rest.split_whitespace().map(str::to_owned).collect()
}

/// The times for user and system that stand side by side from that field on.
fn ticks(pid: u32, from: usize) -> Option<u64> {
    let stat = stat(pid);
    let field = |number: usize| stat.get(number)?.parse::<u64>().ok();
    Some(field(from)? + field(from + 1)?)
}

/// The children of a process.
fn children(of: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |pid: &u32| stat(*pid).get(1)?.parse::<u32>().ok();
    pids.filter(|pid| parent(pid) == Some(of)).collect()
}
