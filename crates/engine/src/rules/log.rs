//! The log of what was changed in a source: how a stream learns of rows without reading all of them.

use super::store::{Change, Key};
use super::table::Table;
use crate::fault::Fault;
use crate::target::Target;
use replica_core::source::Pending;
use std::collections::BTreeMap;
use std::fmt;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use std::time::Duration;

/// How long a log is waited for where another one is read at the same time.
#[cfg(any(feature = "postgres", feature = "mysql"))]
const BRIEFLY: Duration = Duration::from_millis(10);

/// What was changed behind a position.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Everything up to here is in `touched`; the same position again where there is nothing.
    pub until: String,
    /// By the place of each table among those that the log was opened with.
    pub touched: BTreeMap<usize, Touched>,
    /// When the oldest of it was changed, or when more was first known to come, in milliseconds since 1970 by the source's clock.
    pub since_ms: Option<i64>,
    /// What the log holds behind it.
    pub left: Left,
    /// The number of the last batch in it that the reader of the other way wrote, where that is asked for.
    pub echoed: Option<i64>,
}

/// What was done to one table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Touched {
    /// Whether it was emptied before the changes.
    pub emptied: bool,
    /// The last state of each row. Each row stands in it once.
    pub changes: Vec<Change>,
    /// The rows that the reader of the other way wrote last, as it wrote them: they are no changes of the source's own.
    pub echoes: Vec<Change>,
    /// The changes that such a one overwrote.
    pub overwritten: Vec<Change>,
    /// How many more it overwrote, of which the log does not tell what they were.
    pub superseded: u64,
}

/// Who reads a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// What names its cursor in the target, and its place in the source.
    pub name: String,
    /// The reader of the other way, if rows go both ways: what that one writes into the source is an echo here.
    pub echo: Option<String>,
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl Reader {
    /// How long is waited where there is nothing: whoever reads two logs at once cannot wait long for either.
    pub(crate) fn patience(&self, alone: Duration) -> Duration {
        match self.echo {
            None => alone,
            Some(_) => alone.min(BRIEFLY),
        }
    }
}

/// How much a log holds that was not read yet, in what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Changes of rows.
    Changes(u64),
    /// Bytes of the log, whatever stands in them.
    Bytes(u64),
    /// Something, of which it cannot tell how much.
    Some,
}

impl Left {
    /// Whether everything was read.
    pub fn is_nothing(self) -> bool {
        matches!(self, Self::Changes(0) | Self::Bytes(0))
    }
}

/// Why there is nothing to read.
#[derive(Debug)]
pub enum LogError {
    /// It cannot be asked.
    Fault(Fault),
    /// What stood behind the position is not kept any more: the tables must be copied again. Why, in a sentence.
    Gap(String),
    /// Tables were created, altered or dropped: it must be opened again.
    Altered {
        /// Where to go on behind it; none where that is not known before it is opened again.
        until: Option<String>,
        /// Those whose rows may have become others without a word in the log: they must be copied again.
        again: Vec<usize>,
    },
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
            Self::Altered { .. } => f.write_str("tables were altered"),
        }
    }
}

impl std::error::Error for LogError {}

/// What a database is asked for, by a connection that is made for it.
pub type Asked<T> = Pending<'static, Result<T, Fault>>;

/// Opens the log for a reader and these tables, and makes the source keep one. A fault that says that nobody was asked means that there is
/// none that can be followed.
pub type OpenLog = fn(Target, Reader, Vec<Table>) -> Asked<Box<dyn ChangeLog>>;

/// A log, as a database module offers it.
pub struct Logs {
    /// Opens it.
    pub open: OpenLog,
    /// Looks whether it could be opened for these tables, and changes nothing.
    pub examine: fn(Target, Vec<Table>) -> Asked<Findings>,
    /// Takes away what was made in the source for a reader of that name; tells what that was.
    pub forget: fn(Target, String) -> Asked<Vec<String>>,
}

/// What stands in the way of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Of all of it, each with what mends it.
    pub hindrances: Vec<String>,
    /// Of single tables, by their places.
    pub refused: Vec<(usize, String)>,
}

/// A log that is open. Every call has the deadline of whoever makes it.
pub trait ChangeLog: Send {
    /// What names it: a position of another one means nothing here.
    fn source(&self) -> &str;

    /// The tables that it began to keep only when it was opened: what happened to them before is not in it.
    fn fresh(&self) -> &[usize] {
        &[]
    }

    /// The tables whose changes it cannot keep, and why.
    fn refused(&self) -> &[(usize, String)] {
        &[]
    }

    /// Goes behind that position, or to its end as it is now. Tells where it is.
    fn seek<'a>(&'a mut self, after: Option<&'a str>) -> Pending<'a, Result<String, LogError>>;

    /// What was changed next: about so many changes. Waits a moment where there is nothing. If it fails, or is dropped before its end, the log
    /// must be opened again.
    fn next(&mut self, most: usize) -> Pending<'_, Result<Slice, LogError>>;

    /// Everything up to there is in the target, and need not be kept for this reader.
    fn done<'a>(&'a mut self, until: &'a str) -> Pending<'a, Result<(), Fault>>;

    /// What is true now of the rows of these keys, in the table of that place; never older than what the log has told.
    fn again<'a>(&'a mut self, table: usize, keys: &'a [Key]) -> Pending<'a, Result<Vec<Change>, Fault>>;
}
