//! What is in the file but in no block yet, as a reader finds it.

use super::HistoryError;
use super::cells::Cells;
use super::head::{Head, Packed, part};
use super::store::STRETCH;
use rusqlite::{Connection, OptionalExtension};

/// The key of a part of the stretch of that number, counted in stretches since 1970.
pub(super) fn key(number: i64, part: i64) -> i64 {
    (number << 16) | part
}

/// A stretch that was put away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Away {
    number: i64,
    pub(super) tick_ms: i64,
}

impl Away {
    pub(super) fn start_ms(self) -> i64 {
        self.number * STRETCH * self.tick_ms
    }

    /// The part of that number.
    pub(super) fn part(self, connection: &Connection, part: i64) -> Result<Option<Vec<u8>>, HistoryError> {
        let mut find = connection.prepare_cached("SELECT data FROM stretch WHERE key = ?")?;
        let found = find.query_row([key(self.number, part)], |row| row.get(0));
        Ok(found.optional()?)
    }
}

/// Every stretch that was put away, oldest first, without reading any.
pub(super) fn away(connection: &Connection) -> Result<Vec<Away>, HistoryError> {
    let mut next =
        connection.prepare_cached("SELECT key, tick_ms FROM stretch WHERE key >= ? ORDER BY key LIMIT 1")?;
    let (mut found, mut from) = (Vec::new(), i64::MIN);
    while let Some((key, tick_ms)) = next
        .query_row([from], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
        .optional()?
    {
        // Divided by, further on.
        if tick_ms < 1 {
            return Err(HistoryError::Damaged("a tick of no length"));
        }
        let number = key >> 16;
        found.push(Away { number, tick_ms });
        from = (number + 1) << 16;
    }
    Ok(found)
}

/// Samples in a row, of all series.
pub(super) struct Stretch<'c> {
    pub(super) start_ms: i64,
    pub(super) tick_ms: i64,
    form: Form<'c>,
}

enum Form<'c> {
    Away(&'c Connection, Away),
    Open(Head),
}

impl Stretch<'_> {
    /// The samples of the series `ids`, which must be in order, each with its place among them.
    pub(super) fn each(
        &self,
        ids: &[(u32, usize)],
        mut into: impl FnMut(usize, &Cells),
    ) -> Result<(), HistoryError> {
        let (connection, away) = match &self.form {
            Form::Open(head) => {
                ids.iter().for_each(|(id, place)| into(*place, &head.cells(*id)));
                return Ok(());
            }
            Form::Away(connection, away) => (connection, away),
        };
        for ids in ids.chunk_by(|(one, _), (other, _)| part(*one) == part(*other)) {
            let Some((first, _)) = ids.first() else {
                continue;
            };
            if let Some(data) = away.part(connection, part(*first))? {
                of_part(&data, ids, &mut into)?;
            }
        }
        Ok(())
    }
}

fn of_part(
    data: &[u8],
    ids: &[(u32, usize)],
    into: &mut impl FnMut(usize, &Cells),
) -> Result<(), HistoryError> {
    let mut packed = Packed::new(data)?;
    let mut read: Option<(u32, Option<Cells>)> = None;
    for (id, place) in ids {
        // The same series may be asked for twice.
        let cells = match read.take_if(|(last, _)| last == id) {
            Some((_, cells)) => cells,
            None => packed.cells(*id)?,
        };
        cells.iter().for_each(|cells| into(*place, cells));
        read = Some((*id, cells));
    }
    Ok(())
}

/// All stretches, oldest first.
pub(super) fn read(connection: &Connection) -> Result<Vec<Stretch<'_>>, HistoryError> {
    let away = away(connection)?.into_iter().map(|away| Stretch {
        start_ms: away.start_ms(),
        tick_ms: away.tick_ms,
        form: Form::Away(connection, away),
    });
    let mut stretches: Vec<Stretch<'_>> = away.collect();
    let mut select = connection.prepare_cached("SELECT start_ms, tick_ms, data FROM head ORDER BY id")?;
    let mut rows = select.query([])?;
    let mut open: Option<(i64, i64, Head)> = None;
    while let Some(row) = rows.next()? {
        let (start_ms, tick_ms, data): (_, _, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if tick_ms < 1 {
            return Err(HistoryError::Damaged("a tick of no length"));
        }
        let (_, _, head) = open.get_or_insert_with(|| (start_ms, tick_ms, Head::default()));
        head.read_row(&data)?;
    }
    stretches.extend(open.map(|(start_ms, tick_ms, head)| Stretch {
        start_ms,
        tick_ms,
        form: Form::Open(head),
    }));
    Ok(stretches)
}
