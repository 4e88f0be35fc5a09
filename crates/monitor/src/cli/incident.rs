//! `incident export`: a stretch of the history in one file, to hand to somebody else.

use super::Failure;
use super::settings::{history_path, tree_path};
use super::tree;
use crate::clock::now_ms;
use crate::history::{Hide, excerpt};
use crate::words::time;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Hand an incident to somebody else: one file, which another copy of this program opens offline.
#[derive(clap::Args)]
pub(super) struct Incident {
    #[command(subcommand)]
    wanted: Wanted,
}

#[derive(clap::Subcommand)]
enum Wanted {
    Export(Export),
}

/// Write a stretch of the history to one file: figures, events, and how everything stood. There are no addresses or passwords in a history.
///
/// `replica-monitor open FILE` shows it. Whole stretches of some hours are taken, so it begins and ends somewhat outside of what was asked for.
#[derive(clap::Args)]
struct Export {
    /// The history's file [default: history.db in the state folder] [env: MONITOR_HISTORY]
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// From when on: `2026-12-01T22:00:00Z`, or how long ago: `2h`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: i64,
    /// Until when; now, if left out
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
    /// Hide the names of machines: those of the tree, addresses, and what else looks like a host's name
    #[arg(long)]
    hash_hosts: bool,
    /// The tree whose hosts are hidden [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE", requires = "hash_hosts")]
    tree: Option<PathBuf>,
}

/// A time, or how long ago, as milliseconds since 1970.
pub(super) fn moment(text: &str) -> Result<i64, String> {
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return Ok(ms(time.duration_since(UNIX_EPOCH).unwrap_or_default()));
    }
    match humantime::parse_duration(text) {
        Ok(ago) => Ok(now_ms().saturating_sub(ms(ago))),
        Err(_) => Err("a time like 2026-12-01T22:00:00Z, or how long ago, like 2h".to_owned()),
    }
}

impl Incident {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        match &self.wanted {
            Wanted::Export(export) => export.run(out),
        }
    }
}

impl Export {
    fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let to = self.to.unwrap_or_else(now_ms);
        if self.from >= to {
            return Err(Failure::Usage("--from must be before --to".to_owned()));
        }
        if !self.force && self.out.exists() {
            let file = self.out.display();
            return Err(Failure::Failed(format!(
                "{file} is there already: --force writes over it"
            )));
        }
        let hosts = self.hash_hosts.then(|| self.hosts()).transpose()?;
        let hide = hosts.map(Hide::new).transpose();
        let hide = hide.map_err(|error| Failure::Failed(error.to_string()))?;
        let file = history_path(self.history.as_deref())?;
        std::fs::metadata(&file).map_err(|error| failed("read", &file, &error))?;
        // Renamed when it is whole, so that nobody hands on half of one.
        let part = beside(&self.out);
        let done = excerpt(&file, &part, (self.from, to), hide.as_ref());
        let kept = done.as_ref().is_ok_and(|excerpt| !excerpt.is_empty());
        let renamed = match kept {
            true => std::fs::rename(&part, &self.out),
            false => std::fs::remove_file(&part),
        };
        let excerpt = done.map_err(|error| failed("read", &file, &error))?;
        if excerpt.is_empty() {
            let (file, from, to) = (file.display(), time(self.from), time(to));
            return Err(Failure::Failed(format!(
                "{file} keeps nothing from {from} to {to}"
            )));
        }
        renamed.map_err(|error| failed("write", &self.out, &error))?;
        let (name, events) = (self.out.display(), excerpt.events);
        writeln!(
            out,
            "wrote {name}, with {events} events; show it with: replica-monitor open {name}"
        )?;
        Ok(())
    }

    /// The hosts of the tree. One that is asked for must be there; the usual one may be missing.
    fn hosts(&self) -> Result<Vec<String>, Failure> {
        let path = tree_path(self.tree.as_deref())?;
        if self.tree.is_none() && !path.exists() {
            return Ok(Vec::new());
        }
        let addresses = tree::read(&path)?.addresses(|_| Some(0));
        let host = |(_, address): (_, String)| {
            let host = address.rsplit_once(':').map_or(&*address, |(host, _)| host);
            host.trim_matches(['[', ']']).to_owned()
        };
        Ok(addresses.into_iter().map(host).collect())
    }
}

/// A name of its own beside the file.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    name.push(format!(".{}-{nanos}.part", std::process::id()));
    name.into()
}

fn failed(what: &str, path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::Failed(format!("cannot {what} {}: {error}", path.display()))
}
