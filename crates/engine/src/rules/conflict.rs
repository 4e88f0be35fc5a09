//! Who wins where both sides changed a row. Pure.

use super::diff::is_same;
use super::log::{Slice, Touched};
use super::store::{Change, Key, Row};
use super::table::Table;
use replica_core::ConflictResolution;
use std::collections::BTreeMap;

/// The columns that tell when a row was changed, as applications call them; case is no matter.
const STAMPS: [&str; 2] = ["updated_at", "updatedat"];

/// Said of a table without one, where it is needed.
pub(super) const NO_STAMP: &str = "it has no column updated_at, by which the later of two changes is told";

/// The column that tells when a row of the table was changed.
pub(super) fn stamp(table: &Table) -> Option<usize> {
    let is_stamp = |name: &str| STAMPS.contains(&name.to_lowercase().as_str());
    table.columns.iter().position(|column| is_stamp(&column.name))
}

/// Whether the row of the rule's source stays, where its target has it otherwise; none is one that was deleted.
pub(super) fn source_wins(
    policy: ConflictResolution,
    table: &Table,
    source: Option<&Row>,
    target: Option<&Row>,
) -> bool {
    match policy {
        ConflictResolution::SourceWins => true,
        ConflictResolution::TargetWins => false,
        ConflictResolution::Timestamp => match (source, target) {
            // When a row was deleted no row tells: what is there still stays.
            (None, Some(_)) => false,
            (Some(_) | None, None) => true,
            (Some(source), Some(target)) => stamp(table).is_none_or(|at| {
                let (ours, theirs) = (source.get(at), target.get(at));
                ours.zip(theirs)
                    .is_none_or(|(ours, theirs)| ours.order(theirs).is_ge())
            }),
        },
    }
}

/// What was changed on one side and is not on the other one yet.
#[derive(Default)]
pub(super) struct Pending {
    tables: BTreeMap<usize, Changed>,
    overwritten: Vec<Overwritten>,
    /// How many more were overwritten, of which nobody knows what they were.
    superseded: u64,
}

/// A change, and what the other side made of the row before that could know of it.
struct Overwritten {
    table: usize,
    change: Change,
    by: Change,
}

#[derive(Default)]
struct Changed {
    emptied: bool,
    rows: BTreeMap<Vec<u8>, Change>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Adds what a log has told next.
    pub(super) fn take(&mut self, slice: &mut Slice, tables: &[Table]) {
        for (at, touched) in std::mem::take(&mut slice.touched) {
            let changed = self.tables.entry(at).or_default();
            if touched.emptied {
                (changed.emptied, changed.rows) = (true, BTreeMap::new());
            }
            self.superseded += touched.superseded;
            let mut before: BTreeMap<Vec<u8>, Change> = BTreeMap::new();
            for change in touched.overwritten {
                before.insert(change.key(&tables[at]).exactly(), change);
            }
            for echo in touched.echoes {
                let exact = echo.key(&tables[at]).exactly();
                let earlier = changed.rows.remove(&exact);
                if let Some(change) = before.remove(&exact).or(earlier) {
                    let by = echo;
                    self.overwritten.push(Overwritten {
                        table: at,
                        change,
                        by,
                    });
                }
            }
            // Of a row that was changed again behind the echo, only that counts.
            self.superseded += before.len() as u64;
            for change in touched.changes {
                changed.rows.insert(change.key(&tables[at]).exactly(), change);
            }
            if !changed.emptied && changed.rows.is_empty() {
                self.tables.remove(&at);
            }
        }
    }

    /// Adds a row of which nothing newer is known.
    pub(super) fn offer(&mut self, at: usize, table: &Table, change: Change) {
        let rows = &mut self.tables.entry(at).or_default().rows;
        rows.entry(change.key(table).exactly()).or_insert(change);
    }

    /// The places of the tables of which something is pending.
    pub(super) fn tables(&self) -> Vec<usize> {
        self.tables.keys().copied().collect()
    }

    /// Takes away the tables that are left alone.
    pub(super) fn without(&mut self, tables: &[usize]) {
        tables.iter().for_each(|at| drop(self.tables.remove(at)));
    }

    /// All of it, as a slice holds it; nothing is left behind.
    pub(super) fn drain(&mut self) -> BTreeMap<usize, Touched> {
        let tables = std::mem::take(&mut self.tables).into_iter();
        let touched = |changed: Changed| Touched {
            emptied: changed.emptied,
            changes: changed.rows.into_values().collect(),
            ..Touched::default()
        };
        tables.map(|(at, changed)| (at, touched(changed))).collect()
    }

    /// How many changes were lost without a trace of what they were.
    pub(super) fn superseded(&mut self) -> u64 {
        std::mem::take(&mut self.superseded)
    }

    fn get(&self, at: usize, exact: &[u8]) -> Option<&Change> {
        self.tables.get(&at)?.rows.get(exact)
    }

    fn set(&mut self, at: usize, exact: Vec<u8>, change: Change) {
        self.tables.entry(at).or_default().rows.insert(exact, change);
    }
}

/// A row that both sides had changed otherwise, and that one of them lost.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lost {
    pub(super) table: usize,
    pub(super) key: Key,
    /// Whether what the rule's source had made of it stays.
    pub(super) source_won: bool,
}

/// Leaves of each row that both sides changed what the policy wants; the other side gets it. Those that both changed alike need not go anywhere.
pub(super) fn settle(
    policy: ConflictResolution,
    tables: &[Table],
    source: &mut Pending,
    target: &mut Pending,
) -> Vec<Lost> {
    let mut all = Vec::new();
    for (at, ours) in &mut source.tables {
        if let Some(theirs) = target.tables.get_mut(at) {
            match ours.emptied == theirs.emptied {
                true => settle_rows(policy, (*at, &tables[*at]), (ours, theirs), &mut all),
                false => settle_emptied((*at, &tables[*at]), (ours, theirs), &mut all),
            }
        }
    }
    for pending in [source, target] {
        pending
            .tables
            .retain(|_, changed| changed.emptied || !changed.rows.is_empty());
    }
    all
}

/// A table that one side emptied is empty: what the other side changed meanwhile is lost.
fn settle_emptied(
    (at, table): (usize, &Table),
    (ours, theirs): (&mut Changed, &mut Changed),
    all: &mut Vec<Lost>,
) {
    let source_won = ours.emptied;
    let lost = if source_won { theirs } else { ours };
    all.extend(std::mem::take(&mut lost.rows).into_values().map(|change| Lost {
        table: at,
        key: change.key(table),
        source_won,
    }));
}

/// Row by row. Where both emptied the table, what came then counts.
fn settle_rows(
    policy: ConflictResolution,
    (at, table): (usize, &Table),
    (ours, theirs): (&mut Changed, &mut Changed),
    all: &mut Vec<Lost>,
) {
    let is_both = |key: &&Vec<u8>| theirs.rows.contains_key(*key);
    let keys: Vec<Vec<u8>> = ours.rows.keys().filter(is_both).cloned().collect();
    for exact in keys {
        let (Some(one), Some(other)) = (ours.rows.get(&exact), theirs.rows.get(&exact)) else {
            continue;
        };
        let (row, others) = (one.row(), other.row());
        let is_alike = match (row, others) {
            (Some(row), Some(others)) => is_same(table, row, others),
            (row, others) => row.is_none() && others.is_none(),
        };
        let source_won = source_wins(policy, table, row, others);
        if !is_alike {
            let key = one.key(table);
            all.push(Lost {
                table: at,
                key,
                source_won,
            });
        }
        if is_alike || source_won {
            theirs.rows.remove(&exact);
        }
        if is_alike || !source_won {
            ours.rows.remove(&exact);
        }
    }
}

/// Brings back what the other side overwrote without knowing of it, where the policy wants that: into both sides then.
pub(super) fn restore(
    policy: ConflictResolution,
    tables: &[Table],
    source: &mut Pending,
    target: &mut Pending,
) -> Vec<Lost> {
    let mut all = Vec::new();
    for is_source in [true, false] {
        let (own, other) = match is_source {
            true => (&mut *source, &mut *target),
            false => (&mut *target, &mut *source),
        };
        for Overwritten {
            table: at,
            change,
            by,
        } in std::mem::take(&mut own.overwritten)
        {
            let table = &tables[at];
            let (key, exact) = (change.key(table), change.key(table).exactly());
            // Changed again since, and that is settled already.
            if own.get(at, &exact).is_some() {
                continue;
            }
            let rival = other.get(at, &exact).unwrap_or(&by);
            let source_won = match is_source {
                true => source_wins(policy, table, change.row(), rival.row()),
                false => source_wins(policy, table, rival.row(), change.row()),
            };
            if source_won == is_source {
                own.set(at, exact.clone(), change.clone());
                other.set(at, exact, change);
            }
            all.push(Lost {
                table: at,
                key,
                source_won,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::log::Left;
    use crate::rules::{Cell, Column, Kind};

    fn table() -> Table {
        let column = |name: &str| Column {
            name: name.to_owned(),
            kind: Kind::Int,
            nullable: true,
            generated: false,
        };
        Table {
            name: "t".to_owned(),
            columns: ["id", "v", "Updated_At"].map(column).into(),
            key: vec![0],
        }
    }

    fn row(id: i128, v: i128, at: i128) -> Row {
        [id, v, at].map(Cell::Int).into()
    }

    fn put(row: Row) -> Change {
        Change::Put { row, new: false }
    }

    fn gone(id: i128) -> Change {
        Change::Delete(Key(vec![Cell::Int(id)]))
    }

    fn slice(touched: Touched) -> Slice {
        Slice {
            until: String::new(),
            touched: [(0, touched)].into(),
            since_ms: None,
            left: Left::Some,
            echoed: None,
        }
    }

    fn pending(changes: Vec<Change>) -> Pending {
        let mut pending = Pending::default();
        let touched = Touched {
            changes,
            ..Touched::default()
        };
        pending.take(&mut slice(touched), &[table()]);
        pending
    }

    fn settled(
        policy: ConflictResolution,
        ours: Vec<Change>,
        theirs: Vec<Change>,
    ) -> (Vec<Change>, Vec<Change>, usize) {
        let (mut source, mut target) = (pending(ours), pending(theirs));
        let lost = settle(policy, &[table()], &mut source, &mut target);
        let changes = |mut pending: Pending| {
            pending
                .drain()
                .remove(&0)
                .map(|touched| touched.changes)
                .unwrap_or_default()
        };
        (changes(source), changes(target), lost.len())
    }

    #[test]
    fn of_a_row_that_both_changed_one_goes_on() {
        use ConflictResolution::{SourceWins, TargetWins, Timestamp};
        let (ours, theirs) = (put(row(1, 10, 5)), put(row(1, 20, 6)));
        let alone = put(row(2, 1, 1));
        let settle = |policy, ours: &Change, theirs: &Change| {
            settled(policy, vec![ours.clone(), alone.clone()], vec![theirs.clone()])
        };
        let source = |ours: &Change| (vec![ours.clone(), alone.clone()], vec![], 1);
        let target = |theirs: &Change| (vec![alone.clone()], vec![theirs.clone()], 1);
        assert_eq!(settle(SourceWins, &ours, &theirs), source(&ours));
        assert_eq!(settle(TargetWins, &ours, &theirs), target(&theirs));
        assert_eq!(settle(Timestamp, &ours, &theirs), target(&theirs));
        assert_eq!(settle(Timestamp, &theirs, &ours), source(&theirs));
        assert_eq!(settle(Timestamp, &gone(1), &theirs), target(&theirs));
        assert_eq!(settle(Timestamp, &ours, &gone(1)), source(&ours));
        assert_eq!(settle(SourceWins, &gone(1), &theirs), source(&gone(1)));
        // Both came to the same: nobody lost, and nothing need go anywhere.
        assert_eq!(
            settle(Timestamp, &gone(1), &gone(1)),
            (vec![alone.clone()], vec![], 0)
        );
        assert_eq!(settle(TargetWins, &ours, &ours), (vec![alone.clone()], vec![], 0));
    }

    #[test]
    fn an_echo_takes_away_what_it_has_overwritten() {
        let mut pending = pending(vec![put(row(1, 10, 5)), put(row(2, 20, 5))]);
        let touched = Touched {
            changes: vec![put(row(3, 30, 5))],
            echoes: vec![put(row(1, 11, 1)), gone(9)],
            superseded: 2,
            ..Touched::default()
        };
        pending.take(&mut slice(touched), &[table()]);
        assert_eq!((pending.superseded(), pending.overwritten.len()), (2, 1));
        pending.offer(0, &table(), put(row(2, 99, 9)));
        pending.offer(0, &table(), put(row(4, 40, 5)));
        let changes = pending.drain().remove(&0).unwrap().changes;
        assert_eq!(
            changes,
            [put(row(2, 20, 5)), put(row(3, 30, 5)), put(row(4, 40, 5))]
        );
        assert!(pending.is_empty() && pending.superseded() == 0);
    }

    #[test]
    fn what_was_overwritten_comes_back_into_both_where_it_should_have_stayed() {
        let restored = |policy, theirs: Vec<Change>| {
            let (mut source, mut target) = (Pending::default(), pending(theirs));
            let touched = Touched {
                overwritten: vec![put(row(1, 10, 5))],
                echoes: vec![put(row(1, 20, 4))],
                ..Touched::default()
            };
            source.take(&mut slice(touched), &[table()]);
            let lost = restore(policy, &[table()], &mut source, &mut target);
            let at = Key(vec![Cell::Int(1)]).exactly();
            let of = |pending: &Pending| pending.get(0, &at).and_then(Change::row).cloned();
            (of(&source), of(&target), lost[0].source_won)
        };
        use ConflictResolution::{SourceWins, TargetWins, Timestamp};
        let ours = Some(row(1, 10, 5));
        assert_eq!(restored(SourceWins, vec![]), (ours.clone(), ours.clone(), true));
        assert_eq!(restored(Timestamp, vec![]), (ours.clone(), ours.clone(), true));
        assert_eq!(restored(TargetWins, vec![]), (None, None, false));
        // The other side has changed it once more, and later.
        let newer = row(1, 30, 6);
        assert_eq!(
            restored(Timestamp, vec![put(newer.clone())]),
            (None, Some(newer), false)
        );
    }

    #[test]
    fn a_table_that_was_emptied_is_empty() {
        let (mut source, mut target) = (Pending::default(), pending(vec![put(row(1, 1, 1))]));
        let touched = Touched {
            emptied: true,
            changes: vec![put(row(2, 2, 2))],
            ..Touched::default()
        };
        source.take(&mut slice(touched), &[table()]);
        let lost = settle(
            ConflictResolution::TargetWins,
            &[table()],
            &mut source,
            &mut target,
        );
        assert_eq!((lost.len(), lost[0].source_won), (1, true));
        assert!(target.is_empty());
        assert!(source.drain()[&0].emptied);
    }
}
