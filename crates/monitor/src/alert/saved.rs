//! What alerts keep over a restart: a JSON file, replaced as a whole.

use super::book::{Alert, Book};
use super::mute::Mute;
use super::outbox::Outbox;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::{fs, io::ErrorKind};
use tempfile::NamedTempFile;

/// The form of the file; a later one is not read.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    alerts: Vec<&'a Alert>,
    silences: &'a [Mute],
    channels: BTreeMap<&'a str, &'a Outbox>,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    alerts: Vec<Alert>,
    silences: Vec<Mute>,
    channels: BTreeMap<String, Outbox>,
}

pub(super) fn text(book: &Book, channels: BTreeMap<&str, &Outbox>) -> String {
    let written = Written {
        version: VERSION,
        alerts: book.alerts.values().collect(),
        silences: &book.mutes,
        channels,
    };
    // All of it are texts and numbers, which can be written.
    serde_json::to_string(&written).unwrap_or_default()
}

/// Puts it in the place of what was there, so that a crash leaves the one or the other.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// What was kept, or nothing and why. A file that cannot be understood is moved aside.
pub(super) fn load(path: &Path, now: i64) -> (Book, BTreeMap<String, Outbox>, Option<String>) {
    let nothing = |why: Option<String>| (Book::default(), BTreeMap::new(), why);
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return nothing(None),
        Err(error) => return nothing(Some(aside(path, now, &error.to_string()))),
    };
    match serde_json::from_str::<Read>(&text) {
        Ok(read) if read.version == VERSION => {
            let alerts = read.alerts.into_iter().map(|alert| (alert.id(), alert));
            let book = Book {
                alerts: alerts.collect(),
                mutes: read.silences,
                beyond: 0,
            };
            (book, read.channels, None)
        }
        Ok(read) => nothing(Some(aside(
            path,
            now,
            &format!("it is of version {}", read.version),
        ))),
        Err(error) => nothing(Some(aside(path, now, &error.to_string()))),
    }
}

fn aside(path: &Path, now: i64, why: &str) -> String {
    let to = path.with_extension(format!("damaged-{now}"));
    let what = format!("what alerts kept in {} cannot be used: {why}", path.display());
    match fs::rename(path, &to) {
        Ok(()) => format!("{what}; it is now {}, and alerts begin anew", to.display()),
        Err(error) => format!("{what}; alerts begin anew ({error})"),
    }
}
