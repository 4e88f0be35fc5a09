//! What a target must be told so that a stretch of its rows becomes that of the source. Pure.

use super::store::{Change, Key, Row};
use super::table::Table;
use std::cmp::Ordering;

/// Compares the rows of the source with those of the target, both in the order of their keys and of the same range; also tells how many are the same.
pub(super) fn diff(source: &Table, wanted: Vec<Row>, found: &[Row]) -> (Vec<Change>, u64) {
    let mut changes = Vec::new();
    let mut same = 0;
    let mut there = found.iter().map(|row| (Key::of(source, row), row)).peekable();
    for row in wanted {
        let key = Key::of(source, &row);
        while let Some((extra, _)) = there.next_if(|(theirs, _)| theirs.order(&key) == Ordering::Less) {
            changes.push(Change::Delete(extra));
        }
        match there.next_if(|(theirs, _)| theirs.order(&key) == Ordering::Equal) {
            None => changes.push(Change::Insert(row)),
            Some((_, theirs)) if is_same(source, &row, theirs) => same += 1,
            Some(_) => changes.push(Change::Update(row)),
        }
    }
    changes.extend(there.map(|(extra, _)| Change::Delete(extra)));
    (changes, same)
}

pub(super) fn is_same(table: &Table, one: &Row, other: &Row) -> bool {
    let mut columns = table.columns.iter().zip(one.iter().zip(other));
    one.len() == other.len() && columns.all(|(column, (one, other))| column.kind.same(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Cell, Column, Kind};

    fn table() -> Table {
        let column = |name: &str| Column {
            name: name.to_owned(),
            kind: Kind::Int,
            nullable: false,
            generated: false,
        };
        Table {
            name: "t".to_owned(),
            columns: vec![column("id"), column("value")],
            key: vec![0],
        }
    }

    fn rows(pairs: &[(i128, i128)]) -> Vec<Row> {
        pairs
            .iter()
            .map(|(id, value)| vec![Cell::Int(*id), Cell::Int(*value)])
            .collect()
    }

    #[test]
    fn only_what_differs_is_written() {
        let wanted = rows(&[(1, 10), (3, 30), (4, 40), (6, 60)]);
        let found = rows(&[(0, 0), (1, 10), (2, 20), (4, 41), (7, 70)]);
        let (changes, same) = diff(&table(), wanted, &found);
        let words = changes.iter().map(|change| {
            let sign = match change {
                Change::Insert(_) => '+',
                Change::Update(_) | Change::Put { .. } => '~',
                Change::Delete(_) => '-',
            };
            format!("{sign}{}", change.key(&table()).words())
        });
        let words: Vec<String> = words.collect();
        assert_eq!(words.join(" "), "-0 -2 +3 ~4 +6 -7");
        assert_eq!(same, 1);
    }

    #[test]
    fn an_empty_source_empties_the_target() {
        let (changes, _) = diff(&table(), Vec::new(), &rows(&[(1, 1), (2, 2)]));
        assert!(changes.iter().all(|change| matches!(change, Change::Delete(_))));
        assert_eq!(changes.len(), 2);
    }
}
