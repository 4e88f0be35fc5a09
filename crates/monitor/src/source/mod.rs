//! Where snapshots come from, on this side of the engine: the tree file, alone or with its databases asked.

#[cfg(feature = "drivers")]
mod kept;
#[cfg(feature = "drivers")]
mod live;
mod recorded;
mod tree_file;
mod watched;

#[cfg(feature = "drivers")]
pub use kept::{Declares, Keeping, KeptRules, Told};
#[cfg(feature = "drivers")]
pub use live::{LiveTree, watch_live};
pub use recorded::Recorded;
pub use tree_file::{TreeFile, read_tree};
