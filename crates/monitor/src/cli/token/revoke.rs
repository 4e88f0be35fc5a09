//! `token revoke`: somebody may no longer.

use super::Kept;
use super::file::TokenLines;
use crate::cli::Failure;
use crate::words::plain;
use std::io::Write;

/// Take back every token of that name: a running monitor refuses it, and what a browser got for it, within seconds.
#[derive(clap::Args)]
pub(super) struct Revoke {
    /// Whose it is, as `token list` tells
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    kept: Kept,
}

impl Revoke {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let mut file = TokenLines::open(&self.kept.file)?;
        if file.remove(&self.name) == 0 {
            return Err(Failure::Failed(format!(
                "{}: there is no token of {:?}; `token list` tells those that are",
                self.kept.file.display(),
                self.name
            )));
        }
        file.write()?;
        Ok(writeln!(
            out,
            "what {} had opens nothing any more",
            plain(&self.name)
        )?)
    }
}
