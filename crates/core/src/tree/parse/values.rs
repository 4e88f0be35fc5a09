//! Values of one kind, each read from its raw text, or the problem that it is of another.

use super::Reader;
use super::problems::Path;
use crate::Name;
use crate::tree::json::{Entries, kind};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// A key and its raw value.
pub(super) type Entry<'t> = (Cow<'t, str>, &'t RawValue);

impl<'t> Reader<'t> {
    pub(super) fn object(&mut self, value: &'t RawValue, path: &Path<'_>) -> Option<Vec<Entry<'t>>> {
        let raw = value.get();
        let entries = match serde_json::from_str::<Entries<'t>>(raw) {
            Ok(Entries(entries)) => entries,
            Err(error) if error.is_data() => return self.wrong(value, path, "an object"),
            Err(_) => return self.error(value, path, "has a key that is not valid text"),
        };
        Some(self.without_duplicates(entries, path))
    }

    /// The last of several entries of the same name counts, at the place of the first.
    pub(super) fn without_duplicates(&mut self, entries: Vec<Entry<'t>>, path: &Path<'_>) -> Vec<Entry<'t>> {
        if !has_duplicates(&entries) {
            return entries;
        }
        let mut places: HashMap<Cow<'t, str>, usize> = HashMap::with_capacity(entries.len());
        let mut unique: Vec<Entry<'t>> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match places.get(&key) {
                None => {
                    places.insert(key.clone(), unique.len());
                    unique.push((key, value));
                }
                Some(&place) => {
                    self.warn(value, &path.to(&key), "stands twice; the last one counts");
                    unique[place].1 = value;
                }
            }
        }
        unique
    }

    pub(super) fn string(&mut self, value: &RawValue, path: &Path<'_>) -> Option<String> {
        match serde_json::from_str(value.get()) {
            Ok(text) => Some(text),
            Err(error) if error.is_data() => self.wrong(value, path, "a text"),
            Err(_) => self.error(value, path, "is not valid text"),
        }
    }

    pub(super) fn strings(&mut self, value: &'t RawValue, path: &Path<'_>) -> Vec<Name> {
        let Ok(items) = serde_json::from_str::<Vec<&'t RawValue>>(value.get()) else {
            self.wrong::<()>(value, path, "a list of texts");
            return Vec::new();
        };
        items
            .into_iter()
            .filter_map(|item| self.string(item, path).map(Name::from))
            .collect()
    }

    pub(super) fn boolean(&mut self, value: &RawValue, path: &Path<'_>) -> Option<bool> {
        serde_json::from_str(value.get())
            .ok()
            .or_else(|| self.wrong(value, path, "true or false"))
    }

    /// A whole number of at least 0, in whatever form it is written (`5000`, `5e3`, `5000.0`).
    pub(super) fn whole(&mut self, value: &RawValue, path: &Path<'_>, unit: &str) -> Option<u64> {
        let number: Option<f64> = serde_json::from_str(value.get()).ok();
        match number {
            // 2^53: up to there an f64 holds every whole number.
            Some(number) if number >= 0.0 && number.fract() == 0.0 && number <= 9_007_199_254_740_992.0 => {
                Some(number as u64)
            }
            _ if kind(value.get()) == "a number" => self.error(
                value,
                path,
                &format!("must be a whole number of {unit}, 0 or more"),
            ),
            _ => self.wrong(value, path, &format!("a number of {unit}")),
        }
    }

    pub(super) fn word<T>(
        &mut self,
        value: &RawValue,
        path: &Path<'_>,
        words: &str,
        of: fn(&str) -> Option<T>,
    ) -> Option<T> {
        match serde_json::from_str::<String>(value.get()) {
            Ok(text) => of(&text).or_else(|| self.error(value, path, &format!("must be {words}"))),
            Err(_) => self.error(
                value,
                path,
                &format!("must be {words}, but is {}", kind(value.get())),
            ),
        }
    }
}

fn has_duplicates(entries: &[Entry<'_>]) -> bool {
    // A replica has a handful of fields, and there may be 100 000 of them: no hashing for those.
    if entries.len() <= 12 {
        return entries
            .iter()
            .enumerate()
            .any(|(at, (key, _))| entries[..at].iter().any(|(before, _)| before == key));
    }
    let mut seen = HashSet::with_capacity(entries.len());
    !entries.iter().all(|(key, _)| seen.insert(key))
}
