//! Events of the log → changes of the tables that are followed, and where that is.
//!
//! Nothing here asks the server.

use super::position::Position;
use super::statement::{Does, read};
use super::value::Native;
use crate::fault::{Fault, FaultKind};
use crate::mysql::gtid::Gtid;
use crate::rules::{Cell, Change, Gathered, Key, Row, Table, Taken};
use mysql_async::Value;
use mysql_async::binlog::events::{Event, EventData, OptionalMetadataField, RowsEventData, TableMapEvent};
use mysql_async::binlog::row::BinlogRow;
use mysql_async::binlog::value::BinlogValue;
use std::collections::{HashMap, HashSet};

/// Events that are MariaDB's own: a transaction begins (<https://mariadb.com/kb/en/gtid_event/>), and rows or statements that are compressed.
const GTID: u8 = 162;
const COMPRESSED: std::ops::RangeInclusive<u8> = 165..=171;
/// Flags of the first: it is one statement and has no end; it is prepared, and whether it is kept is told later.
const STANDALONE: u8 = 1;
const PREPARED: u8 = 64;
/// Times as they were stored before MariaDB 10.1, of which the log does not tell how long they are.
const OLD_TIMES: [u8; 3] = [7, 11, 12];

/// What was read and not handed over yet.
pub(super) struct Reading {
    pub(super) schema: String,
    pub(super) tables: Vec<Table>,
    /// Of each table, its columns as the catalogue describes them.
    natives: Vec<Vec<Native>>,
    /// Tables whose changes are not gathered.
    refused: HashSet<usize>,
    maps: HashMap<u64, Option<Mapped>>,
    /// The reader of the other way, and what is known of it.
    echo: Option<Echo>,
    pub(super) altered: Option<Altered>,
    pub(super) gathered: Gathered,
    pub(super) at: Position,
    within: Option<Open>,
    /// When the oldest of what was gathered was changed, as the log tells it: in whole seconds.
    pub(super) since_ms: Option<i64>,
    /// The file that is read, and the end in it of what was.
    pub(super) file: (String, u64),
}

/// Why the log must be opened again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Altered {
    /// These tables were altered behind what was read.
    Tables(Vec<usize>),
    /// Something was changed in a way that cannot be read: every table must be copied again, as it is now.
    Everything,
}

/// How the columns of a table in the log become those of ours: where each is.
struct Mapped {
    at: usize,
    places: Vec<Option<usize>>,
    /// Columns in the log.
    width: usize,
}

/// A transaction of which the end has not come.
struct Open {
    gtid: Gtid,
    at_ms: i64,
    taken: Taken,
    /// It is one statement.
    is_alone: bool,
    /// Tables that it alters.
    alters: Option<Altered>,
    /// The number of the batch, if the reader of the other way wrote it.
    echo: Option<i64>,
}

/// What is known of the reader of the other way: its cursor is written first in each of its transactions.
struct Echo {
    reader: String,
    /// Where the table of cursors has the names of readers and the numbers of their batches, under the number that the table has in the log now.
    table: Option<(u64, usize, usize)>,
    /// The number of the last batch that was read.
    batch: Option<i64>,
}

/// The table of cursors, as it is called in every source.
const CURSORS: &str = "_rm_cursor";

impl Reading {
    pub(super) fn of(
        schema: String,
        tables: Vec<Table>,
        natives: Vec<Vec<Native>>,
        refused: HashSet<usize>,
    ) -> Self {
        Self {
            schema,
            tables,
            natives,
            refused,
            maps: HashMap::new(),
            echo: None,
            altered: None,
            gathered: Gathered::default(),
            at: Position::default(),
            within: None,
            since_ms: None,
            file: (String::new(), 0),
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

    pub(super) fn take(&mut self, event: &Event) -> Result<(), Fault> {
        let header = event.header();
        if header.log_pos() > 0 {
            self.file.1 = header.log_pos().into();
        }
        match header.event_type_raw() {
            GTID => self.begin(
                event.data(),
                header.server_id(),
                i64::from(header.timestamp()) * 1000,
            )?,
            kind if COMPRESSED.contains(&kind) => self.altered = Some(Altered::Everything),
            _ => match event.read_data().map_err(|_| unreadable("an event"))? {
                Some(EventData::RotateEvent(rotate)) => {
                    // The first one has four bytes of a checksum behind its name: <https://github.com/blackbeam/mysql_async/issues/189>.
                    let name: String = rotate
                        .name()
                        .chars()
                        .take_while(|letter| !letter.is_control())
                        .collect();
                    self.file = (file(&name), rotate.position());
                }
                Some(EventData::FormatDescriptionEvent(_)) => self.maps.clear(),
                Some(EventData::TableMapEvent(map)) => self.map(&map)?,
                Some(EventData::QueryEvent(query)) => self.statement(&query.schema(), &query.query()),
                Some(EventData::XidEvent(_)) => self.end(),
                // Whether it is kept is told later, by a statement.
                Some(EventData::XaPrepareLogEvent(_)) => self.end(),
                _ => {}
            },
        }
        Ok(())
    }

    /// Rows, which need the map that came before them.
    pub(super) fn rows(
        &mut self,
        rows: &RowsEventData<'_>,
        map: Option<&TableMapEvent<'_>>,
    ) -> Result<(), Fault> {
        let (id, map) = (rows.table_id(), map.ok_or_else(|| unreadable("a table"))?);
        let is_followed = self.maps.get(&id).is_some_and(Option::is_some);
        let is_of_cursors = self
            .echo
            .as_ref()
            .is_some_and(|echo| matches!(echo.table, Some((of, ..)) if of == id));
        for row in rows.rows(map) {
            if is_of_cursors && let Ok((_, Some(after))) = &row {
                self.hear(after);
            }
            if !self.is_new() {
                continue;
            }
            if is_followed {
                let (before, after) = row.map_err(|_| unreadable("a row"))?;
                self.change(id, before, after)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, data: &[u8], server: u32, at_ms: i64) -> Result<(), Fault> {
        let (Some(number), Some(domain), Some(flags)) =
            (data.first_chunk::<8>(), data.get(8..12), data.get(12))
        else {
            return Err(unreadable("a transaction's name"));
        };
        let domain = domain.try_into().map(u32::from_le_bytes).unwrap_or_default();
        let gtid = Gtid {
            domain,
            server,
            number: u64::from_le_bytes(*number),
        };
        let known = match self.at.part {
            _ if self.at.whole.has(gtid) || flags & PREPARED != 0 => u64::MAX,
            Some((of, count)) if (of.domain, of.number) == (gtid.domain, gtid.number) => count,
            _ => 0,
        };
        self.within = Some(Open {
            gtid,
            at_ms,
            taken: Taken::behind(known),
            is_alone: flags & STANDALONE != 0,
            alters: None,
            echo: None,
        });
        Ok(())
    }

    fn end(&mut self) {
        if let Some(open) = self.within.take() {
            if let (Some(echo), Some(batch)) = (&mut self.echo, open.echo) {
                echo.batch = Some(batch).max(echo.batch);
            }
            self.at.whole.reach(open.gtid);
            self.at.part = None;
            if self.altered.is_none() {
                self.altered = open.alters;
            }
        }
    }

    fn statement(&mut self, schema: &str, statement: &str) {
        let Some(open) = &mut self.within else {
            return;
        };
        let is_old = open.taken.known == u64::MAX;
        let (does, words) = read(statement);
        let is_named = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
        let is_ours = schema == self.schema || is_named(&self.schema);
        let named = |tables: &[Table]| -> Vec<usize> {
            let places = (0..).zip(tables).filter(|(_, table)| is_named(&table.name));
            places.map(|(at, _)| at).collect()
        };
        match does {
            _ if is_old => {}
            // Ours, made where it is missing.
            Does::Tables if is_named(CURSORS) => {}
            Does::Tables => {
                let again = named(&self.tables);
                if is_ours || !again.is_empty() {
                    open.alters = Some(Altered::Tables(again));
                }
            }
            Does::Database if is_ours => open.alters = Some(Altered::Everything),
            Does::Rows if is_ours => open.alters = Some(Altered::Everything),
            _ => {}
        }
        if does == Does::End || open.is_alone {
            self.end();
        }
    }

    fn map(&mut self, map: &TableMapEvent<'_>) -> Result<(), Fault> {
        let id = map.table_id();
        if self.maps.contains_key(&id) {
            return Ok(());
        }
        let is_ours = map.database_name() == self.schema.as_str();
        if is_ours
            && map.table_name() == CURSORS
            && let Some(echo) = &mut self.echo
        {
            let names = names(map);
            let place = |name: &str| names.iter().position(|found| found == name);
            let places = place("reader").zip(place("batches"));
            echo.table = places.map(|(reader, batches)| (id, reader, batches));
        }
        let at = self
            .tables
            .iter()
            .position(|table| table.name == map.table_name());
        let Some(at) = at.filter(|at| is_ours && !self.refused.contains(at)) else {
            self.maps.insert(id, None);
            return Ok(());
        };
        let width = map.columns_count() as usize;
        let is_old_time = |column| matches!(map.get_raw_column_type(column), Ok(Some(raw)) if OLD_TIMES.contains(&(raw as u8)));
        if (0..width).any(is_old_time) {
            let name = &self.tables[at].name;
            return Err(Fault::new(
                FaultKind::Misconfigured,
                format!(
                    "{name:?} stores times as MariaDB before 10.1 did, which its log does not tell how to read: ALTER TABLE {name} FORCE"
                ),
            ));
        }
        let names = names(map);
        if names.len() != width {
            // Written while binlog_row_metadata was not FULL.
            self.altered = Some(Altered::Everything);
            return Ok(());
        }
        let place = |name: &str| names.iter().position(|found| found == name);
        let places = self.tables[at]
            .columns
            .iter()
            .map(|column| place(&column.name))
            .collect();
        self.maps.insert(id, Some(Mapped { at, places, width }));
        Ok(())
    }

    /// Notes whose transaction that is, where it moves the cursor of the other way.
    fn hear(&mut self, cursor: &BinlogRow) {
        let (Some(echo), Some(open)) = (&self.echo, &mut self.within) else {
            return;
        };
        let Some((_, reader, batches)) = echo.table else {
            return;
        };
        if !matches!(cursor.as_ref(reader), Some(BinlogValue::Value(Value::Bytes(name))) if *name == echo.reader.as_bytes())
        {
            return;
        }
        if let Some(BinlogValue::Value(Value::Int(batch))) = cursor.as_ref(batches) {
            open.echo = Some(*batch);
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
        self.at.part = Some((open.gtid, count));
        true
    }

    fn change(&mut self, id: u64, before: Option<BinlogRow>, after: Option<BinlogRow>) -> Result<(), Fault> {
        let Some(Some(mapped)) = self.maps.get(&id) else {
            return Ok(());
        };
        let at = mapped.at;
        let is_whole = |row: &Option<BinlogRow>| row.as_ref().is_none_or(|row| row.len() == mapped.width);
        if !is_whole(&before) || !is_whole(&after) {
            // Written while binlog_row_image was not FULL.
            self.altered = Some(Altered::Everything);
            return Ok(());
        }
        let table = &self.tables[at];
        let read = |row: &BinlogRow| told(table, &self.natives[at], mapped, row);
        let (before, after) = (before.as_ref().map(read), after.as_ref().map(read));
        let key = |row: &(Row, Vec<usize>)| match table.key.iter().any(|column| row.1.contains(column)) {
            true => Err(unreadable("a key")),
            false => Ok(Key::of(table, &row.0)),
        };
        let (gone, there) = (
            before.as_ref().map(key).transpose()?,
            after.as_ref().map(key).transpose()?,
        );
        if self.within.as_ref().is_some_and(|open| open.echo.is_some()) {
            let gone = gone
                .filter(|gone| there.as_ref() != Some(gone))
                .map(Change::Delete);
            let there = after.map(|(row, _)| Change::Put { row, new: false });
            let changes = gone.into_iter().chain(there);
            changes.for_each(|change| self.gathered.echo(at, table, change));
            return Ok(());
        }
        let is_inserted = gone.is_none();
        if let Some(gone) = gone.filter(|gone| there.as_ref() != Some(gone)) {
            self.gathered.delete(at, &gone);
        }
        if let Some((row, holes)) = after {
            self.gathered.put(at, &self.tables[at], row, is_inserted, holes);
        }
        if let Some(open) = &self.within {
            self.since_ms.get_or_insert(open.at_ms);
        }
        Ok(())
    }
}

/// The row, and the columns of which the log does not tell the value in a form that is read.
fn told(table: &Table, natives: &[Native], mapped: &Mapped, row: &BinlogRow) -> (Row, Vec<usize>) {
    let mut holes = Vec::new();
    let cells = table.columns.iter().enumerate().map(|(column, described)| {
        let native = natives.get(column);
        let value = mapped.places[column].and_then(|place| row.as_ref(place));
        let cell = native
            .zip(value)
            .and_then(|(native, value)| native.cell(described.kind, value));
        cell.unwrap_or_else(|| {
            holes.push(column);
            Cell::Null
        })
    });
    (cells.collect(), holes)
}

/// The names of the columns; fewer than there are columns where the log does not tell them.
fn names(map: &TableMapEvent<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for field in map.iter_optional_meta().flatten() {
        if let OptionalMetadataField::ColumnName(found) = field {
            names.extend(found.iter_names().flatten().map(|name| name.name().into_owned()));
        }
    }
    names
}

/// The name of a file ends with its number.
fn file(name: &str) -> String {
    let end = name.rfind('.').map_or(name.len(), |dot| {
        let digits = name[dot + 1..].bytes().take_while(u8::is_ascii_digit).count();
        dot + 1 + digits
    });
    name[..end].to_owned()
}

fn unreadable(what: &str) -> Fault {
    Fault::new(
        FaultKind::Strange,
        format!("its binary log tells {what} that cannot be read"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_checksum_behind_it_is_cut() {
        assert_eq!(file("binlog.000003ab\u{fffd}"), "binlog.000003");
        assert_eq!(file("binlog.000003"), "binlog.000003");
        assert_eq!(file("odd"), "odd");
    }
}
