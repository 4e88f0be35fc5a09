//! `cargo x test`: every test there is, from the units to the browser.

use crate::debian::{self, Program};
use crate::report::{Report, Skipped};
use crate::run::{command, find, output, root, run};
use anyhow::{Context, Result, bail};
use std::path::Path;

/// What the tests start besides our own programs.
const PROGRAMS: &[Program] = &[
    Program {
        name: "node",
        packages: &["nodejs"],
    },
    Program {
        name: "npm",
        packages: &["npm"],
    },
    Program {
        name: "chromium",
        // Without a font every letter is the same box.
        packages: &["chromium", "fonts-liberation"],
    },
    Program {
        name: "systemd-analyze",
        packages: &["systemd"],
    },
    Program {
        // The server's own programs are not on the path; this comes with them.
        name: "pg_createcluster",
        packages: &["postgresql"],
    },
    Program {
        name: "mariadbd",
        packages: &["mariadb-server"],
    },
    Program {
        name: "redis-server",
        packages: &["redis-server"],
    },
    Program {
        name: "promtool",
        packages: &["prometheus"],
    },
    Program {
        name: "prometheus-alertmanager",
        packages: &["prometheus-alertmanager"],
    },
    Program {
        name: "victoria-metrics",
        packages: &["victoria-metrics"],
    },
    Program {
        name: "clickhouse-server",
        packages: &["clickhouse-server"],
    },
];

pub(crate) fn test(_: &[String]) -> Result<()> {
    let mut report = Report::default();
    report.step("programs that the tests need", || debian::ensure(PROGRAMS));
    report.step("Rust tests", rust_tests);
    report.step("Rust examples in the documentation", || {
        run(&mut command(
            "cargo",
            &["test", "--workspace", "--doc", "--quiet"],
        ))
    });
    report.step("programs for the browser", || {
        run(&mut command(
            "cargo",
            &[
                "build",
                "--release",
                "-p",
                "replica-monitor",
                "--bins",
                "--examples",
            ],
        ))
    });
    report.step("what the page's tests need", npm_ci);
    report.step("the page's units", || node_tests("unit", &[]));
    report.step("the page in a browser", || {
        node_tests("browser", &["--test-concurrency=1"])
    });
    report.finish(std::env::var_os("CI").is_none())
}

fn rust_tests() -> Result<()> {
    if find("cargo-nextest").is_some() {
        return run(&mut command(
            "cargo",
            &["nextest", "run", "--workspace", "--no-fail-fast"],
        ));
    }
    eprintln!("cargo-nextest is not installed; cargo test does the same, more slowly");
    run(&mut command(
        "cargo",
        &["test", "--workspace", "--all-targets", "--no-fail-fast"],
    ))
}

fn ui_tests() -> std::path::PathBuf {
    root().join("ui-tests")
}

fn npm_ci() -> Result<()> {
    needed(&["npm"])?;
    run(command("npm", &["ci", "--no-audit", "--no-fund"]).current_dir(ui_tests()))
}

fn node_tests(folder: &str, flags: &[&str]) -> Result<()> {
    needed(match folder {
        "browser" => &["node", "chromium"],
        _ => &["node"],
    })?;
    node_is_new_enough()?;
    let files = tests_in(&ui_tests().join(folder))?;
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let target = root().join("target/release");
    run(command("node", &[&["--test"], flags, &files].concat())
        .current_dir(ui_tests())
        .env("RM_BIN", target.join("replica-monitor"))
        .env("RM_FLEET", target.join("examples/fleet")))
}

/// The test files of a folder. Named one by one, because Node's versions differ in what a folder means.
fn tests_in(folder: &Path) -> Result<Vec<String>> {
    let entries = folder
        .read_dir()
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path().to_string_lossy().into_owned();
        if path.ends_with(".test.mjs") {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("no tests in {}", folder.display());
    }
    files.sort();
    Ok(files)
}

/// Debian 12 has 18, which neither takes the page's modules as such nor has the timers that the tests turn; the launcher that
/// we scaffold runs on that as well.
fn node_is_new_enough() -> Result<()> {
    const LEAST: (u32, u32) = (20, 19);
    let version = output(&mut command("node", &["--version"]))?;
    let mut parts = version.trim().trim_start_matches('v').split('.').map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= LEAST => Ok(()),
        _ => {
            let (major, minor) = LEAST;
            let message = format!(
                "Node is {}, the page's tests need {major}.{minor} or later",
                version.trim()
            );
            Err(Skipped(message).into())
        }
    }
}

fn needed(programs: &[&str]) -> Result<()> {
    match programs.iter().find(|program| find(program).is_none()) {
        Some(missing) => Err(Skipped(format!("{missing} is not installed")).into()),
        None => Ok(()),
    }
}
