//! Many changes of a log → one last state of each row: what is written is far less than what happened.

use super::cell::Cell;
use super::log::Touched;
use super::store::{Change, Key, Row};
use super::table::Table;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Changes, and their size in memory, beyond which a transaction is handed over in pieces.
const PIECE: (usize, usize) = (10_000, 16 << 20);

/// How far a transaction was read.
#[derive(Default)]
pub(crate) struct Taken {
    /// Changes that came.
    pub(crate) count: u64,
    /// Of them, those that were taken before it was read this time.
    pub(crate) known: u64,
}

impl Taken {
    /// Of a transaction of which so many were taken before.
    pub(crate) fn behind(known: u64) -> Self {
        Self { count: 0, known }
    }

    /// Counts a change; its number, unless it was taken before.
    pub(crate) fn next(&mut self) -> Option<u64> {
        self.count += 1;
        (self.count > self.known).then_some(self.count)
    }
}

/// What was read so far of a slice.
#[derive(Default)]
pub(crate) struct Gathered {
    tables: BTreeMap<usize, Rows>,
    /// Changes that were gathered, however often a row was among them.
    count: usize,
    /// Roughly how much memory they took.
    size: usize,
}

#[derive(Default)]
struct Rows {
    touched: Touched,
    places: HashMap<Vec<u8>, usize>,
    /// The columns that are not known, of the rows in those places.
    holes: BTreeMap<usize, Vec<usize>>,
    /// Rows that an echo wrote last.
    echoes: HashMap<Vec<u8>, Change>,
}

impl Gathered {
    /// A row is there now; whether it was inserted, and which of its columns the log does not tell because they did not change.
    pub(crate) fn put(
        &mut self,
        at: usize,
        table: &Table,
        mut row: Row,
        inserted: bool,
        mut holes: Vec<usize>,
    ) {
        let key = Key::of(table, &row);
        self.size += row.iter().map(Cell::size).sum::<usize>();
        let (rows, place) = self.place(at, &key);
        let before = rows.touched.changes.get(place);
        let unknown = rows.holes.remove(&place).unwrap_or_default();
        // What an earlier change told is still true.
        if let Some(before) = before.and_then(Change::row) {
            holes.retain(|column| {
                let is_known = !unknown.contains(column);
                if is_known {
                    row[*column].clone_from(&before[*column]);
                }
                !is_known
            });
        }
        // A row that this slice made is new, whatever was done to it afterwards.
        let new = match before {
            None => inserted,
            Some(before) => matches!(before, Change::Put { new: true, .. }),
        };
        if !holes.is_empty() {
            rows.holes.insert(place, holes);
        }
        rows.set(place, Change::Put { row, new });
    }

    /// The reader of the other way wrote the row: whatever was changed before is not there any more.
    pub(crate) fn echo(&mut self, at: usize, table: &Table, change: Change) {
        self.count += 1;
        self.size += change
            .row()
            .map_or(0, |row| row.iter().map(Cell::size).sum::<usize>());
        let key = change.key(table);
        let (rows, exact) = (self.tables.entry(at).or_default(), key.exactly());
        if let Some(place) = rows.places.get(&exact).copied() {
            let is_known = rows.holes.remove(&place).is_none();
            // Nothing of it may be taken for what is true of the row: it is left out in the end.
            let before = rows.touched.changes.get_mut(place);
            let before = before.map(|before| std::mem::replace(before, Change::Delete(key)));
            match before.filter(|_| !rows.echoes.contains_key(&exact)) {
                Some(before) if is_known => rows.touched.overwritten.push(before),
                Some(_) => rows.touched.superseded += 1,
                None => {}
            }
        }
        rows.echoes.insert(exact, change);
    }

    /// A row is gone now.
    pub(crate) fn delete(&mut self, at: usize, key: &Key) {
        self.size += key.0.iter().map(Cell::size).sum::<usize>();
        let (rows, place) = self.place(at, key);
        rows.holes.remove(&place);
        rows.set(place, Change::Delete(key.clone()));
    }

    /// Every row of the table is gone. Only PostgreSQL's log tells so.
    #[cfg(feature = "postgres")]
    pub(crate) fn empty(&mut self, at: usize) {
        self.count += 1;
        let rows = self.tables.entry(at).or_default();
        *rows = Rows::default();
        rows.touched.emptied = true;
    }

    /// The keys of the rows that have columns which are not known, table by table.
    pub(crate) fn unknown(&self, tables: &[Table]) -> Vec<(usize, Vec<Key>)> {
        let with_holes = self.tables.iter().filter(|(_, rows)| !rows.holes.is_empty());
        with_holes
            .map(|(at, rows)| {
                let places = rows.holes.keys();
                let keys = places.map(|place| rows.touched.changes[*place].key(&tables[*at]));
                (*at, keys.collect())
            })
            .collect()
    }

    /// What those rows are now, in the order in which they were told. One that is gone was deleted since, of which the log will tell.
    pub(crate) fn fill(&mut self, at: usize, keys: Vec<Key>, found: Vec<Option<Row>>) {
        let Some(rows) = self.tables.get_mut(&at) else {
            return;
        };
        let holes = std::mem::take(&mut rows.holes).into_iter();
        for (((place, holes), key), found) in holes.zip(keys).zip(found) {
            let change = &mut rows.touched.changes[place];
            match (change, found) {
                (Change::Put { row, .. }, Some(found)) => {
                    holes
                        .into_iter()
                        .for_each(|column| row[column].clone_from(&found[column]));
                }
                (change, _) => *change = Change::Delete(key),
            }
        }
    }

    /// Whether that is as much as is asked for, or may be held: whole transactions, unless the one that is being read is too large.
    pub(crate) fn is_enough(&self, most: usize, within: bool) -> bool {
        let most = if within { PIECE.0.max(most) } else { most };
        self.count >= most || self.size >= PIECE.1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of it; nothing is left behind.
    pub(crate) fn take(&mut self) -> BTreeMap<usize, Touched> {
        let tables = std::mem::take(self).tables.into_iter();
        tables.map(|(at, rows)| (at, rows.into_touched())).collect()
    }

    /// Where the change of that key is, or comes to be.
    fn place(&mut self, at: usize, key: &Key) -> (&mut Rows, usize) {
        self.count += 1;
        let rows = self.tables.entry(at).or_default();
        let (next, exact) = (rows.touched.changes.len(), key.exactly());
        rows.echoes.remove(&exact);
        let place = *rows.places.entry(exact).or_insert(next);
        (rows, place)
    }
}

impl Rows {
    fn into_touched(self) -> Touched {
        let Self {
            mut touched,
            places,
            echoes,
            ..
        } = self;
        if !echoes.is_empty() {
            let out: HashSet<usize> = echoes.keys().filter_map(|key| places.get(key).copied()).collect();
            let mut place = 0..;
            touched
                .changes
                .retain(|_| place.next().is_some_and(|place| !out.contains(&place)));
        }
        touched.echoes = echoes.into_values().collect();
        touched
    }

    fn set(&mut self, place: usize, change: Change) {
        match self.touched.changes.get_mut(place) {
            Some(kept) => *kept = change,
            None => self.touched.changes.push(change),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Column, Kind};

    fn table() -> Table {
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            kind,
            nullable: true,
            generated: false,
        };
        Table {
            name: "t".to_owned(),
            columns: vec![
                column("a", Kind::Text),
                column("b", Kind::Text),
                column("v", Kind::Int),
            ],
            key: vec![0, 1],
        }
    }

    fn row(a: &str, b: &str, value: i128) -> Row {
        vec![
            Cell::Text(a.to_owned()),
            Cell::Text(b.to_owned()),
            Cell::Int(value),
        ]
    }

    #[test]
    fn each_row_stands_once_as_it_is_last() {
        let (table, mut gathered) = (table(), Gathered::default());
        gathered.put(0, &table, row("a", "x", 1), true, Vec::new());
        gathered.put(0, &table, row("a", "x", 2), false, Vec::new());
        gathered.put(0, &table, row("b", "x", 3), false, Vec::new());
        gathered.delete(0, &Key::of(&table, &row("b", "x", 3)));
        gathered.put(0, &table, row("b", "x", 4), true, Vec::new());
        assert_eq!(gathered.count, 5);
        let put = |row, new| Change::Put { row, new };
        assert_eq!(
            gathered.take()[&0].changes,
            // The second was there before: it is no new row, whatever the log calls it.
            [put(row("a", "x", 2), true), put(row("b", "x", 4), false)]
        );
        assert!(gathered.is_empty() && gathered.size == 0);
    }

    #[test]
    fn keys_are_told_apart_by_where_their_parts_end() {
        let (table, mut gathered) = (table(), Gathered::default());
        gathered.put(0, &table, row("a", "bc", 1), true, Vec::new());
        gathered.put(0, &table, row("ab", "c", 2), true, Vec::new());
        assert_eq!(gathered.take()[&0].changes.len(), 2);
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn what_came_before_a_table_was_emptied_is_forgotten() {
        let (table, mut gathered) = (table(), Gathered::default());
        gathered.put(1, &table, row("a", "x", 1), true, Vec::new());
        gathered.empty(1);
        gathered.put(1, &table, row("b", "x", 1), true, Vec::new());
        let touched = gathered.take().remove(&1).unwrap();
        assert!(touched.emptied);
        assert_eq!(touched.changes.len(), 1);
    }

    #[test]
    fn what_an_echo_overwrote_is_no_change_and_what_came_behind_it_is_one() {
        let (table, mut gathered) = (table(), Gathered::default());
        let key = |name: &str| Key::of(&table, &row(name, "x", 0));
        for name in ["a", "b", "c"] {
            gathered.put(0, &table, row(name, "x", 1), true, Vec::new());
        }
        for name in ["a", "a", "b", "d"] {
            gathered.echo(0, &table, Change::Delete(key(name)));
        }
        // Its value is not what was told before the echo.
        gathered.put(0, &table, row("b", "x", 0), false, vec![2]);
        assert_eq!(gathered.unknown(std::slice::from_ref(&table))[0].1, [key("b")]);
        gathered.fill(0, vec![key("b")], vec![Some(row("b", "x", 5))]);
        let touched = gathered.take().remove(&0).unwrap();
        let rows: Vec<&Row> = touched.changes.iter().filter_map(Change::row).collect();
        assert_eq!(rows, [&row("b", "x", 5), &row("c", "x", 1)]);
        let mut echoes: Vec<String> = touched
            .echoes
            .iter()
            .map(|echo| echo.key(&table).words())
            .collect();
        echoes.sort();
        assert_eq!(echoes, ["a, x", "d, x"]);
        let overwritten: Vec<&Row> = touched.overwritten.iter().filter_map(Change::row).collect();
        assert_eq!(overwritten, [&row("a", "x", 1), &row("b", "x", 1)]);
    }

    #[test]
    fn what_a_log_does_not_tell_is_taken_from_before_or_asked_for() {
        let (table, mut gathered) = (table(), Gathered::default());
        let tables = [table.clone()];
        gathered.put(0, &table, row("a", "x", 1), false, Vec::new());
        // The value of the first is known from before, that of the second from nowhere.
        gathered.put(0, &table, row("a", "x", 0), false, vec![2]);
        gathered.put(0, &table, row("b", "x", 0), false, vec![2]);
        gathered.put(0, &table, row("c", "x", 0), false, vec![2]);
        let unknown = gathered.unknown(&tables);
        let keys = unknown[0].1.clone();
        assert_eq!(keys.iter().map(Key::words).collect::<Vec<_>>(), ["b, x", "c, x"]);
        gathered.fill(0, keys.clone(), vec![Some(row("b", "x", 7)), None]);
        let put = |row| Change::Put { row, new: false };
        assert_eq!(
            gathered.take()[&0].changes,
            [
                put(row("a", "x", 1)),
                put(row("b", "x", 7)),
                Change::Delete(keys[1].clone())
            ]
        );
    }

    #[test]
    fn a_value_that_is_told_later_is_asked_for_no_more() {
        let (table, mut gathered) = (table(), Gathered::default());
        gathered.put(0, &table, row("a", "x", 0), false, vec![2]);
        gathered.put(0, &table, row("a", "x", 0), false, vec![2]);
        assert_eq!(gathered.unknown(std::slice::from_ref(&table)).len(), 1);
        gathered.put(0, &table, row("a", "x", 3), false, Vec::new());
        assert_eq!(gathered.unknown(std::slice::from_ref(&table)), []);
    }

    #[test]
    fn what_was_taken_before_is_not_taken_again() {
        let mut taken = Taken::behind(2);
        assert_eq!([taken.next(), taken.next(), taken.next()], [None, None, Some(3)]);
    }

    #[test]
    fn a_transaction_is_cut_only_where_it_is_too_large() {
        let (table, mut gathered) = (table(), Gathered::default());
        for n in 0..10_000 {
            assert!(!gathered.is_enough(5000, true));
            assert_eq!(gathered.is_enough(5000, false), n >= 5000);
            gathered.put(0, &table, row("a", &n.to_string(), n), true, Vec::new());
        }
        assert!(gathered.is_enough(5000, true));
    }
}
