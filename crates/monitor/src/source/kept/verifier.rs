//! Compares both ends of a rule that streams, now and then, and keeps what was found.
//!
//! A rule that is mirrored compares every row by itself, each time.

use super::ledger::Ledger;
use crate::clock::now_ms;
use replica_core::source::Wake;
use replica_core::{RuleMode, RuleVerified, VerifiedTable};
use replica_engine::rules::{Differs, Direction, Plan, Verification, Verified};
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
/// The first look is not put off for longer, and a rule that does not stream is asked again so soon.
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
    /// Looks again and again, until it is to stop.
    pub(super) async fn run(mut self) {
        let mut rest = self.every.min(SOON);
        while !self.stopped_within(rest).await {
            rest = self.every.min(SOON);
            if let Some(patience) = self.patience()
                && let found = self.look(patience).await
                && (found.differing() == 0 || self.kept_up(patience))
            {
                *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(found));
                let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(wake) = wake {
                    wake();
                }
                rest = self.every;
            }
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

    async fn look(&self, patience: Duration) -> RuleVerified {
        // The way back would tell the same.
        let ways = match self.plan.rule.mode {
            RuleMode::Bidirectional => 1,
            _ => self.plan.directions.len(),
        };
        let mut found = RuleVerified::default();
        for direction in &self.plan.directions[..ways] {
            self.compare(direction, patience, &mut found).await;
        }
        found.at_ms = now_ms();
        found
    }

    async fn compare(&self, direction: &Direction, patience: Duration, found: &mut RuleVerified) {
        let to = direction.to.words();
        let ends = async { Ok((direction.from.open().await?, direction.to.open().await?)) };
        let ends: Result<_, replica_engine::Fault> = ends.await;
        let ends = match ends {
            Ok(ends) => ends,
            Err(fault) => return found.problems.push(format!("{to}: {fault}").into()),
        };
        let stop = || *self.stop.borrow() || self.stop.has_changed().is_err();
        let verification = Verification::new(ends, patience, false, &|_| {}, &stop);
        let mut verification = verification.named(&self.plan.names);
        let ended = verification.run(&self.plan.rule.collections).await;
        let tables = verification.tables.iter().map(|table| verified(&to, table));
        found.tables.extend(tables);
        let refused = verification.refused.iter();
        found
            .problems
            .extend(refused.map(|(table, why)| format!("{to}: {table} is not compared: {why}").into()));
        if let Err(stopped) = ended {
            found.problems.push(format!("{to}: {stopped}").into());
        }
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
