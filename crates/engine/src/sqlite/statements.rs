//! The statements of rules, in SQLite's words.

use super::store::OURS;
use crate::rules::{Column, Kind, Table};

pub(super) fn declared(kind: Kind) -> String {
    if let Kind::Decimal(Some((digits, behind))) = kind {
        return format!("DECIMAL TEXT({digits},{behind})");
    }
    let ours = OURS.iter().find(|(known, _)| *known == kind);
    ours.map_or("", |(_, word)| word).to_owned()
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn names<'t>(columns: impl Iterator<Item = &'t Column>, write: impl Fn(&str) -> String) -> String {
    columns
        .map(|column| write(&quoted(&column.name)))
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn creation(table: &Table) -> String {
    let column = |column: &Column| {
        let null = if column.nullable { "" } else { " NOT NULL" };
        format!("{} {}{null}", quoted(&column.name), declared(column.kind))
    };
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    let key = names(table.key_columns(), str::to_owned);
    format!(
        "CREATE TABLE {} ({}, PRIMARY KEY ({key}))",
        quoted(&table.name),
        columns.join(", ")
    )
}

pub(super) fn selection(table: &Table, after: bool, until: bool, most: usize) -> String {
    let columns = names(table.columns.iter(), str::to_owned);
    // A column may be declared to be compared without regard to case.
    let key = names(table.key_columns(), |name| format!("{name} COLLATE BINARY"));
    let marks = names(table.key_columns(), |_| "?".to_owned());
    let bound = |wanted: bool, sign: &str| {
        if wanted {
            format!(" AND ({key}) {sign} ({marks})")
        } else {
            String::new()
        }
    };
    let (after, until) = (bound(after, ">"), bound(until, "<="));
    format!(
        "SELECT {columns} FROM {} WHERE 1{after}{until} ORDER BY {key} LIMIT {most}",
        quoted(&table.name)
    )
}

pub(super) fn deletion(table: &Table) -> String {
    let key = table
        .key_columns()
        .map(|column| format!("{} = ?", quoted(&column.name)));
    format!(
        "DELETE FROM {} WHERE {}",
        quoted(&table.name),
        key.collect::<Vec<_>>().join(" AND ")
    )
}

pub(super) fn upsertion(table: &Table) -> String {
    let columns = names(table.columns.iter(), str::to_owned);
    let marks = names(table.columns.iter(), |_| "?".to_owned());
    let key = names(table.key_columns(), str::to_owned);
    let others = (0..)
        .zip(&table.columns)
        .filter(|(at, _)| !table.key.contains(at))
        .map(|(_, column)| column);
    let set = names(others, |name| format!("{name} = excluded.{name}"));
    let action = if set.is_empty() {
        "NOTHING".to_owned()
    } else {
        format!("UPDATE SET {set}")
    };
    format!(
        "INSERT INTO {} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO {action}",
        quoted(&table.name)
    )
}
