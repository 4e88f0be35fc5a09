//! Which changes of a file are echoes: what a rule wrote into it from the other side.
//!
//! Whoever writes notes the numbers that the triggers gave to it. Nobody else can write meanwhile, so a range of numbers is its own.

use super::{change, columns, head, keys_of, matching};
use crate::rules::{Change, Table, Touched};
use crate::sqlite::statements::quoted;
use rusqlite::{Error, OptionalExtension, Transaction, params};

/// The last number that was given, where echoes are noted in that file.
pub(in crate::sqlite) fn before(transaction: &Transaction<'_>) -> Result<Option<i64>, Error> {
    let there = "SELECT 1 FROM sqlite_schema WHERE name = '_rm_echo'";
    let there = transaction
        .prepare_cached(there)?
        .query_row([], |_| Ok(()))
        .optional()?;
    there.map(|()| head(transaction)).transpose()
}

/// Notes that what was written since is that reader's.
pub(in crate::sqlite) fn note(transaction: &Transaction<'_>, before: i64, reader: &str) -> Result<(), Error> {
    let last = head(transaction)?;
    if last > before {
        transaction
            .prepare_cached("INSERT INTO _rm_echo (last, first, reader) VALUES (?1, ?2, ?3)")?
            .execute(params![last, before, reader])?;
    }
    Ok(())
}

/// The rows that were touched between two positions, each as it is now; those that `echo` touched last are none.
pub(super) fn touched(
    still: &Transaction<'_>,
    table: &Table,
    (after, until): (i64, i64),
    echo: &str,
) -> Result<Touched, Error> {
    let keys = keys_of(table);
    // Ranges do not overlap: the first that ends behind a number is the only one that can hold it.
    let statement = format!(
        "SELECT l.echo_at, l.own_at, l.{}, {} FROM (SELECT {keys}, max(seq * is_echo) AS echo_at, max(seq * (1 - is_echo)) AS own_at
            FROM (SELECT {keys}, seq, coalesce((SELECT e.first < g.seq AND e.reader = ?4 FROM _rm_echo e WHERE e.last >= g.seq ORDER BY e.last LIMIT 1), 0) AS is_echo
                FROM _rm_log g WHERE seq > ?1 AND seq <= ?2 AND tbl = ?3) GROUP BY {keys}) l
        LEFT JOIN {} t ON {}",
        keys.replace(", ", ", l."),
        columns(table, "t."),
        quoted(&table.name),
        matching(table),
    );
    let mut select = still.prepare_cached(&statement)?;
    let mut rows = select.query(params![after, until, table.name, echo])?;
    let mut touched = Touched::default();
    while let Some(row) = rows.next()? {
        let (echo_at, own_at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let change: Change = change(table, row, 2, false)?;
        match echo_at > own_at {
            true => {
                touched.superseded += u64::from(own_at > 0);
                touched.echoes.push(change);
            }
            false => touched.changes.push(change),
        }
    }
    Ok(touched)
}
