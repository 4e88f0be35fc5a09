//! `token list`: who may what, and until when.

use super::Kept;
use super::file::tokens_of;
use crate::cli::Failure;
use crate::clock::now_ms;
use crate::words::{plain, time};
use std::io::Write;

/// List the tokens of the file: name, role and end; what they are is kept nowhere.
#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    kept: Kept,
}

impl List {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let (tokens, now) = (tokens_of(&self.kept.file)?, now_ms());
        for token in &tokens {
            let end = match token.until_ms {
                None => "no end".to_owned(),
                Some(until) if token.is_valid(now) => format!("until {}", time(until)),
                Some(until) => format!("over since {}", time(until)),
            };
            writeln!(out, "{}: {}, {end}", plain(&token.name), token.role.word())?;
        }
        if tokens.is_empty() {
            writeln!(out, "there is no token in the file")?;
        }
        Ok(())
    }
}
