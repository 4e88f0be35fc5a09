//! What the live manager says, held against what real servers truly show.
//!
//! The truth is told by a writer of numbered rows and a reader of each replica (`replica_lab::truth`), never by our own code.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "in a test a panic is the way to fail; clippy exempts only the test functions themselves"
)]

mod borrow;
mod clickhouse;
mod drift;
mod ends;
mod heartbeat;
mod mariadb;
mod postgres;
mod redis;
mod rules;
mod saved;
mod sqlite;
mod states;
mod stream;
mod stream_mariadb;
mod stream_postgres;
mod support;
mod twoway;
