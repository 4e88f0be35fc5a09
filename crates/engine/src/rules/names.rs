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

    /// The tables that can go, and what is named so that it cannot, with why.
    pub(super) fn apply<'t>(&self, tables: Vec<&'t Table>) -> (Vec<&'t Table>, Vec<(String, String)>) {
        let mut refused = self.idle(&tables);
        let called: Vec<String> = tables
            .iter()
            .map(|table| self.there(table).name.to_ascii_lowercase())
            .collect();
        let mut shares: HashMap<&str, usize> = HashMap::new();
        for name in &called {
            *shares.entry(name).or_default() += 1;
        }
        let mut apart = Vec::new();
        for (table, called) in tables.into_iter().zip(&called) {
            // Two in one would delete each other's rows.
            if shares[called.as_str()] > 1 {
                let why = format!("another table would be {called:?} in the target too");
                refused.push((table.name.clone(), why));
            } else if !refused.iter().any(|(name, _)| *name == table.name) {
                apart.push(table);
            }
        }
        (apart, refused)
    }

    /// What has another name and is not there to have one: tables, and tables for the sake of a column.
    fn idle(&self, tables: &[&Table]) -> Vec<(String, String)> {
        let why = |(name, map): (&Name, &TableMap)| {
            let Some(table) = tables.iter().find(|table| *table.name == **name) else {
                return Some("it has another name for the target, and the rule has no such table".to_owned());
            };
            let is_there = |column: &Name| table.columns.iter().any(|own| *own.name == **column);
            let missing = map.columns.keys().find(|column| !is_there(column))?;
            Some(format!(
                "its column {missing:?} has another name for the target, and is not there"
            ))
        };
        let idle = self
            .0
            .iter()
            .filter_map(|entry| Some((entry.0.to_string(), why(entry)?)));
        idle.collect()
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
    fn names_for_what_is_not_there_are_refused() {
        let users = table("users", &["id"]);
        let (apart, refused) = names().apply(vec![&users]);
        assert!(apart.is_empty());
        assert!(
            matches!(&refused[..], [(name, why)] if name == "users" && why.contains("\"gone\"")),
            "{refused:?}"
        );
        let (_, refused) = names().apply(Vec::new());
        assert!(
            matches!(&refused[..], [(_, why)] if why.contains("no such table")),
            "{refused:?}"
        );
    }

    #[test]
    fn two_tables_that_would_be_one_are_refused_also_where_only_case_tells_them_apart() {
        let (upper, lower, other) = (
            table("Notes", &["id"]),
            table("notes", &["id"]),
            table("t", &["id"]),
        );
        let (apart, refused) = Names::default().apply(vec![&upper, &lower, &other]);
        assert_eq!((apart, refused.len()), (vec![&other], 2), "{refused:?}");
    }
}
