//! `cargo x tidy`: the house rules that no compiler knows.
//!
//! A rule is a pure function from the tracked files to findings, and one line in [`RULES`].

mod files;
mod functions;
mod manifests;
mod markup;
mod words;

use crate::run::{command, output, root};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt;

/// What a rule reads.
#[derive(Default)]
struct House {
    /// Every tracked text.
    files: Vec<File>,
    /// What cargo says of the packages and how they depend on each other.
    metadata: Value,
}

struct File {
    /// From the workspace's folder, with `/`.
    path: String,
    text: String,
}

/// Where a rule is broken, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1.
    line: Option<usize>,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        write!(f, "{}{line}: {}", self.path, self.what)
    }
}

type Rule = fn(&House) -> Vec<Finding>;

static RULES: &[(&str, Rule)] = &[
    ("every file says what it is for", files::headers),
    ("files are short enough to hold in the head", files::lengths),
    ("functions are short enough to read at once", functions::lengths),
    ("nothing that is made is tracked", files::made),
    ("forbidden words", words::banned),
    ("the page's markup is markup alone", markup::inline),
    ("replica-core stays without I/O", manifests::core_closure),
    ("crates inherit what they share", manifests::inherited),
    ("shared dependencies are used", manifests::used),
    ("the changelog has a place for what is new", manifests::changelog),
];

pub(crate) fn tidy(_: &[String]) -> Result<()> {
    let house = House::read()?;
    let mut count = 0;
    for (name, rule) in RULES {
        let findings = rule(&house);
        if !findings.is_empty() {
            println!("\n{name}:");
        }
        count += findings.len();
        findings.iter().for_each(|finding| println!("  {finding}"));
    }
    if count > 0 {
        bail!("{count} findings");
    }
    println!(
        "tidy: {} rules hold over {} files",
        RULES.len(),
        house.files.len()
    );
    Ok(())
}

impl House {
    fn read() -> Result<Self> {
        // New files count as well, so that a finding comes before the commit.
        let listed = output(&mut command(
            "git",
            &["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        ))?;
        let mut files = Vec::new();
        for path in listed.split_terminator('\0') {
            // What is no text (pictures, seeds of fuzzing) or deleted just now has nothing to read.
            if let Ok(text) = std::fs::read_to_string(root().join(path)) {
                files.push(File {
                    path: path.to_owned(),
                    text,
                });
            }
        }
        let metadata = output(&mut command(
            "cargo",
            &["metadata", "--format-version", "1", "--locked"],
        ))?;
        let metadata = serde_json::from_str(&metadata).context("cargo metadata printed no JSON")?;
        Ok(Self { files, metadata })
    }

    /// The files whose path ends so.
    fn ending<'h>(&'h self, endings: &'h [&str]) -> impl Iterator<Item = &'h File> {
        let matches = |file: &&File| endings.iter().any(|ending| file.path.ends_with(ending));
        self.files.iter().filter(matches)
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self {
            files: files.iter().map(file).collect(),
            metadata: Value::Null,
        }
    }
}

impl File {
    fn finding(&self, line: Option<usize>, what: impl Into<String>) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            what: what.into(),
        }
    }

    fn is_test(&self) -> bool {
        self.path.contains("tests/") || self.path.ends_with("tests.rs") || self.path.ends_with(".test.mjs")
    }
}
