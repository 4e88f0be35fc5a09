//! Which tables were copied whole, and as what: one that has other columns since then must be copied again.
//!
//! A column that is added with a default gives every row a value of which no log tells.

use super::table::Table;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// As a cursor holds it, in JSON: of each table, by its name, what names its columns.
#[derive(Default)]
pub(super) struct Copied(BTreeMap<String, String>);

impl Copied {
    /// What a cursor says; what cannot be read was never copied.
    pub(super) fn read(tables: &str) -> Self {
        Self(serde_json::from_str(tables).unwrap_or_default())
    }

    /// Of what is read and what is written of each.
    pub(super) fn of<'t>(pairs: impl Iterator<Item = (&'t Table, &'t Table)>) -> Self {
        let of = |(read, written): (&Table, &Table)| (read.name.clone(), columns(read, written));
        Self(pairs.map(of).collect())
    }

    pub(super) fn has(&self, read: &Table, written: &Table) -> bool {
        self.0
            .get(&read.name)
            .is_some_and(|known| *known == columns(read, written))
    }

    /// Names of tables differ in more than case: the target may write them otherwise.
    pub(super) fn forget(&mut self, table: &str) {
        self.0.retain(|name, _| !name.eq_ignore_ascii_case(table));
    }

    pub(super) fn written(&self) -> String {
        // Our own types always serialise.
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

/// Names, kinds and key, in few bytes: a cursor may stand for a thousand tables.
fn columns(read: &Table, written: &Table) -> String {
    let mut described = format!("{:?} {:?}", read.columns, read.key);
    // What goes elsewhere now was not copied to there.
    if let Some(called) = called_otherwise(read, written) {
        described.push_str(&called);
    }
    hex::encode(&Sha256::digest(described)[..8])
}

/// What the target calls it, if that differs in more than case.
fn called_otherwise(read: &Table, written: &Table) -> Option<String> {
    let names = |table: &Table| {
        let columns = table.columns.iter().map(|column| column.name.to_lowercase());
        format!(" {} {:?}", table.name.to_lowercase(), columns.collect::<Vec<_>>())
    };
    let called = names(written);
    (called != names(read)).then_some(called)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Column, Kind};

    fn table(kinds: &[Kind]) -> Table {
        let column = |kind: &Kind| Column {
            name: "c".to_owned(),
            kind: *kind,
            nullable: true,
            generated: false,
        };
        Table {
            name: "t".to_owned(),
            columns: kinds.iter().map(column).collect(),
            key: vec![0],
        }
    }

    #[test]
    fn a_table_with_other_columns_was_not_copied() {
        let before = table(&[Kind::Int]);
        let mut copied = Copied::read(&Copied::of([(&before, &before)].into_iter()).written());
        let elsewhere = Table {
            name: "other".to_owned(),
            ..before.clone()
        };
        assert!(copied.has(&before, &before) && !copied.has(&before, &elsewhere));
        for other in [table(&[Kind::Int, Kind::Text]), table(&[Kind::Text])] {
            assert!(!copied.has(&other, &other));
        }
        copied.forget("T");
        assert!(!copied.has(&before, &before));
        assert!(!Copied::read("[\"t\"]").has(&before, &before));
    }
}
