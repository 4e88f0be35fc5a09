//! Runs rules: reads the rows of a source, writes what a target lacks, and counts every row.
//!
//! A database is reached through a [`Store`], which its own module makes. What is read, compared and counted is here, and the same for all
//! of them. When a rule runs, and who is told, is the caller's business.

mod cell;
mod diff;
mod examine;
mod plan;
mod snapshot;
mod store;
mod table;

pub use cell::{Cell, Kind};
pub use examine::{Outlook, Prospect, examine};
pub use plan::{Direction, Plan, PlanError};
pub use snapshot::{Progress, SnapshotRun, Stopped};
pub use store::{Change, Ends, Key, Open, Rejected, Row, Store, StoreError};
pub use table::{Column, Table};
