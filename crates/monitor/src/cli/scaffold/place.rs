//! Where files may go: inside the project's folder, whatever `--path` or a symbolic link says.
//!
//! It guards against mistakes of the person who calls it. It does not guard against somebody else who swaps
//! folders for links while it works.

use super::error::ScaffoldError;
use anyhow::Context;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// The folder that nothing is written outside of.
pub(super) struct Root(PathBuf);

impl Root {
    /// Takes `dir` as the folder, with the links on the way to it resolved.
    pub(super) fn open(dir: &Path) -> Result<Self, ScaffoldError> {
        let missing = || ScaffoldError::NoFolder { dir: dir.to_owned() };
        let resolved = dir.canonicalize().map_err(|_| missing())?;
        if resolved.is_dir() {
            Ok(Self(resolved))
        } else {
            Err(missing())
        }
    }

    /// Whether a file, or a link to one, of that name is in the folder.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.join(name).is_file()
    }

    /// Where `path` is, its own last part not resolved. Nothing is created.
    pub(super) fn place(&self, path: &Path) -> Result<PathBuf, ScaffoldError> {
        let names = plain_names(path)?;
        let mut place = self.0.clone();
        for name in names.iter().take(names.len() - 1) {
            place = self
                .folder_in(&place, name)
                .map_err(|why| ScaffoldError::path(path, why))?;
        }
        place.extend(names.last());
        if place.is_dir() {
            return Err(ScaffoldError::path(path, "is a folder; name the file in it"));
        }
        Ok(place)
    }

    /// The file that `name` is or leads to.
    pub(super) fn resolve(&self, name: &str) -> anyhow::Result<PathBuf> {
        let place = self
            .0
            .join(name)
            .canonicalize()
            .with_context(|| format!("cannot find {name}"))?;
        anyhow::ensure!(
            place.starts_with(&self.0),
            "{name} is a link that leads outside of the project"
        );
        Ok(place)
    }

    /// One step down, to a folder that is there inside the root, or that can be made.
    fn folder_in(&self, parent: &Path, name: &str) -> Result<PathBuf, String> {
        let folder = parent.join(name);
        if folder.symlink_metadata().is_err() {
            return Ok(folder);
        }
        let resolved = folder
            .canonicalize()
            .map_err(|error| format!("{name}: {error}"))?;
        if !resolved.starts_with(&self.0) {
            return Err(format!("{name} is a link that leads outside of the project"));
        }
        if !resolved.is_dir() {
            return Err(format!("{name} is not a folder"));
        }
        Ok(resolved)
    }
}

/// Creates or replaces a file in one step: whoever reads it sees the old or the new text, whole.
///
/// Missing folders are made. A replaced file keeps its permissions; a `private` one is its owner's alone.
pub(super) fn write_whole(place: &Path, text: &str, private: bool) -> io::Result<()> {
    let (Some(folder), Some(name)) = (place.parent(), place.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let before = place
        .symlink_metadata()
        .ok()
        .filter(fs::Metadata::is_file)
        .map(|is| is.permissions());
    let written = write_draft(&draft, text, private, before).and_then(|()| fs::rename(&draft, place));
    if written.is_err() {
        // The reason above matters more than a leftover that cannot be removed.
        let _ = fs::remove_file(&draft);
    }
    written
}

fn write_draft(draft: &Path, text: &str, private: bool, like: Option<Permissions>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(draft)?;
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = like.filter(|_| !private) {
        file.set_permissions(permissions)?;
    }
    file.sync_all()
}

/// The parts of a relative path that stays below where it starts.
fn plain_names(path: &Path) -> Result<Vec<&str>, ScaffoldError> {
    let refuse = |why: &str| Err(ScaffoldError::path(path, why));
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => match name.to_str() {
                Some(name) => names.push(name),
                None => return refuse("is not UTF-8"),
            },
            Component::ParentDir => return refuse("leaves the project; it must not contain `..`"),
            Component::RootDir | Component::Prefix(_) => {
                return refuse("must be relative to --dir, and is absolute");
            }
        }
    }
    if names.is_empty() {
        refuse("names no file")
    } else {
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_stay_inside_have_plain_names() {
        for (path, expect) in [
            ("a.rs", Some("a.rs")),
            ("./a/./b.rs", Some("a b.rs")),
            ("a//b.rs", Some("a b.rs")),
            ("", None),
            (".", None),
            ("..", None),
            ("a/../b.rs", None),
            ("/etc/passwd", None),
        ] {
            let names = plain_names(Path::new(path)).ok().map(|names| names.join(" "));
            assert_eq!(names.as_deref(), expect, "{path}");
        }
    }
}
