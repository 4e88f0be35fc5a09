//! `rules drop`: takes away what a rule made for itself in databases.

use crate::cli::Failure;
use crate::cli::settings::tree_path;
use crate::cli::tree;
use crate::words::plain;
use replica_engine::rules::{Plan, forget};
use std::io::Write;
use std::path::PathBuf;

/// Take away what a rule made for itself at both ends: replication slots, publications, triggers, cursors. Rows stay.
///
/// Do so when a rule is no longer run: a slot that nobody reads makes its server keep its log until the disk is full. Stop whoever runs the
/// rule first; the next run makes all of it anew, and copies. Exit code 0: nothing of it is left. 1: an end cannot be asked.
#[derive(clap::Args)]
pub(super) struct Drop {
    /// The rule
    #[arg(value_name = "RULE")]
    rule: String,
    /// The tree file [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
}

impl Drop {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let tree = tree::read(&tree_path(self.tree.as_deref())?)?;
        let plan = Plan::of(&tree, &self.rule).map_err(|error| Failure::Usage(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let forgotten = runtime.block_on(forget(&plan));
        runtime.shutdown_background();
        let mut well = true;
        for forgotten in &forgotten {
            let end = plain(&forgotten.end);
            match &forgotten.gone {
                Ok(gone) if gone.is_empty() => writeln!(out, "{end}: there was nothing")?,
                Ok(gone) => {
                    for what in gone {
                        writeln!(out, "{end}: dropped {}", plain(what))?;
                    }
                }
                Err(why) => {
                    well = false;
                    writeln!(out, "{end}: {}", plain(why))?;
                }
            }
        }
        match well {
            true => Ok(()),
            false => Err(Failure::Told(1)),
        }
    }
}
