//! Fields of answers, whichever of its number types a version uses.

use ::mongodb::bson::{Bson, Document};

pub(super) fn text<'a>(document: &'a Document, name: &str) -> Option<&'a str> {
    document.get_str(name).ok().filter(|text| !text.is_empty())
}

pub(super) fn flag(document: &Document, name: &str) -> bool {
    document.get_bool(name).unwrap_or_default()
}

pub(super) fn number(document: &Document, name: &str) -> Option<i64> {
    match document.get(name)? {
        Bson::Int32(number) => Some((*number).into()),
        Bson::Int64(number) => Some(*number),
        // Shells write whole numbers so.
        Bson::Double(number) if number.fract() == 0.0 => Some(*number as i64),
        _ => None,
    }
}

/// Milliseconds since 1970.
pub(super) fn date(document: &Document, name: &str) -> Option<i64> {
    document
        .get_datetime(name)
        .ok()
        .map(|date| date.timestamp_millis())
}

/// The documents of a list.
pub(super) fn list<'a>(document: &'a Document, name: &str) -> impl Iterator<Item = &'a Document> {
    let entries = document.get_array(name).map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(Bson::as_document)
}
