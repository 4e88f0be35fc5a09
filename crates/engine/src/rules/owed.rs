//! Rows that the target did not take: they are tried again, and shown until it takes them.

use super::batch::Part;
use super::store::{Key, Rejected};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Rows that are remembered. Beyond these they are only counted, and a mirror of the table brings them.
const MOST: usize = 1000;
/// Between two tries of a row, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

#[derive(Default)]
pub(super) struct Owed(BTreeMap<(String, Vec<u8>), Debt>);

struct Debt {
    key: Key,
    why: String,
    pause: Duration,
    due: Instant,
}

impl Owed {
    /// The rows of `part` were not taken.
    pub(super) fn note(&mut self, part: &Part, why: &str) {
        for change in &part.changes {
            let key = change.key(&part.table);
            let name = (part.table.name.clone(), key.exactly());
            let pause = self
                .0
                .get(&name)
                .map_or(PAUSE.0, |debt| (debt.pause * 2).min(PAUSE.1));
            if self.0.len() < MOST || self.0.contains_key(&name) {
                let debt = Debt {
                    key,
                    why: why.to_owned(),
                    pause,
                    due: Instant::now() + pause,
                };
                self.0.insert(name, debt);
            }
        }
    }

    /// The rows of `part` are in the target.
    pub(super) fn paid(&mut self, part: &Part) {
        if self.0.is_empty() {
            return;
        }
        for change in &part.changes {
            let key = change.key(&part.table).exactly();
            self.0.remove(&(part.table.name.clone(), key));
        }
    }

    /// What is to be tried now, by table.
    pub(super) fn due(&self) -> BTreeMap<String, Vec<Key>> {
        let now = Instant::now();
        let mut due = BTreeMap::<String, Vec<Key>>::new();
        for ((table, _), debt) in self.0.iter().filter(|(_, debt)| debt.due <= now) {
            due.entry(table.clone()).or_default().push(debt.key.clone());
        }
        due
    }

    pub(super) fn shown(&self) -> Vec<Rejected> {
        let shown = self.0.iter().map(|((table, _), debt)| Rejected {
            table: table.clone(),
            key: debt.key.words(),
            why: debt.why.clone(),
        });
        shown.collect()
    }
}
