//! Runs rules: reads the rows of a source, writes what a target lacks, and counts every row.
//!
//! A database is reached through a [`Store`], which its own module makes. What is read, compared and counted is here, and the same for all
//! of them. When a rule runs, and who is told, is the caller's business.

mod batch;
mod brake;
mod broken;
mod cell;
mod clocks;
mod conflict;
mod copied;
mod diff;
mod examine;
mod follow;
mod forget;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod gather;
mod keep;
mod letters;
mod log;
mod names;
mod owed;
mod patience;
mod plan;
mod progress;
mod report;
mod schedule;
mod snapshot;
mod stopped;
mod store;
mod stream;
mod table;
mod twoway;
mod valve;
mod verify;

#[cfg(feature = "mysql")]
pub(crate) use batch::Said;
pub use batch::{Batch, Claim, Cursor, Mark, Part};
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub(crate) use batch::{creation as cursors, gone};
pub use cell::{Cell, Kind};
pub use examine::{Outlook, Prospect, examine};
pub use forget::{Forgotten, forget};
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use gather::{Gathered, Taken};
pub use keep::{Kept, Pace, keep};
pub use letters::{Letters, dead_letters};
pub use log::{Asked, ChangeLog, Findings, Left, LogError, Logs, OpenLog, Reader, Slice, Touched};
pub use names::Names;
pub use plan::{Direction, Plan, PlanError};
pub use progress::Progress;
pub use report::{Missing, Phase, Report, Told};
pub use schedule::{Next, Schedule};
pub use snapshot::SnapshotRun;
pub use stopped::Stopped;
pub use store::{Change, Ends, Key, Open, Rejected, Row, Store, StoreError};
pub use table::{Column, Table};
pub use valve::{Allowance, Reading, Valve};
pub use verify::{Differs, Verification, Verified};
