//! The log of what was changed in a source: how a stream learns of rows without reading all of them.

use super::store::{Change, Key};
use super::table::Table;
use crate::fault::Fault;
use crate::target::Target;
use replica_core::source::Pending;
use std::fmt;

/// What was changed behind a position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slice {
    /// Everything up to here is in `changes`; the same position again where there is nothing.
    pub until: String,
    /// The last state of each row, by the place of its table among those that the log was opened with. Each row stands in it once.
    pub changes: Vec<(usize, Vec<Change>)>,
    /// When the oldest of it was changed, in milliseconds since 1970, by the source's clock.
    pub since_ms: Option<i64>,
    /// Changes that the log holds behind it.
    pub left: u64,
}

/// Why there is nothing to read.
#[derive(Debug)]
pub enum LogError {
    /// It cannot be asked.
    Fault(Fault),
    /// What stood behind the position is not kept any more: the tables must be copied again. Why, in a sentence.
    Gap(String),
    /// Tables were created, altered or dropped: it must be opened again.
    Altered,
}

impl From<Fault> for LogError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Gap(why) => f.write_str(why),
            Self::Altered => f.write_str("tables were altered"),
        }
    }
}

impl std::error::Error for LogError {}

/// Opens the log for a reader of that name and these tables, and makes the source keep one.
pub type OpenLog = fn(Target, String, Vec<Table>) -> Pending<'static, Result<Box<dyn ChangeLog>, Fault>>;

/// A log that is open. Every call has the deadline of whoever makes it.
pub trait ChangeLog: Send {
    /// What names it: a position of another one means nothing here.
    fn source(&self) -> &str;

    /// Where it ends now.
    fn head(&mut self) -> Pending<'_, Result<String, Fault>>;

    /// What was changed behind `after`: about so many changes.
    fn next<'a>(&'a mut self, after: &'a str, most: usize) -> Pending<'a, Result<Slice, LogError>>;

    /// Everything up to there is in the target, and need not be kept for this reader.
    fn done<'a>(&'a mut self, until: &'a str) -> Pending<'a, Result<(), Fault>>;

    /// What is true now of the rows of these keys, in the table of that place.
    fn again<'a>(&'a mut self, table: usize, keys: &'a [Key]) -> Pending<'a, Result<Vec<Change>, Fault>>;
}
