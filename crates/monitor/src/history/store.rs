//! The file and its open end, on one thread: takes in samples and events, writes them in transactions.
//!
//! Each step to something more lasting (a flush, a stretch, a block) is one transaction: a process killed at any
//! point leaves each sample in the file once or, since the last flush, not at all.

use super::head::Head;
use super::keyframe::Keyframes;
use super::names::Names;
use super::sample::{Moment, Said, figures};
use super::settings::{Settings, ms};
use super::{HistoryError, Notice, event, file, open_end, retain, seal};
use bytes::Bytes;
use rusqlite::{Connection, Transaction, params};
use std::path::Path;

/// Ticks of a stretch, which is packed in memory and put away in a few rows.
pub(super) const STRETCH: i64 = 150;
/// Ticks of a block, which is put away as one chunk a series. Longer ones pack better; shorter ones keep less in the open end.
pub(super) const BLOCK: i64 = 7200;

pub(super) struct Store {
    connection: Connection,
    settings: Settings,
    names: Names,
    head: Head,
    keyframes: Keyframes,
    events: Vec<Bytes>,
    tick: i64,
    /// The tick that the open stretch begins with, if there is one.
    open: Option<i64>,
    /// The end of the last sample: nothing may come before it.
    end_ms: i64,
    pub(super) refused_series: u64,
}

impl Store {
    pub(super) fn open(
        path: &Path,
        settings: &Settings,
        now_ms: i64,
    ) -> Result<(Self, Vec<Notice>), HistoryError> {
        let (connection, mut notices) = file::open(path, now_ms)?;
        match Self::load(connection, settings.clone()) {
            Ok(store) => Ok((store, notices)),
            Err(error) if error.is_the_file() => {
                let (store, more) = Self::begin_anew(path, settings, &error, now_ms)?;
                notices.extend(more);
                Ok((store, notices))
            }
            Err(error) => Err(error),
        }
    }

    /// Moves a file aside that `error` makes useless, and begins a new one.
    pub(super) fn begin_anew(
        path: &Path,
        settings: &Settings,
        error: &HistoryError,
        now_ms: i64,
    ) -> Result<(Self, Vec<Notice>), HistoryError> {
        let (connection, notices) = file::replace(path, error, now_ms)?;
        Ok((Self::load(connection, settings.clone())?, notices))
    }

    fn load(connection: Connection, settings: Settings) -> Result<Self, HistoryError> {
        let last = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
        let sealed = last("SELECT max(end_ms) FROM block")?;
        let away = open_end::away(&connection)?;
        let stretched = away.last().map(|last| last.start_ms() + STRETCH * last.tick_ms);
        let mut store = Self {
            names: Names::load(&connection)?,
            tick: settings.tick_ms(),
            end_ms: sealed.max(stretched).unwrap_or(i64::MIN),
            connection,
            settings,
            head: Head::default(),
            keyframes: Keyframes::default(),
            events: Vec::new(),
            open: None,
            refused_series: 0,
        };
        store.load_head()?;
        store.change_tick()?;
        Ok(store)
    }

    /// Takes up the open end where a process left it, however that ended.
    fn load_head(&mut self) -> Result<(), HistoryError> {
        let mut statement = self
            .connection
            .prepare("SELECT start_ms, tick_ms, data FROM head ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (start_ms, tick): (i64, i64) = (row.get(0)?, row.get(1)?);
            let start = start_ms.checked_div(tick).filter(|_| tick > 0);
            let start = start.ok_or(HistoryError::Damaged("a tick of no length"))?;
            if self.open.is_some_and(|open| open != start) {
                return Err(HistoryError::Damaged("two open ends"));
            }
            let offset = self.head.read_row(&row.get::<_, Vec<u8>>(2)?)?;
            (self.open, self.tick) = (Some(start), tick);
            self.end_ms = (start + i64::from(offset) + 1) * tick;
        }
        Ok(())
    }

    /// What was sampled with another tick is put away as a block of its own.
    fn change_tick(&mut self) -> Result<(), HistoryError> {
        let tick = self.settings.tick_ms();
        let away = open_end::away(&self.connection)?;
        let before = away.last().map_or(self.tick, |last| last.tick_ms);
        if before != tick {
            self.tick = before;
            self.roll(None)?;
        }
        self.tick = tick;
        Ok(())
    }

    /// Takes in a moment; false when its tick has been sampled already.
    pub(super) fn sample(&mut self, moment: &Moment) -> Result<bool, HistoryError> {
        let late = moment.at_ms - self.tick_of(moment.at_ms) * self.tick;
        let late = if late.abs() > ms(self.settings.tolerance) {
            late
        } else {
            0
        };
        if !self.take_in(moment.at_ms, figures(moment, late))? {
            return Ok(false);
        }
        self.keyframes.take_in(moment)?;
        Ok(true)
    }

    /// Takes in what was said at the tick nearest to `at_ms`; false when that tick has been sampled already.
    pub(super) fn take_in(&mut self, at_ms: i64, said: Said) -> Result<bool, HistoryError> {
        let tick = self.tick_of(at_ms);
        if tick.saturating_mul(self.tick) < self.end_ms {
            return Ok(false);
        }
        let stretch = tick.div_euclid(STRETCH) * STRETCH;
        if self.open != Some(stretch) {
            self.roll(Some(stretch))?;
        }
        let (said, refused) = self.names.numbered(said, self.settings.max_series);
        self.refused_series += refused;
        self.head.take_in((tick - stretch) as u32, &said);
        self.end_ms = (tick + 1) * self.tick;
        Ok(true)
    }

    fn tick_of(&self, at_ms: i64) -> i64 {
        (at_ms + self.tick / 2).div_euclid(self.tick)
    }

    pub(super) fn event(&mut self, json: Bytes) {
        self.events.push(json);
    }

    pub(super) fn waiting_events(&self) -> usize {
        self.events.len()
    }

    /// Writes all that was taken in.
    pub(super) fn flush(&mut self) -> Result<(), HistoryError> {
        let row = self.head.unflushed()?;
        let tx = self.connection.transaction()?;
        write_beside(&tx, &self.names, &self.keyframes, &self.events)?;
        if let (Some(row), Some(open)) = (row, self.open) {
            let mut insert =
                tx.prepare_cached("INSERT INTO head(start_ms, tick_ms, data) VALUES(?, ?, ?)")?;
            insert.execute(params![open * self.tick, self.tick, row])?;
        }
        tx.commit()?;
        self.head.flushed();
        self.written();
        Ok(())
    }

    /// Puts the open stretch away and opens that of `next`; puts the block away when `next` lies in another, or is none.
    fn roll(&mut self, next: Option<i64>) -> Result<(), HistoryError> {
        let packed = self.head.packed()?;
        let block = |stretch: i64| stretch.div_euclid(BLOCK);
        let tx = self.connection.transaction()?;
        write_beside(&tx, &self.names, &self.keyframes, &self.events)?;
        for (part, data) in packed {
            let mut insert = tx.prepare_cached("INSERT INTO stretch(key, tick_ms, data) VALUES(?, ?, ?)")?;
            let key = open_end::key(self.open.unwrap_or_default() / STRETCH, part);
            insert.execute(params![key, self.tick, data])?;
        }
        tx.execute("DELETE FROM head", [])?;
        let last = open_end::away(&tx)?
            .last()
            .map(|last| block(last.start_ms() / self.tick));
        let full = last.filter(|last| next.map(block) != Some(*last));
        if let Some(full) = full {
            let start_ms = full * BLOCK * self.tick;
            seal::seal(&tx, &self.names, start_ms, self.tick, self.end_ms)?;
        }
        tx.commit()?;
        self.head.clear();
        self.written();
        self.open = next;
        if full.is_some() {
            retain::retain(&mut self.connection, &self.settings, self.end_ms)?;
        }
        Ok(())
    }

    fn written(&mut self) {
        self.names.written();
        self.keyframes.written();
        self.events.clear();
    }

    /// Lets go of what is too old or too much.
    pub(super) fn retain(&mut self, now_ms: i64) -> Result<(), HistoryError> {
        retain::retain(&mut self.connection, &self.settings, now_ms)
    }

    /// The file may have no more pages than that: how tests fill the disk.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: i64) -> Result<(), HistoryError> {
        self.connection
            .query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(()))?;
        Ok(())
    }
}

/// Everything but the samples.
fn write_beside(
    tx: &Transaction<'_>,
    names: &Names,
    keyframes: &Keyframes,
    events: &[Bytes],
) -> Result<(), HistoryError> {
    names.write(tx)?;
    keyframes.write(tx)?;
    event::insert(tx, events)
}
