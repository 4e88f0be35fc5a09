//! Debian's packages: installs the programs that a command needs and this machine lacks.

use crate::report::Skipped;
use crate::run::{find, run};
use anyhow::Result;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
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
    let quiet = Quiet::begin();
    let tried = apt(&["update", "-qq"]).and_then(|()| {
        apt(&[
            &["install", "-y", "-qq", "--no-install-recommends"],
            &packages[..],
        ]
        .concat())
    });
    drop(quiet);
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

/// While it lives, packages that are installed start no services: the lab starts its own, and nothing else is wanted.
struct Quiet(Vec<PathBuf>);

/// Debian asks the first whether a service may be started, and the second whether to make a database cluster.
const QUIET: [(&str, &str, u32); 2] = [
    ("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755),
    (
        "/etc/postgresql-common/createcluster.conf",
        "create_main_cluster = false\n",
        0o644,
    ),
];

impl Quiet {
    /// Where we may not write, the services start; they do no harm, since the lab chooses free ports.
    fn begin() -> Self {
        let wanted = QUIET.iter().filter(|(path, ..)| !Path::new(path).exists());
        let written = wanted.filter_map(|(path, text, mode)| {
            let path = PathBuf::from(path);
            fs::create_dir_all(path.parent()?).ok()?;
            fs::write(&path, text).ok()?;
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).ok()?;
            Some(path)
        });
        Self(written.collect())
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        for path in &self.0 {
            // What was written here is ours to take away; the package brings its own.
            let _ = fs::remove_file(path);
        }
    }
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
