//! Where snapshots come from, on this side of the engine: the tree file.

mod tree_file;
mod watched;

pub use tree_file::{TreeFile, read_tree};
