//! Everything that speaks to a database: one driver for each dialect, one feature for each driver.
//!
//! This crate alone opens connections to monitored databases. It serves nothing and draws nothing.

pub mod driver;

pub use driver::{DRIVERS, Driver};
