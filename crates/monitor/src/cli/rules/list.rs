//! `rules list`: what a tree declares.

use crate::cli::Failure;
use crate::cli::settings::tree_path;
use crate::cli::tree;
use crate::words::plain;
use std::io::Write;
use std::path::PathBuf;

/// List the rules that a tree declares.
#[derive(clap::Args)]
pub(super) struct List {
    /// The tree file [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
}

impl List {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let tree = tree::read(&tree_path(self.tree.as_deref())?)?;
        for rule in &tree.rules {
            let collections: Vec<String> = rule.collections.iter().map(|name| plain(name)).collect();
            let off = if rule.enabled { "" } else { ", disabled" };
            let (name, source, target) = (plain(&rule.name), plain(&rule.source), plain(&rule.target));
            let (mode, collections) = (rule.mode.word(), collections.join(", "));
            writeln!(out, "{name}: {source} → {target}, {mode}{off}: {collections}")?;
            if let Some(schedule) = &rule.schedule {
                writeln!(out, "    {}", scheduled(schedule))?;
            }
            if let Some(problem) = &rule.problem {
                writeln!(out, "    {}", plain(problem))?;
            }
        }
        if tree.rules.is_empty() {
            writeln!(out, "the tree declares no rules")?;
        }
        Ok(())
    }
}

/// When it is mirrored, and when next.
#[cfg(feature = "drivers")]
fn scheduled(text: &str) -> String {
    use replica_engine::rules::{Next, Schedule};
    let shown = plain(text);
    match text
        .parse()
        .map(|schedule: Schedule| schedule.next(crate::clock::now_ms()))
    {
        Ok(Next::After(_)) => format!("every {shown}"),
        Ok(Next::At(at_ms)) => format!("at {shown} (UTC), next at {}", crate::words::time(at_ms)),
        Ok(Next::Never) => format!("at {shown} (UTC), which never comes again"),
        Err(why) => format!("its schedule {text:?} {why}"),
    }
}

/// Who cannot run rules does not read schedules either.
#[cfg(not(feature = "drivers"))]
fn scheduled(text: &str) -> String {
    format!("schedule: {}", plain(text))
}
