//! One value of a row, in the form that every database can be asked for and given.

use std::cmp::Ordering;

/// A value as it travels. Numbers that have an exact binary form are numbers; everything else is the text that both ends write alike.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A whole number, signed or not.
    Int(i128),
    /// A number of double precision.
    Float(f64),
    /// Text, and whatever is written as such: decimals, times, identifiers, documents.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What the values of a column are, whatever its database calls that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Int` 0 or 1.
    Bool,
    /// `Int` of 64 bits, signed.
    Int,
    /// `Int` of 64 bits without a sign.
    Unsigned,
    /// `Float`.
    Float,
    /// `Text` of digits; with how many of them at most, and how many behind the point, where that is declared.
    Decimal(Option<(u16, u16)>),
    /// `Text`.
    Text,
    /// `Bytes`.
    Bytes,
    /// `Text`: `2026-11-26 14:02:31.042000`, in UTC.
    Instant,
    /// The same, in no time zone.
    DateTime,
    /// `Text`: `2026-11-26`.
    Date,
    /// `Text`: `14:02:31.042000`.
    Time,
    /// `Text`, in lower case.
    Uuid,
    /// `Text` of a JSON document.
    Json,
    /// Anything, value by value: a column of SQLite without a type.
    Any,
}

impl Kind {
    /// Whether values of this kind can be written to a column of that one without losing any.
    pub fn fits(self, target: Self) -> bool {
        use Kind::{Any, Bool, DateTime, Decimal, Float, Instant, Int, Json, Text, Unsigned, Uuid};
        match (self, target) {
            (Decimal(_), Decimal(_)) | (_, Any) => true,
            (Bool, Int) | (Bool | Int | Unsigned, Decimal(None)) => true,
            (Decimal(_) | Uuid | Json, Text) => true,
            (Instant, DateTime) => true,
            // What a column of SQLite declares binds nobody: a value that does not fit is refused when it comes.
            (Any, Int | Float | Text | Decimal(_)) => true,
            (one, other) => one == other,
        }
    }

    /// Whether a column of this kind can hold that value.
    pub fn takes(self, cell: &Cell) -> bool {
        match (self, cell) {
            (_, Cell::Null) | (Self::Any, _) => true,
            (Self::Bool, Cell::Int(number)) => (0..=1).contains(number),
            (Self::Int, Cell::Int(number)) => i64::try_from(*number).is_ok(),
            (Self::Unsigned, Cell::Int(number)) => u64::try_from(*number).is_ok(),
            (Self::Float, Cell::Float(_))
            | (Self::Bytes, Cell::Bytes(_))
            | (Self::Decimal(_), Cell::Int(_)) => true,
            (Self::Bool | Self::Int | Self::Unsigned | Self::Float | Self::Bytes, _) => false,
            (_, Cell::Text(_)) => true,
            (_, Cell::Int(_) | Cell::Float(_) | Cell::Bytes(_)) => false,
        }
    }

    /// Whether every database orders such values as [`Cell::order`] does.
    pub fn is_ordered_alike(self) -> bool {
        !matches!(self, Self::Float | Self::Decimal(_) | Self::Json | Self::Any)
    }

    /// Whether two values mean the same.
    pub fn same(self, one: &Cell, other: &Cell) -> bool {
        match (self, one, other) {
            (Self::Decimal(_), Cell::Text(one), Cell::Text(other)) => plain(one) == plain(other),
            (Self::Json, Cell::Text(one), Cell::Text(other)) => {
                let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
                one == other
                    || matches!((parsed(one), parsed(other)), (Some(one), Some(other)) if one == other)
            }
            (_, Cell::Float(one), Cell::Float(other)) => one == other || (one.is_nan() && other.is_nan()),
            (_, one, other) => one == other,
        }
    }
}

/// A decimal without the zeros that say nothing.
fn plain(decimal: &str) -> &str {
    match decimal.contains('.') {
        true => match decimal.trim_end_matches('0').trim_end_matches('.') {
            "" | "-" | "-0" => "0",
            plain => plain,
        },
        false => decimal,
    }
}

impl Cell {
    /// How values of keys are ordered, by every store alike: numbers by size, texts and bytes byte by byte.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => one.cmp(other),
            (Self::Float(one), Self::Float(other)) => one.total_cmp(other),
            (Self::Text(one), Self::Text(other)) => one.as_bytes().cmp(other.as_bytes()),
            (Self::Bytes(one), Self::Bytes(other)) => one.cmp(other),
            (one, other) => one.rank().cmp(&other.rank()),
        }
    }

    /// SQLite's order of what is not of one type.
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Int(_) | Self::Float(_) => 1,
            Self::Text(_) => 2,
            Self::Bytes(_) => 3,
        }
    }

    /// What it is, for people.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number with a point",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
        }
    }

    /// As text, which databases read by the type of the column; bytes as `\x…`.
    pub fn written(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Int(number) => Some(number.to_string()),
            Self::Float(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Bytes(bytes) => Some(
                bytes
                    .iter()
                    .fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
            ),
        }
    }

    /// Roughly how much memory it takes.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            _ => 0,
        }
        .saturating_add(size_of::<Self>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn decimals_are_the_same_however_many_zeros_follow() {
        let kind = Kind::Decimal(None);
        for (one, other, same) in [
            ("1.50", "1.5", true),
            ("1.00", "1", true),
            ("-0.0", "0", true),
            ("100", "1", false),
            ("0.10", "0.01", false),
        ] {
            assert_eq!(kind.same(&text(one), &text(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn documents_are_the_same_however_they_are_spaced() {
        assert!(Kind::Json.same(&text(r#"{"a":1,"b":[2]}"#), &text(r#"{ "b": [2], "a": 1 }"#)));
        assert!(!Kind::Json.same(&text("[1]"), &text("[2]")));
        assert!(!Kind::Text.same(&text("[1]"), &text("[ 1 ]")));
    }

    #[test]
    fn texts_are_ordered_by_their_bytes() {
        assert_eq!(text("Z").order(&text("a")), Ordering::Less);
        assert_eq!(text("é").order(&text("z")), Ordering::Greater);
        assert_eq!(Cell::Int(9).order(&Cell::Int(10)), Ordering::Less);
    }

    #[test]
    fn nothing_is_written_where_it_would_be_cut() {
        assert!(Kind::Int.fits(Kind::Int) && Kind::Bool.fits(Kind::Int));
        assert!(!Kind::Unsigned.fits(Kind::Int) && !Kind::Text.fits(Kind::Int));
        assert!(!Kind::Instant.fits(Kind::Date) && !Kind::Float.fits(Kind::Decimal(None)));
    }
}
