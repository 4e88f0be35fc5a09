//! A tree file, read once for a command.

use super::Failure;
use replica_core::tree::{self, Tree};
use std::path::Path;

/// The tree, or why there is none. Lesser problems are `check`'s business.
pub(super) fn read(path: &Path) -> Result<Tree, Failure> {
    let name = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|error| Failure::Failed(format!("cannot read {name}: {error}")))?;
    let parsed = tree::parse(&bytes, &name);
    parsed.tree.ok_or_else(|| {
        let why: Vec<String> = parsed.problems.iter().map(|problem| problem.sentence()).collect();
        Failure::Failed(why.join("\n"))
    })
}
