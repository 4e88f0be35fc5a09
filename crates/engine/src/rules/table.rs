//! What is known of a table before its rows are touched.

use super::cell::{Cell, Kind};
use super::names::Names;
use std::collections::HashSet;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name in its database.
    pub name: String,
    /// In the database's order.
    pub columns: Vec<Column>,
    /// The places of the columns that name a row; empty where the table has no primary key.
    pub key: Vec<usize>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// Whether it may hold nothing.
    pub nullable: bool,
    /// Whether the database computes it: it is read, and never written.
    pub generated: bool,
}

impl Table {
    /// The column of that name; names of columns differ in more than case.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let same = |column: &&Column| column.name.eq_ignore_ascii_case(name);
        self.columns.iter().find(same)
    }

    /// The table of that name among others; names of tables differ in more than case.
    pub(super) fn found<'t>(&self, tables: &'t [Self]) -> Option<&'t Self> {
        tables
            .iter()
            .find(|table| table.name.eq_ignore_ascii_case(&self.name))
    }

    /// Whether every value of a row can be stored in its column; if not, which and why.
    pub fn check(&self, row: &[Cell]) -> Result<(), String> {
        let mut columns = self.columns.iter().zip(row);
        match columns.find(|(column, cell)| !column.kind.takes(cell)) {
            None => Ok(()),
            Some((column, cell)) => Err(format!(
                "the column {:?} is {:?}, and the value is {}",
                column.name,
                column.kind,
                cell.word()
            )),
        }
    }

    /// The columns that name a row.
    pub fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|at| self.columns.get(*at))
    }

    /// The columns that a target's table would need beside its own, as it would get them: they may hold nothing, because rows are there already.
    pub fn lacking(&self, target: &Self) -> Vec<Column> {
        let is_lacking = |column: &&Column| !column.generated && target.column(&column.name).is_none();
        let lacking = self.columns.iter().filter(is_lacking);
        lacking
            .map(|column| Column {
                nullable: true,
                ..column.clone()
            })
            .collect()
    }

    /// What of this table goes into that one: the columns of both, in this one's order, as `names` calls them there. A sentence says why
    /// nothing can.
    pub fn into_target(&self, target: &Self, names: &Names) -> Result<(Self, Self), String> {
        let called = names.there(self);
        if let Some(name) = called.doubled() {
            return Err(format!("two of its columns would be {name:?} in the target"));
        }
        if self.key.is_empty() {
            return Err("it has no primary key, so its rows cannot be told apart".to_owned());
        }
        let key = |table: &Self| -> Vec<String> {
            table
                .key_columns()
                .map(|column| column.name.to_lowercase())
                .collect()
        };
        if let Some(column) = self.key_columns().find(|column| !column.kind.is_ordered_alike()) {
            let (name, kind) = (&column.name, column.kind);
            return Err(format!(
                "its primary key has the column {name:?} of {kind:?}, which databases order differently"
            ));
        }
        if key(&called) != key(target) {
            let (ours, theirs) = (key(&called).join(", "), key(target).join(", "));
            return Err(format!(
                "its primary key is ({ours}), that of the target's table is ({theirs})"
            ));
        }
        let (mut read, mut written) = (Vec::new(), Vec::new());
        let pairs = self.columns.iter().zip(&called.columns);
        for (column, called) in pairs.filter(|(column, _)| !column.generated) {
            let Some(found) = target.column(&called.name) else {
                return Err(format!("the target's table has no column {:?}", called.name));
            };
            if found.generated {
                return Err(format!("the target computes the column {:?} itself", found.name));
            }
            if !column.kind.fits(found.kind) {
                let (from, to) = (column.kind, found.kind);
                return Err(format!(
                    "the column {:?} is {from:?} here and {to:?} in the target",
                    column.name
                ));
            }
            read.push(column.clone());
            written.push(found.clone());
        }
        Ok((self.of(read), target.of(written)))
    }

    /// A name that two columns have, where case tells no names apart.
    fn doubled(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        let mut names = self.columns.iter().map(|column| column.name.as_str());
        names.find(|name| !seen.insert(name.to_ascii_lowercase()))
    }

    /// The same with these columns only. The key is among them.
    fn of(&self, columns: Vec<Column>) -> Self {
        let place = |key: &Column| columns.iter().position(|column| column.name == key.name);
        let key = self.key_columns().filter_map(place).collect();
        Self {
            name: self.name.clone(),
            key,
            columns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, Kind)]) -> Table {
        let columns = columns.iter().map(|(name, kind)| Column {
            name: (*name).to_owned(),
            kind: *kind,
            nullable: true,
            generated: false,
        });
        Table {
            name: "t".to_owned(),
            columns: columns.collect(),
            key: vec![0],
        }
    }

    #[test]
    fn columns_find_each_other_by_name_in_any_order() {
        let source = table(&[("id", Kind::Int), ("a", Kind::Text), ("b", Kind::Bool)]);
        let target = table(&[
            ("id", Kind::Int),
            ("B", Kind::Int),
            ("extra", Kind::Text),
            ("a", Kind::Text),
        ]);
        let (read, written) = source.into_target(&target, &Names::default()).unwrap();
        let names = |table: &Table| {
            table
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (names(&read), names(&written)),
            (
                vec!["id".into(), "a".into(), "b".into()],
                vec!["id".into(), "a".into(), "B".into()]
            )
        );
    }

    #[test]
    fn what_cannot_go_is_said() {
        let source = table(&[("id", Kind::Int), ("a", Kind::Text)]);
        let why = |target: Table| source.into_target(&target, &Names::default()).unwrap_err();
        assert!(why(table(&[("id", Kind::Int)])).contains("no column \"a\""));
        assert!(why(table(&[("id", Kind::Int), ("a", Kind::Date)])).contains("\"a\" is Text here and Date"));
        assert!(why(table(&[("key", Kind::Int), ("a", Kind::Text)])).contains("primary key is (id)"));
    }
}
