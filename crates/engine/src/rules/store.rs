//! One database of a rule, as the engine needs it: its tables, its rows in the order of their keys, and batches written as a whole.

use super::batch::{Batch, Claim, Cursor};
use super::cell::{Cell, Kind};
use super::log::Logs;
use super::table::{Column, Table};
use crate::fault::Fault;
use crate::target::Target;
use replica_core::source::Pending;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

/// The values of a row, in the order of the columns that were asked for.
pub type Row = Vec<Cell>;

/// The values that name a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Key(pub Vec<Cell>);

impl Key {
    /// The key of a row of that table.
    pub fn of(table: &Table, row: &Row) -> Self {
        Self(table.key.iter().filter_map(|at| row.get(*at).cloned()).collect())
    }

    /// The order in which every store gives rows.
    pub fn order(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        pairs
            .map(|(one, other)| one.order(other))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// As bytes that no other key has: lengths keep ("a", "bc") from being ("ab", "c").
    pub(crate) fn exactly(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 16);
        for cell in &self.0 {
            let (kind, value): (u8, &[u8]) = match cell {
                Cell::Null => (0, &[]),
                Cell::Int(number) => (1, &number.to_be_bytes()),
                Cell::Float(number) => (2, &number.to_bits().to_be_bytes()),
                Cell::Text(text) => (3, text.as_bytes()),
                Cell::Bytes(value) => (4, value),
            };
            bytes.push(kind);
            bytes.extend(value.len().to_be_bytes());
            bytes.extend(value);
        }
        bytes
    }

    /// As people read it.
    pub fn words(&self) -> String {
        let cells = self
            .0
            .iter()
            .map(|cell| cell.written().unwrap_or_else(|| "null".to_owned()));
        cells.collect::<Vec<_>>().join(", ")
    }
}

/// What is to be done to one row of a target.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It lacks the row.
    Insert(Row),
    /// It has the row otherwise.
    Update(Row),
    /// It must have the row so, whether it has one already or not.
    Put {
        /// The row.
        row: Row,
        /// Whether its source says that it was inserted.
        new: bool,
    },
    /// It should not have the row.
    Delete(Key),
}

impl Change {
    /// What makes the rows of these keys what they were found to be, in the same order.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn as_found(keys: &[Key], found: Vec<Option<Row>>) -> Vec<Self> {
        let pairs = found.into_iter().zip(keys);
        pairs
            .map(|(row, key)| match row {
                Some(row) => Self::Put { row, new: false },
                None => Self::Delete(key.clone()),
            })
            .collect()
    }

    /// The key of its row.
    pub fn key(&self, table: &Table) -> Key {
        match self {
            Self::Insert(row) | Self::Update(row) | Self::Put { row, .. } => Key::of(table, row),
            Self::Delete(key) => key.clone(),
        }
    }

    /// Whether its row is deleted before others are written; with `apart`, also one that is put.
    pub fn is_deleted(&self, apart: bool) -> bool {
        matches!(self, Self::Delete(_)) || (apart && matches!(self, Self::Put { .. }))
    }

    /// The row to write, unless it is to be deleted.
    pub fn row(&self) -> Option<&Row> {
        match self {
            Self::Insert(row) | Self::Update(row) | Self::Put { row, .. } => Some(row),
            Self::Delete(_) => None,
        }
    }
}

/// Why a store did not do what it was asked for.
#[derive(Debug)]
pub enum StoreError {
    /// It cannot be spoken to, or refuses all of it: trying the rows one by one would not help.
    Fault(Fault),
    /// A value cannot be stored: some row of the batch is at fault, and nothing of it was written.
    Data(String),
    /// Somebody else has claimed the cursor: nothing of the batch was written.
    Fenced,
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Data(why) => f.write_str(why),
            Self::Fenced => f.write_str("somebody else runs this rule now"),
        }
    }
}

impl std::error::Error for StoreError {}

/// A row that the target did not take.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// Its table.
    pub table: String,
    /// Its key, as people read it.
    pub key: String,
    /// Why, in the target's words.
    pub why: String,
}

/// Connects to one end of a rule.
pub type Open = fn(Target) -> Pending<'static, Result<Box<dyn Store>, Fault>>;

/// What a database module offers to rules.
pub struct Ends {
    /// Connects.
    pub open: Open,
    /// What the values of a column of that kind are once a table with it was created there.
    pub kind_of: fn(Kind) -> Kind,
    /// The log of its changes, where one can be read.
    pub log: Option<&'static Logs>,
}

/// A database of a rule. Every call has the deadline of whoever makes it.
pub trait Store: Send {
    /// The tables that it has, without the ones of the system and of this program.
    fn tables(&mut self) -> Pending<'_, Result<Vec<Table>, Fault>>;

    /// About how many rows some of its tables have, at least those of `of` where it can tell without long counting. In a name's own case.
    fn sizes<'a>(&'a mut self, of: &'a [&'a str]) -> Pending<'a, Result<HashMap<String, u64>, Fault>>;

    /// What its clock tells, in milliseconds since 1970: the one by which it stamps what is written.
    fn clock(&mut self) -> Pending<'_, Result<i64, Fault>>;

    /// Creates a table with such columns and that key, and nothing more.
    fn create<'a>(&'a mut self, table: &'a Table) -> Pending<'a, Result<(), Fault>>;

    /// Adds columns to a table of that name, and nothing more.
    fn widen<'a>(&'a mut self, table: &'a str, columns: &'a [Column]) -> Pending<'a, Result<(), Fault>>;

    /// What is read from here on is of one moment, where that holds nobody up. With a position of its log, that moment shows everything
    /// up to there, and whatever it does not show comes behind it: a commit may stand in a log before it can be seen.
    fn stand_still<'a>(&'a mut self, after: Option<&'a str>) -> Pending<'a, Result<(), Fault>>;

    /// At most so many rows behind `after`, in the order of [`Key::order`], up to `until` if that is given.
    fn rows<'a>(
        &'a mut self,
        table: &'a Table,
        after: Option<&'a Key>,
        until: Option<&'a Key>,
        most: usize,
    ) -> Pending<'a, Result<Vec<Row>, Fault>>;

    /// Writes all of it in one transaction: the cursor first, then what is deleted, so that values which must be unique are free, then the other rows.
    fn write<'a>(&'a mut self, batch: &'a Batch) -> Pending<'a, Result<(), StoreError>>;

    /// Makes a reader's cursor one's own, and its table where it is missing.
    fn claim<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Claim, Fault>>;

    /// A reader's cursor, if there is one; nothing is claimed.
    fn cursor<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Option<Cursor>, Fault>>;

    /// Takes a reader's cursor away, and with the last one their table; tells what was there.
    fn forget<'a>(&'a mut self, reader: &'a str) -> Pending<'a, Result<Vec<String>, Fault>>;
}
