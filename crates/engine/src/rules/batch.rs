//! What one transaction writes into a target: first the cursor of whoever writes, then rows of any of its tables.
//!
//! The cursor stands in the target, in the same transaction as the rows that it stands for: so each change has its effect once, whatever is killed and
//! when. Its epoch fences off a process that was thought dead: once somebody else has claimed the cursor, nothing that the former one
//! writes is committed.

use super::cell::Cell;
use super::store::Change;
use super::table::Table;

/// One transaction.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Written first; without one nobody fences.
    pub mark: Option<Mark>,
    /// Rows, table by table. Every change of a part is of another key.
    pub parts: Vec<Part>,
    /// Rows that are put are deleted first: so two can swap values that must be unique.
    pub apart: bool,
}

/// The rows of one table.
#[derive(Clone, Debug)]
pub struct Part {
    /// As the target knows it.
    pub table: Table,
    /// Whether every row that it has is deleted first.
    pub emptied: bool,
    /// What is done to its rows.
    pub changes: Vec<Change>,
}

/// Moves a cursor, or only makes sure that it is still one's own.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Whose.
    pub reader: String,
    /// The epoch at which it was claimed.
    pub epoch: i64,
    /// Where it goes.
    pub to: Option<Cursor>,
}

/// How far a reader has come, once and for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// What names the log that the position is of.
    pub source: String,
    /// Up to where everything of that log is in the target.
    pub position: String,
    /// The tables that were copied whole, as JSON.
    pub tables: String,
    /// The rows that the target has not taken yet, as JSON; none where they are the same as before.
    pub owed: Option<String>,
}

/// A cursor that was claimed: whoever had it before cannot write any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// To be told in each [`Mark`].
    pub epoch: i64,
    /// Where the former reader came to.
    pub cursor: Option<Cursor>,
    /// How often it was written since it was made: whoever has it counts on from here.
    pub batches: i64,
}

/// Source, position, tables and owed rows, as a table of cursors holds them.
pub(crate) type Said = (Option<String>, Option<String>, Option<String>, Option<String>);

impl Claim {
    /// Of what a table of cursors says: source, position and tables are there once the copy is done.
    pub(crate) fn of(epoch: i64, batches: i64, (source, position, tables, owed): Said) -> Self {
        let whole = source.zip(position);
        let cursor = whole.map(|(source, position)| Cursor {
            source,
            position,
            tables: tables.unwrap_or_default(),
            owed,
        });
        Self {
            epoch,
            cursor,
            batches,
        }
    }
}

impl Batch {
    /// Rows of one table and no cursor.
    pub fn of(table: &Table, changes: &[Change]) -> Self {
        Self {
            parts: vec![Part {
                table: table.clone(),
                emptied: false,
                changes: changes.to_vec(),
            }],
            ..Self::default()
        }
    }

    /// How many rows it writes.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.changes.len() as u64).sum()
    }

    /// Why a value cannot be stored, if one cannot; `takes` tells which floats the database knows.
    pub fn check(&self, takes: fn(f64) -> bool) -> Result<(), String> {
        let mut rows = self.parts.iter().flat_map(|part| {
            let rows = part.changes.iter().filter_map(Change::row);
            rows.map(|row| (&part.table, row))
        });
        rows.try_for_each(|(table, row)| {
            table.check(row)?;
            // Some write nothing, or zero, for what they do not know.
            let mut floats = row.iter().filter_map(|cell| match cell {
                Cell::Float(float) => Some(*float),
                _ => None,
            });
            match floats.find(|float| !takes(*float)) {
                None => Ok(()),
                Some(float) => Err(format!("the target knows no {float}")),
            }
        })
    }

    /// It in two halves, without the cursor; None where only one row, or one emptying, is left.
    pub fn halves(mut self) -> Option<(Self, Self)> {
        self.mark = self.mark.map(|mark| Mark { to: None, ..mark });
        let second = match self.parts.as_mut_slice() {
            [] => return None,
            [part] => vec![part.split()?],
            parts => {
                let middle = parts.len() / 2;
                self.parts.split_off(middle)
            }
        };
        let second = Self {
            mark: self.mark.clone(),
            parts: second,
            apart: self.apart,
        };
        Some((self, second))
    }
}

impl Part {
    /// Takes its second half off; the first keeps the emptying, alone if need be.
    fn split(&mut self) -> Option<Self> {
        let middle = match (self.emptied, self.changes.len()) {
            (true, 0) | (false, 0 | 1) => return None,
            (true, _) => 0,
            (false, count) => count / 2,
        };
        Some(Self {
            table: self.table.clone(),
            emptied: false,
            changes: self.changes.split_off(middle),
        })
    }
}

/// What is told of a cursor that was taken away, and of their table if that went with it.
pub(crate) fn gone(reader: &str, cursors: u64, table: bool) -> Vec<String> {
    let cursor = (cursors > 0).then(|| format!("the cursor {reader:?} of the table _rm_cursor"));
    let table = table.then(|| "the table _rm_cursor".to_owned());
    cursor.into_iter().chain(table).collect()
}

/// The statement that makes the table of cursors; `name` is the type of a reader's name, which must be compared byte by byte, `long` one of long texts.
pub(crate) fn creation(name: &str, long: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS _rm_cursor (reader {name} NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL, source TEXT, position TEXT, tables {long}, owed {long}, rows_written BIGINT NOT NULL, batches BIGINT NOT NULL)"
    )
}
