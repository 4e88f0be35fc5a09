//! The folder that everything of one lab lives in.
//!
//! A test process that was killed leaves servers behind; the next lab ends those whose owner is gone.

use anyhow::{Context, Result};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "replica-lab-";
/// One line for each server: its process id and its program.
const PIDS: &str = "pids";

/// A folder for servers. Dropping it removes it; drop the servers first.
pub struct Lab {
    folder: tempfile::TempDir,
    named: AtomicU32,
}

impl Lab {
    /// An empty lab.
    pub fn new() -> Result<Self> {
        end_orphans();
        let folder = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .tempdir()?;
        // Servers run as other users and must be able to pass through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self {
            folder,
            named: AtomicU32::new(0),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder for one server, which does not exist yet.
    pub(crate) fn room(&self, name: &str) -> PathBuf {
        let number = self.named.fetch_add(1, Ordering::Relaxed);
        self.path().join(format!("{number}-{name}"))
    }
}

/// A port that nothing listened at a moment ago.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// Notes a process, so that it can be ended should its owner be killed.
pub(crate) fn note(room: &Path, pid: u32, program: &str) -> Result<()> {
    let lab = room.parent().unwrap_or(room).join(PIDS);
    let mut text = fs::read_to_string(&lab).unwrap_or_default();
    text.push_str(&format!("{pid} {program}\n"));
    fs::write(lab, text).context("cannot note a process")
}

/// Ends the servers of labs whose owner is gone, and removes what they left.
fn end_orphans() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for folder in entries.flatten().map(|entry| entry.path()) {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        let Some(owner) = owner.filter(|pid| !Path::new(&format!("/proc/{pid}")).exists()) else {
            continue;
        };
        let pids = fs::read_to_string(folder.join(PIDS)).unwrap_or_default();
        for line in pids.lines() {
            end_orphan(line);
        }
        eprintln!("replica-lab: removed what process {owner} left behind");
        let _ = fs::remove_dir_all(&folder);
    }
}

/// Only if the process still runs that program: process ids are used again.
fn end_orphan(line: &str) {
    let Some((pid, program)) = line.split_once(' ') else {
        return;
    };
    let runs = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if let (true, Ok(pid)) = (runs.contains(program), pid.parse::<u32>()) {
        crate::daemon::signal(pid, rustix::process::Signal::KILL);
    }
}
