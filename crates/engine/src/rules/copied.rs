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

    pub(super) fn of<'t>(tables: impl Iterator<Item = &'t Table>) -> Self {
        Self(tables.map(|table| (table.name.clone(), columns(table))).collect())
    }

    pub(super) fn has(&self, table: &Table) -> bool {
        self.0
            .get(&table.name)
            .is_some_and(|known| *known == columns(table))
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
fn columns(table: &Table) -> String {
    let described = format!("{:?} {:?}", table.columns, table.key);
    hex::encode(&Sha256::digest(described)[..8])
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
        let mut copied = Copied::read(&Copied::of([&before].into_iter()).written());
        assert!(copied.has(&before));
        assert!(!copied.has(&table(&[Kind::Int, Kind::Text])) && !copied.has(&table(&[Kind::Text])));
        copied.forget("T");
        assert!(!copied.has(&before));
        assert!(!Copied::read("[\"t\"]").has(&before));
    }
}
