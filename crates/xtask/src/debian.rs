//! Debian's packages: installs the programs that a command needs and this machine lacks.

use crate::report::Skipped;
use crate::run::{find, run};
use anyhow::Result;
use std::process::Command;

/// A program, and the packages that bring it.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) packages: &'static [&'static str],
}

/// Makes sure that all are there. What cannot be installed is named, with the command that would.
pub(crate) fn ensure(programs: &[Program]) -> Result<()> {
    let missing = || programs.iter().filter(|program| find(program.name).is_none());
    let packages: Vec<&str> = missing().flat_map(|program| program.packages).copied().collect();
    if packages.is_empty() {
        return Ok(());
    }
    let tried = apt(&["update", "-qq"]).and_then(|()| {
        apt(&[
            &["install", "-y", "-qq", "--no-install-recommends"],
            &packages[..],
        ]
        .concat())
    });
    let names: Vec<&str> = missing().map(|program| program.name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let why = tried
        .err()
        .map(|error| format!(" ({error:#})"))
        .unwrap_or_default();
    let (names, packages) = (names.join(", "), packages.join(" "));
    let message = format!("missing: {names}; install them with: apt-get install {packages}{why}");
    Err(Skipped(message).into())
}

fn apt(arguments: &[&str]) -> Result<()> {
    // Who is not root may be allowed to become it; nobody is asked for a password.
    let mut command = match find("sudo") {
        Some(_) if !is_root() => {
            let mut command = Command::new("sudo");
            command.args(["-n", "apt-get"]);
            command
        }
        _ => Command::new("apt-get"),
    };
    run(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout == b"0\n")
}
