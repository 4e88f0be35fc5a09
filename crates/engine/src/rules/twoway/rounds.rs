//! Both sides of a rule in full flow, round after round.

use super::place::place_text;
use super::side::Side;
use crate::rules::brake::Brake;
use crate::rules::broken::Broken;
use crate::rules::conflict::{Lost, restore, settle};
use crate::rules::follow::{HEARD, MOST, TELL, next};
use crate::rules::log::LogError;
use crate::rules::stopped::{late, within};
use crate::rules::table::Table;
use replica_core::ConflictResolution;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a log may tell nothing of what was written into its database.
const ECHOED: Duration = Duration::from_secs(60);
/// The end of which each side is, in words.
pub(super) const ENDS: [&str; 2] = ["source", "target"];

/// Both sides in full flow.
pub(super) struct Rounds<'s> {
    pub(super) policy: ConflictResolution,
    /// As each side knows them.
    pub(super) tables: [Vec<Table>; 2],
    /// Those that are left alone.
    pub(super) skipped: Vec<usize>,
    pub(super) sides: [Side<'s>; 2],
    pub(super) review: Option<Instant>,
    /// When the sources were told last what they need not keep.
    pub(super) told: Instant,
}

impl Rounds<'_> {
    pub(super) async fn go(
        mut self,
        mut brakes: [&mut Brake; 2],
    ) -> Result<std::convert::Infallible, Broken> {
        loop {
            self.read().await?;
            self.retry().await?;
            self.settle();
            self.write(&mut brakes).await?;
            self.pause().await?;
        }
    }

    /// Reads both logs, up to where what was written last stands in them.
    async fn read(&mut self) -> Result<(), Broken> {
        let mut quiet = Instant::now();
        loop {
            let before = self.sides.each_ref().map(|side| side.at.clone());
            let [forth, back] = &mut self.sides;
            let (first, second) = tokio::join!(next(&mut *forth.log, MOST), next(&mut *back.log, MOST));
            for (way, read) in [first, second].into_iter().enumerate() {
                match read {
                    Ok(slice) => self.sides[way].take(slice, &self.tables[way], &self.skipped),
                    Err(error) => return Err(self.interrupted(way, error).await),
                }
            }
            let [forth, back] = &self.sides;
            if forth.echoed >= back.written() && back.echoed >= forth.written() {
                return Ok(());
            }
            if forth.writer.told.is_to_stop() {
                return Err(Broken::Asked);
            }
            // A log that has much to tell may take long to get there.
            if self.sides.each_ref().map(|side| &side.at) != before.each_ref() {
                quiet = Instant::now();
            }
            if quiet.elapsed() > ECHOED {
                let end = ENDS[usize::from(forth.echoed >= back.written())];
                return Err(Broken::Fault(format!(
                    "the {end}: its log does not tell of what was written into it {} s ago",
                    ECHOED.as_secs()
                )));
            }
        }
    }

    /// Why a log tells nothing more; what must be merged again is noted first.
    async fn interrupted(&mut self, way: usize, error: LogError) -> Broken {
        match error {
            LogError::Fault(fault) => Broken::Fault(format!("the {}: {fault}", ENDS[way])),
            LogError::Gap(_) => Broken::Again,
            LogError::Altered { until, again } => {
                let side = &mut self.sides[way];
                // What was read and not written yet lies before: where nobody comes back to that, its tables are merged again too.
                let again = match until {
                    None => again,
                    Some(_) => again.into_iter().chain(side.pending.tables()).collect(),
                };
                let until = until.map(|until| place_text(&until, side.echoed));
                match side.writer.forget(until, &again).await {
                    Ok(()) => Broken::Again,
                    Err(broken) => broken,
                }
            }
        }
    }

    /// Rows that a side did not take are tried again, as they are now.
    async fn retry(&mut self) -> Result<(), Broken> {
        for (way, side) in self.sides.iter_mut().enumerate() {
            let tables = &self.tables[way];
            for (name, keys) in side.writer.owed.due() {
                let into = &self.tables[1 - way];
                if let Some(at) = into.iter().position(|table| table.name == name) {
                    let changes = within(ENDS[way], side.log.again(at, &keys)).await?;
                    changes
                        .into_iter()
                        .for_each(|change| side.pending.offer(at, &tables[at], change));
                }
            }
        }
        Ok(())
    }

    fn settle(&mut self) {
        let [forth, back] = &mut self.sides;
        let (policy, tables) = (self.policy, &self.tables[0]);
        let mut lost = settle(policy, tables, &mut forth.pending, &mut back.pending);
        lost.extend(restore(policy, tables, &mut forth.pending, &mut back.pending));
        let mut counts = [0_u64; 2];
        for Lost {
            table,
            key,
            source_won,
        } in &lost
        {
            let name = &self.tables[0][*table].name;
            let winner = if *source_won { "source" } else { "target" };
            tracing::debug!("both sides changed {name} {}: the {winner}'s stays", key.words());
            // The way that would have brought the other one.
            counts[usize::from(*source_won)] += 1;
        }
        for (side, count) in self.sides.iter_mut().zip(counts) {
            let count = count + side.pending.superseded();
            side.writer.told.tell_if(|report| {
                report.conflicts = Some(report.conflicts.unwrap_or(0) + count);
                count > 0
            });
        }
    }

    async fn write(&mut self, brakes: &mut [&mut Brake; 2]) -> Result<(), Broken> {
        for (way, brake) in brakes.iter_mut().enumerate() {
            let told = self.sides[way].writer.told;
            while !self.sides[way].pending.is_empty() && !brake.opens(told).await {
                self.pause().await?;
            }
        }
        let begun = Instant::now();
        let [forth, back] = &mut self.sides;
        let (first, second) = tokio::join!(forth.write(), back.write());
        let written = [first?, second?];
        for (way, (brake, written)) in brakes.iter_mut().zip(written).enumerate() {
            let told = self.sides[way].writer.told;
            brake.pay(written, begun, told).await;
        }
        Ok(())
    }

    /// What is to be done now and then, between two rounds.
    async fn pause(&mut self) -> Result<(), Broken> {
        let is_stopping = self.sides[0].writer.told.is_to_stop();
        if is_stopping || self.told.elapsed() > TELL {
            self.told = Instant::now();
            for (side, end) in self.sides.iter_mut().zip(ENDS) {
                let told = timeout(HEARD, side.log.done(&side.done)).await;
                told.unwrap_or_else(|_| Err(late(HEARD)))
                    .map_err(|fault| Broken::Fault(format!("the {end}: {fault}")))?;
            }
        }
        match is_stopping {
            true => Err(Broken::Asked),
            false if self.review.is_some_and(|review| review <= Instant::now()) => Err(Broken::Again),
            false => Ok(()),
        }
    }
}
