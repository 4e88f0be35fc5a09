//! `cargo x check`: everything that can be judged without running the product.

use crate::report::{Report, Skipped};
use crate::run::{command, find, root, run};
use crate::tidy::tidy;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::Command;

pub(crate) fn check(_: &[String]) -> Result<()> {
    let mut report = Report::default();
    let cargo = |words: &str| {
        run(command("cargo", &words.split(' ').collect::<Vec<_>>()).env("RUSTDOCFLAGS", "-D warnings"))
    };
    report.step("house rules", || tidy(&[]));
    report.step("format", || cargo("fmt --all --check"));
    report.step("lints", || {
        cargo("clippy --workspace --all-targets -- -D warnings")
    });
    report.step("lints without the drivers", || {
        cargo("clippy -p replica-monitor --no-default-features --all-targets -- -D warnings")
    });
    report.step("documentation", || {
        cargo("doc --workspace --no-deps --document-private-items")
    });
    report.step("dependencies", || run(&mut deny("bans licenses sources")?));
    report.step("advisories", advisories);
    // Advisories come from one place in the network; a machine that cannot reach it can still judge all the rest.
    report.finish(true)
}

/// Judges the dependencies by `deny.toml`, with a tool that is built once if it is not installed.
fn deny(checks: &str) -> Result<Command> {
    let program = match find("cargo-deny") {
        Some(program) => program,
        None => built_deny()?,
    };
    let words = ["--workspace", "check", "--hide-inclusion-graph"];
    let words: Vec<&str> = words.into_iter().chain(checks.split(' ')).collect();
    Ok(command(&program.to_string_lossy(), &words))
}

fn advisories() -> Result<()> {
    let output = deny("advisories")?.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(());
    }
    if said.contains("failed to fetch advisory database") {
        return Err(Skipped("the advisory database cannot be fetched from here".into()).into());
    }
    bail!("{said}")
}

fn built_deny() -> Result<PathBuf> {
    let place = root().join("target/tools");
    let program = place.join("bin/cargo-deny");
    if !program.is_file() {
        let place = place.to_string_lossy();
        run(&mut command(
            "cargo",
            &["install", "--locked", "--quiet", "--root", &place, "cargo-deny"],
        ))?;
    }
    Ok(program)
}
