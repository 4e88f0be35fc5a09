//! Connections to lend: a real pool for each replica, opened when somebody first borrows.
//!
//! Probes have their own connections, so that a pool that is used up never blinds the monitor.

use crate::connection::Connection;
use crate::driver::driver_of;
use crate::fault::{Fault, FaultKind};
use crate::target::Target;
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult, Timeouts};
use deadpool::{Runtime, Status};
use replica_core::{PoolLimits, PoolUsage};
use std::time::Duration;

/// What an application may borrow where the tree names no limit.
const USUAL_MAX: u32 = 10;

/// Opens and checks the connections of one replica.
pub(super) struct Opener {
    target: Target,
}

impl managed::Manager for Opener {
    type Type = Connection;
    type Error = Fault;

    async fn create(&self) -> Result<Connection, Fault> {
        match driver_of(self.target.dialect()) {
            Some(driver) => (driver.connect)(self.target.clone()).await,
            None => Err(Fault::new(
                FaultKind::NotAsked,
                format!("no driver for {}", self.target.dialect().name()),
            )),
        }
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Fault> {
        match connection.is_open() {
            true => Ok(()),
            false => Err(RecycleError::message("the server closed it")),
        }
    }
}

/// The connections of one replica.
#[derive(Clone)]
pub(super) struct Pool(managed::Pool<Opener>);

impl Pool {
    /// An empty pool; every wait in it ends after `patience`.
    pub(super) fn new(target: Target, limits: Option<PoolLimits>, patience: Duration) -> Result<Self, Fault> {
        let max = limits.and_then(|limits| limits.max).unwrap_or(USUAL_MAX).max(1);
        let pool = managed::Pool::builder(Opener { target })
            .max_size(usize::try_from(max).unwrap_or(usize::MAX))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(patience),
                create: Some(patience),
                recycle: Some(patience),
            })
            .build();
        pool.map(Self)
            .map_err(|error| Fault::new(FaultKind::NotAsked, error.to_string()))
    }

    /// Opens so many at once, so that the first borrowers need not wait. Returns how many stand.
    pub(super) async fn warm(&self, min: u32) -> Result<(), Fault> {
        let mut held = Vec::new();
        for _ in 0..min {
            held.push(self.borrow().await?);
        }
        Ok(())
    }

    /// A connection that is given back when it is dropped.
    pub(super) async fn borrow(&self) -> Result<Object<Opener>, Fault> {
        self.0.get().await.map_err(|error| match error {
            PoolError::Backend(fault) => fault,
            PoolError::Timeout(managed::TimeoutType::Wait) => {
                Fault::new(FaultKind::Saturated, "every connection of its pool is borrowed")
            }
            PoolError::Timeout(_) => Fault::new(FaultKind::TimedOut, "no answer within the deadline"),
            PoolError::Closed => Fault::new(FaultKind::NotAsked, "its pool was closed"),
            other => Fault::new(FaultKind::Strange, other.to_string()),
        })
    }

    /// Idle and borrowed, counted.
    pub(super) fn usage(&self) -> PoolUsage {
        let Status { size, available, .. } = self.0.status();
        let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
        PoolUsage {
            idle: count(available),
            borrowed: count(size.saturating_sub(available)),
        }
    }

    /// Closes what is idle and refuses the rest.
    pub(super) fn close(&self) {
        self.0.close();
    }
}
