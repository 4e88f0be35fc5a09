//! Places in the write-ahead log, and how far into a transaction a reader has come.

use std::fmt;

/// A byte of the write-ahead log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lsn(pub(super) u64);

impl Lsn {
    /// `16/B374D848`, two halves in hexadecimal: <https://www.postgresql.org/docs/current/datatype-pg-lsn.html>.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (high, low) = text.split_once('/')?;
        let half = |text| u32::from_str_radix(text, 16).ok().map(u64::from);
        Some(Self(half(high)? << 32 | half(low)?))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// Where a reader is: behind a whole transaction, and perhaps within the next one, which is too large for one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Everything that was committed before here.
    pub(super) whole: Lsn,
    /// The commit of a transaction behind it, and how many of its changes.
    pub(super) part: Option<(Lsn, u64)>,
}

impl Position {
    /// As it is written: `0/16B3748`, or `0/16B3748+0/16C0000:5000`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (whole, part) = match text.split_once('+') {
            None => (text, None),
            Some((whole, part)) => {
                let (commit, count) = part.split_once(':')?;
                (whole, Some((Lsn::parse(commit)?, count.parse().ok()?)))
            }
        };
        Some(Self {
            whole: Lsn::parse(whole)?,
            part,
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole.fmt(f)?;
        match self.part {
            None => Ok(()),
            Some((commit, count)) => write!(f, "+{commit}:{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written() {
        for text in ["0/0", "16/B374D848", "0/16B3748+1/A:5000"] {
            assert_eq!(Position::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "5", "0/xyz", "0/1+5", "0/1+0/2:x", "1/2/3", "100000000/0"] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
        assert!(Lsn::parse("1/0") > Lsn::parse("0/FFFFFFFF"));
    }
}
