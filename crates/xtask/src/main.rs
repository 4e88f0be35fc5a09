//! The developers' commands: `cargo x check | test`.
//!
//! Each is a list of steps that are all run; one that fails fails the command. Nothing of the product is here.

use std::process::{Command, ExitCode};

/// A command line, word by word.
type Step = &'static [&'static str];

/// Every command: its name, what it is for, and its steps.
const COMMANDS: &[(&str, &str, &[Step])] = &[
    (
        "check",
        "formatting, lints, documentation, the build without default features",
        &[
            &["cargo", "fmt", "--all", "--check"],
            &[
                "cargo",
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
            &[
                "cargo",
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ],
            &["cargo", "check", "-p", "replica-monitor", "--no-default-features"],
        ],
    ),
    (
        "test",
        "every test",
        &[
            &["cargo", "test", "--workspace", "--all-targets"],
            &["cargo", "test", "--workspace", "--doc"],
        ],
    ),
];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    match COMMANDS.iter().find(|(name, ..)| *name == wanted) {
        Some((_, _, steps)) => run_all(steps),
        None => {
            help();
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "this is a command line tool")]
fn run_all(steps: &[Step]) -> ExitCode {
    let mut failed = 0;
    for step in steps {
        eprintln!("\n$ {}", step.join(" "));
        let Some((program, arguments)) = step.split_first() else {
            continue;
        };
        let done = Command::new(program)
            .args(arguments)
            .env("RUSTDOCFLAGS", "-D warnings")
            .status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("FAILED: {}", step.join(" "));
            failed += 1;
        }
    }
    ExitCode::from(u8::from(failed > 0))
}

#[expect(clippy::print_stderr, reason = "this is a command line tool")]
fn help() {
    eprintln!("usage: cargo x COMMAND\n");
    for (name, purpose, _) in COMMANDS {
        eprintln!("  {name:8} {purpose}");
    }
}
