//! What the server writes → a value as it travels, the same whether it comes in an answer or in the log.

use crate::rules::{Cell, Kind};

/// Of the types of which the log writes something else than a query that asks for text or for numbers of double precision.
const FLOAT4: u32 = 700;
const BPCHAR: u32 = 1042;

/// What a column of that type holds.
pub(super) fn kind(base: &str, modifier: i32) -> Kind {
    match base {
        "bool" => Kind::Bool,
        "int2" | "int4" | "int8" => Kind::Int,
        "float4" | "float8" => Kind::Float,
        // A modifier is ((digits << 16) | behind the point) + 4; -1 is none.
        "numeric" => match modifier
            .checked_sub(4)
            .and_then(|sizes| u32::try_from(sizes).ok())
        {
            Some(sizes) if sizes == 20 << 16 => Kind::Unsigned,
            Some(sizes) => Kind::Decimal(Some(((sizes >> 16) as u16, (sizes & 0x7ff) as u16))),
            None => Kind::Decimal(None),
        },
        "bytea" => Kind::Bytes,
        "timestamptz" => Kind::Instant,
        "timestamp" => Kind::DateTime,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "uuid" => Kind::Uuid,
        "json" | "jsonb" => Kind::Json,
        _ => Kind::Text,
    }
}

/// The server leaves off fractions that are zero, and adds the time zone, which is pinned.
pub(super) fn plain(kind: Kind, text: String) -> Cell {
    match kind {
        Kind::Unsigned => text.parse().map_or(Cell::Text(text), Cell::Int),
        Kind::Instant | Kind::DateTime | Kind::Time => {
            let bare = text.strip_suffix("+00").unwrap_or(&text);
            match bare.split_once('.') {
                _ if !bare.ends_with(|last: char| last.is_ascii_digit()) => Cell::Text(text),
                Some((whole, fraction)) => Cell::Text(format!("{whole}.{fraction:0<6}")),
                None => Cell::Text(format!("{bare}.000000")),
            }
        }
        _ => Cell::Text(text),
    }
}

/// A value of the log, in the text of its type's own output; none where it is not what its column should hold.
pub(super) fn logged(kind: Kind, native: u32, text: &str) -> Option<Cell> {
    Some(match kind {
        Kind::Bool => Cell::Int((text == "t").into()),
        Kind::Int => Cell::Int(text.parse().ok()?),
        // As a query gives it: widened from what was stored.
        Kind::Float if native == FLOAT4 => Cell::Float(text.parse::<f32>().ok()?.into()),
        Kind::Float => Cell::Float(text.parse().ok()?),
        Kind::Bytes => Cell::Bytes(hex::decode(text.strip_prefix("\\x")?).ok()?),
        // A query's cast to text takes the padding off.
        kind if native == BPCHAR => plain(kind, text.trim_end_matches(' ').to_owned()),
        kind => plain(kind, text.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_all_their_digits() {
        for (kind, text, wants) in [
            (
                Kind::Instant,
                "2026-11-26 14:02:31+00",
                "2026-11-26 14:02:31.000000",
            ),
            (
                Kind::Instant,
                "2026-11-26 14:02:31.04+00",
                "2026-11-26 14:02:31.040000",
            ),
            (Kind::Time, "14:02:31.5", "14:02:31.500000"),
            (Kind::Instant, "infinity", "infinity"),
            (Kind::Date, "2026-11-26", "2026-11-26"),
        ] {
            assert_eq!(plain(kind, text.to_owned()), Cell::Text(wants.to_owned()));
        }
    }

    #[test]
    fn the_log_is_read_as_a_query_is() {
        for (kind, native, text, wants) in [
            (Kind::Bool, 16, "t", Some(Cell::Int(1))),
            (Kind::Int, 20, "-5", Some(Cell::Int(-5))),
            (Kind::Int, 20, "five", None),
            (Kind::Float, FLOAT4, "0.1", Some(Cell::Float(f64::from(0.1_f32)))),
            (Kind::Float, 701, "0.1", Some(Cell::Float(0.1))),
            (
                Kind::Float,
                701,
                "-Infinity",
                Some(Cell::Float(f64::NEG_INFINITY)),
            ),
            (Kind::Bytes, 17, "\\x00ff", Some(Cell::Bytes(vec![0, 255]))),
            (Kind::Text, BPCHAR, "a  ", Some(Cell::Text("a".to_owned()))),
            (Kind::Text, 25, "a  ", Some(Cell::Text("a  ".to_owned()))),
        ] {
            assert_eq!(logged(kind, native, text), wants, "{text}");
        }
    }

    #[test]
    fn sizes_of_decimals_are_unpacked() {
        assert_eq!(
            kind("numeric", ((10 << 16) | 2) + 4),
            Kind::Decimal(Some((10, 2)))
        );
        assert_eq!(kind("numeric", (20 << 16) + 4), Kind::Unsigned);
        assert_eq!(kind("numeric", -1), Kind::Decimal(None));
    }
}
