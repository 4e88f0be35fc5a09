//! The doors of the monitor, tried from outside: the real binary, real sockets, real files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the way to fail; clippy exempts only the test functions themselves"
)]

#[cfg(feature = "drivers")]
mod alerts;
#[cfg(feature = "drivers")]
mod balance;
mod cli;
mod commands;
mod contract;
#[cfg(feature = "drivers")]
mod demo;
mod garbage;
mod history;
mod incident;
mod library;
#[cfg(feature = "drivers")]
mod live;
#[cfg(feature = "drivers")]
mod metrics;
mod otlp;
#[cfg(feature = "drivers")]
mod past;
mod prometheus;
mod remote_write;
#[cfg(feature = "drivers")]
mod rules;
#[cfg(feature = "drivers")]
mod rules_beside;
#[cfg(feature = "drivers")]
mod rules_fleet;
#[cfg(feature = "drivers")]
mod rules_killed;
mod scaffold;
mod security;
mod support;
mod tls;
mod tokens;
#[cfg(feature = "drivers")]
#[allow(
    dead_code,
    reason = "a short trial needs less of it than `cargo x bench balance` does"
)]
mod trial;
mod watching;
