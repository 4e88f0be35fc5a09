//! What the tables and columns of a source are called in its target, where a rule says so.

use super::table::{Column, Table};
use replica_core::{Name, TableMap};
use std::collections::{BTreeMap, HashMap};

/// The other names; everything else is called the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<Name, TableMap>);

impl Names {
    /// As a rule declares them.
    pub(super) fn of(declared: &BTreeMap<Name, TableMap>) -> Self {
        Self(declared.clone())
    }

    /// The source's table as it would be in the target.
    pub(super) fn there(&self, table: &Table) -> Table {
        let Some(map) = self.0.get(table.name.as_str()) else {
            return table.clone();
        };
        let columns = table.columns.iter().map(|column| Column {
            name: map
                .columns
                .get(column.name.as_str())
                .map_or_else(|| column.name.clone(), |name| name.to_string()),
            ..column.clone()
        });
        Table {
            name: map.to.as_deref().unwrap_or(&table.name).to_owned(),
            columns: columns.collect(),
            key: table.key.clone(),
        }
    }

    /// The tables that are each called otherwise in the target, and those that would share a name with another one, with why.
    pub(super) fn apart<'t>(&self, tables: Vec<&'t Table>) -> (Vec<&'t Table>, Vec<(String, String)>) {
        if self.0.is_empty() {
            return (tables, Vec::new());
        }
        let called = |table: &Table| self.there(table).name.to_lowercase();
        let mut shares: HashMap<String, usize> = HashMap::new();
        for table in &tables {
            *shares.entry(called(table)).or_default() += 1;
        }
        let (apart, doubled): (Vec<&Table>, Vec<&Table>) =
            tables.into_iter().partition(|table| shares[&called(table)] == 1);
        let why = |table: &Table| {
            format!(
                "another table would be {:?} in the target too",
                self.there(table).name
            )
        };
        let doubled = doubled.into_iter().map(|table| (table.name.clone(), why(table)));
        (apart, doubled.collect())
    }

    /// Tables and columns that have another name and are not there to have one, of the tables that a rule is about.
    pub(super) fn idle(&self, tables: &[&Table]) -> Vec<(String, String)> {
        let mut idle = Vec::new();
        for (name, map) in &self.0 {
            let Some(table) = tables.iter().find(|table| *table.name == **name) else {
                let why = "it has another name for the target, and the rule has no such table";
                idle.push((name.to_string(), why.to_owned()));
                continue;
            };
            let is_there = |column: &Name| table.columns.iter().any(|own| *own.name == **column);
            for column in map.columns.keys().filter(|column| !is_there(column)) {
                let why = format!("its column {column:?} has another name for the target, and is not there");
                idle.push((name.to_string(), why));
            }
        }
        idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Kind;

    fn table(name: &str, columns: &[&str]) -> Table {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            kind: Kind::Int,
            nullable: true,
            generated: false,
        };
        Table {
            name: name.to_owned(),
            columns: columns.iter().map(column).collect(),
            key: vec![0],
        }
    }

    fn names() -> Names {
        let columns = [("id".into(), "key".into()), ("gone".into(), "x".into())];
        let users = TableMap {
            to: Some("people".into()),
            columns: columns.into_iter().collect(),
        };
        Names::of(&[("users".into(), users)].into_iter().collect())
    }

    #[test]
    fn a_table_is_called_as_it_is_declared_and_others_as_they_are() {
        let there = names().there(&table("users", &["id", "age"]));
        assert_eq!(there, table("people", &["key", "age"]));
        let orders = table("orders", &["id"]);
        assert_eq!(names().there(&orders), orders);
    }

    #[test]
    fn names_for_what_is_not_there_are_told() {
        let users = table("users", &["id"]);
        let idle = names().idle(&[&users]);
        assert!(
            matches!(&idle[..], [(name, why)] if name == "users" && why.contains("\"gone\"")),
            "{idle:?}"
        );
        let idle = names().idle(&[]);
        assert!(
            matches!(&idle[..], [(_, why)] if why.contains("no such table")),
            "{idle:?}"
        );
    }
}
