//! The heartbeat row in a SQLite file.

use super::{blocking, fault, open, path_of};
use crate::beat::{Beat, READ, Row, Seen, UPSERT};
use crate::fault::{Fault, FaultKind};
use crate::target::Target;
use replica_core::source::Pending;
use rusqlite::{Error, OpenFlags, OptionalExtension};
use std::path::Path;

/// Opens the file for each beat: it may have been renamed over.
pub(super) struct Writer(pub(super) Target);

impl Beat for Writer {
    fn beat<'a>(&'a mut self, row: Row<'a>) -> Pending<'a, Result<(), Fault>> {
        Box::pin(async move {
            let path = path_of(&self.0)?;
            let (id, src, seq, ts_us) = (row.id, row.src.to_owned(), row.seq, row.ts_us);
            let write = move || {
                let connection = open(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
                let written = connection.execute(UPSERT, (id, src, seq, ts_us));
                written.map(drop).map_err(|error| refusal(&error))
            };
            blocking(write).await
        })
    }
}

/// What a file shows of the row of that id.
pub(super) fn read(path: &Path, id: i16) -> Result<Seen, Fault> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Seen::Row {
            src: row.get::<_, String>(0)?.into(),
            seq: row.get(1)?,
        })
    };
    match connection.query_row(READ, (id,), row).optional() {
        Ok(seen) => Ok(seen.unwrap_or(Seen::Absent)),
        Err(error) => Ok(Seen::Unreadable(refusal(&error).message)),
    }
}

fn refusal(error: &Error) -> Fault {
    match error {
        // SQLite has no code of its own for that.
        Error::SqliteFailure(_, Some(text)) | Error::SqlInputError { msg: text, .. }
            if text.contains("no such table") =>
        {
            Fault::new(
                FaultKind::Strange,
                "there is no table fleet_heartbeat in the file",
            )
        }
        _ => fault(error),
    }
}
