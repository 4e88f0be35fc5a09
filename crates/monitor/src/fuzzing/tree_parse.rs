//! Any bytes are answered as a tree, and what is a tree can be edited.

use super::NEXT;
use replica_core::Problem;
use replica_core::tree::{Document, EditError, Parsed, parse};
use serde_json::{Value, json};

/// The most problems that a text may have: 100 that are located and two that count the others.
const PROBLEMS: usize = 102;

/// Input: the text of a tree, then the keys of a path to edit, each after a byte `0xFF`.
pub fn tree_parse(data: &[u8]) {
    answered(data);
    let mut parts = data.split(|byte| *byte == NEXT);
    let text = parts.next().unwrap_or_default();
    let keys: Vec<_> = parts.map(String::from_utf8_lossy).take(6).collect();
    let path: Vec<&str> = match keys.is_empty() {
        true => vec!["replicas", "shop", "master"],
        false => keys.iter().map(|key| &**key).collect(),
    };
    let parsed = answered(text);
    if let (Ok(text), Some(_)) = (std::str::from_utf8(text), parsed.tree) {
        edited(text, &path);
    }
}

/// There is a tree, or somebody says why not; and every problem points into the text.
fn answered(bytes: &[u8]) -> Parsed {
    let parsed = parse(bytes, "t.json");
    let count = parsed.problems.len();
    assert!(count <= PROBLEMS, "{count} problems");
    assert!(parsed.tree.is_some() || count > 0, "no tree, and nobody says why");
    let text = String::from_utf8_lossy(bytes);
    for problem in &parsed.problems {
        points_into(&text, problem);
    }
    parsed
}

fn points_into(text: &str, problem: &Problem) {
    assert_eq!(problem.line.is_some(), problem.column.is_some(), "half a place");
    let (Some(line), Some(column)) = (problem.line, problem.column) else {
        return;
    };
    let line: Vec<char> = text
        .split('\n')
        .nth(line - 1)
        .expect("a line of the text")
        .chars()
        .collect();
    let sentence = problem.sentence();
    assert!((1..=line.len() + 1).contains(&column), "{sentence}");
    // What has a path was said of a value: that is what it points at.
    let starts_a_value = |c: &char| matches!(c, '{' | '[' | '"' | '-' | 't' | 'f' | 'n' | '0'..='9');
    let at = line.get(column - 1);
    assert!(
        problem.path.is_none() || at.is_some_and(starts_a_value),
        "points at {at:?}: {sentence}"
    );
}

/// Opening and writing changes nothing; an edit changes what it says and nothing else.
fn edited(text: &str, path: &[&str]) {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let is_json = serde_json::from_str::<Value>(text).is_ok();
            let too_deep = error.to_string().contains("levels deep");
            assert!(!is_json || too_deep, "JSON that cannot be edited: {error}");
            return;
        }
    };
    assert_eq!(document.text(), text, "opening and writing changed the text");
    set(
        &document,
        path,
        &json!({"role": "slave", "x": [1.5, "\u{1}\"\\\u{2028}", {}]}),
    );
    set(&document, path, &json!(null));
    removed(&document, path);
}

fn set(document: &Document, path: &[&str], value: &Value) {
    let before = document.text();
    match document.set(path, value) {
        Ok(()) => means(&document.text(), &before, |tree| put(tree, path, value)),
        Err(EditError::NotAnObject(_)) => assert_eq!(document.text(), before, "refused, yet changed"),
        Err(EditError::NotJson(why)) => unreachable!("{why}"),
    }
}

fn removed(document: &Document, path: &[&str]) {
    let before = document.text();
    match document.remove(path) {
        true => means(&document.text(), &before, |tree| cut(tree, path)),
        false => assert_eq!(document.text(), before, "nothing removed, yet changed"),
    }
    assert!(!document.remove(path), "removed, yet there");
}

/// The text after an edit is a tree, and means what the text before means with that edit.
fn means(after: &str, before: &str, edit: impl FnOnce(&mut Value)) {
    assert!(
        parse(after.as_bytes(), "t").tree.is_some(),
        "no tree any more: {after}"
    );
    // Comments, and numbers beyond 64 bits, have no value to compare.
    if let Ok(mut meant) = serde_json::from_str(before) {
        edit(&mut meant);
        let is: Value = serde_json::from_str(after).expect("JSON stays JSON");
        assert_eq!(is, meant, "{before}\n{after}");
    }
}

fn put(tree: &mut Value, path: &[&str], value: &Value) {
    let mut at = tree;
    for key in path {
        let object = at.as_object_mut().expect("refused otherwise");
        at = object.entry(*key).or_insert_with(|| json!({}));
    }
    *at = value.clone();
}

fn cut(tree: &mut Value, path: &[&str]) {
    let (key, parents) = path.split_last().expect("something was removed");
    let parent = parents.iter().try_fold(tree, |at, key| at.get_mut(*key));
    parent
        .and_then(Value::as_object_mut)
        .expect("an object")
        .remove(*key);
}
