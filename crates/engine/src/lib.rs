//! Everything that speaks to a database: one driver for each product, one feature for each driver.
//!
//! This crate alone opens connections to monitored databases. It serves nothing and draws nothing.
//!
//! Read in this order: [`driver`] (what a database module offers), [`look`] (what one look sees), [`lag`] (what a position is
//! worth), [`manager`] (who looks when, and what it makes of it).

mod address;
pub mod beat;
pub mod connection;
pub mod doctor;
pub mod driver;
pub mod fault;
pub mod lag;
pub mod look;
pub mod manager;
#[cfg(any(feature = "mssql", feature = "clickhouse"))]
mod quiet;
pub mod rules;
pub mod target;
pub mod tls;

#[cfg(feature = "clickhouse")]
mod clickhouse;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "mssql")]
mod mssql;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use connection::Connection;
pub use driver::{DRIVERS, Driver, driver_of};
pub use fault::{Fault, FaultKind};
pub use manager::{Borrowed, Pace, ReplicationManager, ResolveError, SaveError};
#[cfg(feature = "mssql")]
pub use mssql::Client as MssqlClient;
pub use target::Target;
