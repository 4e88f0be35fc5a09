//! `?lag=500ms` or `?lag=10MB`: how far behind is too far.

/// How far behind a replica may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Milliseconds.
    Time(u64),
    /// Bytes of log.
    Bytes(u64),
}

/// In milliseconds.
const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000)];
/// Powers of 1024, as in PostgreSQL and Patroni.
const SIZES: [(&str, u64); 5] = [
    ("b", 1),
    ("kb", 1 << 10),
    ("mb", 1 << 20),
    ("gb", 1 << 30),
    ("tb", 1 << 40),
];

impl Limit {
    /// Reads a number and its unit; a number alone is bytes, as for Patroni.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let end = text
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(text.len());
        let number: u64 = text[..end].parse().ok()?;
        let unit = text[end..].trim();
        if unit.is_empty() {
            return Some(Self::Bytes(number));
        }
        let times = |units: &[(&str, u64)]| {
            let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
            number.checked_mul(*factor)
        };
        times(&TIMES)
            .map(Self::Time)
            .or_else(|| times(&SIZES).map(Self::Bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_with_units_of_time_or_size() {
        assert_eq!(Limit::parse("500ms"), Some(Limit::Time(500)));
        assert_eq!(Limit::parse("2s"), Some(Limit::Time(2000)));
        assert_eq!(Limit::parse("5 min"), Some(Limit::Time(300_000)));
        assert_eq!(Limit::parse("16MB"), Some(Limit::Bytes(16 << 20)));
        assert_eq!(Limit::parse("1048576"), Some(Limit::Bytes(1 << 20)));
        for wrong in [
            "",
            "ms",
            "-1s",
            "1.5s",
            "5 parsecs",
            "99999999999999999999s",
            "18446744073709551615s",
        ] {
            assert_eq!(Limit::parse(wrong), None, "{wrong}");
        }
    }
}
