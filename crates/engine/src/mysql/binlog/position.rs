//! Where a reader of MariaDB's binary log is: the last transaction of each domain, and perhaps some changes of the next one.

use crate::mysql::gtid::{Gtid, list};
use std::collections::BTreeMap;
use std::fmt;

/// The last transaction of each domain. One for all of them would not do: a domain that is not named is sent from its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Domains(BTreeMap<u32, Gtid>);

impl Domains {
    /// `0-1-24,1-7-3`, as the server writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let named = text.split(',').filter(|part| !part.trim().is_empty()).count();
        let read = list(text);
        (read.len() == named).then(|| Self(read.into_iter().map(|gtid| (gtid.domain, gtid)).collect()))
    }

    pub(super) fn reach(&mut self, gtid: Gtid) {
        self.0.insert(gtid.domain, gtid);
    }

    /// Whether every transaction of those is among these.
    pub(super) fn has_all(&self, others: &Self) -> bool {
        let has = |other: &Gtid| {
            self.0
                .get(&other.domain)
                .is_some_and(|own| own.number >= other.number)
        };
        others.0.values().all(has)
    }

    pub(super) fn has(&self, gtid: Gtid) -> bool {
        self.0
            .get(&gtid.domain)
            .is_some_and(|own| own.number >= gtid.number)
    }
}

impl fmt::Display for Domains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.values().map(|gtid| written(*gtid)).collect();
        f.write_str(&all.join(","))
    }
}

fn written(gtid: Gtid) -> String {
    format!("{}-{}-{}", gtid.domain, gtid.server, gtid.number)
}

/// A position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) whole: Domains,
    /// A transaction behind it, and how many of its changes.
    pub(super) part: Option<(Gtid, u64)>,
}

impl Position {
    /// As it is written: `0-1-24,1-7-3`, or `0-1-24+0-1-25:5000`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (whole, part) = match text.split_once('+') {
            None => (text, None),
            Some((whole, part)) => {
                let (gtid, count) = part.split_once(':')?;
                let gtid = list(gtid).first().copied()?;
                (whole, Some((gtid, count.parse().ok()?)))
            }
        };
        let whole = Domains::parse(whole)?;
        Some(Self { whole, part })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole.fmt(f)?;
        match self.part {
            None => Ok(()),
            Some((gtid, count)) => write!(f, "+{}:{count}", written(gtid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written() {
        for text in ["", "0-1-24", "0-1-24,7-1-3", "0-1-24+0-1-25:5000", "+0-1-1:3"] {
            assert_eq!(Position::parse(text).unwrap().to_string(), text);
        }
        for text in ["x", "0-1", "0-1-2,x", "0-1-2+0-1-3", "0-1-2+y:5"] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_domain_counts() {
        let domains = |text| Domains::parse(text).unwrap();
        assert!(domains("0-1-24,7-1-3").has_all(&domains("0-2-20")));
        assert!(!domains("0-1-24").has_all(&domains("0-1-24,7-1-1")));
        assert!(domains("").has_all(&domains("")) && !domains("").has_all(&domains("0-1-1")));
        let mut now = domains("0-1-24");
        now.reach(list("7-1-1")[0]);
        assert!(now.has(list("7-1-1")[0]) && !now.has(list("0-1-25")[0]));
        assert_eq!(now.to_string(), "0-1-24,7-1-1");
    }
}
