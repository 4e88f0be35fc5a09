//! Where each log of a rule that goes both ways is read from.

use crate::rules::batch::Cursor;
use crate::rules::broken::Broken;
use crate::rules::log::ChangeLog;
use crate::rules::owed::Owed;
use crate::rules::stream::resumed;
use crate::rules::table::Table;

/// Where a log is read from.
pub(super) struct Place {
    /// With the position as the log writes it.
    pub(super) cursor: Cursor,
    /// The last batch of the other way that was read up to there.
    pub(super) echoed: i64,
    /// Whether it begins anew.
    pub(super) is_new: bool,
}

impl Place {
    pub(super) async fn resumed(
        log: &mut dyn ChangeLog,
        cursor: Option<Cursor>,
    ) -> Result<(Self, String), Broken> {
        let (cursor, echoed) = match cursor {
            None => (None, 0),
            Some(cursor) => {
                let (position, echoed) = placed(&cursor.position);
                let position = position.to_owned();
                (Some(Cursor { position, ..cursor }), echoed)
            }
        };
        let before = cursor.as_ref().map(|cursor| cursor.position.clone());
        let (cursor, why) = resumed(log, cursor).await?;
        // Where it begins anew no echo of before will come.
        let is_same = before.as_ref() == Some(&cursor.position);
        let place = Self {
            cursor,
            echoed: if is_same { echoed } else { 0 },
            is_new: !is_same,
        };
        Ok((place, why))
    }

    pub(super) fn owed(&self, tables: &[Table]) -> Owed {
        Owed::read(self.cursor.owed.as_deref().unwrap_or_default(), tables)
    }
}

/// A position and the last batch of the other way before it, as a cursor holds them.
pub(super) fn place_text(position: &str, echoed: i64) -> String {
    format!("{position}#{echoed}")
}

/// The same, read. A cursor of a rule that went one way knows of no echo.
fn placed(text: &str) -> (&str, i64) {
    let parts = text.rsplit_once('#');
    let read = parts.and_then(|(position, echoed)| Some((position, echoed.parse().ok()?)));
    read.unwrap_or((text, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back() {
        assert_eq!(placed(&place_text("0/16B#3748", 12)), ("0/16B#3748", 12));
        // Of a rule that went one way before.
        assert_eq!(placed("0-1-77"), ("0-1-77", 0));
    }
}
