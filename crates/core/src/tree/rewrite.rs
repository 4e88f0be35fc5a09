//! Text of a tree file + the tree that it should declare → the new text, which differs only where the two do.
//!
//! An entry that did not change stays as written, byte for byte, its password with it. Writing to disk is for others.

use super::document::{Document, EditError};
use super::{Tree, TreeProject, TreeReplica, parse};
use crate::{ReplicaKey, Rule};
use serde_json::{Map, Value, json};
use std::fmt;

/// Why a text was not rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewriteError {
    /// The text cannot be edited.
    Edit(EditError),
    /// All that is known of this replica's password is that it was masked: writing that would lose the real one.
    Masked(ReplicaKey),
}

impl fmt::Display for RewriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edit(error) => error.fmt(f),
            Self::Masked(key) => write!(
                f,
                "the tree was not written: the password of {}/{} is known only masked (***); give its real address first",
                key.project, key.replica
            ),
        }
    }
}

impl std::error::Error for RewriteError {}

impl From<EditError> for RewriteError {
    fn from(error: EditError) -> Self {
        Self::Edit(error)
    }
}

/// `text`, edited so that it declares `tree`. An empty text becomes a whole tree.
pub fn rewrite(text: &str, tree: &Tree) -> Result<String, RewriteError> {
    let document = Document::parse(text)?;
    let written = parse(text.as_bytes(), "").tree.unwrap_or_default();
    for old in &written.projects {
        if !tree.projects.iter().any(|new| new.name == old.name) {
            document.remove(&["replicas", &old.name]);
            document.remove(&["routing", &old.name]);
        }
    }
    for new in &tree.projects {
        let old = written.projects.iter().find(|old| old.name == new.name);
        write_project(&document, old, new)?;
    }
    for old in &written.rules {
        if !tree.rules.iter().any(|new| new.name == old.name) {
            document.remove(&["rules", &old.name]);
        }
    }
    for new in &tree.rules {
        let old = written.rules.iter().find(|old| old.name == new.name);
        let before = old.map(rule_fields).unwrap_or_default();
        write_fields(&document, &["rules", &new.name], &before, &rule_fields(new))?;
    }
    Ok(document.text())
}

fn write_project(
    document: &Document,
    old: Option<&TreeProject>,
    new: &TreeProject,
) -> Result<(), RewriteError> {
    let known = old.map(|old| old.replicas.as_slice()).unwrap_or_default();
    for gone in known {
        if !new.replicas.iter().any(|replica| replica.name == gone.name) {
            document.remove(&["replicas", &new.name, &gone.name]);
        }
    }
    if old.is_none() {
        document.set(&["replicas", &new.name], &json!({}))?;
    }
    for replica in &new.replicas {
        let before = known.iter().find(|known| known.name == replica.name);
        if before.is_none_or(|before| before.uri != replica.uri) && is_masked(replica) {
            let key = ReplicaKey::new(new.name.clone(), replica.name.clone());
            return Err(RewriteError::Masked(key));
        }
        let path = ["replicas", &new.name, &replica.name];
        let before = before.map(replica_fields).unwrap_or_default();
        write_fields(document, &path, &before, &replica_fields(replica))?;
    }
    if new.routing != old.map(|old| old.routing).unwrap_or_default() {
        document.set(&["routing", &new.name], &new.routing.word().into())?;
    }
    Ok(())
}

fn is_masked(replica: &TreeReplica) -> bool {
    replica.address().is_some_and(|uri| uri.password_is_masked())
}

/// Writes the fields that differ and removes those that are gone; a new entry is written whole, on one line.
fn write_fields(
    document: &Document,
    path: &[&str],
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Result<(), EditError> {
    if before.is_empty() {
        return document.set(path, &Value::Object(after.clone()));
    }
    let field = |name| [path, &[name]].concat();
    for gone in before.keys().filter(|name| !after.contains_key(*name)) {
        document.remove(&field(gone.as_str()));
    }
    for (name, value) in after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value))
    {
        document.set(&field(name.as_str()), value)?;
    }
    Ok(())
}

fn replica_fields(replica: &TreeReplica) -> Map<String, Value> {
    let pool = replica.pool.map(|pool| {
        let sizes = [("min", pool.min), ("max", pool.max)];
        let sizes = sizes
            .into_iter()
            .filter_map(|(name, size)| Some((name.to_owned(), size?.into())));
        Value::Object(sizes.collect())
    });
    let fields = [
        ("role", Some(replica.role.word().into())),
        (
            "dialect",
            replica.dialect.as_ref().map(|dialect| dialect.name().into()),
        ),
        ("uri", replica.uri.as_ref().map(|uri| (&**uri.expose()).into())),
        ("pool", pool),
        ("lagTolerance", replica.lag_tolerance_ms.map(Value::from)),
        (
            "schemaStrategy",
            replica.schema_strategy.as_deref().map(Value::from),
        ),
    ];
    let present = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    present.collect()
}

fn rule_fields(rule: &Rule) -> Map<String, Value> {
    let collections: Vec<&str> = rule.collections.iter().map(|name| &**name).collect();
    let fields = [
        ("source", json!(&*rule.source)),
        ("target", json!(&*rule.target)),
        ("mode", rule.mode.word().into()),
        ("collections", json!(collections)),
        ("conflictResolution", rule.conflict_resolution.word().into()),
        ("enabled", rule.enabled.into()),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Routing, Secret};

    const TREE: &str = r#"{
  // the shop
  "replicas": {
    "shop": {
      "m": { "role": "master", "uri": "postgresql://u:p@h/db", "x": 1.0e3 },
      "r": { "dialect": "postgres", "uri": "postgresql://u:***@h2/db" } // masked
    }
  },
  "rules": { "flow": { "source": "shop", "target": "shop", "mode": "cdc", "note": "keep" } }
}
"#;

    fn tree() -> Tree {
        parse(TREE.as_bytes(), "t").tree.unwrap()
    }

    #[test]
    fn a_tree_that_did_not_change_is_written_as_it_was() {
        assert_eq!(rewrite(TREE, &tree()).unwrap(), TREE);
    }

    #[test]
    fn only_what_changed_is_touched() {
        let mut tree = tree();
        tree.projects[0].routing = Routing::LeastLag;
        tree.projects[0].replicas[1].lag_tolerance_ms = Some(500);
        tree.rules[0].enabled = false;
        let text = rewrite(TREE, &tree).unwrap();
        assert!(text.contains("// masked") && text.contains("1.0e3") && text.contains("\"note\": \"keep\""));
        assert_eq!(text.matches("***").count(), 1);
        let read = parse(text.as_bytes(), "t").tree.unwrap();
        assert_eq!(read, tree);
    }

    #[test]
    fn what_is_gone_is_removed_with_its_routing() {
        let with_routing = TREE.replace("\"rules\"", "\"routing\": { \"shop\": \"random\" }, \"rules\"");
        let mut tree = tree();
        tree.projects.clear();
        tree.rules.clear();
        let text = rewrite(&with_routing, &tree).unwrap();
        assert!(!text.contains("shop\"") && text.contains("// the shop"), "{text}");
    }

    #[test]
    fn a_whole_tree_comes_of_nothing() {
        let mut tree = tree();
        tree.projects[0].replicas[1].uri = Some(Secret::new("postgresql://u:p%40@h2/db".into()));
        tree.projects[0].replicas[1].problem = None;
        let text = rewrite("", &tree).unwrap();
        assert_eq!(parse(text.as_bytes(), "t").tree.unwrap(), tree);
    }

    #[test]
    fn asterisks_are_never_written_over_a_password() {
        let key = ReplicaKey::new("shop", "r");
        assert_eq!(rewrite("", &tree()), Err(RewriteError::Masked(key.clone())));
        let real = TREE.replace("u:***@", "u:real@");
        assert_eq!(rewrite(&real, &tree()), Err(RewriteError::Masked(key)));
    }

    #[test]
    fn a_broken_text_is_left_alone() {
        assert!(matches!(rewrite("{", &tree()), Err(RewriteError::Edit(_))));
    }
}
