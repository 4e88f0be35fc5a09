//! Messages of the log → changes of the tables that are followed, and where that is.
//!
//! Nothing here asks the server.

use super::catalogue::{Catalogue, Mapped, Meaning};
use super::lsn::{Lsn, Position};
use super::message::{Message, Old, Relation, Tuple, Value};
use crate::fault::{Fault, FaultKind};
use crate::postgres::value::logged;
use crate::rules::{Cell, Change, Gathered, Key, Row, Table, Taken};
use std::collections::{BTreeSet, HashMap};

/// What was read and not handed over yet.
pub(super) struct Reading {
    pub(super) tables: Vec<Table>,
    pub(super) catalogue: Catalogue,
    /// Where the server's log ended before the catalogue was read: what comes before may be older than that.
    pub(super) opened: Lsn,
    relations: HashMap<u32, Option<Mapped>>,
    /// Tables that were altered; nothing is read before that was told.
    pub(super) altered: Option<Vec<usize>>,
    pub(super) gathered: Gathered,
    pub(super) at: Position,
    /// The transaction that is being read.
    within: Option<Open>,
    /// When the oldest of what was gathered was committed.
    pub(super) since_ms: Option<i64>,
    /// The reader of the other way, what is known of it, and the number of its last batch that was read.
    echo: Option<Echo>,
    /// Transactions of which a change was gathered, and that queries may not see yet.
    pub(super) recent: BTreeSet<u32>,
}

/// A transaction of which the end has not come.
struct Open {
    commit: Lsn,
    at_ms: i64,
    xid: u32,
    taken: Taken,
    /// The number of the batch, if the reader of the other way wrote it.
    echo: Option<i64>,
}

/// What is known of the reader of the other way: its cursor is written first in each of its transactions.
struct Echo {
    reader: String,
    /// The table of cursors, and where it has the names of readers and the numbers of their batches.
    table: Option<(u32, usize, usize)>,
    /// The number of the last batch that was read.
    batch: Option<i64>,
}

/// The table of cursors, as it is called in every source.
pub(super) const CURSORS: &str = "_rm_cursor";

impl Reading {
    pub(super) fn of(tables: Vec<Table>, catalogue: Catalogue, opened: Lsn) -> Self {
        Self {
            tables,
            catalogue,
            opened,
            relations: HashMap::new(),
            altered: None,
            gathered: Gathered::default(),
            at: Position::default(),
            within: None,
            since_ms: None,
            echo: None,
            recent: BTreeSet::new(),
        }
    }

    /// What that reader wrote is no change of the source's own.
    pub(super) fn echoing(self, reader: Option<String>) -> Self {
        let echo = reader.map(|reader| Echo {
            reader,
            table: None,
            batch: None,
        });
        Self { echo, ..self }
    }

    /// The number of the last batch of that reader that was read.
    pub(super) fn echoed(&self) -> Option<i64> {
        self.echo.as_ref()?.batch
    }

    /// Whether that is as much as is asked for, or may be held.
    pub(super) fn is_enough(&self, most: usize) -> bool {
        self.altered.is_some() || self.gathered.is_enough(most, self.is_within())
    }

    /// Whether the rest of a transaction is still to come.
    pub(super) fn is_within(&self) -> bool {
        self.within.is_some()
    }

    /// Nothing of ours lies before.
    pub(super) fn reach(&mut self, end: Lsn) {
        if self.within.is_none() && end > self.at.whole {
            self.at = Position {
                whole: end,
                part: None,
            };
        }
    }

    pub(super) fn take(&mut self, message: Message) -> Result<(), Fault> {
        match message {
            Message::Begin { commit, at_ms, xid } => {
                let known = match self.at.part {
                    _ if commit < self.at.whole => u64::MAX,
                    Some((of, count)) if of == commit => count,
                    _ => 0,
                };
                self.within = Some(Open {
                    commit,
                    at_ms,
                    xid,
                    taken: Taken::behind(known),
                    echo: None,
                });
            }
            Message::Commit { end } => {
                let open = self.within.take();
                if let (Some(echo), Some(batch)) = (&mut self.echo, open.and_then(|open| open.echo)) {
                    echo.batch = Some(batch).max(echo.batch);
                }
                self.reach(end);
            }
            Message::Relation(relation) if self.is_cursors(&relation) => {}
            Message::Relation(relation) => {
                let later = self
                    .within
                    .as_ref()
                    .is_some_and(|open| open.commit >= self.opened);
                let mapped = match self.catalogue.meaning(&self.tables, &relation, later) {
                    Meaning::Followed(mapped) => Some(mapped),
                    Meaning::Foreign => None,
                    Meaning::Altered(at) => {
                        self.altered = Some(vec![at]);
                        None
                    }
                };
                self.relations.insert(relation.id, mapped);
            }
            Message::Other => {}
            change => {
                self.hear(&change);
                if self.is_new() {
                    self.change(change)?;
                }
            }
        }
        Ok(())
    }

    /// Whether that is the table of cursors; where its columns are is noted.
    fn is_cursors(&mut self, relation: &Relation) -> bool {
        let Some(echo) = &mut self.echo else { return false };
        if relation.name != CURSORS || relation.schema != self.catalogue.schema {
            return false;
        }
        let place = |name: &str| relation.columns.iter().position(|(column, _)| column == name);
        echo.table = place("reader")
            .zip(place("batches"))
            .map(|(reader, batches)| (relation.id, reader, batches));
        true
    }

    /// Notes whose transaction that is, where it moves the cursor of the other way.
    fn hear(&mut self, change: &Message) {
        let (Some(echo), Some(open)) = (&self.echo, &mut self.within) else {
            return;
        };
        let (Message::Insert { relation, new } | Message::Update { relation, new, .. }) = change else {
            return;
        };
        let Some((_, reader, batches)) = echo.table.filter(|(id, ..)| id == relation) else {
            return;
        };
        let text = |place: usize| match new.get(place) {
            Some(Value::Text(text)) => std::str::from_utf8(text).ok(),
            _ => None,
        };
        if text(reader) == Some(&echo.reader) {
            open.echo = text(batches).and_then(|batch| batch.parse().ok());
        }
    }

    /// Counts a change, and tells whether it was not taken before.
    fn is_new(&mut self) -> bool {
        let Some(open) = &mut self.within else {
            return false;
        };
        let Some(count) = open.taken.next() else {
            return false;
        };
        self.at.part = Some((open.commit, count));
        true
    }

    fn change(&mut self, message: Message) -> Result<(), Fault> {
        match message {
            Message::Insert { relation, new } => self.put(relation, None, &new, true)?,
            Message::Update { relation, old, new } => self.put(relation, old.as_ref(), &new, false)?,
            Message::Delete { relation, old } => self.delete(relation, &old)?,
            // The other way deletes the rows that it empties a table of.
            Message::Truncate { .. } if self.is_echo() => {}
            Message::Truncate { relations } => {
                for relation in relations {
                    if let Some(Some(mapped)) = self.relations.get(&relation) {
                        self.gathered.empty(mapped.at);
                        self.note();
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn is_echo(&self) -> bool {
        self.within.as_ref().is_some_and(|open| open.echo.is_some())
    }

    /// Something of the open transaction was gathered.
    fn note(&mut self) {
        if let Some(open) = &self.within {
            self.since_ms.get_or_insert(open.at_ms);
            self.recent.insert(open.xid);
        }
    }

    fn put(&mut self, relation: u32, old: Option<&Old>, new: &Tuple, inserted: bool) -> Result<(), Fault> {
        let Some(Some(mapped)) = self.relations.get(&relation) else {
            return Ok(());
        };
        let (at, table) = (mapped.at, &self.tables[mapped.at]);
        let (mut row, mut holes) = (Row::with_capacity(mapped.places.len()), Vec::new());
        for column in 0..mapped.places.len() {
            // A value that was stored apart and did not change is told of the old row, if that is told at all.
            let before = || {
                let old = old.filter(|old| old.is_whole || table.key.contains(&column))?;
                told(table, mapped, column, &old.values)
            };
            row.push(
                told(table, mapped, column, new)
                    .or_else(before)
                    .unwrap_or_else(|| {
                        holes.push(column);
                        Cell::Null
                    }),
            );
        }
        if table.key.iter().any(|column| holes.contains(column)) {
            return Err(unreadable(table));
        }
        let moved = match old {
            None => None,
            Some(old) => {
                let old = old_key(table, mapped, old).ok_or_else(|| unreadable(table))?;
                Some(old).filter(|old| *old != Key::of(table, &row))
            }
        };
        if self.is_echo() {
            let table = &self.tables[at];
            let changes = moved.map(Change::Delete).into_iter();
            let changes = changes.chain([Change::Put { row, new: false }]);
            changes.for_each(|change| self.gathered.echo(at, table, change));
            return Ok(());
        }
        if let Some(old) = moved {
            self.gathered.delete(at, &old);
        }
        self.gathered.put(at, &self.tables[at], row, inserted, holes);
        self.note();
        Ok(())
    }

    fn delete(&mut self, relation: u32, old: &Old) -> Result<(), Fault> {
        let Some(Some(mapped)) = self.relations.get(&relation) else {
            return Ok(());
        };
        let table = &self.tables[mapped.at];
        let key = old_key(table, mapped, old).ok_or_else(|| unreadable(table))?;
        if self.is_echo() {
            self.gathered.echo(mapped.at, table, Change::Delete(key));
            return Ok(());
        }
        self.gathered.delete(mapped.at, &key);
        self.note();
        Ok(())
    }
}

/// A value of the log, if it tells one that can be read.
fn told(table: &Table, mapped: &Mapped, column: usize, tuple: &Tuple) -> Option<Cell> {
    let (place, native) = mapped.places[column]?;
    match tuple.get(place)? {
        Value::Null => Some(Cell::Null),
        Value::Unchanged => None,
        Value::Text(text) => logged(
            table.columns[column].kind,
            native,
            std::str::from_utf8(text).ok()?,
        ),
    }
}

fn old_key(table: &Table, mapped: &Mapped, old: &Old) -> Option<Key> {
    let cells = table
        .key
        .iter()
        .map(|column| told(table, mapped, *column, &old.values));
    cells.collect::<Option<Vec<_>>>().map(Key)
}

fn unreadable(table: &Table) -> Fault {
    Fault::new(
        FaultKind::Strange,
        format!("its log tells a key of {:?} that cannot be read", table.name),
    )
}
