//! `history import`: a new history from files that were exported.
//!
//! Exported files are series by series; a history is written tick by tick. So the samples are sorted in a file of their own beside the new
//! one, which is there for as long as that takes. The new one is given its name when it is whole.

use super::line::{HEAD, Line};
use super::progress::bar;
use crate::cli::Failure;
use crate::history::{History, SeriesKey, Settings, Value};
use indicatif::ProgressBar;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Samples are given to the history in turns of so many ticks, each written before the next.
const TURN: usize = 200;

/// Begin a new history from files that `history export` wrote as CSV or JSON lines. All of them are read, or nothing is written.
///
/// Figures are in them; events, and how everything stood, are not.
#[derive(clap::Args)]
pub(super) struct Import {
    /// The new history; there must be none yet
    #[arg(long, value_name = "FILE")]
    into: PathBuf,
    /// The exported files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Import {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let into = self.into.display();
        if self.into.exists() {
            return Err(Failure::Failed(format!(
                "{into} is there already: an import begins a new history"
            )));
        }
        let folder = self.into.parent().filter(|folder| !folder.as_os_str().is_empty());
        let room = tempfile::Builder::new()
            .prefix(".import-")
            .tempdir_in(folder.unwrap_or(Path::new(".")))
            .map_err(|error| Failure::Failed(format!("cannot write beside {into}: {error}")))?;
        let mut sorter = Sorter::new(&room.path().join("samples"))?;
        let whole = self
            .files
            .iter()
            .filter_map(|file| fs::metadata(file).ok())
            .map(|found| found.len())
            .sum();
        let reading = bar(whole, "bytes");
        for file in &self.files {
            sorter.take_in(file, &reading)?;
        }
        reading.finish_and_clear();
        let made = room.path().join("history.db");
        let (samples, series) = sorter.write(&made)?;
        fs::rename(&made, &self.into)
            .map_err(|error| Failure::Failed(format!("cannot write {into}: {error}")))?;
        writeln!(out, "{into}: {samples} samples of {series} series")?;
        Ok(())
    }
}

/// Samples on disk, in the order of their times.
struct Sorter {
    connection: Connection,
    series: HashMap<SeriesKey, i64>,
}

impl Sorter {
    fn new(path: &Path) -> Result<Self, Failure> {
        let connection = Connection::open(path).map_err(unsorted)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
                CREATE TABLE sample (at INTEGER, series INTEGER, value INTEGER, unknown TEXT, PRIMARY KEY (at, series)) WITHOUT ROWID;
                BEGIN",
            )
            .map_err(unsorted)?;
        Ok(Self {
            connection,
            series: HashMap::new(),
        })
    }

    fn take_in(&mut self, path: &Path, reading: &ProgressBar) -> Result<(), Failure> {
        let unreadable =
            |error: std::io::Error| Failure::Failed(format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        let mut file = BufReader::new(reading.wrap_read(file));
        let is_json = file.fill_buf().map_err(unreadable)?.starts_with(b"{");
        match is_json {
            true => self.objects(path, file),
            false => self.sheet(path, file),
        }
    }

    fn objects(&mut self, path: &Path, file: impl BufRead) -> Result<(), Failure> {
        for (number, line) in (1..).zip(file.lines()) {
            let line = line.map_err(|error| wrong(path, number, &error.to_string()))?;
            let line =
                serde_json::from_str(&line).map_err(|error| wrong(path, number, &error.to_string()))?;
            self.add(line).map_err(|why| wrong(path, number, &why))?;
        }
        Ok(())
    }

    fn sheet(&mut self, path: &Path, file: impl Read) -> Result<(), Failure> {
        let mut sheet = csv::Reader::from_reader(file);
        let head = sheet
            .headers()
            .map_err(|error| wrong(path, 1, &error.to_string()))?;
        if head.iter().ne(HEAD) {
            return Err(wrong(path, 1, &format!("its head must be {}", HEAD.join(","))));
        }
        let head = head.clone();
        let mut record = csv::StringRecord::new();
        loop {
            let number = sheet.position().line();
            let more = sheet
                .read_record(&mut record)
                .map_err(|error| wrong(path, number, &error.to_string()))?;
            if !more {
                return Ok(());
            }
            let line: Line = record
                .deserialize(Some(&head))
                .map_err(|error| wrong(path, number, &error.to_string()))?;
            self.add(line).map_err(|why| wrong(path, number, &why))?;
        }
    }

    fn add(&mut self, line: Line) -> Result<(), String> {
        let at = line.time_ms;
        let (key, value) = line.sample()?;
        let next = self.series.len() as i64;
        let series = *self.series.entry(key).or_insert(next);
        let (value, unknown) = match &value {
            Value::Known(figure) => (Some(figure), None),
            Value::Unknown(why) => (None, Some(&**why)),
        };
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO sample VALUES (?1, ?2, ?3, ?4)")
            .map_err(|error| error.to_string())?;
        let added = insert
            .execute(params![at, series, value, unknown])
            .map_err(|error| error.to_string())?;
        match added {
            1 => Ok(()),
            _ => Err(format!("there is a sample of that series at {at} already")),
        }
    }

    /// Writes the history; how many samples of how many series.
    fn write(&self, path: &Path) -> Result<(u64, usize), Failure> {
        let one = |sql: &str| {
            self.connection
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .map_err(unsorted)
        };
        let samples = one("SELECT count(*) FROM sample")?.unsigned_abs();
        if samples == 0 {
            return Err(Failure::Failed("there is no sample in it".to_owned()));
        }
        let settings = Settings {
            tick: self.tick()?,
            // Nobody asked for anything to be left out.
            keep: [Duration::MAX; 4],
            max_bytes: u64::MAX,
            ..Settings::default()
        };
        let (history, notices) = History::open(path, settings);
        if let Some(notice) = notices.first() {
            return Err(Failure::Failed(notice.to_string()));
        }
        self.hand_over(&history, samples)?;
        history.close();
        Ok((samples, self.series.len()))
    }

    /// What all distances between samples are multiples of.
    fn tick(&self) -> Result<Duration, Failure> {
        let mut select = self
            .connection
            .prepare("SELECT DISTINCT at FROM sample ORDER BY at")
            .map_err(unsorted)?;
        let mut rows = select.query([]).map_err(unsorted)?;
        let (mut tick, mut last) = (0, None);
        while let Some(row) = rows.next().map_err(unsorted)? {
            let at: i64 = row.get(0).map_err(unsorted)?;
            // Ticks are counted from 1970.
            tick = divisor(tick, last.map_or(at, |last: i64| at - last).unsigned_abs());
            last = Some(at);
        }
        Ok(Duration::from_millis(tick.max(1)))
    }

    fn hand_over(&self, history: &History, samples: u64) -> Result<(), Failure> {
        let mut keys: Vec<&SeriesKey> = self.series.keys().collect();
        keys.sort_by_key(|key| self.series[*key]);
        let mut select = self
            .connection
            .prepare("SELECT at, series, value, unknown FROM sample ORDER BY at, series")
            .map_err(unsorted)?;
        let mut rows = select.query([]).map_err(unsorted)?;
        let writing = bar(samples, "samples");
        let (mut tick, mut said, mut ticks) = (None, Vec::new(), 0);
        loop {
            let row = rows.next().map_err(unsorted)?;
            let at: Option<i64> = row.map(|row| row.get(0)).transpose().map_err(unsorted)?;
            if let Some(before) = tick.filter(|tick| Some(*tick) != at) {
                writing.inc(said.len() as u64);
                ticks += 1;
                let told = history.record_figures(before, std::mem::take(&mut said));
                if !told || (ticks % TURN == 0 && !history.flush()) {
                    return Err(Failure::Failed("the new history cannot be written".to_owned()));
                }
            }
            let Some(row) = row else { break };
            said.push(sample(row, &keys).map_err(unsorted)?);
            tick = at;
        }
        writing.finish_and_clear();
        match history.flush() {
            true => Ok(()),
            false => Err(Failure::Failed("the new history cannot be written".to_owned())),
        }
    }
}

fn sample(row: &rusqlite::Row<'_>, keys: &[&SeriesKey]) -> Result<(SeriesKey, Value), rusqlite::Error> {
    let (series, value, unknown): (u32, Option<i64>, Option<String>) =
        (row.get(1)?, row.get(2)?, row.get(3)?);
    let value = value.map_or_else(
        || Value::Unknown(unknown.unwrap_or_default().into()),
        Value::Known,
    );
    Ok((keys[series as usize].clone(), value))
}

/// The greatest of both.
fn divisor(one: u64, other: u64) -> u64 {
    match other {
        0 => one,
        other => divisor(other, one % other),
    }
}

fn wrong(path: &Path, line: u64, why: &str) -> Failure {
    Failure::Failed(format!("{}:{line}: {why}; nothing was imported", path.display()))
}

fn unsorted(error: rusqlite::Error) -> Failure {
    Failure::Failed(format!("the samples cannot be sorted: {error}"))
}
