//! ClickHouse over HTTP: replicated tables on servers that all take writes.
//!
//! What is read stands in `docs/guides/clickhouse.md`. There is no position to compare, so the server's own figure is all there is;
//! Keeper is not asked, since what it knows costs it a round trip for each table.

mod ask;
mod connect;
mod look;

use crate::connection::Connection;
use crate::driver::{Driver, Probe};
use crate::fault::Fault;
use crate::look::Look;
use crate::target::Target;
use ask::Session;
use connect::open;
use replica_core::observed::MissingGrant;
use replica_core::source::Pending;

/// Which tables are replicated, and how they fare.
const REPLICAS: MissingGrant = MissingGrant {
    what: "the replicated tables: delay, queue, whether they are read-only",
    grant: "GRANT SELECT ON system.replicas TO <user>; GRANT SHOW TABLES ON *.* TO <user>;",
};
/// How many connections there are, and may be.
const CONNECTIONS: MissingGrant = MissingGrant {
    what: "the connections",
    grant: "GRANT SELECT ON system.metrics TO <user>; GRANT SELECT ON system.server_settings TO <user>;",
};

/// ClickHouse.
pub(crate) static DRIVER: Driver = Driver {
    dialects: &["clickhouse"],
    default_port: Some(8123),
    grants: &[REPLICAS, CONNECTIONS],
    tested: "ClickHouse 18.16 without Keeper; replicated tables and newer versions were not run",
    probe: |target| {
        Box::new(ClickHouseProbe {
            target,
            session: None,
        })
    },
    connect: |target| {
        Box::pin(async move {
            let client = open(&target)?;
            ask::greet(&client).await?;
            Ok(Connection::ClickHouse(client))
        })
    },
    beat: None,
    rules: None,
};

struct ClickHouseProbe {
    target: Target,
    session: Option<Session>,
}

impl Probe for ClickHouseProbe {
    fn look(&mut self) -> Pending<'_, Result<Look, Fault>> {
        Box::pin(async move {
            let session = match self.session.take().filter(Session::is_fresh) {
                Some(session) => session,
                None => Session::start(&self.target).await?,
            };
            let look = session.look().await?;
            self.session = Some(session);
            Ok(look)
        })
    }
}
