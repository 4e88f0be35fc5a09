//! Which transactions a query sees: the log may tell of one that no query sees yet, while its commit waits for a standby.

/// What `txid_current_snapshot()` writes: <https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT>.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Every transaction before it has ended.
    from: u64,
    /// None from it on has.
    until: u64,
    /// Those between that have not.
    running: Vec<u64>,
}

impl Seen {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (from, until) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let running = parts.next()?.split(',').filter(|id| !id.is_empty());
        Some(Self {
            from,
            until,
            running: running.map(|id| id.parse().ok()).collect::<Option<_>>()?,
        })
    }

    /// Whether that transaction's rows are seen. The log tells only the lower half of its number.
    pub(super) fn shows(&self, id: u32) -> bool {
        let half = 1 << 32;
        let whole = (self.until / half) * half + u64::from(id);
        // One that lies ahead by more than half of all numbers is of the round before.
        let whole = match whole > self.until + half / 2 {
            true => whole.saturating_sub(half),
            false => whole,
        };
        whole < self.from || (whole < self.until && !self.running.contains(&whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_still_commits_is_not_seen() {
        let seen = Seen::parse("100:110:102,105").unwrap();
        assert!(
            seen.shows(99) && seen.shows(103) && !seen.shows(102) && !seen.shows(105) && !seen.shows(110)
        );
        assert!(Seen::parse("317861:317861:").unwrap().shows(317_860));
        assert_eq!(Seen::parse("nonsense"), None);
    }

    #[test]
    fn numbers_go_round() {
        let round = 1_u64 << 32;
        let seen = Seen::parse(&format!("{}:{}:", round + 5, round + 5)).unwrap();
        assert!(seen.shows(u32::MAX) && seen.shows(4) && !seen.shows(5));
    }
}
