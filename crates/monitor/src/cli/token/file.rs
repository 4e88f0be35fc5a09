//! The file itself: read and written line by line, so that comments and the order stay.
//!
//! Whoever changes it holds a lock on its folder: the file is replaced, and a lock on it would go with the old one.

use crate::Token;
use crate::cli::Failure;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A token file, while somebody changes it.
pub(super) struct TokenLines {
    path: PathBuf,
    lines: Vec<String>,
    /// Nobody else changes a file of this folder meanwhile.
    _lock: File,
}

impl TokenLines {
    /// The lines of a file that need not be there yet.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        // What a link leads to is changed, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let lock = lock(folder(&path)).map_err(|error| failed(folder(&path), &error))?;
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.map_err(|error| failed(&path, &error))?,
        };
        let file = Self {
            path,
            lines: text.lines().map(str::to_owned).collect(),
            _lock: lock,
        };
        file.tokens()?;
        Ok(file)
    }

    /// Those that are in it.
    pub(super) fn tokens(&self) -> Result<Vec<Token>, Failure> {
        read(&self.path, &self.lines.join("\n"))
    }

    pub(super) fn add(&mut self, line: String) {
        self.lines.push(line);
    }

    /// Takes out the lines of the tokens of that name, and tells how many those were.
    pub(super) fn remove(&mut self, name: &str) -> usize {
        let before = self.lines.len();
        let is_of = |line: &str| matches!(Token::read(line), Ok(Some(token)) if &*token.name == name);
        self.lines.retain(|line| !is_of(line));
        before - self.lines.len()
    }

    /// Puts the lines in the place of the file, so that a crash leaves the one or the other.
    pub(super) fn write(&self) -> Result<(), Failure> {
        self.replace().map_err(|error| failed(&self.path, &error))
    }

    fn replace(&self) -> io::Result<()> {
        // Nobody but its owner may read it, unless the file that was there says otherwise.
        let mut fresh = NamedTempFile::new_in(folder(&self.path))?;
        for line in &self.lines {
            writeln!(fresh, "{line}")?;
        }
        if let Ok(old) = fs::metadata(&self.path) {
            own_as(fresh.as_file(), &old)?;
            fresh.as_file().set_permissions(old.permissions())?;
        }
        fresh.as_file().sync_all()?;
        fresh.persist(&self.path)?;
        Ok(())
    }
}

/// The tokens of a file that is only read.
pub(super) fn tokens_of(path: &Path) -> Result<Vec<Token>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    read(path, &text)
}

fn read(path: &Path, text: &str) -> Result<Vec<Token>, Failure> {
    Token::read_all(text).map_err(|error| failed(path, &error))
}

/// The monitor that reads it may be another user than the one that changes it.
#[cfg(unix)]
fn own_as(file: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let now = file.metadata()?;
    match (now.uid(), now.gid()) == (old.uid(), old.gid()) {
        true => Ok(()),
        false => fchown(file, Some(old.uid()), Some(old.gid())),
    }
}

#[cfg(not(unix))]
fn own_as(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn lock(folder: &Path) -> io::Result<File> {
    let folder = File::open(folder)?;
    folder.lock()?;
    Ok(folder)
}

fn failed(path: &Path, why: &dyn Display) -> Failure {
    Failure::Failed(format!("{}: {why}", path.display()))
}
