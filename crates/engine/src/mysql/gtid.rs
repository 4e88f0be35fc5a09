//! GTID texts → positions.
//!
//! MariaDB: `domain-server-sequence`, comma-separated, one for each domain. MySQL: `uuid[:tag]:1-5:7-9`, comma-separated, with line
//! breaks; each uuid and tag is a source of its own.

use crate::lag::{Intervals, Position};
use replica_core::Name;

/// One entry of MariaDB's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DomainGtid {
    pub(super) domain: u32,
    pub(super) server: u32,
    pub(super) sequence: u64,
}

/// MariaDB's text, entry by entry; what cannot be read is left out.
pub(super) fn domains(text: &str) -> Vec<DomainGtid> {
    let entry = |entry: &str| {
        let mut parts = entry.trim().splitn(3, '-');
        Some(DomainGtid {
            domain: parts.next()?.parse().ok()?,
            server: parts.next()?.parse().ok()?,
            sequence: parts.next()?.parse().ok()?,
        })
    };
    text.split(',').filter_map(entry).collect()
}

/// MariaDB: everything up to its sequence is there of each domain.
pub(super) fn domain_position(text: &str) -> Position {
    let sources = domains(text).into_iter().map(|gtid| {
        let name: Name = gtid.domain.to_string().into();
        (name, Intervals::up_to(gtid.sequence))
    });
    Position::of(sources)
}

/// MariaDB: up to where `current` holds transactions that this server wrote itself.
pub(super) fn domain_own_writes(current: &str, server: &str) -> Position {
    let own = domains(current)
        .into_iter()
        .filter(|gtid| gtid.server.to_string() == server);
    Position::of(own.map(|gtid| {
        let name: Name = gtid.domain.to_string().into();
        (name, Intervals::up_to(gtid.sequence))
    }))
}

/// MySQL: what of a set this server wrote itself.
pub(super) fn set_own_writes(set: &Position, server: &str) -> Position {
    let own = set
        .sources()
        .filter(|(name, _)| name.split(':').next() == Some(server));
    Position::of(own.map(|(name, intervals)| (name.clone(), intervals.clone())))
}

/// MySQL: the intervals of each source.
pub(super) fn set_position(text: &str) -> Position {
    Position::of(text.split(',').filter_map(source))
}

/// `uuid[:tag]:1-5:7`, where a tag begins with a letter or underscore, and holds for the intervals after it. A source with two tags
/// is written out twice by the caller's comma only in part, so tags after the first are read here too.
fn source(text: &str) -> Option<(Name, Intervals)> {
    let mut parts = text.trim().split(':').map(str::trim);
    let uuid = parts.next().filter(|uuid| !uuid.is_empty())?;
    let mut name = uuid.to_ascii_lowercase();
    let mut intervals = Vec::new();
    for part in parts {
        match interval(part) {
            Some(interval) => intervals.push(interval),
            None if intervals.is_empty() => name = format!("{name}:{part}"),
            // A second tag of the same source: rare (8.3 and later), and counted with the first rather than lost.
            None => {}
        }
    }
    Some((name.into(), Intervals::new(intervals)))
}

fn interval(text: &str) -> Option<(u64, u64)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mariadb_has_one_entry_for_each_domain() {
        let position = domain_position("0-1-24, 7-3-5");
        assert_eq!(position.source("0"), Some(&Intervals::up_to(24)));
        assert_eq!(position.source("7"), Some(&Intervals::up_to(5)));
        assert!(domain_position("").is_empty());
        assert!(domain_position("nonsense").is_empty());
    }

    #[test]
    fn mysql_has_holes_line_breaks_and_tags() {
        let position = set_position("A1:1-5:7-9,\nb2:tag:1-3,\n c3:4");
        assert_eq!(position.source("a1"), Some(&Intervals::new(vec![(1, 5), (7, 9)])));
        assert_eq!(position.source("b2:tag"), Some(&Intervals::new(vec![(1, 3)])));
        assert_eq!(position.source("c3"), Some(&Intervals::new(vec![(4, 4)])));
        assert!(set_position("").is_empty());
    }

    #[test]
    fn own_writes_are_those_of_this_server() {
        let own = domain_own_writes("0-2-25,1-1-7", "2");
        assert_eq!(own, Position::of([("0".into(), Intervals::up_to(25))]));
        let set = set_position("a1:1-5,b2:1-3,b2:tag:7");
        let own = set_own_writes(&set, "b2");
        assert_eq!(own.sources().count(), 2);
        assert_eq!(own.source("a1"), None);
    }
}
