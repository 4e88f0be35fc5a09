//! `check FILE`: what is wrong with a tree file, for people or as JSON.

use super::Failure;
use crate::wire::ProblemInfo;
use anstyle::{AnsiColor, Style};
use replica_core::Severity;
use replica_core::tree;
use std::io::Write;
use std::path::PathBuf;

/// Exit code 0: nothing worse than warnings. 1: there are errors, or the file cannot be read.
#[derive(clap::Args)]
pub(super) struct Check {
    /// The tree file
    file: PathBuf,
    /// One JSON object on standard output instead of lines
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let bytes = std::fs::read(&self.file)
            .map_err(|error| Failure::Failed(format!("cannot read {name}: {error}")))?;
        let parsed = tree::parse(&bytes, &name);
        let errors = parsed
            .problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count();
        if self.json {
            let problems: Vec<_> = parsed.problems.iter().map(ProblemInfo::from).collect();
            writeln!(
                out,
                "{}",
                serde_json::json!({ "file": name, "ok": errors == 0, "problems": problems })
            )?;
        } else {
            for problem in &parsed.problems {
                let (style, word) = (colour(problem.severity), problem.severity.word());
                writeln!(out, "{style}{word}{style:#}: {}", problem.sentence())?;
            }
            let tree = parsed.tree.unwrap_or_default();
            let replicas: usize = tree.projects.iter().map(|project| project.replicas.len()).sum();
            writeln!(
                out,
                "{name}: {}, {}, {}, {}",
                count(tree.projects.len(), "project"),
                count(replicas, "replica"),
                count(tree.rules.len(), "rule"),
                count(errors, "error"),
            )?;
        }
        // The problems are the message.
        if errors == 0 {
            Ok(())
        } else {
            Err(Failure::Failed(String::new()))
        }
    }
}

fn colour(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
    };
    colour.on_default().bold()
}

fn count(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}
