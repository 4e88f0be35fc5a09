//! `history`: checks a history's file, and writes what is in it as CSV or JSON lines, whether a monitor is writing it or not.

use super::Failure;
use crate::history::{HistoryError, Metric, Reader, SeriesKey, Subject, Value};
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Check or export a history's file; a monitor may be writing it meanwhile.
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
}

/// Write every sample that is still kept to standard output, series by series, oldest first
#[derive(clap::Args)]
struct Export {
    /// The file
    file: PathBuf,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Only of this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only of this replica
    #[arg(long, value_name = "NAME")]
    replica: Option<String>,
    /// Only this figure, as /api/history names it (may be repeated) [default: all]
    #[arg(long, value_name = "METRIC")]
    metric: Vec<String>,
    /// Not before this time, in milliseconds since 1970
    #[arg(long, value_name = "MS")]
    from: Option<i64>,
    /// Before this time, in milliseconds since 1970
    #[arg(long, value_name = "MS")]
    to: Option<i64>,
}

/// A table, or an object a line.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// With a head: time_ms, project, replica, rule, metric, value, unknown. `value` is empty where `unknown` says why.
    #[default]
    Csv,
    /// The same fields; those that do not apply are null.
    Json,
}

impl HistoryCommand {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        match &self.wanted {
            Wanted::Check { file } => check(file, out),
            Wanted::Export(export) => export.run(out),
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

impl Export {
    fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        for word in &self.metric {
            if Metric::from_word(word).is_none() {
                let words: Vec<&str> = Metric::ALL.iter().map(|metric| metric.word()).collect();
                let words = words.join(", ");
                return Err(Failure::Usage(format!(
                    "there is no metric {word:?}; there are {words}"
                )));
            }
        }
        let reader = open(&self.file)?;
        match self.format {
            Format::Csv => {
                let mut sheet = csv::WriterBuilder::new().has_headers(false).from_writer(out);
                sheet.write_record(HEAD).map_err(unwritten)?;
                self.each(&reader, &mut |line| sheet.serialize(line).map_err(unwritten))?;
                Ok(sheet.flush()?)
            }
            Format::Json => self.each(&reader, &mut |line| {
                let text = serde_json::to_string(line).unwrap_or_default();
                Ok(writeln!(out, "{text}")?)
            }),
        }
    }

    fn each(
        &self,
        reader: &Reader,
        tell: &mut dyn FnMut(&Line<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let failed = |error| failed(&self.file, &error);
        let (from, to) = (self.from.unwrap_or(i64::MIN), self.to.unwrap_or(i64::MAX));
        let all = reader.series().map_err(failed)?;
        for key in all.iter().filter(|key| self.wants(key)) {
            for (at, value) in reader.samples(key, from, to).map_err(failed)? {
                tell(&Line::of(key, at, &value))?;
            }
        }
        Ok(())
    }

    fn wants(&self, key: &SeriesKey) -> bool {
        let (project, replica) = match &key.subject {
            Subject::Replica(key) => (Some(&*key.project), Some(&*key.replica)),
            Subject::Monitor | Subject::Rule(_) => (None, None),
        };
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| Some(&**wanted) == found)
        };
        is(&self.project, project)
            && is(&self.replica, replica)
            && (self.metric.is_empty() || self.metric.iter().any(|word| word == key.metric.word()))
    }
}

/// The fields of [`Line`].
const HEAD: [&str; 7] = [
    "time_ms", "project", "replica", "rule", "metric", "value", "unknown",
];

/// One sample.
#[derive(Serialize)]
struct Line<'s> {
    time_ms: i64,
    project: Option<&'s str>,
    replica: Option<&'s str>,
    rule: Option<&'s str>,
    metric: &'s str,
    value: Option<i64>,
    unknown: Option<&'s str>,
}

impl<'s> Line<'s> {
    fn of(key: &'s SeriesKey, time_ms: i64, value: &'s Value) -> Self {
        let (project, replica, rule) = match &key.subject {
            Subject::Monitor => (None, None, None),
            Subject::Replica(key) => (Some(&*key.project), Some(&*key.replica), None),
            Subject::Rule(rule) => (None, None, Some(&**rule)),
        };
        let (value, unknown) = match value {
            Value::Known(figure) => (Some(*figure), None),
            Value::Unknown(why) => (None, Some(&**why)),
        };
        Self {
            time_ms,
            project,
            replica,
            rule,
            metric: key.metric.word(),
            value,
            unknown,
        }
    }
}

/// Nobody is left to read it, or the disk is full.
fn unwritten(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        _ => Failure::Failed("a line cannot be written as CSV".to_owned()),
    }
}
