//! How far a server is, in one shape for every product: for each source of writes, which of its numbers are there.
//!
//! A log position is one source with everything up to a number (PostgreSQL, Redis). A GTID set has one source for each server
//! UUID (MySQL) or domain (MariaDB), and may have holes.

use replica_core::Name;
use std::collections::BTreeMap;

/// Which history a position belongs to. Positions of two histories are never compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The history's name: a system identifier, a replication id.
    pub history: Name,
    /// Which branch of it, where the product counts branches (PostgreSQL's timelines); `None` if it does but would not tell.
    pub branch: Branch,
}

/// A branch of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// The product has none.
    Only,
    /// This one.
    Number(u32),
    /// One that could not be seen.
    Unseen,
}

/// Whether two positions may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameHistory {
    /// They may.
    Yes,
    /// They belong to different histories.
    No,
    /// The same history, but another branch of it.
    OtherBranch,
    /// Nobody could see the branch.
    Unseen,
}

impl Epoch {
    /// A history without branches.
    pub fn of(history: impl Into<Name>) -> Self {
        Self {
            history: history.into(),
            branch: Branch::Only,
        }
    }

    /// A branch of a history.
    pub fn branch(history: impl Into<Name>, branch: Option<u32>) -> Self {
        Self {
            history: history.into(),
            branch: branch.map_or(Branch::Unseen, Branch::Number),
        }
    }

    /// Whether positions of `other` may be compared with positions of this one.
    pub fn compare(&self, other: &Self) -> SameHistory {
        match (self.history == other.history, self.branch, other.branch) {
            (false, ..) => SameHistory::No,
            (true, Branch::Unseen, _) | (true, _, Branch::Unseen) => SameHistory::Unseen,
            (true, ours, theirs) if ours == theirs => SameHistory::Yes,
            (true, ..) => SameHistory::OtherBranch,
        }
    }
}

/// How the writes of a master are counted, which tells how far apart they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writes {
    /// They are not.
    #[default]
    Unseen,
    /// Every write has the next number of its source: a GTID.
    Numbered,
    /// Positions count something else, and this many writes had been done by then.
    Counted(u64),
}

impl Writes {
    /// How many there were at `number` of a source.
    pub(super) fn at(self, number: u64) -> Option<u64> {
        match self {
            Self::Unseen => None,
            Self::Numbered => Some(number),
            Self::Counted(writes) => Some(writes),
        }
    }
}

/// Numbers that are there: sorted, disjoint, both ends included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals(Vec<(u64, u64)>);

impl Intervals {
    /// Everything up to `last`.
    pub fn up_to(last: u64) -> Self {
        Self(vec![(0, last)])
    }

    /// These intervals, in any order; touching ones are joined.
    pub fn new(mut intervals: Vec<(u64, u64)>) -> Self {
        intervals.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(intervals.len());
        for (from, to) in intervals {
            match joined.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        Self(joined)
    }

    /// The largest number.
    pub fn last(&self) -> u64 {
        self.0.last().map_or(0, |(_, to)| *to)
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from + 1).sum()
    }

    /// The smallest number of `wanted` that is not here.
    pub fn first_missing_of(&self, wanted: &Self) -> Option<u64> {
        wanted.0.iter().find_map(|&(from, to)| {
            let holding = self.0.iter().find(|(start, end)| *start <= from && from <= *end);
            match holding {
                None => Some(from),
                Some((_, end)) if *end < to => self.after(*end, to),
                Some(_) => None,
            }
        })
    }

    /// `end + 1`, which is missing because intervals do not touch, unless that is past `to`.
    fn after(&self, end: u64, to: u64) -> Option<u64> {
        let next = end.saturating_add(1);
        (next <= to).then_some(next)
    }
}

/// How far a server is: for each source of writes, what of it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position(BTreeMap<Name, Intervals>);

impl Position {
    /// A log offset.
    pub fn offset(offset: u64) -> Self {
        Self::of([("".into(), Intervals::up_to(offset))])
    }

    /// What is there of each source.
    pub fn of(sources: impl IntoIterator<Item = (Name, Intervals)>) -> Self {
        Self(sources.into_iter().collect())
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every source with what is there of it.
    pub fn sources(&self) -> impl Iterator<Item = (&Name, &Intervals)> {
        self.0.iter()
    }

    /// What is there of one source.
    pub fn source(&self, name: &str) -> Option<&Intervals> {
        self.0.get(name)
    }

    /// How many numbers `master` has beyond this, over its sources.
    pub fn behind(&self, master: &Self) -> u64 {
        let lacking = |(name, wanted): (&Name, &Intervals)| {
            let have = self.source(name);
            match have.map(|have| (have, have.first_missing_of(wanted))) {
                Some((_, None)) => 0,
                Some((have, Some(_))) => wanted.last().saturating_sub(have.last()).max(1),
                None => wanted.count(),
            }
        };
        master.0.iter().map(lacking).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_missing_number_is_found_in_holes_and_at_ends() {
        let have = Intervals::new(vec![(7, 9), (1, 5)]);
        let missing = |wanted: Vec<(u64, u64)>| have.first_missing_of(&Intervals::new(wanted));
        assert_eq!(missing(vec![(1, 5)]), None);
        assert_eq!(missing(vec![(1, 5), (7, 9)]), None);
        assert_eq!(missing(vec![(1, 9)]), Some(6));
        assert_eq!(missing(vec![(7, 12)]), Some(10));
        assert_eq!(missing(vec![(20, 21)]), Some(20));
        assert_eq!(
            Intervals::default().first_missing_of(&Intervals::up_to(3)),
            Some(0)
        );
    }

    #[test]
    fn touching_intervals_are_one() {
        assert_eq!(Intervals::new(vec![(4, 6), (1, 3)]), Intervals::new(vec![(1, 6)]));
        assert_eq!(Intervals::new(vec![(4, 6), (1, 3)]).count(), 6);
    }

    #[test]
    fn histories_are_compared_by_branch_too() {
        let (one, two) = (Epoch::branch("s", Some(1)), Epoch::branch("s", Some(2)));
        assert_eq!(one.compare(&one), SameHistory::Yes);
        assert_eq!(one.compare(&two), SameHistory::OtherBranch);
        assert_eq!(one.compare(&Epoch::branch("s", None)), SameHistory::Unseen);
        assert_eq!(one.compare(&Epoch::branch("t", Some(1))), SameHistory::No);
        assert_eq!(Epoch::of("r").compare(&Epoch::of("r")), SameHistory::Yes);
    }
}
