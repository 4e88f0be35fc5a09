//! What a person asked for that cannot be done, and what to do instead.
//!
//! A disk that is full, or a folder that may not be written to, is not among these: those are I/O errors.

use super::kind::{KINDS, Kind};
use std::fmt;
use std::path::PathBuf;

/// A mistake in how `scaffold` was called.
#[derive(Debug)]
pub(crate) enum ScaffoldError {
    /// `--dir` is not a folder.
    NoFolder {
        /// What was given.
        dir: PathBuf,
    },
    /// Nothing in the folder tells what kind of project it is.
    UnknownKind {
        /// Where was looked.
        dir: PathBuf,
    },
    /// The main file may not go where it was sent.
    BadPath {
        /// Where it was sent.
        path: PathBuf,
        /// Why not, and what would do.
        why: String,
    },
    /// package.json is not what npm would accept, so that editing it could only make it worse.
    BadPackageJson {
        /// What is wrong with it.
        why: String,
    },
}

impl ScaffoldError {
    pub(super) fn path(path: impl Into<PathBuf>, why: impl Into<String>) -> Self {
        Self::BadPath {
            path: path.into(),
            why: why.into(),
        }
    }
}

impl fmt::Display for ScaffoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFolder { dir } => {
                write!(
                    f,
                    "{} is not a folder; give the project's one with --dir",
                    dir.display()
                )
            }
            Self::UnknownKind { dir } => {
                let markers: Vec<&str> = KINDS.iter().filter_map(|recipe| recipe.marker).collect();
                let (markers, kinds) = (markers.join(" or "), kind_names());
                write!(
                    f,
                    "{} has no {markers}; choose with --kind: {kinds}",
                    dir.display()
                )
            }
            Self::BadPath { path, why } => write!(f, "--path {}: {why}", path.display()),
            Self::BadPackageJson { why } => {
                write!(f, "package.json: {why}; mend it first, nothing was written")
            }
        }
    }
}

impl std::error::Error for ScaffoldError {}

fn kind_names() -> String {
    let names: Vec<String> = KINDS.iter().map(|recipe| Kind::name(recipe.kind)).collect();
    names.join(", ")
}
