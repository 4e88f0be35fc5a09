//! `token`: the file of tokens: make one, list them, take one back. A running monitor takes the changes over by itself.

mod file;
mod list;
mod new;
mod revoke;

use super::Failure;
use std::io::Write;
use std::path::PathBuf;

/// Make, list and take back the tokens of a file (`--token-file`); a running monitor follows within seconds.
#[derive(clap::Args)]
pub(super) struct TokenCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    New(new::New),
    List(list::List),
    Revoke(revoke::Revoke),
}

/// Which file is meant.
#[derive(clap::Args)]
struct Kept {
    /// The file of tokens, the one that the monitor was given as --token-file
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

impl TokenCommand {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        match &self.action {
            Action::New(new) => new.run(out),
            Action::List(list) => list.run(out),
            Action::Revoke(revoke) => revoke.run(out),
        }
    }
}
