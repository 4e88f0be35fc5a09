//! The statements of rules, in PostgreSQL's words.

use crate::rules::{Cell, Column, Key, Kind, Table};

pub(super) fn declared(kind: Kind) -> String {
    match kind {
        Kind::Bool => "boolean",
        Kind::Int => "bigint",
        Kind::Unsigned => "numeric(20)",
        Kind::Float => "double precision",
        Kind::Decimal(Some((digits, behind))) => return format!("numeric({digits}, {behind})"),
        Kind::Decimal(None) => "numeric",
        Kind::Text | Kind::Any => "text",
        Kind::Bytes => "bytea",
        Kind::Instant => "timestamptz",
        Kind::DateTime => "timestamp",
        Kind::Date => "date",
        Kind::Time => "time",
        Kind::Uuid => "uuid",
        Kind::Json => "jsonb",
    }
    .to_owned()
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn names<'t>(columns: impl Iterator<Item = &'t Column>) -> String {
    columns
        .map(|column| quoted(&column.name))
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn creation(table: &Table) -> String {
    let column = |column: &Column| {
        let null = if column.nullable { "" } else { " NOT NULL" };
        format!("{} {}{null}", quoted(&column.name), declared(column.kind))
    };
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    let key = names(table.key_columns());
    format!(
        "CREATE TABLE {} ({}, PRIMARY KEY ({key}))",
        quoted(&table.name),
        columns.join(", ")
    )
}

/// How a column is read.
pub(super) fn expression(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.kind {
        Kind::Bool | Kind::Bytes => name,
        Kind::Int => format!("{name}::int8"),
        Kind::Float => format!("{name}::float8"),
        _ => format!("{name}::text"),
    }
}

/// How a column of a key is ordered, and how a bound of it is read from text.
fn ordered(column: &Column) -> (String, &'static str) {
    let name = quoted(&column.name);
    match column.kind {
        Kind::Bool => (format!("{name}::int"), "int"),
        Kind::Int => (name, "int8"),
        Kind::Unsigned => (name, "numeric"),
        Kind::Bytes => (name, "bytea"),
        _ => (format!("{name}::text COLLATE \"C\""), "text"),
    }
}

pub(super) fn selection(
    table: &Table,
    after: Option<&Key>,
    until: Option<&Key>,
    most: usize,
) -> (String, Vec<Option<String>>) {
    let columns: Vec<String> = table.columns.iter().map(expression).collect();
    let keys: Vec<(String, &str)> = table.key_columns().map(ordered).collect();
    let order: Vec<&str> = keys.iter().map(|(order, _)| order.as_str()).collect();
    let order = order.join(", ");
    let (mut conditions, mut bounds) = (String::new(), Vec::new());
    for (bound, sign) in [(after, ">"), (until, "<=")] {
        let Some(Key(cells)) = bound else { continue };
        let marks: Vec<String> = (bounds.len() + 1..)
            .zip(&keys)
            .map(|(at, (_, native))| format!("${at}::{native}"))
            .collect();
        conditions.push_str(&format!(" AND ({order}) {sign} ({})", marks.join(", ")));
        bounds.extend(cells.iter().map(Cell::written));
    }
    let (columns, name) = (columns.join(", "), quoted(&table.name));
    let statement =
        format!("SELECT {columns} FROM {name} WHERE true{conditions} ORDER BY {order} LIMIT {most}");
    (statement, bounds)
}
