//! SQLite: files, and copies of them.
//!
//! There is no server and no position that two files share. What both do share, if somebody writes it, is a heartbeat row: then a
//! copy is measured by the beats that it holds. See `docs/guides/sqlite.md`.

mod beat;
mod log;
mod statements;
mod store;

use crate::beat::Seen;
use crate::connection::Connection;
use crate::driver::{Driver, Probe};
use crate::fault::{Fault, FaultKind};
use crate::lag::{Epoch, Intervals, Position};
use crate::look::Look;
use crate::target::Target;
use replica_core::Name;
use replica_core::observed::Evidence;
use replica_core::source::Pending;
use rusqlite::{Error, ErrorCode, OpenFlags, OptionalExtension};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// A writer may hold the file for so long before a look fails.
const BUSY: Duration = Duration::from_millis(500);
/// The table of beats; one row for each writer.
const BEATS: &str = "SELECT src, seq FROM fleet_heartbeat ORDER BY src LIMIT 100";

/// SQLite.
pub(crate) static DRIVER: Driver = Driver {
    dialects: &["sqlite"],
    default_port: None,
    grants: &[],
    tested: "the SQLite that is compiled in; Litestream and LiteFS are not asked",
    probe: |target| Box::new(SqliteProbe { target }),
    connect: |target| {
        Box::pin(async move {
            let path = path_of(&target)?;
            let opened = blocking(move || open(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)).await?;
            Ok(Connection::Sqlite(opened))
        })
    },
    beat: Some(|target| Box::new(beat::Writer(target))),
    rules: Some(&store::ENDS),
};

struct SqliteProbe {
    target: Target,
}

impl Probe for SqliteProbe {
    /// The file is opened anew each time: a copy is often renamed over, and an open file would stay the old one.
    fn look(&mut self) -> Pending<'_, Result<Look, Fault>> {
        Box::pin(async move {
            let path = path_of(&self.target)?;
            blocking(move || look(&path)).await
        })
    }

    fn seen_beat(&mut self, id: i16) -> Pending<'_, Result<Seen, Fault>> {
        Box::pin(async move {
            let path = path_of(&self.target)?;
            blocking(move || beat::read(&path, id)).await
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Fault::new(FaultKind::Strange, "the look at the file broke off")))
}

fn path_of(target: &Target) -> Result<PathBuf, Fault> {
    let path = target.database().split('?').next().unwrap_or_default();
    if path.is_empty() || path.contains(":memory:") {
        return Err(Fault::new(
            FaultKind::NotAsked,
            "a database in memory exists only inside its own process: nobody else can ask it",
        ));
    }
    Ok(path.into())
}

fn open(path: &Path, how: OpenFlags) -> Result<rusqlite::Connection, Fault> {
    // Told apart here, because SQLite has one error for all of them.
    if let Err(error) = fs::metadata(path) {
        return Err(Fault::from_io(&error));
    }
    let opened = rusqlite::Connection::open_with_flags(path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let connection = opened.map_err(|error| fault(&error))?;
    connection.busy_timeout(BUSY).map_err(|error| fault(&error))?;
    Ok(connection)
}

fn look(path: &Path) -> Result<Look, Fault> {
    let asked = Instant::now();
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let journal: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(|error| fault(&error))?;
    let pages: i64 = connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .map_err(|error| fault(&error))?;
    let page: i64 = connection
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .map_err(|error| fault(&error))?;
    let beats = beats(&connection)?;
    let mut look = Look::since(asked);
    look.unit = "beats";
    look.version = Some(format!("SQLite {}", rusqlite::version()).into());
    look.writable = fs::metadata(path)
        .ok()
        .map(|found| !found.permissions().readonly());
    look.evidence.push(Evidence {
        source: "file",
        says: format!("{} bytes, journal mode {journal}", pages * page),
        age_ms: written_ago(path),
    });
    if beats.is_empty() {
        look.no_position =
            Some("SQLite keeps no position that copies share, and nobody writes a heartbeat row into it");
        return Ok(look);
    }
    let texts: Vec<String> = beats.iter().map(|(src, seq)| format!("{src}:{seq}")).collect();
    look.position_text = Some(texts.join(", ").into());
    look.position = Position::of(beats.into_iter().map(|(src, seq)| {
        let src: Name = src.into();
        (src, Intervals::up_to(seq))
    }));
    look.epoch = Some(Epoch::of("heartbeat"));
    Ok(look)
}

/// The last beat of each writer; none where there is no such table.
fn beats(connection: &rusqlite::Connection) -> Result<Vec<(String, u64)>, Fault> {
    let table = "SELECT 1 FROM sqlite_schema WHERE type='table' AND name='fleet_heartbeat'";
    let found = connection.query_row(table, [], |_| Ok(())).optional();
    if found.map_err(|error| fault(&error))?.is_none() {
        return Ok(Vec::new());
    }
    let read = || -> Result<Vec<(String, u64)>, Error> {
        let mut statement = connection.prepare(BEATS)?;
        let rows = statement.query_map([], |row| {
            let seq: i64 = row.get(1)?;
            Ok((row.get(0)?, u64::try_from(seq).unwrap_or_default()))
        })?;
        rows.collect()
    };
    read().map_err(|error| fault(&error))
}

/// When the file, or the log beside it, was last written.
fn written_ago(path: &Path) -> Option<u64> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let times = [path, Path::new(&log)].map(|path| fs::metadata(path).ok()?.modified().ok());
    let last = times.into_iter().flatten().max()?;
    u64::try_from(last.elapsed().ok()?.as_millis()).ok()
}

fn fault(error: &Error) -> Fault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Fault::new(FaultKind::TimedOut, "another process holds the file locked")
        }
        Some(ErrorCode::NotADatabase) => {
            Fault::new(FaultKind::Misconfigured, "the file is no SQLite database")
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Fault::new(FaultKind::Misconfigured, "the file cannot be opened for reading")
        }
        Some(ErrorCode::DatabaseCorrupt) => Fault::new(FaultKind::Strange, "the file is damaged"),
        _ => Fault::new(FaultKind::Strange, "SQLite cannot read the file"),
    }
}
