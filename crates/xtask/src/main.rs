//! The developers' commands: `cargo x check | test | tidy | lab | bench`.
//!
//! One file for each. Nothing of the product is here.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "these commands talk to whoever started them"
)]

mod bench;
mod check;
mod debian;
mod lab;
mod report;
mod run;
mod test;
mod tidy;

use anyhow::Result;
use std::process::ExitCode;

struct Command {
    name: &'static str,
    purpose: &'static str,
    run: fn(&[String]) -> Result<()>,
}

static COMMANDS: &[Command] = &[
    Command {
        name: "check",
        purpose: "format, lints, documentation, builds, house rules, dependencies",
        run: check::check,
    },
    Command {
        name: "test",
        purpose: "every test, with what it needs installed first",
        run: test::test,
    },
    Command {
        name: "tidy",
        purpose: "the house rules alone",
        run: tidy::tidy,
    },
    Command {
        name: "lab",
        purpose: "real database servers to try things with: lab up SCENE",
        run: lab::lab,
    },
    Command {
        name: "bench",
        purpose: "what it costs, beside a baseline in the same run",
        run: bench::bench,
    },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wanted = words.first().map(String::as_str).unwrap_or_default();
    let Some(command) = COMMANDS.iter().find(|command| command.name == wanted) else {
        eprintln!("usage: cargo x COMMAND\n");
        for command in COMMANDS {
            eprintln!("  {:8} {}", command.name, command.purpose);
        }
        return ExitCode::from(2);
    };
    match (command.run)(&words[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error:#}", command.name);
            ExitCode::FAILURE
        }
    }
}
