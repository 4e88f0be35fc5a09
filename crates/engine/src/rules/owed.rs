//! Rows that the target did not take: they are tried again, and shown until it takes them.

use super::batch::Part;
use super::cell::Cell;
use super::store::{Key, Rejected};
use super::table::Table;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Rows that are remembered. Beyond these they are only counted, and a mirror of the table brings them.
const MOST: usize = 1000;
/// Between two tries of a row, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

#[derive(Default)]
pub(super) struct Owed {
    debts: BTreeMap<(String, Vec<u8>), Debt>,
    /// Whether they are others than those that were written down.
    is_other: bool,
}

struct Debt {
    key: Key,
    why: String,
    pause: Duration,
    due: Instant,
}

impl Owed {
    /// Those of a cursor.
    pub(super) fn all(text: &str) -> Self {
        let written: Vec<Written> = serde_json::from_str(text).unwrap_or_default();
        let mut owed = Self::default();
        for Written { table, key, why } in written {
            let cells: Option<Vec<Cell>> = key.into_iter().map(cell).collect();
            if let Some(cells) = cells {
                owed.owe(&table, Key(cells), &why);
            }
        }
        owed.is_other = false;
        owed
    }

    /// The same, of the tables that are still there.
    pub(super) fn read(text: &str, tables: &[Table]) -> Self {
        let mut owed = Self::all(text);
        let is_there = |name: &str| tables.iter().any(|table| table.name == name);
        owed.debts.retain(|(table, _), _| is_there(table));
        owed
    }

    /// As a cursor holds them, if they are others than when that was asked last.
    pub(super) fn written(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.is_other) {
            return None;
        }
        let written = self.debts.iter().map(|((table, _), debt)| Written {
            table: table.clone(),
            key: debt.key.0.iter().map(value).collect(),
            why: debt.why.clone(),
        });
        serde_json::to_string(&written.collect::<Vec<_>>()).ok()
    }

    /// Whether they are others than those that were written down.
    pub(super) fn is_other(&self) -> bool {
        self.is_other
    }

    /// What was to be written down was not.
    pub(super) fn unwritten(&mut self) {
        self.is_other = true;
    }

    /// The rows of `part` were not taken.
    pub(super) fn note(&mut self, part: &Part, why: &str) {
        for change in &part.changes {
            self.owe(&part.table.name, change.key(&part.table), why);
        }
    }

    /// A row was not taken.
    pub(super) fn owe(&mut self, table: &str, key: Key, why: &str) {
        let name = (table.to_owned(), key.exactly());
        let known = self.debts.get(&name);
        let pause = known.map_or(PAUSE.0, |debt| (debt.pause * 2).min(PAUSE.1));
        if known.is_none() && self.debts.len() >= MOST {
            return;
        }
        self.is_other |= known.is_none_or(|debt| debt.why != why);
        let debt = Debt {
            key,
            why: why.to_owned(),
            pause,
            due: Instant::now() + pause,
        };
        self.debts.insert(name, debt);
    }

    /// The rows of `part` are in the target.
    pub(super) fn paid(&mut self, part: &Part) {
        if self.debts.is_empty() {
            return;
        }
        for change in &part.changes {
            let key = change.key(&part.table).exactly();
            self.is_other |= self.debts.remove(&(part.table.name.clone(), key)).is_some();
        }
    }

    /// What is to be tried now, by table.
    pub(super) fn due(&self) -> BTreeMap<String, Vec<Key>> {
        let now = Instant::now();
        let mut due = BTreeMap::<String, Vec<Key>>::new();
        for ((table, _), debt) in self.debts.iter().filter(|(_, debt)| debt.due <= now) {
            due.entry(table.clone()).or_default().push(debt.key.clone());
        }
        due
    }

    pub(super) fn shown(&self) -> Vec<Rejected> {
        let shown = self.debts.iter().map(|((table, _), debt)| Rejected {
            table: table.clone(),
            key: debt.key.words(),
            why: debt.why.clone(),
        });
        shown.collect()
    }
}

/// A row, as a cursor holds it.
#[derive(Serialize, Deserialize)]
struct Written {
    table: String,
    key: Vec<Value>,
    why: String,
}

/// A value of a key: null, text, or an object that says what else it is.
fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => text.clone().into(),
        // Larger than what JSON's readers take for a number.
        Cell::Int(number) => serde_json::json!({ "int": number.to_string() }),
        Cell::Float(number) => serde_json::json!({ "float": number.to_bits().to_string() }),
        Cell::Bytes(bytes) => serde_json::json!({ "bytes": hex::encode(bytes) }),
    }
}

fn cell(value: Value) -> Option<Cell> {
    Some(match value {
        Value::Null => Cell::Null,
        Value::String(text) => Cell::Text(text),
        Value::Object(kind) => {
            let (kind, text) = kind.iter().next()?;
            let text = text.as_str()?;
            match kind.as_str() {
                "int" => Cell::Int(text.parse().ok()?),
                "float" => Cell::Float(f64::from_bits(text.parse().ok()?)),
                "bytes" => Cell::Bytes(hex::decode(text).ok()?),
                _ => return None,
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_back() {
        let table = Table {
            name: "t".to_owned(),
            columns: Vec::new(),
            key: Vec::new(),
        };
        let keys = [
            Cell::Null,
            Cell::Int(i128::from(u64::MAX)),
            Cell::Float(-0.1),
            Cell::Text("a \"b\"".to_owned()),
            Cell::Bytes(vec![0, 255]),
        ];
        let mut owed = Owed::default();
        owed.owe("t", Key(keys.to_vec()), "no");
        owed.owe("gone", Key(vec![Cell::Int(1)]), "no");
        let text = owed.written().unwrap();
        assert_eq!(owed.written(), None);
        let mut read = Owed::read(&text, std::slice::from_ref(&table));
        assert!(!read.is_other() && read.shown().len() == 1);
        assert_eq!(read.debts.values().next().unwrap().key, Key(keys.to_vec()));
        assert_eq!(Owed::read("nonsense", &[table]).shown(), []);
        read.owe("t", Key(keys.to_vec()), "still no");
        assert!(read.is_other());
    }
}
