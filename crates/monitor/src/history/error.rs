//! What can go wrong with the file, in words without its contents.

use std::fmt;
use std::io;

/// Why the history could not be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum HistoryError {
    /// SQLite says no.
    Sqlite(rusqlite::Error),
    /// What stands in the file is not what was written.
    Damaged(&'static str),
    /// The system says no.
    Io(io::Error),
    /// The file has nothing of ours in it.
    Foreign,
    /// A later version of this program made the file.
    Newer(i64),
}

impl HistoryError {
    pub(super) const SHORT: Self = Self::Damaged("it ends too early");

    /// Whether the file itself is at fault, so that a new one must take its place.
    pub(super) fn is_the_file(&self) -> bool {
        match self {
            Self::Damaged(_) | Self::Foreign => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt)
            ),
            Self::Io(_) | Self::Newer(_) => false,
        }
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use rusqlite::ErrorCode as Code;
        let words = match self {
            Self::Damaged(what) => return write!(f, "the history file is damaged: {what}"),
            Self::Io(error) => return write!(f, "the history file cannot be reached: {error}"),
            Self::Foreign => "the file is no history of this program",
            Self::Newer(version) => {
                return write!(
                    f,
                    "a later version of this program made the file (format {version})"
                );
            }
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(Code::DiskFull) => "the disk is full",
                Some(Code::NotADatabase) => "the file is no SQLite database",
                Some(Code::DatabaseCorrupt) => "the file is damaged",
                Some(Code::DatabaseBusy | Code::DatabaseLocked) => "another process holds the file locked",
                Some(Code::ReadOnly | Code::PermissionDenied) => "the file may not be written",
                Some(Code::CannotOpen) => "the file cannot be opened",
                Some(Code::SystemIoFailure) => "the disk fails",
                _ => return write!(f, "SQLite fails: {error}"),
            },
        };
        f.write_str(words)
    }
}

impl std::error::Error for HistoryError {}

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<io::Error> for HistoryError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
