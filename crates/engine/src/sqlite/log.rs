//! The log of a file's changes: triggers write down which rows were touched, and the reader looks at what they hold now.
//!
//! Only keys are written down, so that a writer pays little. A row that was changed many times is read once, as it is. What is made in the file is told in
//! docs/RISKS.md, with how to remove it.

pub(super) mod echo;

use super::statements::quoted;
use super::store::{BUSY, Bound, cell};
use super::{blocking, fault, open as open_file, path_of};
use crate::fault::{Fault, FaultKind};
use crate::rules::{
    Change, ChangeLog, Findings, Key, Left, LogError, Logs, Reader, Row, Slice, Table, Touched,
};
use crate::target::Target;
use replica_core::source::Pending;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often it is looked at while nothing happens.
const GLANCE: Duration = Duration::from_millis(10);

/// Changes that are kept for a reader that does not come: then the oldest go, and the reader copies everything again.
const KEPT: i64 = 1_000_000;
/// Columns that a key may have.
const WIDEST: usize = 8;
/// Changes that are cleared away at a time: a writer waits meanwhile.
const CLEARED: i64 = 20_000;

/// In milliseconds since 1970. Older versions of SQLite, which may be what the application writes with, know nothing shorter.
const NOW: &str = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";

/// The log of a file.
pub(super) static LOGS: Logs = Logs {
    open: |target, reader, tables| Box::pin(open(target, reader, tables)),
    examine: |target, tables| Box::pin(examine(target, tables)),
    forget: |target, reader| Box::pin(forget(target, reader)),
};

/// Whether triggers can be made there.
async fn examine(target: Target, tables: Vec<Table>) -> Result<Findings, Fault> {
    let path = path_of(&target)?;
    let shown = path.display().to_string();
    let is_writable = blocking(move || {
        let connection = open_file(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY).map_err(|error| fault(&error))?;
        // Begins to write, and lets it be.
        let begun = connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK");
        Ok(begun.is_ok())
    });
    let hindrance = format!("its file cannot be written, which following it needs: chmod u+w {shown}");
    let wide = (0..).zip(&tables).filter(|(_, table)| table.key.len() > WIDEST);
    Ok(Findings {
        hindrances: (!is_writable.await?).then_some(hindrance).into_iter().collect(),
        refused: wide.map(|(at, table)| (at, too_wide(table))).collect(),
    })
}

fn too_wide(table: &Table) -> String {
    format!("the key of {:?} has more than {WIDEST} columns", table.name)
}

/// Opens the log, and makes it where it is missing.
async fn open(target: Target, reader: Reader, tables: Vec<Table>) -> Result<Box<dyn ChangeLog>, Fault> {
    let path = path_of(&target)?;
    let log = blocking(move || {
        let mut connection = open_file(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY).map_err(|error| fault(&error))?;
        if let Some(wide) = tables.iter().find(|table| table.key.len() > WIDEST) {
            return Err(Fault::new(FaultKind::NotAsked, too_wide(wide)));
        }
        let installed = install(&mut connection, &reader, &tables).map_err(|error| fault(&error))?;
        Ok(SqliteLog {
            inner: Arc::new(Mutex::new(Inner {
                connection,
                reader: reader.name,
                echo: reader.echo,
                tables,
                schema: installed.schema,
                at: 0,
            })),
            source: installed.source,
            fresh: installed.fresh,
        })
    });
    Ok(Box::new(log.await?))
}

/// Takes the reader away; with the last one goes all that was made for any.
async fn forget(target: Target, reader: String) -> Result<Vec<String>, Fault> {
    let path = path_of(&target)?;
    blocking(move || {
        let mut connection = open_file(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY).map_err(|error| fault(&error))?;
        uninstall(&mut connection, &reader).map_err(|error| fault(&error))
    })
    .await
}

fn uninstall(connection: &mut Connection, reader: &str) -> Result<Vec<String>, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_kept = transaction.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE name = '_rm_reader'",
        [],
        |row| row.get::<_, i64>(0),
    )?;
    if is_kept == 0 {
        return Ok(Vec::new());
    }
    let mut gone = Vec::new();
    if transaction.execute("DELETE FROM _rm_reader WHERE reader = ?1", [reader])? > 0 {
        gone.push(format!("the reader {reader:?} of the table _rm_reader"));
    }
    let others = transaction.query_row("SELECT count(*) FROM _rm_reader", [], |row| row.get::<_, i64>(0))?;
    if others == 0 {
        let triggers: Vec<String> = transaction
            .prepare(
                "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '\\_rm\\_%' ESCAPE '\\'",
            )?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for trigger in triggers {
            transaction.execute_batch(&format!("DROP TRIGGER {}", quoted(&trigger)))?;
            gone.push(format!("the trigger {trigger}"));
        }
        for table in ["_rm_log", "_rm_reader", "_rm_source", "_rm_echo"] {
            let there = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
            if transaction.query_row(there, [table], |row| row.get::<_, i64>(0))? > 0 {
                transaction.execute_batch(&format!("DROP TABLE {table}"))?;
                gone.push(format!("the table {table}"));
            }
        }
    }
    transaction.commit()?;
    Ok(gone)
}

struct SqliteLog {
    inner: Arc<Mutex<Inner>>,
    source: String,
    fresh: Vec<usize>,
}

struct Inner {
    connection: Connection,
    reader: String,
    /// The reader of the other way.
    echo: Option<String>,
    tables: Vec<Table>,
    /// The number of the schema that the triggers were made for.
    schema: i64,
    /// The last change that was read.
    at: i64,
}

/// What was found, or made.
struct Installed {
    /// The name of the log.
    source: String,
    schema: i64,
    /// Tables that had no triggers, or not all of them.
    fresh: Vec<usize>,
}

/// Makes what is missing.
fn install(connection: &mut Connection, reader: &Reader, tables: &[Table]) -> Result<Installed, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let keys: Vec<String> = (0..WIDEST).map(|at| format!("k{at}")).collect();
    transaction.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS _rm_source (id TEXT NOT NULL, cut INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS _rm_reader (reader TEXT NOT NULL PRIMARY KEY, position INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS _rm_log (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, tbl TEXT NOT NULL, op TEXT NOT NULL, {});",
        keys.join(", ")
    ))?;
    if reader.echo.is_some() {
        transaction.execute_batch(
            "CREATE TABLE IF NOT EXISTS _rm_echo (last INTEGER NOT NULL PRIMARY KEY, first INTEGER NOT NULL, reader TEXT NOT NULL)",
        )?;
    }
    // Below the first change there is nothing to miss.
    transaction.execute(
        "INSERT INTO _rm_source SELECT lower(hex(randomblob(8))), 0 WHERE NOT EXISTS (SELECT 1 FROM _rm_source)",
        [],
    )?;
    trigger(
        &transaction,
        "_rm_bound",
        &format!(
            "CREATE TRIGGER _rm_bound AFTER INSERT ON _rm_log WHEN NEW.seq % 1000 = 0 BEGIN
            UPDATE _rm_source SET cut = NEW.seq - {KEPT} WHERE cut < NEW.seq - {KEPT};
            DELETE FROM _rm_log WHERE seq <= (SELECT cut FROM _rm_source); END"
        ),
    )?;
    let mut fresh = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let mut is_fresh = false;
        for (name, statement) in triggers(table) {
            is_fresh |= trigger(&transaction, &name, &statement)?;
        }
        fresh.extend(is_fresh.then_some(at));
    }
    let head = head(&transaction)?;
    transaction.execute(
        "INSERT INTO _rm_reader SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM _rm_reader WHERE reader = ?1)",
        params![reader.name, head],
    )?;
    let source = transaction.query_row("SELECT id FROM _rm_source", [], |row| row.get(0))?;
    transaction.commit()?;
    let schema = connection.pragma_query_value(None, "schema_version", |row| row.get(0))?;
    Ok(Installed {
        source,
        schema,
        fresh,
    })
}

/// Makes a trigger that is missing or otherwise; one that is as it should be is not touched. Whether it was missing.
fn trigger(transaction: &Transaction<'_>, name: &str, statement: &str) -> Result<bool, Error> {
    let found: Option<String> = transaction
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?1",
            [name],
            |row| row.get(0),
        )
        .optional()?;
    match &found {
        Some(found) if found == statement => {}
        Some(_) => transaction.execute_batch(&format!("DROP TRIGGER {}; {statement}", quoted(name)))?,
        None => transaction.execute_batch(statement)?,
    }
    Ok(found.is_none())
}

/// Of inserts, updates and deletes. An update that changes the key touches two rows.
fn triggers(table: &Table) -> [(String, String); 3] {
    let into: Vec<String> = (0..table.key.len()).map(|at| format!("k{at}")).collect();
    let of = |row: &str| {
        let columns = table.key_columns();
        let values: Vec<String> = columns
            .map(|column| format!("{row}.{}", quoted(&column.name)))
            .collect();
        values.join(", ")
    };
    let (into, name) = (into.join(", "), table.name.replace('\'', "''"));
    let note = |op: char, row: &str, when: &str| {
        format!(
            "INSERT INTO _rm_log (at, tbl, op, {into}) SELECT {NOW}, '{name}', '{op}', {}{when};",
            of(row)
        )
    };
    let moved: Vec<String> = table
        .key_columns()
        .map(|column| format!("OLD.{0} IS NOT NEW.{0} COLLATE BINARY", quoted(&column.name)))
        .collect();
    let moved = format!(" WHERE {}", moved.join(" OR "));
    let update = [note('D', "OLD", &moved), note('U', "NEW", "")].concat();
    [
        ("insert", note('I', "NEW", "")),
        ("update", update),
        ("delete", note('D', "OLD", "")),
    ]
    .map(|(event, body)| {
        let trigger = format!("_rm_{event}_{}", table.name);
        let statement = format!(
            "CREATE TRIGGER {} AFTER {} ON {} BEGIN {body} END",
            quoted(&trigger),
            event.to_uppercase(),
            quoted(&table.name)
        );
        (trigger, statement)
    })
}

fn head(connection: &Connection) -> Result<i64, Error> {
    let last = connection.query_row(
        "SELECT seq FROM sqlite_sequence WHERE name = '_rm_log'",
        [],
        |row| row.get(0),
    );
    Ok(last.optional()?.unwrap_or(0))
}

/// Why what stands behind that change cannot be read, if so.
fn gap(still: &Transaction<'_>, after: i64) -> Result<Option<String>, Error> {
    let cut: i64 = still.query_row("SELECT cut FROM _rm_source", [], |row| row.get(0))?;
    let head = head(still)?;
    Ok(match after {
        after if after < cut => Some(format!(
            "its log is kept from change {cut} on, and {after} was the last one seen"
        )),
        after if after > head => Some(format!(
            "its log ends at change {head}, and {after} was seen before: the file is an older copy"
        )),
        _ => None,
    })
}

impl SqliteLog {
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Fault> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut inner).map_err(|error| fault(&error))
        })
        .await
    }
}

impl ChangeLog for SqliteLog {
    fn source(&self) -> &str {
        &self.source
    }

    fn fresh(&self) -> &[usize] {
        &self.fresh
    }

    fn seek<'a>(&'a mut self, after: Option<&'a str>) -> Pending<'a, Result<String, LogError>> {
        Box::pin(async move {
            let wanted = match after.map(str::parse::<i64>) {
                None => None,
                Some(Ok(after)) => Some(after),
                Some(Err(_)) => return Err(LogError::Gap("its cursor is of another log".to_owned())),
            };
            self.with(move |log| log.seek(wanted)).await?
        })
    }

    fn next(&mut self, most: usize) -> Pending<'_, Result<Slice, LogError>> {
        Box::pin(async move {
            let slice = self.with(move |log| log.next(most as i64)).await??;
            if slice.touched.is_empty() && slice.left.is_nothing() {
                tokio::time::sleep(GLANCE).await;
            }
            Ok(slice)
        })
    }

    fn done<'a>(&'a mut self, until: &'a str) -> Pending<'a, Result<(), Fault>> {
        let until: i64 = until.parse().unwrap_or(0);
        Box::pin(self.with(move |log| log.done(until)))
    }

    fn again<'a>(&'a mut self, table: usize, keys: &'a [Key]) -> Pending<'a, Result<Vec<Change>, Fault>> {
        let keys = keys.to_vec();
        Box::pin(self.with(move |log| {
            let mut changes = Vec::new();
            for key in keys {
                changes.push(log.again(table, key)?);
            }
            Ok(changes)
        }))
    }
}

impl Inner {
    fn seek(&mut self, after: Option<i64>) -> Result<Result<String, LogError>, Error> {
        let head = head(&self.connection)?;
        let after = after.unwrap_or(head);
        let still = self.connection.transaction()?;
        if let Some(why) = gap(&still, after)? {
            return Ok(Err(LogError::Gap(why)));
        }
        self.at = after;
        Ok(Ok(after.to_string()))
    }

    fn next(&mut self, most: i64) -> Result<Result<Slice, LogError>, Error> {
        let (still, after) = (self.connection.transaction()?, self.at);
        let schema: i64 = still.pragma_query_value(None, "schema_version", |row| row.get(0))?;
        if schema != self.schema {
            // Which tables are others shows when it is opened again.
            return Ok(Err(LogError::Altered {
                until: None,
                again: Vec::new(),
            }));
        }
        if let Some(why) = gap(&still, after)? {
            return Ok(Err(LogError::Gap(why)));
        }
        let (until, since_ms): (Option<i64>, Option<i64>) = still.prepare_cached(
            "SELECT max(seq), min(at) FROM (SELECT seq, at FROM _rm_log WHERE seq > ?1 ORDER BY seq LIMIT ?2)",
        )?.query_row([after, most], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let until = until.unwrap_or(after);
        let mut slice = Slice {
            until: until.to_string(),
            touched: BTreeMap::new(),
            since_ms,
            left: Left::Changes(u64::try_from(head(&still)? - until).unwrap_or(0)),
            echoed: None,
        };
        if let Some(echo) = &self.echo
            && slice.left.is_nothing()
        {
            // Everything that it has written is in what was read.
            let batches = "SELECT batches FROM _rm_cursor WHERE reader = ?1";
            slice.echoed = still
                .prepare_cached(batches)?
                .query_row([echo], |row| row.get(0))
                .optional()?;
        }
        if until > after {
            for (at, table) in self.tables.iter().enumerate() {
                let touched = match &self.echo {
                    None => Touched {
                        changes: touched(&still, table, after, until)?,
                        ..Touched::default()
                    },
                    Some(echo) => echo::touched(&still, table, (after, until), echo)?,
                };
                if touched != Touched::default() {
                    slice.touched.insert(at, touched);
                }
            }
        }
        drop(still);
        self.at = until;
        Ok(Ok(slice))
    }

    fn done(&mut self, until: i64) -> Result<(), Error> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "UPDATE _rm_reader SET position = ?1 WHERE reader = ?2",
            params![until, self.reader],
        )?;
        transaction.execute(
            "UPDATE _rm_source SET cut = max(cut, min((SELECT min(position) FROM _rm_reader), cut + ?1))",
            [CLEARED],
        )?;
        transaction.execute(
            "DELETE FROM _rm_log WHERE seq <= (SELECT cut FROM _rm_source)",
            [],
        )?;
        if self.echo.is_some() {
            transaction.execute(
                "DELETE FROM _rm_echo WHERE last <= (SELECT cut FROM _rm_source)",
                [],
            )?;
        }
        transaction.commit()
    }

    fn again(&self, table: usize, key: Key) -> Result<Change, Error> {
        let table = &self.tables[table];
        let same: Vec<String> = (1..)
            .zip(table.key_columns())
            .map(|(at, column)| same(&quoted(&column.name), &format!("?{at}")))
            .collect();
        let statement = format!(
            "SELECT {} FROM {} WHERE {}",
            columns(table, ""),
            quoted(&table.name),
            same.join(" AND ")
        );
        let mut select = self.connection.prepare_cached(&statement)?;
        let found = select.query_row(rusqlite::params_from_iter(key.0.iter().map(Bound)), |row| {
            read(table, row, 0)
        });
        let found: Option<Row> = found.optional()?;
        Ok(found.map_or(Change::Delete(key), |row| Change::Put { row, new: false }))
    }
}

/// A key may be declared to be compared without regard to case; rows are told apart by their bytes. The first half finds the index.
fn same(one: &str, other: &str) -> String {
    format!("{one} = {other} AND {one} COLLATE BINARY = {other}")
}

fn columns(table: &Table, of: &str) -> String {
    let names: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("{of}{}", quoted(&column.name)))
        .collect();
    names.join(", ")
}

/// The row, whose columns begin at that place.
fn read(table: &Table, row: &rusqlite::Row<'_>, from: usize) -> Result<Row, Error> {
    let columns = (from..).zip(&table.columns);
    columns
        .map(|(at, column)| Ok(cell(column.kind, row.get_ref(at)?)))
        .collect()
}

/// What the key of a table is called in the log.
fn keys_of(table: &Table) -> String {
    let keys: Vec<String> = (0..table.key.len()).map(|at| format!("k{at}")).collect();
    keys.join(", ")
}

/// The row `t` of the table whose key `l` has.
fn matching(table: &Table) -> String {
    let on: Vec<String> = (0..)
        .zip(table.key_columns())
        .map(|(at, column)| same(&format!("t.{}", quoted(&column.name)), &format!("l.k{at}")))
        .collect();
    on.join(" AND ")
}

/// What became of a row: its key begins at that place, and behind it what it holds now.
fn change(table: &Table, row: &rusqlite::Row<'_>, from: usize, new: bool) -> Result<Change, Error> {
    let behind = from + table.key.len();
    let first = table.key.first().map_or(behind, |at| behind + at);
    Ok(match row.get_ref(first)? {
        ValueRef::Null => {
            let cells = (from..behind).zip(table.key_columns());
            let cells = cells.map(|(at, column)| Ok(cell(column.kind, row.get_ref(at)?)));
            Change::Delete(Key(cells.collect::<Result<_, Error>>()?))
        }
        _ => Change::Put {
            row: read(table, row, behind)?,
            new,
        },
    })
}

/// The rows that were touched between two positions, each as it is now.
fn touched(still: &Transaction<'_>, table: &Table, after: i64, until: i64) -> Result<Vec<Change>, Error> {
    let keys = keys_of(table);
    // With min() the other columns are of the row that has it: <https://www.sqlite.org/lang_select.html#bareagg>.
    let statement = format!(
        "SELECT l.op, l.{}, {} FROM (SELECT {keys}, op, min(seq) FROM _rm_log WHERE seq > ?1 AND seq <= ?2 AND tbl = ?3 GROUP BY {keys}) l
        LEFT JOIN {} t ON {}",
        keys.replace(", ", ", l."),
        columns(table, "t."),
        quoted(&table.name),
        matching(table),
    );
    let mut select = still.prepare_cached(&statement)?;
    let mut rows = select.query(params![after, until, table.name])?;
    let (mut changes, mut seen) = (Vec::new(), HashSet::new());
    while let Some(row) = rows.next()? {
        let new = row.get_ref(0)?.as_bytes().is_ok_and(|op| op == b"I");
        let change = change(table, row, 1, new)?;
        // An application may have written one key as a number and as a text.
        if seen.insert(change.key(table).words()) {
            changes.push(change);
        }
    }
    Ok(changes)
}
