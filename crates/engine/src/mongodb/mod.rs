//! MongoDB: one member of a replica set, a standalone server, or a router that has no data.
//!
//! What is read stands in `docs/guides/mongodb.md`. Each member is asked directly; the set is never asked as a whole, since its
//! primary would answer for everybody.

mod ask;
mod connect;
mod document;
mod look;
mod members;

use crate::connection::Connection;
use crate::driver::{Driver, Probe};
use crate::fault::Fault;
use crate::look::Look;
use crate::target::Target;
use ask::Session;
use replica_core::observed::MissingGrant;
use replica_core::source::Pending;

/// What a user without roles does not see.
const MONITOR: MissingGrant = MissingGrant {
    what: "the link's state, what it syncs from, how others see it, the connections",
    grant: "db.getSiblingDB(\"admin\").grantRolesToUser(\"<user>\", [\"clusterMonitor\"])",
};

/// MongoDB.
pub(crate) static DRIVER: Driver = Driver {
    dialects: &["mongodb"],
    default_port: Some(27_017),
    grants: &[MONITOR],
    tested: "not run against a server; written for MongoDB 4.4 to 8 from its manual",
    probe: |target| {
        Box::new(MongoProbe {
            target,
            session: None,
        })
    },
    connect: |target| {
        Box::pin(async move {
            let client = connect::open(&target).await?;
            ask::greet(&client).await?;
            Ok(Connection::MongoDb(client))
        })
    },
    beat: None,
    rules: None,
};

struct MongoProbe {
    target: Target,
    session: Option<Session>,
}

impl Probe for MongoProbe {
    fn look(&mut self) -> Pending<'_, Result<Look, Fault>> {
        Box::pin(async move {
            let mut session = match self.session.take() {
                Some(session) => session,
                None => Session::start(&self.target).await?,
            };
            let look = session.look().await?;
            self.session = Some(session);
            Ok(look)
        })
    }
}
