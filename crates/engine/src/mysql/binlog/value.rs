//! A value in the binary log → a value as a query would give it.

use crate::mysql::store::cell;
use crate::rules::{Cell, Kind};
use mysql_async::Value;
use mysql_async::binlog::value::BinlogValue;

/// A column, as the catalogue describes it.
#[derive(Clone, Debug)]
pub(super) struct Native {
    pub(super) name: String,
    /// `int`, `varchar`.
    pub(super) base: String,
    pub(super) is_unsigned: bool,
    /// Digits behind the seconds.
    pub(super) fraction: u8,
    /// Bytes of a value at most.
    pub(super) length: u64,
    /// Of a column of text.
    pub(super) charset: Option<String>,
}

impl Native {
    /// Whether the log has its values in a form that is read here; the others are asked for.
    pub(super) fn is_read(&self) -> bool {
        match self.base.as_str() {
            // Their letters stand in the log as they are stored.
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
                let is_known =
                    |charset: &str| charset.starts_with("utf8") || matches!(charset, "ascii" | "latin1");
                self.charset.as_deref().is_some_and(is_known)
            }
            // mysql_common 0.37 takes the fraction of a negative time of one or two digits for something else.
            "time" => !matches!(self.fraction, 1 | 2),
            // Sets and enumerations are numbers there; identifiers, addresses and shapes are bytes of an order of their own.
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "float" | "double"
            | "decimal" | "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob"
            | "date" | "datetime" | "timestamp" => true,
            _ => false,
        }
    }

    /// Bits of a whole number.
    fn bits(&self) -> Option<u32> {
        Some(match self.base.as_str() {
            "tinyint" => 8,
            "smallint" => 16,
            "mediumint" => 24,
            "int" => 32,
            "bigint" => 64,
            _ => return None,
        })
    }

    /// The value; none where it is not what its column should hold.
    pub(super) fn cell(&self, kind: Kind, value: &BinlogValue<'_>) -> Option<Cell> {
        let BinlogValue::Value(value) = value else {
            return None;
        };
        if !self.is_read() {
            return (*value == Value::NULL).then_some(Cell::Null);
        }
        match (value, self.base.as_str()) {
            (Value::Bytes(text), "year") => year(text),
            (Value::Bytes(text), "timestamp") => instant(std::str::from_utf8(text).ok()?),
            // Of before MariaDB 10.1.
            (Value::Int(_), "timestamp") => None,
            (Value::Bytes(text), "decimal") => Some(Cell::Text(String::from_utf8(text.clone()).ok()?)),
            (Value::Bytes(bytes), "binary") => Some(Cell::Bytes(self.padded(bytes))),
            (Value::Bytes(text), _) if self.charset.as_deref() == Some("latin1") => {
                Some(Cell::Text(latin1(text)))
            }
            (value, _) => match (cell(kind, value.clone()), self.bits()) {
                (Cell::Int(number), Some(bits)) => Some(Cell::Int(self.signed(number, bits))),
                (cell, _) => kind.takes(&cell).then_some(cell),
            },
        }
    }

    /// The log leaves off zeros at the end of what is of one length.
    fn padded(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let length = usize::try_from(self.length).unwrap_or_default();
        bytes.resize(length.max(bytes.len()), 0);
        bytes
    }

    /// The number whose lowest bits these are: the log does not say of every one whether it has a sign.
    fn signed(&self, number: i128, bits: u32) -> i128 {
        let (all, half) = (1_i128 << bits, 1_i128 << (bits - 1));
        match self.is_unsigned {
            true if number < 0 => number + all,
            false if number >= half => number - all,
            _ => number,
        }
    }
}

/// What the servers call `latin1` is cp1252, with the five letters that it lacks as control characters.
fn latin1(text: &[u8]) -> String {
    const FROM_80: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    let letter = |byte: &u8| match byte {
        0x80..=0x9f => FROM_80.chars().nth(usize::from(byte - 0x80)),
        _ => None,
    };
    text.iter()
        .map(|byte| letter(byte).unwrap_or(char::from(*byte)))
        .collect()
}

/// The log counts from 1900, and keeps the year 0 as the first.
fn year(text: &[u8]) -> Option<Cell> {
    let year: i128 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(Cell::Int(if year == 1900 { 0 } else { year }))
}

/// Seconds since 1970, with or without their fraction, as a query writes them in UTC.
fn instant(text: &str) -> Option<Cell> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let seconds: i64 = seconds.parse().ok()?;
    // There are none before 1970: MariaDB 11.5 counts on behind 2038, which is read as a negative number.
    let seconds = if seconds < 0 { seconds + (1 << 32) } else { seconds };
    if seconds == 0 {
        return Some(Cell::Text("0000-00-00 00:00:00.000000".to_owned()));
    }
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    Some(Cell::Text(format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction:0<6}"
    )))
}

/// The date that many days after the first of 1970, by counting eras of 400 years from the first of March:
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(base: &str, is_unsigned: bool) -> Native {
        Native {
            name: "c".to_owned(),
            base: base.to_owned(),
            is_unsigned,
            fraction: 0,
            length: 4,
            charset: None,
        }
    }

    fn read(base: &str, is_unsigned: bool, kind: Kind, value: Value) -> Option<Cell> {
        native(base, is_unsigned).cell(kind, &BinlogValue::Value(value))
    }

    #[test]
    fn numbers_have_the_sign_of_their_column() {
        for (base, is_unsigned, value, wants) in [
            ("tinyint", true, Value::Int(-1), 255),
            ("tinyint", false, Value::UInt(255), -1),
            ("mediumint", true, Value::Int(-1), 0xff_ffff),
            ("bigint", true, Value::Int(-1), i128::from(u64::MAX)),
            ("int", false, Value::Int(-5), -5),
        ] {
            let kind = if is_unsigned { Kind::Unsigned } else { Kind::Int };
            assert_eq!(
                read(base, is_unsigned, kind, value),
                Some(Cell::Int(wants)),
                "{base}"
            );
        }
    }

    #[test]
    fn moments_are_written_as_queries_write_them() {
        let text = |text: &str| Some(Cell::Text(text.to_owned()));
        let instant = |seconds: &str| read("timestamp", false, Kind::Instant, Value::Bytes(seconds.into()));
        assert_eq!(instant("951782400"), text("2000-02-29 00:00:00.000000"));
        assert_eq!(instant("1793023351.042000"), text("2026-10-26 14:02:31.042000"));
        assert_eq!(instant("-2085978496"), text("2040-01-01 00:00:00.000000"));
        assert_eq!(instant("0"), text("0000-00-00 00:00:00.000000"));
        assert_eq!(
            read("year", false, Kind::Int, Value::Bytes(b"1900".to_vec())),
            Some(Cell::Int(0))
        );
    }

    #[test]
    fn what_is_of_one_length_has_it() {
        let read = read("binary", false, Kind::Bytes, Value::Bytes(vec![1, 2]));
        assert_eq!(read, Some(Cell::Bytes(vec![1, 2, 0, 0])));
    }

    #[test]
    fn what_is_not_read_is_asked_for() {
        assert_eq!(read("enum", false, Kind::Text, Value::Int(1)), None);
        assert_eq!(read("enum", false, Kind::Text, Value::NULL), Some(Cell::Null));
        let with = |charset: &str| Native {
            charset: Some(charset.to_owned()),
            ..native("varchar", false)
        };
        assert!(!with("cp1251").is_read());
        let value = BinlogValue::Value(Value::Bytes(vec![b'a', 0x80, 0x9f, 0xe9]));
        let read = with("latin1").cell(Kind::Text, &value);
        assert_eq!(read, Some(Cell::Text("a€Ÿé".to_owned())));
    }
}
