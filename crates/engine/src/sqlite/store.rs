//! A file as an end of a rule.
//!
//! SQLite's types bind nobody, so each value is read as what it is. Tables that rules create declare types such as `UUID TEXT`, which SQLite takes for
//! text and this module for what they say.

use super::log::echo;
use super::statements::{creation, declared, deletion, quoted, selection, upsertion};
use super::{blocking, fault, open as open_file, path_of};
use crate::fault::{Fault, FaultKind};
use crate::rules::{
    Batch, Cell, Change, Claim, Column, Cursor, Ends, Key, Kind, Mark, Part, Row, Store, StoreError, Table,
    cursors, gone,
};
use crate::target::Target;
use replica_core::source::Pending;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{
    Connection, Error, ErrorCode, OpenFlags, OptionalExtension, ToSql, Transaction, TransactionBehavior,
    params, params_from_iter,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Other writers may hold the file for so long.
pub(super) const BUSY: Duration = Duration::from_secs(10);
/// So many rows of all tables together are counted.
const COUNTED: i64 = 2_000_000;
/// The tables of users: not SQLite's, and not this program's.
const TABLES: &str =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    AND name NOT LIKE '\\_rm\\_%' ESCAPE '\\' AND name <> 'fleet_heartbeat' ORDER BY name";
const COLUMNS: &str =
    "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1) WHERE hidden <> 1";

/// SQLite as rules see it.
pub(super) static ENDS: Ends = Ends {
    open: |target| Box::pin(open(target)),
    kind_of: |kind| kind,
    log: Some(&super::log::LOGS),
};

struct SqliteStore(Arc<Mutex<Connection>>);

/// Opens the file, which must be there.
async fn open(target: Target) -> Result<Box<dyn Store>, Fault> {
    let path = path_of(&target)?;
    let connection = blocking(move || {
        let connection = open_file(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY).map_err(|error| fault(&error))?;
        Ok(connection)
    });
    Ok(Box::new(SqliteStore(Arc::new(Mutex::new(connection.await?)))))
}

impl SqliteStore {
    /// Does something with the file, on a thread that may block.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.0);
        let done = blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(work(&mut connection).map_err(|error| refused(&error)))
        });
        done.await?
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Fault> {
        self.with(work).await.map_err(|error| match error {
            StoreError::Fault(fault) => fault,
            other => Fault::new(FaultKind::Strange, other.to_string()),
        })
    }
}

/// Whether a row is at fault, or the file.
/// It keeps no figure of them; to count is far less than to read, but takes its time with millions. Those that are not reached are unknown.
fn sizes(connection: &Connection, names: Vec<String>) -> Result<HashMap<String, u64>, Error> {
    let (mut sizes, mut left) = (HashMap::new(), COUNTED);
    for name in names {
        let counted = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT ?1)", quoted(&name));
        let rows: i64 = connection.query_row(&counted, [left], |row| row.get(0))?;
        left -= rows;
        if left == 0 {
            break;
        }
        sizes.insert(name, rows.unsigned_abs());
    }
    Ok(sizes)
}

fn refused(error: &Error) -> StoreError {
    let code = error.sqlite_error_code();
    let data = matches!(
        code,
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
    );
    match (data, error) {
        (true, Error::SqliteFailure(_, Some(message))) => StoreError::Data(message.clone()),
        (true, _) => StoreError::Data(error.to_string()),
        (false, Error::ToSqlConversionFailure(_)) => {
            StoreError::Data("SQLite has no whole number beyond 2⁶³ − 1".to_owned())
        }
        // What our own statement was refused for; it quotes names, never values.
        (false, Error::SqlInputError { msg, .. }) => {
            StoreError::Fault(Fault::new(FaultKind::Strange, msg.clone()))
        }
        (false, _) => StoreError::Fault(fault(error)),
    }
}

impl Store for SqliteStore {
    fn tables(&mut self) -> Pending<'_, Result<Vec<Table>, Fault>> {
        Box::pin(self.read(|connection| {
            let names: Vec<String> = connection
                .prepare(TABLES)?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            names.into_iter().map(|name| table(connection, name)).collect()
        }))
    }

    fn sizes<'a>(&'a mut self, of: &'a [&'a str]) -> Pending<'a, Result<HashMap<String, u64>, Fault>> {
        let names: Vec<String> = of.iter().map(|name| (*name).to_owned()).collect();
        Box::pin(self.read(move |connection| sizes(connection, names)))
    }

    fn clock(&mut self) -> Pending<'_, Result<i64, Fault>> {
        // That of the machine on which the file is opened; julianday() counts from noon of a day long before, to the millisecond.
        const CLOCK: &str = "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)";
        Box::pin(self.read(|connection| connection.query_row(CLOCK, [], |row| row.get(0))))
    }

    fn create<'a>(&'a mut self, table: &'a Table) -> Pending<'a, Result<(), Fault>> {
        let statement = creation(table);
        Box::pin(self.read(move |connection| connection.execute_batch(&statement)))
    }

    fn widen<'a>(&'a mut self, table: &'a str, columns: &'a [Column]) -> Pending<'a, Result<(), Fault>> {
        // One at a time, all or none.
        let added = columns.iter().map(|column| {
            let (table, name) = (quoted(table), quoted(&column.name));
            format!("ALTER TABLE {table} ADD COLUMN {name} {};", declared(column.kind))
        });
        let statements = format!("BEGIN IMMEDIATE; {} COMMIT", added.collect::<String>());
        Box::pin(self.read(move |connection| {
            let widened = connection.execute_batch(&statements);
            if widened.is_err() && !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK")?;
            }
            widened
        }))
    }

    fn stand_still<'a>(&'a mut self, _: Option<&'a str>) -> Pending<'a, Result<(), Fault>> {
        Box::pin(self.read(|connection| {
            let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            // With a log beside the file a reader holds nobody up; otherwise it would.
            match journal == "wal" {
                true => connection.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1;"),
                false => Ok(()),
            }
        }))
    }

    fn rows<'a>(
        &'a mut self,
        table: &'a Table,
        after: Option<&'a Key>,
        until: Option<&'a Key>,
        most: usize,
    ) -> Pending<'a, Result<Vec<Row>, Fault>> {
        let statement = selection(table, after.is_some(), until.is_some(), most);
        let kinds: Vec<Kind> = table.columns.iter().map(|column| column.kind).collect();
        let bounds: Vec<Cell> = [after, until]
            .into_iter()
            .flatten()
            .flat_map(|key| key.0.clone())
            .collect();
        Box::pin(self.read(move |connection| {
            let mut statement = connection.prepare_cached(&statement)?;
            let bounds = bounds.iter().map(Bound);
            let rows = statement.query_map(params_from_iter(bounds), |row| {
                let cells = kinds.iter().enumerate();
                cells
                    .map(|(at, kind)| Ok(cell(*kind, row.get_ref(at)?)))
                    .collect()
            })?;
            rows.collect()
        }))
    }

    fn write<'a>(&'a mut self, batch: &'a Batch) -> Pending<'a, Result<(), StoreError>> {
        let batch = batch.clone();
        Box::pin(async move {
            batch.check(|float| !float.is_nan()).map_err(StoreError::Data)?;
            let written = self.with(move |connection| {
                let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                if let Some(mark) = &batch.mark
                    && !move_cursor(&transaction, mark, batch.rows())?
                {
                    return Ok(false);
                }
                let before = match &batch.mark {
                    None => None,
                    Some(mark) => echo::before(&transaction)?.map(|before| (before, &mark.reader)),
                };
                for part in &batch.parts {
                    delete(&transaction, part, batch.apart)?;
                }
                for part in &batch.parts {
                    let mut upsert = transaction.prepare_cached(&upsertion(&part.table))?;
                    for row in part.changes.iter().filter_map(Change::row) {
                        upsert.execute(params_from_iter(row.iter().map(Bound)))?;
                    }
                }
                if let Some((before, reader)) = before {
                    echo::note(&transaction, before, reader)?;
                }
                transaction.commit()?;
                Ok(true)
            });
            match written.await? {
                true => Ok(()),
                false => Err(StoreError::Fenced),
            }
        })
    }

    fn cursor<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Option<Cursor>, Fault>> {
        let reader = reader.to_owned();
        Box::pin(self.read(move |connection| cursor(connection, &reader)))
    }

    fn forget<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Vec<String>, Fault>> {
        let reader = reader.to_owned();
        Box::pin(self.read(move |connection| forget(connection, &reader)))
    }

    fn claim<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Claim, Fault>> {
        let reader = reader.to_owned();
        Box::pin(self.read(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(&cursors("TEXT", "TEXT"))?;
            transaction.execute(
                "INSERT INTO _rm_cursor (reader, epoch, rows_written, batches) VALUES (?1, 1, 0, 0) ON CONFLICT (reader) DO UPDATE SET epoch = epoch + 1",
                [&reader],
            )?;
            let claim = transaction.query_row(
                "SELECT epoch, batches, source, position, tables, owed FROM _rm_cursor WHERE reader = ?1",
                [&reader],
                |row| {
                    let said = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
                    Ok(Claim::of(row.get(0)?, row.get(1)?, said))
                },
            )?;
            transaction.commit()?;
            Ok(claim)
        }))
    }
}

/// Whether the cursor is still whose it was.
fn move_cursor(transaction: &Transaction<'_>, mark: &Mark, rows: u64) -> Result<bool, Error> {
    let to = mark.to.as_ref();
    let moved = transaction
        .prepare_cached(
            "UPDATE _rm_cursor SET batches = batches + 1, rows_written = rows_written + ?1, source = coalesce(?2, source),
                position = coalesce(?3, position), tables = coalesce(?4, tables), owed = coalesce(?7, owed) WHERE reader = ?5 AND epoch = ?6",
        )?
        .execute(params![
            rows as i64,
            to.map(|to| &to.source),
            to.map(|to| &to.position),
            to.map(|to| &to.tables),
            mark.reader,
            mark.epoch,
            to.and_then(|to| to.owed.as_ref())
        ])?;
    Ok(moved == 1)
}

fn cursor(connection: &Connection, reader: &str) -> Result<Option<Cursor>, Error> {
    let there = "SELECT 1 FROM sqlite_schema WHERE name = '_rm_cursor'";
    if connection.query_row(there, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let read = "SELECT source, position, tables, owed FROM _rm_cursor WHERE reader = ?1";
    let said = connection.query_row(read, [reader], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    Ok(said.optional()?.and_then(|said| Claim::of(0, 0, said).cursor))
}

fn forget(connection: &mut Connection, reader: &str) -> Result<Vec<String>, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let count = |query: &str| transaction.query_row(query, [], |row| row.get::<_, i64>(0));
    if count("SELECT count(*) FROM sqlite_schema WHERE name = '_rm_cursor'")? == 0 {
        return Ok(Vec::new());
    }
    let cursors = transaction.execute("DELETE FROM _rm_cursor WHERE reader = ?1", [reader])?;
    let is_last = count("SELECT count(*) FROM _rm_cursor")? == 0;
    if is_last {
        transaction.execute_batch("DROP TABLE _rm_cursor")?;
    }
    transaction.commit()?;
    Ok(gone(reader, cursors as u64, is_last))
}

fn delete(transaction: &Transaction<'_>, part: &Part, apart: bool) -> Result<(), Error> {
    if part.emptied {
        transaction.execute(&format!("DELETE FROM {}", quoted(&part.table.name)), [])?;
    }
    let mut statement = transaction.prepare_cached(&deletion(&part.table))?;
    for change in &part.changes {
        if change.is_deleted(apart) {
            let key = change.key(&part.table);
            statement.execute(params_from_iter(key.0.iter().map(Bound)))?;
        }
    }
    Ok(())
}

pub(super) fn table(connection: &Connection, name: String) -> Result<Table, Error> {
    let mut statement = connection.prepare_cached(COLUMNS)?;
    let mut columns = Vec::new();
    let mut key: Vec<(i64, usize)> = Vec::new();
    let mut rows = statement.query([&name])?;
    while let Some(row) = rows.next()? {
        let (declared, place, hidden): (String, i64, i64) = (row.get(1)?, row.get(3)?, row.get(4)?);
        if place > 0 {
            key.push((place, columns.len()));
        }
        columns.push(Column {
            name: row.get(0)?,
            kind: kind(&declared),
            nullable: !row.get::<_, bool>(2)?,
            generated: hidden != 0,
        });
    }
    key.sort_unstable();
    let key = key.into_iter().map(|(_, at)| at).collect();
    Ok(Table { name, columns, key })
}

/// What a declared type means: ours as they say, others by SQLite's own rules (<https://www.sqlite.org/datatype3.html> section 3.1).
fn kind(declared: &str) -> Kind {
    let declared = declared.to_uppercase();
    if let Some(ours) = OURS.iter().find(|(_, word)| *word == declared) {
        return ours.0;
    }
    if let Some(sizes) = declared
        .strip_suffix(')')
        .and_then(|rest| rest.strip_prefix("DECIMAL TEXT("))
    {
        let sizes = sizes
            .split_once(',')
            .and_then(|(digits, behind)| Some((digits.parse().ok()?, behind.parse().ok()?)));
        return Kind::Decimal(sizes);
    }
    let has = |part: &str| declared.contains(part);
    match () {
        () if has("BOOL") => Kind::Bool,
        () if has("UNSIGNED") && has("BIG") => Kind::Unsigned,
        () if has("INT") => Kind::Int,
        () if has("JSON") => Kind::Json,
        () if has("CHAR") || has("CLOB") || has("TEXT") || has("DATE") || has("TIME") || has("UUID") => {
            Kind::Text
        }
        () if has("BLOB") => Kind::Bytes,
        () if has("REAL") || has("FLOA") || has("DOUB") => Kind::Float,
        () if has("DEC") || has("NUM") => Kind::Decimal(None),
        () => Kind::Any,
    }
}

/// The types that rules declare.
pub(super) const OURS: [(Kind, &str); 13] = [
    (Kind::Bool, "BOOLEAN"),
    (Kind::Int, "INTEGER"),
    (Kind::Unsigned, "BIGINT UNSIGNED"),
    (Kind::Float, "REAL"),
    (Kind::Decimal(None), "DECIMAL TEXT"),
    (Kind::Text, "TEXT"),
    (Kind::Bytes, "BLOB"),
    (Kind::Instant, "INSTANT TEXT"),
    (Kind::DateTime, "DATETIME TEXT"),
    (Kind::Date, "DATE TEXT"),
    (Kind::Time, "TIME TEXT"),
    (Kind::Uuid, "UUID TEXT"),
    (Kind::Json, "JSON TEXT"),
];

pub(super) fn cell(kind: Kind, value: ValueRef<'_>) -> Cell {
    let is_text = !matches!(
        kind,
        Kind::Bool | Kind::Int | Kind::Unsigned | Kind::Float | Kind::Bytes | Kind::Any
    );
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) if kind == Kind::Float => Cell::Float(number as f64),
        ValueRef::Integer(number) if is_text => Cell::Text(number.to_string()),
        ValueRef::Integer(number) => Cell::Int(number.into()),
        ValueRef::Real(number) if is_text => Cell::Text(number.to_string()),
        ValueRef::Real(number) => Cell::Float(number),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Bytes(text.to_owned()),
        },
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_owned()),
    }
}

/// A value as a parameter.
pub(super) struct Bound<'c>(pub(super) &'c Cell);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, Error> {
        Ok(match self.0 {
            Cell::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Cell::Int(number) => match i64::try_from(*number) {
                Ok(number) => ToSqlOutput::Borrowed(ValueRef::Integer(number)),
                Err(error) => return Err(Error::ToSqlConversionFailure(error.into())),
            },
            Cell::Float(number) => ToSqlOutput::Borrowed(ValueRef::Real(*number)),
            Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Cell::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_declare_is_read_back_as_what_it_is() {
        for (ours, _) in OURS {
            assert_eq!(kind(&declared(ours)), ours);
        }
        let decimal = Kind::Decimal(Some((10, 2)));
        assert_eq!(kind(&declared(decimal)), decimal);
    }

    #[test]
    fn what_others_declare_is_read_by_sqlite_s_rules() {
        for (declared, wants) in [
            ("varchar(20)", Kind::Text),
            ("BIGINT", Kind::Int),
            ("DOUBLE PRECISION", Kind::Float),
            ("NUMERIC(10,5)", Kind::Decimal(None)),
            ("TIMESTAMP", Kind::Text),
            ("", Kind::Any),
        ] {
            assert_eq!(kind(declared), wants, "{declared}");
        }
    }
}
