//! Where Debian puts the servers, and whom they run as.

use anyhow::{Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};

/// A program that is not on this machine.
#[derive(Debug)]
pub struct Missing {
    /// What was looked for.
    pub program: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is missing; install it with: apt-get install {}",
            self.program, self.package
        )
    }
}

impl std::error::Error for Missing {}

/// The full path of a program.
pub(crate) fn find(program: &'static str, package: &'static str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/usr/bin"].map(PathBuf::from);
    let folders = std::env::split_paths(&path)
        .chain(usual)
        .chain(postgres_folders());
    let found = folders
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    found.ok_or_else(|| Missing { program, package }.into())
}

/// Debian keeps the versions of PostgreSQL apart; the newest comes first.
fn postgres_folders() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// Whether a failure is for want of a program. Tests then skip, loudly; with `CI` set they fail.
pub fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Missing>().is_some()
}

/// A user and group of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) id: u32,
    pub(crate) group: u32,
}

/// The first of those users that exists; none where we are not root and so cannot become another.
pub(crate) fn unprivileged(names: &[&str]) -> Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    for name in names {
        let line = users.lines().find(|line| line.split(':').next() == Some(name));
        let mut fields = line.unwrap_or_default().split(':').skip(2);
        if let (Some(Ok(id)), Some(Ok(group))) =
            (fields.next().map(str::parse), fields.next().map(str::parse))
        {
            return Ok(Some(User { id, group }));
        }
    }
    bail!("none of the users {names:?} exists, and this server refuses to run as root")
}

/// Gives a folder to that user.
pub(crate) fn give(path: &Path, user: Option<User>) -> Result<()> {
    if let Some(user) = user {
        std::os::unix::fs::chown(path, Some(user.id), Some(user.group))?;
    }
    Ok(())
}
