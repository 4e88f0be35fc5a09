//! `rules check`: what running a rule would do, asked of both ends.

use crate::cli::Failure;
use crate::cli::settings::tree_path;
use crate::cli::tree;
use crate::words::plain;
use replica_engine::rules::{Outlook, Plan, Prospect, examine};
use std::io::Write;
use std::path::PathBuf;

/// Connect to both ends of a rule and tell what running it would do, table by table, and what stands in its way with what mends it. Nothing is changed.
///
/// Exit code 0: all of it can be run. 1: some of it cannot, or an end cannot be asked.
#[derive(clap::Args)]
pub(super) struct Check {
    /// The rule
    #[arg(value_name = "RULE")]
    rule: String,
    /// The tree file [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let tree = tree::read(&tree_path(self.tree.as_deref())?)?;
        let plan = Plan::of(&tree, &self.rule).map_err(|error| Failure::Usage(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let prospects = runtime.block_on(examine(&plan));
        runtime.shutdown_background();
        let mut well = true;
        for prospect in &prospects {
            well &= tell(prospect, out)?;
        }
        match well {
            true => Ok(()),
            false => Err(Failure::Told(1)),
        }
    }
}

/// Whether all of it can be run.
fn tell(prospect: &Prospect, out: &mut dyn Write) -> Result<bool, Failure> {
    writeln!(out, "{} → {}", plain(&prospect.from), plain(&prospect.to))?;
    let tables = match &prospect.tables {
        Ok(tables) => tables,
        Err(why) => {
            writeln!(out, "    cannot be asked: {}", plain(why))?;
            return Ok(false);
        }
    };
    let mut well = prospect.hindrances.is_empty();
    for why in &prospect.hindrances {
        writeln!(out, "    cannot be followed: {}", plain(why))?;
    }
    for why in &prospect.warnings {
        writeln!(out, "    mind: {}", plain(why))?;
    }
    for (name, outlook) in tables {
        let name = plain(name);
        match outlook {
            Outlook::Mirrored => writeln!(out, "    {name}: is mirrored")?,
            Outlook::Widened(columns) => {
                let columns = plain(&columns.join(", "));
                writeln!(
                    out,
                    "    {name}: is mirrored, once it has the columns {columns} there"
                )?;
            }
            Outlook::Created => writeln!(out, "    {name}: is created there, and mirrored")?,
            Outlook::Refused(why) => {
                well = false;
                writeln!(out, "    {name}: is left alone: {}", plain(why))?;
            }
        }
    }
    if tables.is_empty() {
        writeln!(out, "    the source has no tables")?;
    }
    Ok(well)
}
