//! Real database servers on free ports of this machine, for tests and trials; and every way to break them.
//!
//! Nothing is installed here and nothing is simulated: a missing server is an error that names its package. Everything that is
//! started ends with its owner, by process id.
//!
//! Read in this order: [`lab`] (the folder), [`postgres`], [`mariadb`], [`redis`], [`sqlite`], [`clickhouse`] (the servers),
//! [`proxy`] (the network between them), [`truth`] (how far behind a replica truly is), [`exporter`] (what others say of that),
//! [`prometheus`] and [`victoria`] (who takes our metrics), [`alertmanager`] (who takes our alerts), [`scene`] (several of them put together).

#![allow(
    clippy::print_stderr,
    reason = "a lab is talked to through a terminal or a test's output"
)]

pub mod alertmanager;
pub mod clickhouse;
pub mod client;
pub mod daemon;
pub mod exporter;
mod http;
pub mod lab;
pub mod mariadb;
pub mod postgres;
pub mod program;
pub mod prometheus;
pub mod proxy;
pub mod redis;
pub mod scene;
pub mod sqlite;
pub mod truth;
pub mod victoria;
pub mod wait;

pub use alertmanager::Alertmanager;
pub use clickhouse::ClickHouse;
pub use client::Client;
pub use exporter::Exporter;
pub use lab::Lab;
pub use mariadb::MariaDb;
pub use postgres::Postgres;
pub use program::Missing;
pub use proxy::Proxy;
pub use redis::Redis;
pub use sqlite::SqliteFile;
pub use truth::Truth;
pub use wait::wait_for;

/// The user that may do everything, on every server.
pub const ADMIN: &str = "lab";
/// The user with the grants that a monitor is recommended.
pub const WATCHER: &str = "watcher";
/// The user that may log in and nothing else.
pub const PLAIN: &str = "plain";
/// The password of all three.
pub const PASSWORD: &str = "lab-s3cret";
