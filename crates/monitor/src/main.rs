//! The binary: hands the command line to [`replica_monitor::cli`] and its answer to the system.

use std::process::ExitCode;

fn main() -> ExitCode {
    replica_monitor::cli::main()
}
