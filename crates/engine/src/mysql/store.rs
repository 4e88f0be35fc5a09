//! MySQL and MariaDB as an end of a rule.
//!
//! Values travel in the binary protocol, where numbers and times are no text; a session pins the time zone and refuses to cut what does not fit.

use super::connect::{fault, lend};
use super::statements::{creation, declared, deletion, insertion, presence, quoted, selection, update};
use crate::fault::{Fault, FaultKind};
use crate::rules::{
    Batch, Cell, Change, Claim, Column, Cursor, Ends, Key, Kind, Mark, Part, Row, Said, Store, StoreError,
    Table, cursors, gone,
};
use crate::target::Target;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Params, TxOpts, Value};
use replica_core::source::Pending;
use std::collections::{HashMap, HashSet};

/// A value that does not fit is an error rather than cut; instants are in UTC.
pub(super) const SETUP: &str = "SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'";
const COLUMNS: &str = "SELECT c.table_name, c.column_name, c.data_type, c.column_type, c.is_nullable = 'YES', c.extra LIKE '%GENERATED%' AND c.extra NOT LIKE '%DEFAULT_GENERATED%',
        c.numeric_precision, c.numeric_scale, k.ordinal_position
    FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
    LEFT JOIN information_schema.key_column_usage k ON k.table_schema = c.table_schema AND k.table_name = c.table_name
        AND k.column_name = c.column_name AND k.constraint_name = 'PRIMARY'
    WHERE c.table_schema = database() AND t.table_type = 'BASE TABLE' AND c.table_name NOT LIKE '\\_rm\\_%' AND c.table_name <> 'fleet_heartbeat'
    ORDER BY c.table_name, c.ordinal_position";
/// What the storage engine guesses.
const SIZES: &str = "SELECT table_name, table_rows FROM information_schema.tables
    WHERE table_schema = database() AND table_type = 'BASE TABLE' AND table_rows IS NOT NULL";
const CLOCK: &str = "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)";
/// Of every column: its table, name, type, character set, digits of its seconds and bytes.
pub(super) const COLUMNS_OF: &str = "SELECT table_name, column_name, data_type, column_type, character_set_name, datetime_precision, character_octet_length FROM information_schema.columns WHERE table_schema = database()";
/// Tables with a second key that must be unique.
const UNIQUE: &str = "SELECT DISTINCT table_name FROM information_schema.statistics WHERE table_schema = database() AND non_unique = 0 AND index_name <> 'PRIMARY'";
/// A statement may have 65 535 parameters.
const PARAMETERS: usize = 60_000;

/// MySQL as rules see it.
pub(super) static ENDS: Ends = Ends {
    open: |target| Box::pin(open(target)),
    kind_of: |kind| match kind {
        Kind::Any | Kind::Json => Kind::Text,
        Kind::Instant => Kind::DateTime,
        other => other,
    },
    log: Some(&super::binlog::LOGS),
};

struct MySqlStore {
    client: Conn,
    /// Where an upsert may hit a row of another key.
    unique: HashSet<String>,
}

/// Connects.
async fn open(target: Target) -> Result<Box<dyn Store>, Fault> {
    let mut client = lend(&target).await?;
    client.query_drop(SETUP).await.map_err(|error| fault(&error))?;
    Ok(Box::new(MySqlStore {
        client,
        unique: HashSet::new(),
    }))
}

/// A row of [`COLUMNS`].
type Described = (
    String,
    String,
    String,
    String,
    bool,
    bool,
    Option<u16>,
    Option<u16>,
    Option<u64>,
);

impl Store for MySqlStore {
    fn tables(&mut self) -> Pending<'_, Result<Vec<Table>, Fault>> {
        Box::pin(async {
            let described: Vec<Described> =
                self.client.query(COLUMNS).await.map_err(|error| fault(&error))?;
            let unique: Vec<String> = self.client.query(UNIQUE).await.map_err(|error| fault(&error))?;
            self.unique = unique.into_iter().collect();
            let mut tables: Vec<(Table, Vec<(u64, usize)>)> = Vec::new();
            for (name, column, base, full, nullable, generated, digits, behind, place) in described {
                if tables.last().is_none_or(|(table, _)| table.name != name) {
                    let (columns, key) = (Vec::new(), Vec::new());
                    tables.push((Table { name, columns, key }, Vec::new()));
                }
                let Some((table, key)) = tables.last_mut() else {
                    continue;
                };
                key.extend(place.map(|place| (place, table.columns.len())));
                table.columns.push(Column {
                    name: column,
                    kind: kind(&base, &full, digits.zip(behind)),
                    nullable,
                    generated,
                });
            }
            let with_key = |(mut table, mut key): (Table, Vec<(u64, usize)>)| {
                key.sort_unstable();
                table.key = key.into_iter().map(|(_, at)| at).collect();
                table
            };
            Ok(tables.into_iter().map(with_key).collect())
        })
    }

    fn sizes<'a>(&'a mut self, _: &'a [&'a str]) -> Pending<'a, Result<HashMap<String, u64>, Fault>> {
        Box::pin(async {
            let rows: Vec<(String, u64)> = self.client.query(SIZES).await.map_err(|error| fault(&error))?;
            Ok(rows.into_iter().collect())
        })
    }

    fn clock(&mut self) -> Pending<'_, Result<i64, Fault>> {
        Box::pin(async {
            let told: Option<i64> = self
                .client
                .query_first(CLOCK)
                .await
                .map_err(|error| fault(&error))?;
            told.ok_or_else(|| Fault::new(FaultKind::Strange, "it does not tell its time"))
        })
    }

    fn create<'a>(&'a mut self, table: &'a Table) -> Pending<'a, Result<(), Fault>> {
        let statement = creation(table);
        Box::pin(async move {
            self.client
                .query_drop(statement)
                .await
                .map_err(|error| fault(&error))
        })
    }

    fn widen<'a>(&'a mut self, table: &'a str, columns: &'a [Column]) -> Pending<'a, Result<(), Fault>> {
        let added: Vec<String> = columns
            .iter()
            .map(|column| {
                format!(
                    "ADD COLUMN {} {} NULL",
                    quoted(&column.name),
                    declared(column.kind, None)
                )
            })
            .collect();
        let statement = format!("ALTER TABLE {} {}", quoted(table), added.join(", "));
        Box::pin(async move {
            let widened = self.client.query_drop(statement).await;
            widened.map_err(|error| fault(&error))
        })
    }

    fn stand_still<'a>(&'a mut self, after: Option<&'a str>) -> Pending<'a, Result<(), Fault>> {
        Box::pin(async move {
            match after {
                Some(after) => super::binlog::stand_still(&mut self.client, after).await,
                None => {
                    let begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
                    self.client.query_drop(begin).await.map_err(|error| fault(&error))
                }
            }
        })
    }

    fn rows<'a>(
        &'a mut self,
        table: &'a Table,
        after: Option<&'a Key>,
        until: Option<&'a Key>,
        most: usize,
    ) -> Pending<'a, Result<Vec<Row>, Fault>> {
        Box::pin(async move {
            let (statement, bounds) = selection(table, after, until, most);
            let rows: Vec<mysql_async::Row> = self
                .client
                .exec(statement, positional(bounds))
                .await
                .map_err(|error| fault(&error))?;
            let read = |row: mysql_async::Row| {
                let values = row.unwrap().into_iter().zip(&table.columns);
                values.map(|(value, column)| cell(column.kind, value)).collect()
            };
            Ok(rows.into_iter().map(read).collect())
        })
    }

    fn write<'a>(&'a mut self, batch: &'a Batch) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(async move {
            batch.check(f64::is_finite).map_err(StoreError::Data)?;
            let mut transaction = self
                .client
                .start_transaction(TxOpts::default())
                .await
                .map_err(|error| refused(&error))?;
            if let Some(mark) = &batch.mark {
                move_cursor(&mut transaction, mark, batch.rows()).await?;
            }
            for part in &batch.parts {
                if part.emptied {
                    let empty = format!("DELETE FROM {}", quoted(&part.table.name));
                    let emptied = transaction.query_drop(empty).await;
                    emptied.map_err(|error| refused(&error))?;
                }
                let gone = part
                    .changes
                    .iter()
                    .filter(|change| change.is_deleted(batch.apart));
                let gone: Vec<Row> = gone.map(|change| change.key(&part.table).0).collect();
                for keys in gone.chunks(PARAMETERS / part.table.key.len().max(1)) {
                    exec(&mut transaction, deletion(&part.table, keys.len()), keys).await?;
                }
            }
            for part in &batch.parts {
                let careful = self.unique.contains(&part.table.name);
                match careful {
                    true => one_by_one(&mut transaction, part).await?,
                    false => upsert(&mut transaction, part).await?,
                }
            }
            transaction.commit().await.map_err(|error| refused(&error))
        })
    }

    fn claim<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Claim, Fault>> {
        Box::pin(async move {
            let client = &mut self.client;
            let claimed = async {
                let name = "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
                client.query_drop(cursors(name, "LONGTEXT")).await?;
                let claim = "INSERT INTO _rm_cursor (reader, epoch, rows_written, batches) VALUES (?, 1, 0, 0) ON DUPLICATE KEY UPDATE epoch = epoch + 1";
                client.exec_drop(claim, (reader,)).await?;
                let read =
                    "SELECT source, position, tables, owed, epoch, batches FROM _rm_cursor WHERE reader = ?";
                client.exec_first(read, (reader,)).await
            };
            let row: Option<mysql_async::Row> = claimed.await.map_err(|error| fault(&error))?;
            let number = |name: &str| row.as_ref().and_then(|row| row.get(name));
            let (epoch, batches) = (number("epoch"), number("batches"));
            let Some(((row, epoch), batches)) = row.zip(epoch).zip(batches) else {
                return Err(Fault::new(
                    FaultKind::Strange,
                    "its table of cursors tells nothing",
                ));
            };
            let said: Said = ["source", "position", "tables", "owed"]
                .map(|name| row.get(name).flatten())
                .into();
            Ok(Claim::of(epoch, batches, said))
        })
    }

    fn cursor<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Option<Cursor>, Fault>> {
        Box::pin(async move {
            cursor(&mut self.client, reader)
                .await
                .map_err(|error| fault(&error))
        })
    }

    fn forget<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Vec<String>, Fault>> {
        Box::pin(async move {
            forget(&mut self.client, reader)
                .await
                .map_err(|error| fault(&error))
        })
    }
}

/// Whether the table of cursors is there.
async fn has_cursors(client: &mut Conn) -> Result<bool, Error> {
    let there = "SELECT 1 FROM information_schema.tables WHERE table_schema = database() AND table_name = '_rm_cursor'";
    Ok(client.query_first::<u8, _>(there).await?.is_some())
}

async fn cursor(client: &mut Conn, reader: &str) -> Result<Option<Cursor>, Error> {
    if !has_cursors(client).await? {
        return Ok(None);
    }
    let read = "SELECT source, position, tables, owed FROM _rm_cursor WHERE reader = ?";
    let said: Option<Said> = client.exec_first(read, (reader,)).await?;
    Ok(said.and_then(|said| Claim::of(0, 0, said).cursor))
}

async fn forget(client: &mut Conn, reader: &str) -> Result<Vec<String>, Error> {
    if !has_cursors(client).await? {
        return Ok(Vec::new());
    }
    let delete = "DELETE FROM _rm_cursor WHERE reader = ?";
    client.exec_drop(delete, (reader,)).await?;
    let cursors = client.affected_rows();
    let left: Option<u64> = client.query_first("SELECT count(*) FROM _rm_cursor").await?;
    if left == Some(0) {
        client.query_drop("DROP TABLE _rm_cursor").await?;
    }
    Ok(gone(reader, cursors, left == Some(0)))
}

async fn move_cursor(
    transaction: &mut mysql_async::Transaction<'_>,
    mark: &Mark,
    rows: u64,
) -> Result<(), StoreError> {
    // The count of batches makes a row that is found a row that is changed, which is what the server counts.
    let statement = "UPDATE _rm_cursor SET batches = batches + 1, rows_written = rows_written + ?, source = coalesce(?, source),
        position = coalesce(?, position), tables = coalesce(?, tables), owed = coalesce(?, owed) WHERE reader = ? AND epoch = ?";
    let to = mark.to.as_ref();
    let values = (
        rows,
        to.map(|to| to.source.as_str()),
        to.map(|to| to.position.as_str()),
        to.map(|to| to.tables.as_str()),
        to.and_then(|to| to.owed.as_deref()),
        mark.reader.as_str(),
        mark.epoch,
    );
    let sent = transaction.exec_drop(statement, values).await;
    sent.map_err(|error| refused(&error))?;
    match transaction.affected_rows() {
        1 => Ok(()),
        _ => Err(StoreError::Fenced),
    }
}

async fn upsert(transaction: &mut mysql_async::Transaction<'_>, part: &Part) -> Result<(), StoreError> {
    let rows: Vec<Row> = part.changes.iter().filter_map(Change::row).cloned().collect();
    for rows in rows.chunks((PARAMETERS / part.table.columns.len().max(1)).max(1)) {
        exec(transaction, insertion(&part.table, rows.len(), false), rows).await?;
    }
    Ok(())
}

/// An upsert would change whichever row has the same value in another key: each row is changed by its own key alone.
async fn one_by_one(transaction: &mut mysql_async::Transaction<'_>, part: &Part) -> Result<(), StoreError> {
    let table = &part.table;
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for change in &part.changes {
        match change {
            Change::Insert(row) => missing.push(row.clone()),
            Change::Update(row) => there.push(row),
            Change::Put { row, .. } => {
                let key: Vec<Value> = Key::of(table, row).0.iter().map(value).collect();
                let found: Option<u8> = transaction
                    .exec_first(presence(table), positional(key))
                    .await
                    .map_err(|error| refused(&error))?;
                match found {
                    Some(_) => there.push(row),
                    None => missing.push(row.clone()),
                }
            }
            Change::Delete(_) => {}
        }
    }
    for row in there {
        exec(transaction, update(table), &[for_update(table, row)]).await?;
    }
    for rows in missing.chunks((PARAMETERS / table.columns.len().max(1)).max(1)) {
        exec(transaction, insertion(table, rows.len(), true), rows).await?;
    }
    Ok(())
}

async fn exec(
    transaction: &mut mysql_async::Transaction<'_>,
    statement: String,
    rows: &[Row],
) -> Result<(), StoreError> {
    let values = rows.iter().flatten().map(value).collect();
    let sent = transaction.exec_drop(statement, positional(values)).await;
    sent.map_err(|error| refused(&error))
}

pub(super) fn positional(values: Vec<Value>) -> Params {
    match values.is_empty() {
        true => Params::Empty,
        false => Params::Positional(values),
    }
}

/// Errors about values: duplicates, nulls, ranges, lengths, formats, foreign keys, constraints, packets that are too large
/// (<https://mariadb.com/kb/en/mariadb-error-code-reference/>).
fn refused(error: &Error) -> StoreError {
    const DATA: [u16; 17] = [
        1022, 1048, 1062, 1153, 1216, 1217, 1264, 1265, 1292, 1366, 1406, 1411, 1451, 1452, 1586, 3819, 4025,
    ];
    match error {
        Error::Server(server) if DATA.contains(&server.code) => StoreError::Data(server.message.clone()),
        error => StoreError::Fault(fault(error)),
    }
}

fn kind(base: &str, full: &str, sizes: Option<(u16, u16)>) -> Kind {
    let unsigned = full.contains("unsigned");
    match base.to_lowercase().as_str() {
        "tinyint" if full.starts_with("tinyint(1)") && !unsigned => Kind::Bool,
        "bigint" if unsigned => Kind::Unsigned,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Kind::Int,
        "float" | "double" => Kind::Float,
        "decimal" => Kind::Decimal(sizes),
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "bit" | "geometry" => {
            Kind::Bytes
        }
        "timestamp" => Kind::Instant,
        "datetime" => Kind::DateTime,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "uuid" => Kind::Uuid,
        "json" => Kind::Json,
        _ => Kind::Text,
    }
}

fn for_update(table: &Table, row: &Row) -> Row {
    row.iter().cloned().chain(Key::of(table, row).0).collect()
}

pub(super) fn cell(kind: Kind, value: Value) -> Cell {
    match value {
        Value::NULL => Cell::Null,
        Value::Int(number) => Cell::Int(number.into()),
        Value::UInt(number) => Cell::Int(number.into()),
        // By its shortest text, so that 0.1 stays 0.1.
        Value::Float(number) => Cell::Float(number.to_string().parse().unwrap_or_else(|_| number.into())),
        Value::Double(number) => Cell::Float(number),
        Value::Date(year, month, day, ..) if kind == Kind::Date => {
            Cell::Text(format!("{year:04}-{month:02}-{day:02}"))
        }
        Value::Date(year, month, day, hour, minute, second, micros) => Cell::Text(format!(
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}"
        )),
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let sign = if negative { "-" } else { "" };
            let hours = u64::from(days) * 24 + u64::from(hours);
            Cell::Text(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{micros:06}"))
        }
        Value::Bytes(bytes) if kind == Kind::Bytes => Cell::Bytes(bytes),
        Value::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) if kind == Kind::Uuid => Cell::Text(text.to_lowercase()),
            Ok(text) => Cell::Text(text),
            Err(error) => Cell::Bytes(error.into_bytes()),
        },
    }
}

pub(super) fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::NULL,
        Cell::Int(number) => match i64::try_from(*number) {
            Ok(number) => Value::Int(number),
            // Larger than any column's: the server refuses it as it should.
            Err(_) => u64::try_from(*number)
                .map_or_else(|_| Value::Bytes(number.to_string().into_bytes()), Value::UInt),
        },
        Cell::Float(number) => Value::Double(*number),
        Cell::Text(text) => Value::Bytes(text.clone().into_bytes()),
        Cell::Bytes(bytes) => Value::Bytes(bytes.clone()),
    }
}
