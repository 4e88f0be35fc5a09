//! What is in the file but in no block yet, as a reader finds it.

use super::HistoryError;
use super::cells::Cells;
use super::head::{Head, Packed};
use rusqlite::Connection;

/// Samples in a row, of all series.
pub(super) struct Stretch {
    pub(super) start_ms: i64,
    pub(super) tick_ms: i64,
    form: Form,
}

enum Form {
    Packed(Vec<u8>),
    Open(Head),
}

impl Stretch {
    /// The samples of the series `ids`, which must be in order, each with its place among them.
    pub(super) fn each(
        &self,
        ids: &[(u32, usize)],
        mut into: impl FnMut(usize, &Cells),
    ) -> Result<(), HistoryError> {
        match &self.form {
            Form::Open(head) => ids.iter().for_each(|(id, place)| into(*place, &head.cells(*id))),
            Form::Packed(data) => {
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
            }
        }
        Ok(())
    }
}

/// All stretches, oldest first.
pub(super) fn read(connection: &Connection) -> Result<Vec<Stretch>, HistoryError> {
    let mut select =
        connection.prepare_cached("SELECT start_ms, tick_ms, data FROM stretch ORDER BY start_ms")?;
    let rows = select.query_map([], |row| {
        Ok(Stretch {
            start_ms: row.get(0)?,
            tick_ms: row.get(1)?,
            form: Form::Packed(row.get(2)?),
        })
    })?;
    let mut stretches: Vec<Stretch> = rows.collect::<Result<_, _>>()?;
    let mut select = connection.prepare_cached("SELECT start_ms, tick_ms, data FROM head ORDER BY id")?;
    let mut rows = select.query([])?;
    let mut open: Option<(i64, i64, Head)> = None;
    while let Some(row) = rows.next()? {
        let (start_ms, tick_ms, data): (_, _, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (_, _, head) = open.get_or_insert_with(|| (start_ms, tick_ms, Head::default()));
        head.read_row(&data)?;
    }
    stretches.extend(open.map(|(start_ms, tick_ms, head)| Stretch {
        start_ms,
        tick_ms,
        form: Form::Open(head),
    }));
    // Divided by, further on.
    match stretches.iter().all(|stretch| stretch.tick_ms > 0) {
        true => Ok(stretches),
        false => Err(HistoryError::Damaged("a tick of no length")),
    }
}
