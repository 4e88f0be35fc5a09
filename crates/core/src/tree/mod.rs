//! The tree file, `replicator-tree.json`: what it declares, what is wrong with it, and how it is edited.
//!
//! [`parse()`] never fails as a whole where it can help it: a bad entry costs that entry. [`Document`] edits
//! the text in place, so unknown fields, order, comments and number forms survive. Reading and
//! watching the file on disk is the monitor's business.

mod comments;
mod document;
mod json;
mod model;
mod parse;
mod rewrite;
pub mod uri;

pub use document::{Document, EditError};
pub use model::{Tree, TreeProject, TreeReplica};
pub use parse::{Parsed, parse};
pub use rewrite::{RewriteError, rewrite};
pub use uri::{Uri, UriError};
