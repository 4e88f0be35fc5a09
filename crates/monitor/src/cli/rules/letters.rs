//! `rules dead-letters`: the rows of a rule that its target has not taken.

use crate::cli::Failure;
use crate::cli::settings::tree_path;
use crate::cli::tree;
use crate::words::plain;
use replica_engine::rules::{Plan, dead_letters};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// List the rows that a rule's target has not taken, and why. Nothing is changed.
///
/// Whoever keeps the rule going tries them again by itself, at last every minute: mend what keeps a row out (a constraint, a column that is too
/// narrow), and it arrives. Exit code 0: there are none. 1: there are some, or a target cannot be asked.
#[derive(clap::Args)]
pub(super) struct DeadLetters {
    /// The rule
    #[arg(value_name = "RULE")]
    rule: String,
    /// The tree file [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    /// One JSON object a row
    #[arg(long)]
    json: bool,
}

impl DeadLetters {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let tree = tree::read(&tree_path(self.tree.as_deref())?)?;
        let plan = Plan::of(&tree, &self.rule).map_err(|error| Failure::Usage(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let letters = runtime.block_on(dead_letters(&plan));
        runtime.shutdown_background();
        let mut well = true;
        for letters in &letters {
            let to = plain(&letters.to);
            let rows = match &letters.rows {
                Err(why) => return Err(Failure::Failed(format!("{to}: {}", plain(why)))),
                Ok(rows) => rows.as_deref().unwrap_or_default(),
            };
            well &= rows.is_empty();
            for row in rows {
                match self.json {
                    true => writeln!(
                        out,
                        "{}",
                        json!({ "to": letters.to, "table": row.table, "key": row.key, "why": row.why })
                    )?,
                    false => {
                        let (table, key, why) = (plain(&row.table), plain(&row.key), plain(&row.why));
                        writeln!(out, "{to}: {table}, row {key}: {why}")?;
                    }
                }
            }
            if !self.json && rows.is_empty() {
                let words = match letters.rows {
                    Ok(None) => "the rule was never kept going",
                    _ => "every row was taken",
                };
                writeln!(out, "{to}: {words}")?;
            }
        }
        match well {
            true => Ok(()),
            false => Err(Failure::Told(1)),
        }
    }
}
