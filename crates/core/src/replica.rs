//! One database endpoint of a project: what the tree declares and what was observed of it.
//!
//! How to reach it (its address and password) is deliberately not here: see [`crate::tree`].

use crate::{Lag, Name, Observed};
use std::borrow::Cow;
use std::sync::Arc;

/// What a replica is declared to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes the writes.
    Master,
    /// Follows a master.
    Slave,
}

impl Role {
    /// The word of the tree file and of JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Slave => "slave",
        }
    }

    /// The role of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Master, Self::Slave]
            .into_iter()
            .find(|role| role.word() == word)
    }
}

/// Whether the endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// Nobody has asked, or the asking itself failed.
    #[default]
    Unknown,
    /// Being tried, or the server says that it is starting or stopping.
    Connecting,
    /// Does not answer.
    Down,
    /// Answers.
    Up,
}

impl State {
    /// Every state, in the order of the wire codes.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Connecting, Self::Down, Self::Up];

    /// The position in [`State::ALL`].
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The word of JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Connecting => "connecting",
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

/// The database family of a replica, as its tree names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dialect(Cow<'static, str>);

impl Dialect {
    /// The dialects that tree files use. Others are kept as written.
    pub const KNOWN: [&'static str; 21] = [
        "sqlite",
        "postgres",
        "mysql",
        "mariadb",
        "mongodb",
        "oracle",
        "mssql",
        "cockroachdb",
        "db2",
        "hana",
        "hsqldb",
        "spanner",
        "sybase",
        "redis",
        "cassandra",
        "clickhouse",
        "duckdb",
        "firebird",
        "firestore",
        "pglite",
        "sqljs",
    ];

    /// The dialect of that name. A known name is not allocated.
    pub fn new(name: &str) -> Self {
        match Self::KNOWN.iter().find(|known| **known == name) {
            Some(known) => Self(Cow::Borrowed(known)),
            None => Self(Cow::Owned(name.to_owned())),
        }
    }

    /// The name as the tree writes it.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether the name is one of [`Dialect::KNOWN`].
    pub fn is_known(&self) -> bool {
        matches!(self.0, Cow::Borrowed(_))
    }

    /// Whether such a database is a file rather than a server.
    pub fn is_file(&self) -> bool {
        matches!(self.name(), "sqlite" | "sqljs" | "duckdb" | "pglite")
    }
}

/// The pool sizes that the tree declares, in connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Kept open.
    pub min: Option<u32>,
    /// Never exceeded.
    pub max: Option<u32>,
}

/// How many connections of the pool are where, at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// Idle in the pool (`in` in JSON).
    pub idle: u32,
    /// Checked out by somebody (`out` in JSON).
    pub borrowed: u32,
}

/// A replica at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Replica {
    /// Unique within its project.
    pub name: Name,
    /// The declared role.
    pub role: Role,
    /// The declared dialect, if any.
    pub dialect: Option<Dialect>,
    /// Whether it answers.
    pub state: State,
    /// How far it is behind its master.
    pub lag: Lag,
    /// Connections in use, when a pool exists.
    pub pool_usage: Option<PoolUsage>,
    /// Wall-clock milliseconds of the last answer.
    pub last_ping_ms: Option<i64>,
    /// The lag that its owner tolerates, in milliseconds.
    pub lag_tolerance_ms: Option<u64>,
    /// The declared pool sizes.
    pub pool: Option<PoolLimits>,
    /// What is wrong with its entry, in a sentence without secrets.
    pub problem: Option<Name>,
    /// What the server said of itself; none where nobody asks it. Shared, so that a copy costs a pointer.
    pub observed: Option<Arc<Observed>>,
}

impl Replica {
    /// A replica of which nothing is known but its name and role.
    pub fn new(name: impl Into<Name>, role: Role) -> Self {
        Self {
            name: name.into(),
            role,
            dialect: None,
            state: State::Unknown,
            lag: Lag::unknown("not measured"),
            pool_usage: None,
            last_ping_ms: None,
            lag_tolerance_ms: None,
            pool: None,
            problem: None,
            observed: None,
        }
    }

    /// Whether what was *declared* of it is the same; names are not compared.
    pub fn same_declaration(&self, other: &Self) -> bool {
        self.role == other.role
            && self.dialect == other.dialect
            && self.lag_tolerance_ms == other.lag_tolerance_ms
            && self.pool == other.pool
            && self.problem == other.problem
    }

    /// Whether it leads: as its server says, or as it is declared where nobody asked or the server knows no roles.
    pub fn leads(&self) -> bool {
        let observed = self.observed.as_ref().and_then(|observed| observed.role);
        observed.unwrap_or(self.role) == Role::Master
    }

    /// Why its state is what it is, when that needs a word.
    pub fn state_reason(&self) -> Option<&str> {
        self.observed.as_ref()?.reason.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_are_what_the_wire_uses() {
        for (code, state) in State::ALL.iter().enumerate() {
            assert_eq!(usize::from(state.code()), code);
        }
        assert_eq!(Role::from_word("master"), Some(Role::Master));
        assert_eq!(Role::from_word("slave"), Some(Role::Slave));
        assert_eq!(Role::from_word("primary"), None);
    }

    #[test]
    fn unknown_dialects_are_kept_as_written() {
        assert!(Dialect::new("postgres").is_known());
        let other = Dialect::new("tarantool");
        assert!(!other.is_known());
        assert_eq!(other.name(), "tarantool");
    }
}
