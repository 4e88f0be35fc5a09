//! Compares both ends of a rule that streams, now and then, and keeps what was found.
//!
//! A rule that is mirrored compares every row by itself, each time.

use super::ledger::Ledger;
use crate::clock::now_ms;
use replica_core::source::Wake;
use replica_core::{RuleVerified, VerifiedTable};
use replica_engine::rules::{Differs, Plan, Stopped, Verification, Verified};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a difference must last, at least.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many times the lag it must last: what is on its way differs too.
const LAGS: u32 = 3;
/// A rule that lags more is not looked at.
const MOST_LAG: Duration = Duration::from_secs(300);
/// The first look is not put off for longer, and a rule that cannot be looked at is asked again so soon.
const SOON: Duration = Duration::from_secs(60);

/// What was found last, once something was.
pub(super) type Found = Arc<Mutex<Option<Arc<RuleVerified>>>>;

/// A rule that is looked at.
pub(super) struct Verifier {
    pub(super) plan: Arc<Plan>,
    pub(super) every: Duration,
    pub(super) ledgers: Vec<Arc<Mutex<Ledger>>>,
    pub(super) found: Found,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) wake: Arc<Mutex<Option<Wake>>>,
}

impl Verifier {
    /// Looks again and again, until it is to stop. What was read is not read again before its time, whatever came of it.
    pub(super) async fn run(mut self) {
        let soon = self.every.min(SOON);
        let mut rest = soon;
        while !self.stopped_within(rest).await {
            let Some(patience) = self.patience() else {
                rest = soon;
                continue;
            };
            rest = self.every;
            match self.look(patience).await {
                // What is on its way is no difference.
                Ok(found) if found.differing() != Some(0) && !self.kept_up(patience) => {
                    tracing::info!(
                        "the rule {}: it fell behind while its ends were compared",
                        self.plan.rule.name
                    );
                }
                Ok(found) => self.show(found),
                Err(why) => tracing::warn!(
                    "the rule {}: its ends cannot be compared: {why}",
                    self.plan.rule.name
                ),
            }
        }
    }

    fn show(&self, found: RuleVerified) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(found));
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(wake) = wake {
            wake();
        }
    }

    async fn stopped_within(&mut self, rest: Duration) -> bool {
        // Who would say so may be gone: that is as good.
        timeout(rest, self.stop.wait_for(|stop| *stop)).await.is_ok()
    }

    /// How far the worst of its ways lags, if all of them stream: before, much differs that is still to be copied.
    fn lag(&self) -> Option<Duration> {
        let lag = |ledger: &Arc<Mutex<Ledger>>| {
            let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.streaming_lag()
        };
        let lags: Option<Vec<Duration>> = self.ledgers.iter().map(lag).collect();
        lags?.into_iter().max()
    }

    /// How long a difference must last now; none: nothing can be said of one.
    fn patience(&self) -> Option<Duration> {
        let lag = self.lag().filter(|lag| *lag <= MOST_LAG)?;
        Some((lag * LAGS).max(PATIENCE))
    }

    /// Whether what was on its way has arrived within that.
    fn kept_up(&self, patience: Duration) -> bool {
        self.patience().is_some_and(|needed| needed <= patience)
    }

    /// Why it is not known what differs is an error; what was found before is still true of its time.
    async fn look(&self, patience: Duration) -> Result<RuleVerified, Stopped> {
        let stop = || *self.stop.borrow() || self.stop.has_changed().is_err();
        let mut found = RuleVerified::default();
        for direction in self.plan.compared() {
            let to = direction.to.words();
            let ends = direction.ends().await?;
            let verification = Verification::new(ends, patience, false, &|_| {}, &stop);
            let mut verification = verification.named(self.plan.names());
            verification.run(&self.plan.rule.collections).await?;
            found
                .tables
                .extend(verification.tables.iter().map(|table| verified(&to, table)));
            let refused = verification.refused.iter();
            let problems = refused.map(|(table, why)| format!("{to}: {table} is not compared: {why}").into());
            found.problems.extend(problems);
        }
        found.at_ms = now_ms();
        Ok(found)
    }
}

fn verified(to: &str, table: &Verified) -> VerifiedTable {
    let count = |wanted: Differs| {
        let differs = table.differences.iter().filter(|(_, differs)| *differs == wanted);
        differs.count() as u64
    };
    VerifiedTable {
        table: table.table.as_str().into(),
        to: to.into(),
        rows: table.rows,
        missing: count(Differs::Missing),
        changed: count(Differs::Changed),
        extra: count(Differs::Extra),
        and_more: table.and_more,
    }
}
