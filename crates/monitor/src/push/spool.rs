//! Requests that wait on disk: a file each, named by its number, so that their order survives a restart.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const ENDING: &str = "request";

/// A folder of requests, oldest first.
pub(super) struct Spool {
    folder: PathBuf,
    limit: u64,
    /// Number and length of each.
    waiting: VecDeque<(u64, u64)>,
    next: u64,
}

impl Spool {
    /// Opens the folder and finds what an earlier run left.
    pub(super) fn open(folder: &Path, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut waiting = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_suffix(&format!(".{ENDING}")));
            if let Some(number) = number.and_then(|number| number.parse().ok()) {
                waiting.push((number, entry.metadata()?.len()));
            }
        }
        waiting.sort_unstable();
        Ok(Self {
            folder: folder.to_owned(),
            limit,
            next: waiting.last().map_or(1, |(number, _)| number + 1),
            waiting: waiting.into(),
        })
    }

    /// Adds a request, whole or not at all; how many of the oldest had to be given up for it.
    pub(super) fn push(&mut self, body: &[u8]) -> io::Result<u64> {
        let length = body.len() as u64;
        let mut given_up = 0;
        while self.bytes() + length > self.limit && self.drop_oldest() {
            given_up += 1;
        }
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(body)?;
        file.persist(self.path(self.next))?;
        self.waiting.push_back((self.next, length));
        self.next += 1;
        Ok(given_up)
    }

    /// The oldest one. One that cannot be read any more is given up.
    pub(super) fn oldest(&mut self) -> Option<(u64, Vec<u8>)> {
        loop {
            let (number, _) = *self.waiting.front()?;
            match fs::read(self.path(number)) {
                Ok(body) => return Some((number, body)),
                Err(_) => drop(self.waiting.pop_front()),
            }
        }
    }

    /// It was delivered, or will never be. It may have been given up meanwhile.
    pub(super) fn done(&mut self, number: u64) {
        if self.waiting.front().is_some_and(|(oldest, _)| *oldest == number) {
            self.drop_oldest();
        }
    }

    /// How many bytes wait.
    pub(super) fn bytes(&self) -> u64 {
        self.waiting.iter().map(|(_, length)| length).sum()
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((number, _)) = self.waiting.pop_front() else {
            return false;
        };
        // It may be gone already; either way it does not wait any more.
        let _ = fs::remove_file(self.path(number));
        true
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:020}.{ENDING}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_a_restart_and_the_bound_drops_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Spool::open(folder.path(), 10).unwrap();
        let mut spool = open();
        assert_eq!(spool.push(b"aaaa").unwrap(), 0);
        assert_eq!(spool.push(b"bbbb").unwrap(), 0);
        let mut spool = { open() };
        assert_eq!(spool.oldest().unwrap().1, b"aaaa");
        assert_eq!(spool.push(b"cccc").unwrap(), 1, "the oldest is given up");
        let (number, body) = spool.oldest().unwrap();
        assert_eq!((body.as_slice(), spool.bytes()), (&b"bbbb"[..], 8));
        spool.done(number);
        spool.done(number);
        assert_eq!(spool.oldest().unwrap().1, b"cccc");
        assert_eq!(spool.push(b"more than there is room for").unwrap(), 1);
        assert_eq!(open().oldest().unwrap().1.len(), 27, "one always fits");
    }
}
