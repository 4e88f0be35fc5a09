//! The file itself: begun, recognised, moved aside when it is not ours or damaged.

use super::HistoryError;
use super::level::Level;
use rusqlite::{Connection, OpenFlags};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// "rmhi": tells our files from other SQLite files.
const APPLICATION: i64 = 0x726d_6869;
/// The format of this version. A change that older programs cannot read adds 1 and a step that converts.
const FORMAT: i64 = 1;
/// A reader beside the writer never waits; another program may.
const BUSY: Duration = Duration::from_millis(500);
/// Up to so many pages (128 MiB) a file is checked when it is opened; a larger one would delay the start.
const CHECKED: i64 = 4096;
/// What the log may keep on disk when it is empty, in bytes.
const LOG: i64 = 4 << 20;

const TABLES: &str = "
    CREATE TABLE series(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL,
        metric INTEGER NOT NULL, UNIQUE(kind, project, name, metric));
    CREATE TABLE reason(id INTEGER PRIMARY KEY, words TEXT NOT NULL UNIQUE);
    CREATE TABLE block(id INTEGER PRIMARY KEY, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,
        tick_ms INTEGER NOT NULL, levels INTEGER NOT NULL);
    CREATE TABLE head(id INTEGER PRIMARY KEY, start_ms INTEGER NOT NULL, tick_ms INTEGER NOT NULL, data BLOB NOT NULL);
    CREATE TABLE stretch(key INTEGER PRIMARY KEY, tick_ms INTEGER NOT NULL, data BLOB NOT NULL);
    CREATE TABLE event(seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, type TEXT NOT NULL, project TEXT,
        json BLOB NOT NULL);
    CREATE INDEX event_type ON event(type, seq);
    CREATE INDEX event_project ON event(project, seq) WHERE project IS NOT NULL;
    CREATE TABLE keyframe(ts INTEGER PRIMARY KEY, bodies BLOB NOT NULL);
    CREATE TABLE body(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, data BLOB NOT NULL);";

/// Something about the file that its owner should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The file could not be used, was kept under another name, and a new one was begun.
    MovedAside {
        /// Where it is now.
        to: PathBuf,
        /// What was wrong with it.
        why: String,
    },
    /// Nothing is recorded.
    Off {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MovedAside { to, why } => {
                write!(
                    f,
                    "{why}; it was moved to {} and a new history begun",
                    to.display()
                )
            }
            Self::Off { why } => write!(f, "no history is kept: {why}"),
        }
    }
}

/// Opens or begins the file at `path`, for writing.
pub(super) fn open(path: &Path, now_ms: i64) -> Result<(Connection, Vec<Notice>), HistoryError> {
    match open_ours(path) {
        Ok(connection) => Ok((connection, Vec::new())),
        Err(error) if error.is_the_file() => replace(path, &error, now_ms),
        Err(error) => Err(error),
    }
}

/// Begins a new file in the place of one that `error` makes useless.
pub(super) fn replace(
    path: &Path,
    error: &HistoryError,
    now_ms: i64,
) -> Result<(Connection, Vec<Notice>), HistoryError> {
    let notice = Notice::MovedAside {
        to: move_aside(path, now_ms)?,
        why: error.to_string(),
    };
    Ok((open_ours(path)?, vec![notice]))
}

fn open_ours(path: &Path) -> Result<Connection, HistoryError> {
    let mut empty = fs::metadata(path).map_or(true, |found| found.len() == 0);
    let how =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, how)?;
    connection.busy_timeout(BUSY)?;
    if empty {
        // Both hold from the first table on. Large pages waste less: chunks are of one to ten thousand bytes.
        connection.execute_batch("PRAGMA page_size=32768; PRAGMA auto_vacuum=INCREMENTAL;")?;
    } else {
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        // Without any table: a process was killed just as it began the file.
        empty = tables == 0 && pragma(&connection, "application_id")? == 0;
    }
    if !empty {
        recognise(&connection)?;
        if pragma(&connection, "page_count")? <= CHECKED {
            quick_check(&connection)?;
        }
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A killed process loses nothing that was written; a crash of the system at most the last writes.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", LOG)?;
    connection.set_prepared_statement_cache_capacity(32);
    if empty {
        begin(&connection)?;
    }
    Ok(connection)
}

fn begin(connection: &Connection) -> Result<(), HistoryError> {
    let chunks: String = Level::ALL
        .iter()
        .map(|level| {
            format!(
                "CREATE TABLE {}(key INTEGER PRIMARY KEY, data BLOB NOT NULL);",
                level.table()
            )
        })
        .collect();
    connection.execute_batch(&format!(
        "BEGIN; {TABLES} {chunks} PRAGMA application_id={APPLICATION}; PRAGMA user_version={FORMAT}; COMMIT;"
    ))?;
    Ok(())
}

/// SQLite's own look at the structure of the file.
pub(super) fn quick_check(connection: &Connection) -> Result<(), HistoryError> {
    let sound: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    match sound == "ok" {
        true => Ok(()),
        false => Err(HistoryError::Damaged("SQLite's own check fails")),
    }
}

pub(super) fn pragma(connection: &Connection, name: &str) -> Result<i64, HistoryError> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}

/// Whether the file is one of ours and not from the future.
fn recognise(connection: &Connection) -> Result<(), HistoryError> {
    if pragma(connection, "application_id")? != APPLICATION {
        return Err(HistoryError::Foreign);
    }
    match pragma(connection, "user_version")? {
        FORMAT => Ok(()),
        newer if newer > FORMAT => Err(HistoryError::Newer(newer)),
        _ => Err(HistoryError::Damaged("a format that never was")),
    }
}

/// Begins a file where there is none.
pub(super) fn begin_at(path: &Path) -> Result<Connection, HistoryError> {
    // Somebody may have made it meanwhile.
    fs::File::create_new(path)?;
    open_ours(path)
}

/// Opens the file at `path` beside its writer, or a copy of it, for reading.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, HistoryError> {
    let how = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, how)?;
    connection.busy_timeout(BUSY)?;
    recognise(&connection)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Keeps what is there under a name that says so, with its log.
fn move_aside(path: &Path, now_ms: i64) -> Result<PathBuf, HistoryError> {
    let with = |path: &Path, ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let free = (0..1000).map(|more| with(path, &format!(".corrupt-{}", now_ms + more)));
    let to = free.into_iter().find(|to| !to.exists());
    let to = to.ok_or(HistoryError::Damaged("too many damaged files lie beside it"))?;
    fs::rename(path, &to)?;
    for ending in ["-wal", "-shm"] {
        // Mostly there is none.
        let _ = fs::rename(with(path, ending), with(&to, ending));
    }
    Ok(to)
}
