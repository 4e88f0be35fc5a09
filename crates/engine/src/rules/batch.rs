//! What one transaction writes into a target: first the cursor of whoever writes, then rows of any of its tables.
//!
//! The cursor stands in the target, in the same transaction as the rows that it stands for: so each change has its effect once, whatever is killed and
//! when. Its epoch fences off a process that was thought dead: once somebody else has claimed the cursor, nothing that the former one
//! writes is committed.

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
    /// The tables that were copied whole, as a JSON list.
    pub tables: String,
}

/// A cursor that was claimed: whoever had it before cannot write any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// To be told in each [`Mark`].
    pub epoch: i64,
    /// Where the former reader came to.
    pub cursor: Option<Cursor>,
}

/// Source, position and tables, as a table of cursors holds them.
pub(crate) type Said = (Option<String>, Option<String>, Option<String>);

impl Claim {
    /// Of what a table of cursors says: source, position and tables are there once the copy is done.
    pub(crate) fn of(epoch: i64, (source, position, tables): Said) -> Self {
        let whole = source.zip(position);
        let cursor = whole.map(|(source, position)| Cursor {
            source,
            position,
            tables: tables.unwrap_or_default(),
        });
        Self { epoch, cursor }
    }
}

impl Batch {
    /// Rows of one table and no cursor.
    pub fn of(table: &Table, changes: &[Change]) -> Self {
        Self {
            parts: vec![Part {
                table: table.clone(),
                changes: changes.to_vec(),
            }],
            ..Self::default()
        }
    }

    /// How many rows it writes.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.changes.len() as u64).sum()
    }

    /// Why a value cannot be stored, if one cannot.
    pub fn check(&self) -> Result<(), String> {
        let mut rows = self.parts.iter().flat_map(|part| {
            let rows = part.changes.iter().filter_map(Change::row);
            rows.map(|row| (&part.table, row))
        });
        rows.try_for_each(|(table, row)| table.check(row))
    }

    /// It in two halves, without the cursor; None where only one row is left.
    pub fn halves(mut self) -> Option<(Self, Self)> {
        let mark = self.mark.clone().map(|mark| Mark { to: None, ..mark });
        let second = match self.parts.len() {
            0 => return None,
            1 => {
                let part = &mut self.parts[0];
                if part.changes.len() < 2 {
                    return None;
                }
                let changes = part.changes.split_off(part.changes.len() / 2);
                vec![Part {
                    table: part.table.clone(),
                    changes,
                }]
            }
            parts => self.parts.split_off(parts / 2),
        };
        self.mark.clone_from(&mark);
        let second = Self {
            mark,
            parts: second,
            apart: self.apart,
        };
        Some((self, second))
    }
}

/// The statement that makes the table of cursors; `name` is the type of a reader's name, which must be compared byte by byte.
pub(crate) fn creation(name: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS _rm_cursor (reader {name} NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL, source TEXT, position TEXT, tables TEXT, rows_written BIGINT NOT NULL, batches BIGINT NOT NULL)"
    )
}
