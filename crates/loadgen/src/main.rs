//! Loads a monitor for the benches, and prints what came of it as one JSON object.
//!
//! It measures from outside, by sockets and `/proc`; it knows nothing of the monitor's inside.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program talks to whoever started it"
)]

mod decode;
mod hold;
mod listen;
mod process;
mod raw;

use anyhow::Result;
use clap::Parser;

/// Loads a monitor; prints JSON.
#[derive(Parser)]
enum Cli {
    /// Follow an event stream with many clients, and count what arrives, is lost and is doubled.
    Listen(listen::Listen),
    /// Write event streams with the least code there can be: the baseline of `listen`.
    Raw(raw::Raw),
    /// Behave badly in thousands, and measure how a healthy client fares.
    Hold(hold::Hold),
}

fn main() -> Result<()> {
    // A client is an open file; without the limit raised the numbers would stop at 1 024.
    rlimit::increase_nofile_limit(u64::MAX)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match Cli::parse() {
        Cli::Listen(listen) => runtime.block_on(listen.run()),
        Cli::Raw(raw) => runtime.block_on(raw.run()),
        Cli::Hold(hold) => runtime.block_on(hold.run()),
    }
}
