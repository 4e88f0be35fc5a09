//! Edits the text of a tree file in place.
//!
//! What is not edited stays as written, byte for byte: unknown fields, order, comments, indentation and number
//! forms such as `5e3`. Writing the file to disk is the monitor's business.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};
use serde_json::Value;
use std::fmt;

/// Deeper nesting is refused: a tree needs five levels, and the editor recurses.
const MAX_DEPTH: usize = 64;

/// Why an edit was not made. Nothing was changed then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// The text is not JSON; the message gives line and column.
    NotJson(String),
    /// The path leads through something that is not an object; holds the key.
    NotAnObject(String),
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(why) => write!(f, "the tree cannot be edited: {why}"),
            Self::NotAnObject(key) => write!(f, "the tree cannot be edited: `{key}` is not an object"),
        }
    }
}

impl std::error::Error for EditError {}

/// The text of a tree file, open for edits.
///
/// ```
/// use replica_core::tree::Document;
/// let text = "{ \"routing\": { \"shop\": \"random\" }, \"x\": 1.0e3 }";
/// let document = Document::parse(text)?;
/// document.set(&["routing", "shop"], &"least-lag".into())?;
/// assert_eq!(document.text(), "{ \"routing\": { \"shop\": \"least-lag\" }, \"x\": 1.0e3 }");
/// # Ok::<(), replica_core::tree::EditError>(())
/// ```
pub struct Document {
    root: CstRootNode,
}

impl Document {
    /// Opens `text`. An empty text is an empty tree.
    pub fn parse(text: &str) -> Result<Self, EditError> {
        if depth(text) > MAX_DEPTH {
            return Err(EditError::NotJson(format!(
                "it is nested more than {MAX_DEPTH} levels deep"
            )));
        }
        let options = ParseOptions {
            allow_trailing_commas: false,
            allow_comments: true,
            ..ParseOptions::default()
        };
        let root =
            CstRootNode::parse(text, &options).map_err(|error| EditError::NotJson(error.to_string()))?;
        Ok(Self { root })
    }

    /// The text as it stands now.
    pub fn text(&self) -> String {
        self.root.to_string()
    }

    /// Puts `value` at `path` (for example `["replicas", "shop", "master", "role"]`), making the objects on the way.
    pub fn set(&self, path: &[&str], value: &Value) -> Result<(), EditError> {
        let Some((key, parents)) = path.split_last() else {
            return Ok(());
        };
        let mut object = self
            .root
            .object_value_or_create()
            .ok_or_else(|| not_an_object("the file"))?;
        for parent in parents {
            object = match entries(&object, parent).pop() {
                Some(entry) => entry.object_value().ok_or_else(|| not_an_object(parent))?,
                None => append_object(&object, parent)?,
            };
        }
        match entries(&object, key).pop() {
            Some(entry) => entry.set_value(input(value)),
            None => {
                object.append(key, input(value));
            }
        }
        Ok(())
    }

    /// Removes what stands at `path`; whether there was something.
    pub fn remove(&self, path: &[&str]) -> bool {
        let Some((key, parents)) = path.split_last() else {
            return false;
        };
        let object = parents
            .iter()
            .try_fold(self.root.object_value(), |object, parent| {
                entries(&object?, parent).pop().map(|entry| entry.object_value())
            });
        let found = object.flatten().map(|object| entries(&object, key));
        let found = found.unwrap_or_default();
        let removed = !found.is_empty();
        // Every one of them: were only the last removed, the one before it would count.
        found.into_iter().for_each(CstObjectProp::remove);
        removed
    }
}

/// The entries called `key`. Of several the last one counts, as it does to whoever reads the tree.
fn entries(object: &CstObject, key: &str) -> Vec<CstObjectProp> {
    let mut entries = object.properties();
    entries.retain(|entry| entry.decoded_name().is_some_and(|name| name == key));
    entries
}

fn append_object(object: &CstObject, key: &str) -> Result<CstObject, EditError> {
    let entry = object.append(key, CstInputValue::Object(Vec::new()));
    entry.object_value().ok_or_else(|| not_an_object(key))
}

fn not_an_object(key: &str) -> EditError {
    EditError::NotAnObject(key.to_owned())
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => CstInputValue::Bool(*flag),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(entries) => CstInputValue::Object(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), input(value)))
                .collect(),
        ),
    }
}

/// How deep brackets nest at most, strings aside; an upper bound is enough.
fn depth(text: &str) -> usize {
    let (mut deepest, mut now, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_string = false,
            (true, _) => {}
            (false, b'"') => in_string = true,
            (false, b'{' | b'[') => now += 1,
            (false, b'}' | b']') => now = now.saturating_sub(1),
            (false, _) => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TREE: &str = r#"{
  // who feeds whom
  "replicas": {
    "shop": { "master": { "role": "master", "x-note": [1.50, 2e3], "uri": "mysql://root:@h/shop" } },
    "2": {}, "1": {}
  },
  "owner": "tea\u006d"
}
"#;

    #[test]
    fn reading_and_writing_changes_nothing() {
        assert_eq!(Document::parse(TREE).unwrap().text(), TREE);
    }

    #[test]
    fn an_edit_touches_only_its_place() {
        let document = Document::parse(TREE).unwrap();
        document
            .set(&["replicas", "shop", "master", "role"], &json!("slave"))
            .unwrap();
        assert_eq!(
            document.text(),
            TREE.replace(r#""role": "master""#, r#""role": "slave""#)
        );
        assert!(document.remove(&["owner"]));
        assert!(!document.remove(&["owner", "name"]));
        assert!(document.text().contains("// who feeds whom"));
        assert!(document.text().contains("[1.50, 2e3]"));
    }

    #[test]
    fn hostile_names_survive_an_edit() {
        for name in [
            "a/b",
            "quo\"te",
            "__proto__",
            "back\\slash",
            "emoji 🦀",
            "new\nline",
            "<img onerror>",
            "\u{1}",
        ] {
            let document = Document::parse(TREE).unwrap();
            let entry = json!({ "role": "slave", "pool": { "min": 1 } });
            document.set(&["replicas", name, name], &entry).unwrap();
            document
                .set(&["replicas", name, name, "role"], &json!("master"))
                .unwrap();
            let text = document.text();
            let parsed = super::super::parse(text.as_bytes(), "t").tree.unwrap();
            let project = parsed
                .projects
                .iter()
                .find(|project| &*project.name == name)
                .unwrap();
            assert_eq!(&*project.replicas[0].name, name);
            assert_eq!(project.replicas[0].role, crate::Role::Master);
            assert!(document.remove(&["replicas", name]));
            assert!(!document.text().contains("\"pool\""));
        }
    }

    #[test]
    fn of_entries_of_one_name_the_one_that_counts_is_edited() {
        let twice = r#"{"p": {"a": 1, "b": 2, "\u0061": 3}, "p": {"a": 4, "b": 5, "\u0061": 9}}"#;
        let document = Document::parse(twice).unwrap();
        document.set(&["p", "a"], &json!(7)).unwrap();
        assert_eq!(document.text(), twice.replace('9', "7"));
        assert!(document.remove(&["p", "a"]) && !document.remove(&["p", "a"]));
        let left = r#"{"p": {"a": 1, "b": 2, "\u0061": 3}, "p": { "b": 5}}"#;
        assert_eq!(document.text(), left);
    }

    #[test]
    fn what_is_no_tree_is_refused_with_a_reason() {
        assert!(matches!(Document::parse("{\"a\":"), Err(EditError::NotJson(_))));
        assert!(matches!(
            Document::parse(&"[".repeat(100_000)),
            Err(EditError::NotJson(_))
        ));
        let document = Document::parse("{\"replicas\": 5}").unwrap();
        let refused = document.set(&["replicas", "shop"], &json!({}));
        assert_eq!(refused, Err(EditError::NotAnObject("replicas".to_owned())));
    }
}
