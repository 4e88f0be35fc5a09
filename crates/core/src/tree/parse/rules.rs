//! What a tree declares of its rules.

use super::Reader;
use super::problems::Path;
use super::values::Entry;
use crate::tree::Tree;
use crate::{ConflictResolution, Name, Rule, RuleMode, Severity, TableMap};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};

impl<'t> Reader<'t> {
    pub(super) fn rules(&mut self, entries: Vec<Entry<'t>>) -> Vec<Rule> {
        let root = Path::root("rules");
        entries
            .iter()
            .filter_map(|(name, value)| self.rule(name, value, &root.to(name)))
            .collect()
    }

    fn rule(&mut self, name: &str, value: &'t RawValue, path: &Path<'_>) -> Option<Rule> {
        let fields = self.object(value, path)?;
        let errors_before = self.errors;
        let mut rule = Rule::new(name, "", "", RuleMode::Unknown);
        for (key, value) in &fields {
            let path = path.to(key);
            match &**key {
                "source" => rule.source = self.string(value, &path).unwrap_or_default().into(),
                "target" => rule.target = self.string(value, &path).unwrap_or_default().into(),
                "mode" => {
                    let words = "snapshot, cdc or bidirectional";
                    rule.mode = self
                        .word(value, &path, words, RuleMode::from_word)
                        .unwrap_or(RuleMode::Unknown);
                }
                "collections" => rule.collections = self.strings(value, &path),
                "conflictResolution" => {
                    let words = "source-wins, target-wins or timestamp";
                    rule.conflict_resolution = self
                        .word(value, &path, words, ConflictResolution::from_word)
                        .unwrap_or_default();
                }
                "enabled" => rule.enabled = self.boolean(value, &path).unwrap_or(true),
                "throttle" => rule.throttle = self.throttle(value, &path),
                "map" => rule.map = self.map(value, &path),
                "schedule" => rule.schedule = self.string(value, &path).map(Name::from),
                _ => {}
            }
        }
        for missing in ["source", "target", "mode"] {
            if !fields.iter().any(|(key, _)| key == missing) {
                self.error::<()>(value, path, &format!("has no `{missing}`"));
            }
        }
        if rule.schedule.is_some() && matches!(rule.mode, RuleMode::Cdc | RuleMode::Bidirectional) {
            let why = "has a schedule, which only a snapshot rule needs: where this one is followed, it is not looked at";
            self.warn(value, path, why);
        }
        if self.errors > errors_before {
            rule.problem =
                Some("its entry in the tree has a field that cannot be used; see the problems".into());
        }
        Some(rule)
    }

    /// Rules may only join projects that exist.
    pub(super) fn rule_ends(&mut self, tree: &mut Tree) {
        let projects: HashSet<&str> = tree.projects.iter().map(|project| &*project.name).collect();
        for rule in &mut tree.rules {
            for (end, project) in [("source", &rule.source), ("target", &rule.target)] {
                if project.is_empty() || projects.contains(&**project) {
                    continue;
                }
                let message = format!("its {end} is a project that is not in the tree");
                let path = Path::root("rules");
                self.note(Severity::Warning, None, &path.to(&rule.name).to(end), &message);
                rule.problem.get_or_insert_with(|| message.into());
            }
        }
    }

    /// `"users": "people"`, or `"users": { "to": "people", "columns": { "id": "key" } }`.
    fn map(&mut self, value: &'t RawValue, path: &Path<'_>) -> BTreeMap<Name, TableMap> {
        let mut map = BTreeMap::new();
        for (table, value) in self.object(value, path).unwrap_or_default() {
            let path = path.to(&table);
            let mut own = TableMap::default();
            if !value.get().starts_with('{') {
                own.to = self.new_name(value, &path);
            } else {
                for (key, value) in self.object(value, &path).unwrap_or_default() {
                    let path = path.to(&key);
                    match &*key {
                        "to" => own.to = self.new_name(value, &path),
                        "columns" => own.columns = self.columns(value, &path),
                        _ => self.warn(value, &path, "is unknown here: a table has to and columns"),
                    }
                }
            }
            map.insert(Name::from(&*table), own);
        }
        map
    }

    fn columns(&mut self, value: &'t RawValue, path: &Path<'_>) -> BTreeMap<Name, Name> {
        let columns = self.object(value, path).unwrap_or_default();
        let named = columns.into_iter().filter_map(|(column, value)| {
            let name = self.new_name(value, &path.to(&column))?;
            Some((Name::from(&*column), name))
        });
        named.collect()
    }

    fn new_name(&mut self, value: &'t RawValue, path: &Path<'_>) -> Option<Name> {
        let name = self.string(value, path)?;
        match name.is_empty() {
            true => self.error(value, path, "must not be empty"),
            false => Some(name.into()),
        }
    }
}
