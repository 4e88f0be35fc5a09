//! Reading rows by the names of their columns: the order differs from version to version, and so do some names.

use mysql_async::{Row, Value};

/// The first of those columns that exists, as text; null and absent are the same.
pub(super) fn text(row: &Row, names: &[&str]) -> Option<String> {
    let place = names.iter().find_map(|name| {
        row.columns_ref()
            .iter()
            .position(|column| column.name_str().eq_ignore_ascii_case(name))
    })?;
    match row.as_ref(place)? {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        other => mysql_async::from_value_opt(other.clone()).ok(),
    }
}

/// The same as a number.
pub(super) fn number(row: &Row, names: &[&str]) -> Option<u64> {
    text(row, names)?.parse().ok()
}
