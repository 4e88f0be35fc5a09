//! Positions as the two products write them → positions that can be compared.
//!
//! MariaDB has one number for each domain; MySQL has sets of numbers for each server UUID; without GTIDs there is a file and an
//! offset in it.

use crate::lag::{Intervals, Position};
use replica_core::Name;
use std::collections::BTreeMap;

/// Room for the offset within a binary log file: a terabyte, a thousand times what the servers allow.
const OFFSET_BITS: u32 = 40;

/// MariaDB's `domain-server-number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gtid {
    pub(super) domain: u32,
    pub(super) server: u32,
    pub(super) number: u64,
}

/// MariaDB's list of them; what cannot be read is left out.
pub(super) fn list(text: &str) -> Vec<Gtid> {
    text.split(',').filter_map(gtid).collect()
}

fn gtid(text: &str) -> Option<Gtid> {
    let mut parts = text.trim().splitn(3, '-');
    Some(Gtid {
        domain: parts.next()?.parse().ok()?,
        server: parts.next()?.parse().ok()?,
        number: parts.next()?.parse().ok()?,
    })
}

/// The largest number of each domain.
pub(super) fn domains(list: &[Gtid]) -> BTreeMap<u32, u64> {
    let mut domains = BTreeMap::new();
    for gtid in list {
        let number: &mut u64 = domains.entry(gtid.domain).or_default();
        *number = gtid.number.max(*number);
    }
    domains
}

/// Everything up to the number of each domain.
pub(super) fn of_domains(list: &[Gtid]) -> Position {
    let source = |(domain, number): (u32, u64)| (Name::from(domain.to_string()), Intervals::up_to(number));
    Position::of(domains(list).into_iter().map(source))
}

/// Up to where a list holds what that server wrote itself.
pub(super) fn own_of_domains(list: &[Gtid], server: &str) -> Position {
    let own = list.iter().filter(|gtid| gtid.server.to_string() == server);
    of_domains(&own.copied().collect::<Vec<_>>())
}

/// What of a set that server wrote itself, under any tag.
pub(super) fn own_of_set(set: &Position, server: &str) -> Position {
    let is_own = |name: &str| name.split(':').next() == Some(server);
    let own = set.sources().filter(|(name, _)| is_own(name));
    Position::of(own.map(|(name, intervals)| (name.clone(), intervals.clone())))
}

/// MySQL's set: `uuid:1-5:7`, from 8.3 on also `uuid:tag:1-5`, separated by commas and newlines. A tag is a source of its own.
pub(super) fn of_set(text: &str) -> Position {
    let mut sources: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for entry in text.split(',') {
        let mut parts = entry.split(':').map(str::trim);
        let Some(uuid) = parts.next().filter(|uuid| !uuid.is_empty()) else {
            continue;
        };
        let uuid = uuid.to_ascii_lowercase();
        let mut source = uuid.clone();
        for part in parts {
            match interval(part) {
                Some(interval) => sources.entry(source.clone()).or_default().push(interval),
                None => source = format!("{uuid}:{}", part.to_ascii_lowercase()),
            }
        }
    }
    Position::of(
        sources
            .into_iter()
            .map(|(source, intervals)| (Name::from(source), Intervals::new(intervals))),
    )
}

/// `5` or `1-5`.
fn interval(text: &str) -> Option<(u64, u64)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let interval = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (interval.0 <= interval.1).then_some(interval)
}

/// A file and an offset in it, as one number that grows: `mysql-bin.000003` and 154.
pub(super) fn of_file(file: &str, offset: u64) -> Option<Position> {
    let number: u64 = file.rsplit_once('.')?.1.parse().ok()?;
    let fits = number < 1 << (u64::BITS - OFFSET_BITS) && offset < 1 << OFFSET_BITS;
    fits.then(|| Position::offset(number << OFFSET_BITS | offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(sources: &[(&str, &[(u64, u64)])]) -> Position {
        Position::of(
            sources
                .iter()
                .map(|(name, intervals)| (Name::from(*name), Intervals::new(intervals.to_vec()))),
        )
    }

    #[test]
    fn a_domain_counts_up_to_its_largest_number() {
        let read = list("0-1-24, 1-7-3,0-2-25");
        assert_eq!(read.len(), 3);
        assert_eq!(of_domains(&read), set(&[("0", &[(0, 25)]), ("1", &[(0, 3)])]));
        assert!(of_domains(&list("")).is_empty());
        assert!(of_domains(&list("nonsense,0-1")).is_empty());
    }

    #[test]
    fn a_set_may_have_holes_newlines_and_upper_case() {
        let read = of_set("3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5:7-9:11,\n4e11:3");
        let expected = set(&[
            (
                "3e11fa47-71ca-11e1-9e33-c80aa9429562",
                &[(1, 5), (7, 9), (11, 11)],
            ),
            ("4e11", &[(3, 3)]),
        ]);
        assert_eq!(read, expected);
    }

    #[test]
    fn a_tag_is_a_source_of_its_own() {
        let expected = set(&[
            ("u", &[(1, 3)]),
            ("u:batch", &[(1, 2)]),
            ("u:other", &[(4, 4), (6, 7)]),
        ]);
        assert_eq!(of_set("u:1-3:Batch:1-2:other:4:6-7"), expected);
        assert_eq!(of_set("u:1-3,\nu:batch:1-2,\nu:other:4:6-7"), expected);
    }

    #[test]
    fn an_empty_set_and_a_backward_interval_are_nothing() {
        assert!(of_set("").is_empty());
        assert!(of_set("\n").is_empty());
        assert!(of_set("u:9-3").source("u").is_none());
    }

    #[test]
    fn own_writes_are_those_of_this_server() {
        assert_eq!(
            own_of_domains(&list("0-2-25,1-1-7"), "2"),
            set(&[("0", &[(0, 25)])])
        );
        let own = own_of_set(&of_set("a1:1-5,b2:1-3:tag:7"), "b2");
        assert_eq!(own, set(&[("b2", &[(1, 3)]), ("b2:tag", &[(7, 7)])]));
    }

    #[test]
    fn files_are_ordered_before_offsets() {
        let last =
            |file: &str, offset| of_file(file, offset).map(|position| position.source("").unwrap().last());
        assert!(last("b.000002", 4) > last("b.000001", 1 << 30));
        assert!(last("b.000002", 5) > last("b.000002", 4));
        assert_eq!(last("", 4), None);
        assert_eq!(last("b.x", 4), None);
        assert_eq!(last("b.1", 1 << 40), None);
    }
}
