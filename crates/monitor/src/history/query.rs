//! A range of the history in as many buckets as a chart has points, from the tier that suits.

use super::HistoryError;
use super::cells::{Cells, unsealed};
use super::level::{Entries, Entry, Level, fold};
use super::open_end::{self, Stretch};
use super::seal::{Block, key};
use super::varint::Bytes;
use rusqlite::{Connection, OptionalExtension};

/// The most buckets of one answer.
pub const MOST_BUCKETS: usize = 720;
/// From so many series on, a block is read from end to end instead of series by series.
const MANY: usize = 64;

/// What one series came to, bucket by bucket. `None` where there is no figure: nothing was sampled, or all was unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// How long a bucket is.
    pub width_ms: i64,
    /// When each begins.
    pub ts: Vec<i64>,
    /// The least figure.
    pub min: Vec<Option<i64>>,
    /// The mean of the figures.
    pub avg: Vec<Option<f64>>,
    /// The greatest figure.
    pub max: Vec<Option<i64>>,
    /// The last figure.
    pub last: Vec<Option<i64>>,
    /// Which share of the samples was unknown; `None` in a gap, where nothing was sampled.
    pub unknown_share: Vec<Option<f64>>,
}

/// The buckets of an answer.
struct Grid {
    from: i64,
    width: i64,
    count: usize,
    /// One row of buckets for each series.
    rows: Vec<Vec<Entry>>,
}

impl Grid {
    fn add(&mut self, row: usize, bucket: i64, entry: &Entry) {
        let found = usize::try_from(bucket)
            .ok()
            .and_then(|bucket| self.rows[row].get_mut(bucket));
        found.into_iter().for_each(|kept| kept.add(entry));
    }

    fn cells(&mut self, row: usize, cells: &Cells, start_ms: i64, tick: i64) {
        let (start, width) = (start_ms - self.from, self.width);
        fold(cells, start, tick, width, |bucket, entry| {
            self.add(row, bucket, &entry)
        });
    }

    /// Takes in a chunk of a block.
    fn chunk(&mut self, row: usize, block: Block, level: Level, data: &[u8]) -> Result<(), HistoryError> {
        let mut bytes = Bytes(unsealed(data)?);
        if level == Level::Raw {
            self.cells(row, &Cells::take(&mut bytes)?, block.start_ms, block.tick_ms);
            return Ok(());
        }
        let wide = level.width_ms(block.tick_ms);
        let start = block.start_ms.div_euclid(wide) * wide - self.from;
        for (at, entry) in (0..).zip(&Entries::take(&mut bytes)?.0) {
            self.add(row, (start + at * wide).div_euclid(self.width), entry);
        }
        Ok(())
    }

    fn columns(&self, row: usize) -> Columns {
        let entries = &self.rows[row];
        let known = |of: fn(&Entry) -> i64| {
            let entries = entries.iter();
            entries
                .map(|entry| (entry.known > 0).then(|| of(entry)))
                .collect()
        };
        let share = |part: f64, whole: u32| (whole > 0).then(|| part / f64::from(whole));
        Columns {
            width_ms: self.width,
            ts: (0..self.count as i64)
                .map(|at| self.from + at * self.width)
                .collect(),
            min: known(|entry| entry.min),
            max: known(|entry| entry.max),
            last: known(|entry| entry.last),
            avg: entries
                .iter()
                .map(|entry| share(entry.sum as f64, entry.known))
                .collect(),
            unknown_share: entries
                .iter()
                .map(|entry| share(entry.unknown.into(), entry.known.saturating_add(entry.unknown)))
                .collect(),
        }
    }
}

/// The level of `block` to read for an answer as fine as `wanted`: that, or the next finer one, or what is left.
fn pick(block: &Block, wanted: Level) -> Option<Level> {
    let finer = Level::ALL.iter().rev().filter(|level| **level <= wanted);
    let coarser = Level::ALL.iter().filter(|level| **level > wanted);
    finer.chain(coarser).copied().find(|level| block.has(*level))
}

/// What the series `ids`, each with whether its minutes are kept, came to from `from_ms` until before `to_ms`. Buckets begin at multiples of their width, so the first may
/// begin before the range, and the last end after it.
pub(super) fn query(
    connection: &Connection,
    ids: &[Option<(u32, bool)>],
    (from_ms, to_ms): (i64, i64),
    buckets: usize,
) -> Result<Vec<Columns>, HistoryError> {
    let blocks = overlapping(connection, from_ms, to_ms)?;
    let stretches = open_end::read(connection)?;
    let mut grid = grid(&blocks, &stretches, (from_ms, to_ms), buckets);
    let end_ms = grid.from + grid.width * grid.count as i64;
    let blocks = overlapping(connection, grid.from, end_ms)?;
    grid.rows = vec![vec![Entry::default(); grid.count]; ids.len()];
    let order = |minutes: bool| {
        let found = ids.iter().enumerate();
        let found = found.filter_map(|(place, id)| id.map(|(id, has)| (id, place, has)));
        let mut order: Vec<(u32, usize)> = found
            .filter(|(_, _, has)| *has == minutes)
            .map(|(id, place, _)| (id, place))
            .collect();
        order.sort_unstable();
        order
    };
    let level = level_for(grid.width);
    // Those without minutes are read from what is finer.
    for (order, level) in [(order(true), level), (order(false), level.min(Level::TenSeconds))] {
        for block in &blocks {
            if let Some(level) = pick(block, level).filter(|_| !order.is_empty()) {
                match order.len() < MANY {
                    true => by_series(connection, *block, level, &order, &mut grid)?,
                    false => end_to_end(connection, *block, level, &order, &mut grid)?,
                }
            }
        }
        for stretch in stretches.iter().filter(|stretch| stretch.start_ms < end_ms) {
            let (start_ms, tick) = (stretch.start_ms, stretch.tick_ms);
            stretch.each(&order, |place, cells| grid.cells(place, cells, start_ms, tick))?;
        }
    }
    Ok((0..ids.len()).map(|row| grid.columns(row)).collect())
}

fn overlapping(connection: &Connection, from_ms: i64, to_ms: i64) -> Result<Vec<Block>, HistoryError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {} FROM block WHERE end_ms > ? AND start_ms < ? AND tick_ms > 0 ORDER BY id",
        Block::COLUMNS
    ))?;
    Ok(select
        .query_map([from_ms, to_ms], Block::of)?
        .collect::<Result<_, _>>()?)
}

/// The coarsest level that is finer than a bucket.
fn level_for(width: i64) -> Level {
    let tiers = Level::ALL.iter().skip(1).rev();
    tiers
        .copied()
        .find(|level| level.width_ms(0) <= width)
        .unwrap_or(Level::Raw)
}

/// Buckets no finer than what there is to fill them.
fn grid(blocks: &[Block], stretches: &[Stretch], (from_ms, to_ms): (i64, i64), buckets: usize) -> Grid {
    let buckets = buckets.clamp(1, MOST_BUCKETS) as i64;
    let span = to_ms.saturating_sub(from_ms).max(1);
    let wanted = span.div_euclid(buckets) + i64::from(span % buckets > 0);
    let level = level_for(wanted);
    let of_blocks = blocks
        .iter()
        .filter_map(|block| Some(pick(block, level)?.width_ms(block.tick_ms)));
    let of_open = stretches
        .iter()
        .filter(|stretch| stretch.start_ms < to_ms)
        .map(|stretch| stretch.tick_ms);
    let unit = of_blocks.chain(of_open).max().unwrap_or(wanted).max(1);
    let mut width = (wanted + unit - 1) / unit * unit;
    loop {
        let from = from_ms.div_euclid(width) * width;
        let count = (to_ms.saturating_sub(from) + width - 1).div_euclid(width).max(1);
        if count <= buckets {
            return Grid {
                from,
                width,
                count: count as usize,
                rows: Vec::new(),
            };
        }
        width += unit;
    }
}

fn by_series(
    connection: &Connection,
    block: Block,
    level: Level,
    order: &[(u32, usize)],
    grid: &mut Grid,
) -> Result<(), HistoryError> {
    let mut find = connection.prepare_cached(&format!("SELECT data FROM {} WHERE key = ?", level.table()))?;
    for (id, place) in order {
        let taken = find.query_row([key(block.id, *id)], |row| {
            Ok(row
                .get_ref(0)?
                .as_blob()
                .map(|data| grid.chunk(*place, block, level, data))?)
        });
        taken.optional()?.transpose()?;
    }
    Ok(())
}

fn end_to_end(
    connection: &Connection,
    block: Block,
    level: Level,
    order: &[(u32, usize)],
    grid: &mut Grid,
) -> Result<(), HistoryError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT key, data FROM {} WHERE key BETWEEN ? AND ? ORDER BY key",
        level.table()
    ))?;
    let (Some((first, _)), Some((last, _))) = (order.first(), order.last()) else {
        return Ok(());
    };
    let mut rows = select.query([key(block.id, *first), key(block.id, *last)])?;
    let mut wanted = order.iter().peekable();
    while let Some(row) = rows.next()? {
        let found: i64 = row.get(0)?;
        while wanted.next_if(|(id, _)| key(block.id, *id) < found).is_some() {}
        // The same series may be asked for twice.
        while let Some((_, place)) = wanted.next_if(|(id, _)| key(block.id, *id) == found) {
            let data = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            grid.chunk(*place, block, level, data)?;
        }
    }
    Ok(())
}
