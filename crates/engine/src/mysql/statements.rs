//! The statements of rules, in MySQL's words.

use super::store::value;
use crate::rules::{Column, Key, Kind, Table};
use mysql_async::Value;

/// All columns of a key together, in InnoDB.
const KEY_BYTES: usize = 3072;

/// `key`: how many bytes a key may take of it; none where it is in none.
pub(super) fn declared(kind: Kind, key: Option<usize>) -> String {
    match kind {
        Kind::Bool => "TINYINT(1)",
        Kind::Int => "BIGINT",
        Kind::Unsigned => "BIGINT UNSIGNED",
        Kind::Float => "DOUBLE",
        Kind::Decimal(Some((digits, behind))) => {
            return format!("DECIMAL({}, {})", digits.min(65), behind.min(30));
        }
        // All digits that there can be, half of them behind the point.
        Kind::Decimal(None) => "DECIMAL(65, 30)",
        Kind::Text | Kind::Any | Kind::Json => match key {
            // Four bytes to a letter.
            Some(bytes) => return format!("VARCHAR({})", bytes / 4),
            None => "LONGTEXT",
        },
        Kind::Bytes => match key {
            Some(bytes) => return format!("VARBINARY({bytes})"),
            None => "LONGBLOB",
        },
        // TIMESTAMP ends in 2038.
        Kind::Instant | Kind::DateTime => "DATETIME(6)",
        Kind::Date => "DATE",
        Kind::Time => "TIME(6)",
        // MySQL, and MariaDB before 10.7, have no such type.
        Kind::Uuid => "CHAR(36) CHARACTER SET ascii",
    }
    .to_owned()
}

pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn list<'t>(columns: impl Iterator<Item = &'t Column>, write: impl Fn(&str) -> String) -> String {
    columns
        .map(|column| write(&quoted(&column.name)))
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn creation(table: &Table) -> String {
    let share = KEY_BYTES / table.key.len().max(1);
    let column = |(at, column): (usize, &Column)| {
        let null = if column.nullable { "NULL" } else { "NOT NULL" };
        format!(
            "{} {} {null}",
            quoted(&column.name),
            declared(column.kind, table.key.contains(&at).then_some(share))
        )
    };
    let columns: Vec<String> = table.columns.iter().enumerate().map(column).collect();
    let key = list(table.key_columns(), str::to_owned);
    // Compared byte by byte: otherwise 'a' and 'A' would be one key.
    format!(
        "CREATE TABLE {} ({}, PRIMARY KEY ({key})) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        quoted(&table.name),
        columns.join(", ")
    )
}

/// How a column is read.
fn expression(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.kind {
        Kind::Uuid | Kind::Json | Kind::Text => format!("CAST({name} AS CHAR)"),
        _ => name,
    }
}

/// How a column of a key is ordered: texts by their bytes, whatever their collation.
fn ordered(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.kind {
        Kind::Text | Kind::Uuid | Kind::Json | Kind::Any => {
            format!("CAST(CONVERT(CAST({name} AS CHAR) USING utf8mb4) AS BINARY)")
        }
        _ => name,
    }
}

pub(super) fn selection(
    table: &Table,
    after: Option<&Key>,
    until: Option<&Key>,
    most: usize,
) -> (String, Vec<Value>) {
    let columns: Vec<String> = table.columns.iter().map(expression).collect();
    let order: Vec<String> = table.key_columns().map(ordered).collect();
    let order = order.join(", ");
    let marks = list(table.key_columns(), |_| "?".to_owned());
    let (mut conditions, mut bounds) = (String::new(), Vec::new());
    for (bound, sign) in [(after, ">"), (until, "<=")] {
        let Some(Key(cells)) = bound else { continue };
        conditions.push_str(&format!(" AND ({order}) {sign} ({marks})"));
        bounds.extend(cells.iter().map(value));
    }
    let (columns, name) = (columns.join(", "), quoted(&table.name));
    let statement = format!("SELECT {columns} FROM {name} WHERE 1{conditions} ORDER BY {order} LIMIT {most}");
    (statement, bounds)
}

fn marks(columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row.as_str(); rows].join(", ")
}

pub(super) fn deletion(table: &Table, rows: usize) -> String {
    let key = list(table.key_columns(), str::to_owned);
    format!(
        "DELETE FROM {} WHERE ({key}) IN ({})",
        quoted(&table.name),
        marks(table.key.len(), rows)
    )
}

pub(super) fn insertion(table: &Table, rows: usize, careful: bool) -> String {
    let columns = list(table.columns.iter(), str::to_owned);
    let set = list(table.columns.iter(), |name| format!("{name} = VALUES({name})"));
    let action = if careful {
        String::new()
    } else {
        format!(" ON DUPLICATE KEY UPDATE {set}")
    };
    format!(
        "INSERT INTO {} ({columns}) VALUES {}{action}",
        quoted(&table.name),
        marks(table.columns.len(), rows)
    )
}

fn of_key(table: &Table) -> String {
    let key = table
        .key_columns()
        .map(|column| format!("{} = ?", quoted(&column.name)));
    key.collect::<Vec<_>>().join(" AND ")
}

pub(super) fn presence(table: &Table) -> String {
    format!("SELECT 1 FROM {} WHERE {}", quoted(&table.name), of_key(table))
}

pub(super) fn update(table: &Table) -> String {
    let set = list(table.columns.iter(), |name| format!("{name} = ?"));
    format!("UPDATE {} SET {set} WHERE {}", quoted(&table.name), of_key(table))
}

/// The rows of so many keys.
pub(super) fn by_keys(table: &Table, keys: usize) -> String {
    let columns: Vec<String> = table.columns.iter().map(expression).collect();
    let key = list(table.key_columns(), str::to_owned);
    let marks = marks(table.key.len(), keys);
    format!(
        "SELECT {} FROM {} WHERE ({key}) IN ({marks})",
        columns.join(", "),
        quoted(&table.name)
    )
}
