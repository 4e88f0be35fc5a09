//! PostgreSQL as an end of a rule.
//!
//! Values travel as the text that the server itself writes and reads, but for whole numbers, truth values, floats and bytes. A session pins time zone and
//! formats, so that this text does not depend on the settings of the server.

use super::connect::{fault, open as connect};
use super::statements::{creation, declared, names, quoted, selection};
use super::value::{kind, plain};
use crate::fault::{Fault, FaultKind};
use crate::rules::{
    Batch, Cell, Change, Claim, Column, Cursor, Ends, Key, Kind, Mark, Row, Store, StoreError, Table,
    cursors, gone,
};
use crate::target::Target;
use replica_core::source::Pending;
use std::collections::HashMap;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

/// How texts look, whatever the server's settings are.
pub(super) const SETUP: &str = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'";
/// Of every column of the user's own tables: its table, name, type, size, nullability, whether it is generated, and its place in the primary key.
const COLUMNS: &str = "SELECT c.relname::text, a.attname::text, t.typname::text, format_type(a.atttypid, a.atttypmod), a.atttypmod,
        NOT a.attnotnull, a.attgenerated <> '', coalesce(array_position(i.indkey::int2[], a.attnum), -1)::int4
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = to_regnamespace(current_schema()::text)
        AND c.relname NOT LIKE '\\_rm\\_%' AND c.relname <> 'fleet_heartbeat'
    ORDER BY c.relname, a.attnum";

/// Rows a page as they were when they were counted last, times the pages of now: as the planner guesses. A partitioned table has no pages of its own,
/// which ANALYZE writes as -1.
const SIZES: &str = "SELECT c.relname::text, CASE WHEN c.relpages <= 0 THEN c.reltuples::float8
        ELSE c.reltuples::float8 / c.relpages * pg_relation_size(c.oid) / current_setting('block_size')::float8 END
    FROM pg_class c WHERE c.relname = ANY($1) AND c.relkind IN ('r', 'p') AND c.relnamespace = to_regnamespace(current_schema()::text)
        AND (c.reltuples > 0 OR c.relkind = 'r' AND pg_relation_size(c.oid) = 0)";

const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

const CLAIM: &str = "INSERT INTO _rm_cursor AS c (reader, epoch, rows_written, batches) VALUES ($1, 1, 0, 0)
    ON CONFLICT (reader) DO UPDATE SET epoch = c.epoch + 1 RETURNING epoch, batches, source, position, tables, owed";
const MOVE: &str = "UPDATE _rm_cursor SET batches = batches + 1, rows_written = rows_written + $1, source = coalesce($2, source),
    position = coalesce($3, position), tables = coalesce($4, tables), owed = coalesce($7, owed) WHERE reader = $5 AND epoch = $6 RETURNING 1";

/// PostgreSQL as rules see it.
pub(super) static ENDS: Ends = Ends {
    open: |target| Box::pin(open(target)),
    kind_of: |kind| match kind {
        Kind::Any => Kind::Text,
        other => other,
    },
    log: Some(&super::wal::LOGS),
};

struct PostgresStore {
    target: Target,
    client: Client,
    /// Each column's own type, as the server writes it.
    types: HashMap<(String, String), String>,
    /// Whether a transaction is open in which everything is read.
    still: bool,
}

/// Connects.
async fn open(target: Target) -> Result<Box<dyn Store>, Fault> {
    let client = connect(&target, "replica-monitor rules").await?.client;
    client.batch_execute(SETUP).await.map_err(|error| fault(&error))?;
    Ok(Box::new(PostgresStore {
        target,
        client,
        types: HashMap::new(),
        still: false,
    }))
}

impl Store for PostgresStore {
    fn tables(&mut self) -> Pending<'_, Result<Vec<Table>, Fault>> {
        Box::pin(async {
            let rows = self
                .client
                .query(COLUMNS, &[])
                .await
                .map_err(|error| fault(&error))?;
            let mut tables: Vec<(Table, Vec<(i32, usize)>)> = Vec::new();
            for row in rows {
                let (name, column): (String, String) = (row.get(0), row.get(1));
                let (base, native): (String, String) = (row.get(2), row.get(3));
                self.types.insert((name.clone(), column.clone()), native);
                if tables.last().is_none_or(|(table, _)| table.name != name) {
                    let (columns, key) = (Vec::new(), Vec::new());
                    tables.push((Table { name, columns, key }, Vec::new()));
                }
                let Some((table, key)) = tables.last_mut() else {
                    continue;
                };
                // The first place is 0 in an int2vector.
                if let Ok(place) = u16::try_from(row.get::<_, i32>(7)) {
                    key.push((place.into(), table.columns.len()));
                }
                table.columns.push(Column {
                    name: column,
                    kind: kind(&base, row.get(4)),
                    nullable: row.get(5),
                    generated: row.get(6),
                });
            }
            let with_key = |(mut table, mut key): (Table, Vec<(i32, usize)>)| {
                key.sort_unstable();
                table.key = key.into_iter().map(|(_, at)| at).collect();
                table
            };
            Ok(tables.into_iter().map(with_key).collect())
        })
    }

    fn sizes<'a>(&'a mut self, of: &'a [&'a str]) -> Pending<'a, Result<HashMap<String, u64>, Fault>> {
        Box::pin(async move {
            let rows = self
                .client
                .query(SIZES, &[&of])
                .await
                .map_err(|error| fault(&error))?;
            let size = |row: &tokio_postgres::Row| (row.get(0), row.get::<_, f64>(1).max(0.0) as u64);
            Ok(rows.iter().map(size).collect())
        })
    }

    fn clock(&mut self) -> Pending<'_, Result<i64, Fault>> {
        Box::pin(async move {
            let row = self
                .client
                .query_one(CLOCK, &[])
                .await
                .map_err(|error| fault(&error))?;
            Ok(row.get(0))
        })
    }

    fn create<'a>(&'a mut self, table: &'a Table) -> Pending<'a, Result<(), Fault>> {
        let statement = creation(table);
        Box::pin(async move {
            self.client
                .batch_execute(&statement)
                .await
                .map_err(|error| fault(&error))
        })
    }

    fn widen<'a>(&'a mut self, table: &'a str, columns: &'a [Column]) -> Pending<'a, Result<(), Fault>> {
        let added: Vec<String> = columns
            .iter()
            .map(|column| format!("ADD COLUMN {} {}", quoted(&column.name), declared(column.kind)))
            .collect();
        let statement = format!("ALTER TABLE {} {}", quoted(table), added.join(", "));
        Box::pin(async move {
            let widened = self.client.batch_execute(&statement).await;
            widened.map_err(|error| fault(&error))
        })
    }

    fn stand_still<'a>(&'a mut self, after: Option<&'a str>) -> Pending<'a, Result<(), Fault>> {
        Box::pin(async move {
            match (self.still, after) {
                (true, _) => return Ok(()),
                // Every slot of this server begins behind what its log has told so far.
                (false, Some(_)) => super::wal::stand_still(&self.target, &self.client).await?,
                (false, None) => {
                    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                    let begun = self.client.batch_execute(begin).await;
                    begun.map_err(|error| fault(&error))?;
                }
            }
            self.still = true;
            Ok(())
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
            let bounds: Vec<(&(dyn ToSql + Sync), Type)> = bounds
                .iter()
                .map(|bound| (bound as &(dyn ToSql + Sync), Type::TEXT))
                .collect();
            let rows = self.client.query_typed(&statement, &bounds).await;
            let rows = rows.map_err(|error| fault(&error))?;
            rows.iter()
                .map(|row| read(table, row).map_err(|error| fault(&error)))
                .collect()
        })
    }

    fn write<'a>(&'a mut self, batch: &'a Batch) -> Pending<'a, Result<(), StoreError>> {
        Box::pin(async move {
            batch.check(|_| true).map_err(StoreError::Data)?;
            let statements: Vec<(String, String)> = batch
                .parts
                .iter()
                .map(|part| (self.deletion(&part.table), self.upsertion(&part.table)))
                .collect();
            let transaction = self.client.transaction().await.map_err(|error| refused(&error))?;
            if let Some(mark) = &batch.mark {
                move_cursor(&transaction, mark, batch.rows()).await?;
            }
            for (part, (delete, _)) in batch.parts.iter().zip(&statements) {
                if part.emptied {
                    let empty = format!("DELETE FROM {}", quoted(&part.table.name));
                    let emptied = transaction.batch_execute(&empty).await;
                    emptied.map_err(|error| refused(&error))?;
                }
                let gone = part
                    .changes
                    .iter()
                    .filter(|change| change.is_deleted(batch.apart));
                let gone: Vec<Key> = gone.map(|change| change.key(&part.table)).collect();
                let keys: Vec<&Row> = gone.iter().map(|key| &key.0).collect();
                send(&transaction, delete, &keys).await?;
            }
            for (part, (_, upsert)) in batch.parts.iter().zip(&statements) {
                let rows: Vec<&Row> = part.changes.iter().filter_map(Change::row).collect();
                send(&transaction, upsert, &rows).await?;
            }
            transaction.commit().await.map_err(|error| refused(&error))
        })
    }

    fn claim<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Claim, Fault>> {
        Box::pin(async move {
            let create = cursors("TEXT", "TEXT");
            self.client
                .batch_execute(&create)
                .await
                .map_err(|error| fault(&error))?;
            let claimed = self.client.query_typed(CLAIM, &[(&reader, Type::TEXT)]).await;
            let claimed = claimed.map_err(|error| fault(&error))?;
            let Some(row) = claimed.first() else {
                return Err(Fault::new(
                    FaultKind::Strange,
                    "its table of cursors tells nothing",
                ));
            };
            let said = (row.get(2), row.get(3), row.get(4), row.get(5));
            Ok(Claim::of(row.get(0), row.get(1), said))
        })
    }

    fn cursor<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Option<Cursor>, Fault>> {
        Box::pin(async move { cursor(&self.client, reader).await.map_err(|error| fault(&error)) })
    }

    fn forget<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Vec<String>, Fault>> {
        Box::pin(async move { forget(&self.client, reader).await.map_err(|error| fault(&error)) })
    }
}

/// Whether the table of cursors is there.
async fn has_cursors(client: &Client) -> Result<bool, Error> {
    let there = "SELECT to_regclass('_rm_cursor') IS NOT NULL";
    Ok(client.query_one(there, &[]).await?.get(0))
}

async fn cursor(client: &Client, reader: &str) -> Result<Option<Cursor>, Error> {
    if !has_cursors(client).await? {
        return Ok(None);
    }
    let read = "SELECT source, position, tables, owed FROM _rm_cursor WHERE reader = $1";
    let found = client.query_typed(read, &[(&reader, Type::TEXT)]).await?;
    let said = |row: &tokio_postgres::Row| (row.get(0), row.get(1), row.get(2), row.get(3));
    Ok(found.first().and_then(|row| Claim::of(0, 0, said(row)).cursor))
}

async fn forget(client: &Client, reader: &str) -> Result<Vec<String>, Error> {
    if !has_cursors(client).await? {
        return Ok(Vec::new());
    }
    let delete = "DELETE FROM _rm_cursor WHERE reader = $1 RETURNING 1";
    let cursors = client.query_typed(delete, &[(&reader, Type::TEXT)]).await?.len() as u64;
    let left = client
        .query_one("SELECT count(*) FROM _rm_cursor", &[])
        .await?
        .get::<_, i64>(0);
    if left == 0 {
        client.batch_execute("DROP TABLE _rm_cursor").await?;
    }
    Ok(gone(reader, cursors, left == 0))
}

async fn move_cursor(
    transaction: &tokio_postgres::Transaction<'_>,
    mark: &Mark,
    rows: u64,
) -> Result<(), StoreError> {
    let to = mark.to.as_ref();
    let (source, position, tables) = (
        to.map(|to| &to.source),
        to.map(|to| &to.position),
        to.map(|to| &to.tables),
    );
    let moved = transaction
        .query_typed(
            MOVE,
            &[
                (&(rows as i64), Type::INT8),
                (&source, Type::TEXT),
                (&position, Type::TEXT),
                (&tables, Type::TEXT),
                (&mark.reader, Type::TEXT),
                (&mark.epoch, Type::INT8),
                (&to.and_then(|to| to.owed.as_ref()), Type::TEXT),
            ],
        )
        .await
        .map_err(|error| refused(&error))?;
    match moved.len() {
        1 => Ok(()),
        _ => Err(StoreError::Fenced),
    }
}

impl PostgresStore {
    fn native(&self, table: &Table, column: &Column) -> &str {
        let key = (table.name.clone(), column.name.clone());
        self.types.get(&key).map_or("text", String::as_str)
    }

    fn deletion(&self, table: &Table) -> String {
        let name = quoted(&table.name);
        let keys = (1..).zip(table.key_columns());
        let (mut arrays, mut names, mut same) = (Vec::new(), Vec::new(), Vec::new());
        for (at, column) in keys {
            arrays.push(format!("${at}"));
            names.push(format!("k{at}"));
            same.push(format!(
                "t.{} = d.k{at}::{}",
                quoted(&column.name),
                self.native(table, column)
            ));
        }
        let (arrays, names) = (arrays.join(", "), names.join(", "));
        format!(
            "DELETE FROM {name} t USING unnest({arrays}) AS d({names}) WHERE {}",
            same.join(" AND ")
        )
    }

    fn upsertion(&self, table: &Table) -> String {
        let numbered = || (1..).zip(&table.columns);
        let columns = names(table.columns.iter());
        let arrays: Vec<String> = numbered().map(|(at, _)| format!("${at}")).collect();
        let values: Vec<String> = numbered().map(|(at, _)| format!("c{at}")).collect();
        let cast = |(at, column): (i32, &Column)| format!("c{at}::{}", self.native(table, column));
        let cast: Vec<String> = numbered().map(cast).collect();
        let others = (0..)
            .zip(&table.columns)
            .filter(|(at, _)| !table.key.contains(at));
        let set: Vec<String> = others
            .map(|(_, column)| format!("{0} = excluded.{0}", quoted(&column.name)))
            .collect();
        let action = if set.is_empty() {
            "NOTHING".to_owned()
        } else {
            format!("UPDATE SET {}", set.join(", "))
        };
        format!(
            "INSERT INTO {} ({columns}) OVERRIDING SYSTEM VALUE SELECT {} FROM unnest({}) AS u({}) ON CONFLICT ({}) DO {action}",
            quoted(&table.name),
            cast.join(", "),
            arrays.join(", "),
            values.join(", "),
            names(table.key_columns()),
        )
    }
}

/// The values column by column, as the server's own text.
fn columns(rows: &[&Row], width: usize) -> Vec<Vec<Option<String>>> {
    let column = |at: usize| {
        rows.iter()
            .map(|row| row.get(at).and_then(Cell::written))
            .collect()
    };
    (0..width).map(column).collect()
}

async fn send(
    transaction: &tokio_postgres::Transaction<'_>,
    statement: &str,
    rows: &[&Row],
) -> Result<(), StoreError> {
    let Some(first) = rows.first() else {
        return Ok(());
    };
    let columns = columns(rows, first.len());
    let typed: Vec<(&(dyn ToSql + Sync), Type)> = columns
        .iter()
        .map(|column| (column as &(dyn ToSql + Sync), Type::TEXT_ARRAY))
        .collect();
    let sent = transaction.query_typed(statement, &typed).await;
    sent.map(drop).map_err(|error| refused(&error))
}

/// Classes 22 (data) and 23 (constraints): <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn refused(error: &Error) -> StoreError {
    match error.as_db_error() {
        Some(server) if server.code().code().starts_with("22") || server.code().code().starts_with("23") => {
            let detail = server.detail().map(|detail| format!(": {detail}"));
            StoreError::Data(format!("{}{}", server.message(), detail.unwrap_or_default()))
        }
        _ => StoreError::Fault(fault(error)),
    }
}

pub(super) fn read(table: &Table, row: &tokio_postgres::Row) -> Result<Row, Error> {
    let cell = |(at, column): (usize, &Column)| {
        Ok(match column.kind {
            Kind::Bool => row
                .try_get::<_, Option<bool>>(at)?
                .map(|truth| Cell::Int(truth.into())),
            Kind::Int => row
                .try_get::<_, Option<i64>>(at)?
                .map(|number| Cell::Int(number.into())),
            Kind::Float => row.try_get::<_, Option<f64>>(at)?.map(Cell::Float),
            Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Cell::Bytes),
            kind => row
                .try_get::<_, Option<String>>(at)?
                .map(|text| plain(kind, text)),
        }
        .unwrap_or(Cell::Null))
    };
    table.columns.iter().enumerate().map(cell).collect()
}
