//! `history`: checks a history's file, takes what is in it elsewhere, whether a monitor is writing it or not, and makes a new one of that.

mod export;
mod import;
mod line;
mod parquet;
mod progress;

#[cfg(feature = "drivers")]
pub(super) use progress::spinner;

use super::Failure;
use crate::history::{HistoryError, Reader};
use export::Export;
use import::Import;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Check or export a history's file; a monitor may be writing it meanwhile. Or make one of what was exported.
#[derive(clap::Args)]
pub(super) struct HistoryCommand {
    #[command(subcommand)]
    wanted: Wanted,
}

#[derive(clap::Subcommand)]
enum Wanted {
    /// Read everything in the file and tell what is wrong with it: exit code 0 if nothing is, 1 otherwise
    Check {
        /// The file
        file: PathBuf,
    },
    Export(Export),
    Import(Import),
}

impl HistoryCommand {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        match &self.wanted {
            Wanted::Check { file } => check(file, out),
            Wanted::Export(export) => export.run(out),
            Wanted::Import(import) => import.run(out),
        }
    }
}

fn open(file: &Path) -> Result<Reader, Failure> {
    // SQLite would only say that it cannot open it.
    if let Err(error) = std::fs::metadata(file) {
        return Err(Failure::Failed(format!(
            "cannot read {}: {error}",
            file.display()
        )));
    }
    Reader::open(file).map_err(|error| failed(file, &error))
}

fn failed(file: &Path, error: &HistoryError) -> Failure {
    Failure::Failed(format!("cannot read {}: {error}", file.display()))
}

fn check(file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let report = open(file)?.check().map_err(|error| failed(file, &error))?;
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    writeln!(
        out,
        "{}: {} samples in {} chunks of {} blocks, {} events, {} findings",
        file.display(),
        report.samples,
        report.chunks,
        report.blocks,
        report.events,
        report.findings.len()
    )?;
    match report.findings.is_empty() {
        true => Ok(()),
        false => Err(Failure::Failed(String::new())),
    }
}
