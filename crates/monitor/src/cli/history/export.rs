//! `history export`: every sample as a line of CSV or JSON, or a row of Parquet.

use super::line::{HEAD, Line};
use super::parquet::Table;
use super::progress::bar;
use super::{failed, open};
use crate::cli::Failure;
use crate::history::{Metric, Reader, SeriesKey, Subject};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Write every sample that is still kept, series by series, oldest first
#[derive(clap::Args)]
pub(super) struct Export {
    /// The file
    file: PathBuf,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where to; standard output, if left out. A file that is there is written over
    #[arg(long, value_name = "FILE", required_if_eq("format", "parquet"))]
    out: Option<PathBuf>,
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
    /// The same columns, typed, for those who analyse; into a file.
    Parquet,
}

impl Export {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
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
        let Some(path) = &self.out else {
            return self.write(&reader, out);
        };
        let file = File::create(path).map_err(|error| unwritable(path, &error))?;
        match self.format {
            Format::Parquet => self.table(&reader, file),
            Format::Csv | Format::Json => {
                let mut file = BufWriter::new(file);
                self.write(&reader, &mut file)?;
                file.flush().map_err(|error| unwritable(path, &error))
            }
        }
    }

    fn write(&self, reader: &Reader, out: &mut dyn Write) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.each(reader, &mut |line| {
                let text = serde_json::to_string(&line).unwrap_or_default();
                Ok(writeln!(out, "{text}")?)
            }),
            _ => {
                let mut sheet = csv::WriterBuilder::new().has_headers(false).from_writer(out);
                sheet.write_record(HEAD).map_err(unwritten)?;
                self.each(reader, &mut |line| sheet.serialize(line).map_err(unwritten))?;
                Ok(sheet.flush()?)
            }
        }
    }

    fn table(&self, reader: &Reader, file: File) -> Result<(), Failure> {
        let mut table = Table::begin(file)?;
        self.each(reader, &mut |line| table.add(line))?;
        table.end()
    }

    fn each(
        &self,
        reader: &Reader,
        tell: &mut dyn FnMut(Line) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let failed = |error| failed(&self.file, &error);
        let (from, to) = (self.from.unwrap_or(i64::MIN), self.to.unwrap_or(i64::MAX));
        let all = reader.series().map_err(failed)?;
        let wanted: Vec<&SeriesKey> = all.iter().filter(|key| self.wants(key)).collect();
        let bar = bar(wanted.len() as u64, "series");
        for key in bar.wrap_iter(wanted.into_iter()) {
            for (at, value) in reader.samples(key, from, to).map_err(failed)? {
                tell(Line::of(key, at, value))?;
            }
        }
        bar.finish_and_clear();
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

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("cannot write {}: {error}", path.display()))
}

/// Nobody is left to read it, or the disk is full.
fn unwritten(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        _ => Failure::Failed("a line cannot be written as CSV".to_owned()),
    }
}
