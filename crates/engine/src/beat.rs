//! Heartbeats: one numbered row at a master, and what a replica shows of it.
//!
//! The only thing that watching ever writes, and only where somebody asked for it: see docs/RISKS.md for the statements. Who
//! writes when, and what it tells, is the [manager](crate::manager)'s.

use crate::fault::Fault;
use replica_core::Name;
use replica_core::lag::Reason;
use replica_core::source::Pending;

/// One beat.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The row's key: each monitor has its own.
    pub id: i16,
    /// Names this run of this monitor, so that a row of another's is not taken for ours.
    pub src: &'a str,
    /// Counts up.
    pub seq: i64,
    /// The monitor's clock, microseconds since 1970; for people, we compare numbers only.
    pub ts_us: i64,
}

/// Writes beats over one kept connection.
pub trait Beat: Send {
    /// Writes the row, and returns when the server has committed it. The caller holds the deadline; after a failure it drops the
    /// writer and with it the connection.
    fn beat<'a>(&'a mut self, row: Row<'a>) -> Pending<'a, Result<(), Fault>>;
}

/// What a replica shows of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Seen {
    /// Nobody looked.
    #[default]
    NotAsked,
    /// It could not be read.
    Unreadable(Reason),
    /// There is no such row yet.
    Absent,
    /// This one.
    Row {
        /// Whose it is.
        src: Name,
        /// Its number.
        seq: i64,
    },
}

/// The table of the row, where the product has tables.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) const UPSERT: &str = "INSERT INTO fleet_heartbeat (id, src, seq, ts_us) VALUES ($1, $2, $3, $4)
 ON CONFLICT (id) DO UPDATE SET src=excluded.src, seq=excluded.seq, ts_us=excluded.ts_us";
/// Reads it.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) const READ: &str = "SELECT src, seq FROM fleet_heartbeat WHERE id = $1";

#[cfg(test)]
mod tests {
    /// The statement as this crate's sources write it, and as docs/RISKS.md promises it.
    #[test]
    fn the_statements_are_those_that_the_docs_name() {
        let root = env!("CARGO_MANIFEST_DIR");
        let risks = std::fs::read_to_string(format!("{root}/../../docs/RISKS.md")).unwrap();
        #[cfg(any(feature = "postgres", feature = "sqlite"))]
        assert!(risks.contains(super::UPSERT));
        #[cfg(feature = "mysql")]
        assert!(risks.contains(crate::mysql::UPSERT));
        assert!(risks.contains("SET __fleet:heartbeat:<ID>"));
    }
}
