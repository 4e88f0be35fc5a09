//! The manager's tree on disk: read, and written back.
//!
//! What is written keeps the file's order, comments and unknown fields, and never a masked password. Following a file that others
//! change is not done here.

use super::{Pace, ReplicationManager};
use replica_core::Problem;
use replica_core::tree::{self, RewriteError, Tree};
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use tempfile::NamedTempFile;

/// Why a tree was not saved. The file is then as it was.
#[derive(Debug)]
pub enum SaveError {
    /// The file cannot be read or written.
    Io(PathBuf, io::Error),
    /// What is in the file cannot be edited, or what would be written would lose a password.
    Text(PathBuf, RewriteError),
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Text(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for SaveError {}

impl ReplicationManager {
    /// A manager of the tree in `path`, and what is wrong with that file. Blocks while it reads.
    pub fn load(path: &Path, pace: Pace) -> io::Result<(Self, Vec<Problem>)> {
        let label = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let parsed = tree::parse(&fs::read(path)?, &label);
        let tree = parsed.tree.unwrap_or_default();
        Ok((Self::of(&tree, pace), parsed.problems))
    }

    /// Writes the tree, passwords and all, to `path`: into what is there, or as a new file that only its owner may read. It is
    /// replaced at once or not at all. Blocks while it writes.
    pub fn save(&self, path: &Path) -> Result<(), SaveError> {
        write(path, &self.tree())
    }

    /// Saves every change that [`ReplicationManager::add_replica`] and its like make to `path` from now on; `None` ends that.
    pub fn auto_persist(&self, path: Option<PathBuf>) {
        *self.wiring.persist.lock().unwrap_or_else(PoisonError::into_inner) = path;
    }

    /// Makes a change, and saves it where it should be saved; one that cannot be saved is not made.
    pub(super) fn change<T>(&self, edit: impl FnOnce(&mut Tree) -> T) -> Result<T, SaveError> {
        // Held all the while: of two changes at once neither may undo the other.
        let persist = self.wiring.persist.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tree = self.tree();
        let done = edit(&mut tree);
        if let Some(path) = &*persist {
            write(path, &tree)?;
        }
        self.apply(&tree);
        Ok(done)
    }
}

fn write(path: &Path, tree: &Tree) -> Result<(), SaveError> {
    let io = |error| SaveError::Io(path.to_owned(), error);
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(io(error)),
    };
    let text = tree::rewrite(&before, tree).map_err(|error| SaveError::Text(path.to_owned(), error))?;
    match text == before {
        true => Ok(()),
        false => replace(path, &text).map_err(io),
    }
}

/// Puts `text` in the place of `path`, or of what it links to.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(&path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}
