//! PostgreSQL 10 and later, and CockroachDB over the same protocol.
//!
//! What is read stands in `docs/guides/postgres.md`; which figures are believed, in [`crate::lag`].

mod beat;
mod connect;
mod doctor;
mod link;
mod look;
mod sql;
mod statements;
mod store;
mod value;
mod wal;

use crate::beat::Seen;
use crate::connection::Connection;
use crate::driver::{Advice, Driver, Probe};
use crate::fault::Fault;
use crate::look::Look;
use crate::target::Target;
use connect::{Session, open};
use replica_core::observed::MissingGrant;
use replica_core::source::Pending;

/// What `pg_monitor` shows and a plain role does not see.
const MONITOR: MissingGrant = MissingGrant {
    what: "the link's state, its upstream, the followers, why replay waits",
    grant: "GRANT pg_monitor TO <role>;",
};

/// PostgreSQL.
pub(crate) static DRIVER: Driver = Driver {
    dialects: &["postgres", "cockroachdb"],
    default_port: Some(5432),
    grants: &[MONITOR],
    tested: "PostgreSQL 15; not run against 10 to 14, 16 to 18, managed services or CockroachDB",
    probe: |target| {
        Box::new(PostgresProbe {
            target,
            session: None,
            waiting: 0,
        })
    },
    connect: |target| {
        Box::pin(async move {
            let opened = open(&target, "replica-monitor pool").await?;
            Ok(Connection::Postgres(opened.client))
        })
    },
    beat: Some(|target| Box::new(beat::Writer::new(target))),
    rules: Some(&store::ENDS),
};

struct PostgresProbe {
    target: Target,
    session: Option<Session>,
    /// Looks in a row at which the WAL receiver was waiting rather than streaming.
    waiting: u32,
}

impl PostgresProbe {
    /// The kept session, made anew if it has ended.
    async fn session(&mut self) -> Result<&Session, Fault> {
        let session = match self.session.take().filter(Session::is_open) {
            Some(session) => session,
            None => Session::start(&self.target).await?,
        };
        Ok(self.session.insert(session))
    }
}

impl Probe for PostgresProbe {
    fn look(&mut self) -> Pending<'_, Result<Look, Fault>> {
        Box::pin(async move {
            let waiting = self.waiting;
            let looked = match self.session().await?.look(waiting).await {
                Ok(looked) => looked,
                Err(fault) => {
                    self.session = None;
                    return Err(fault);
                }
            };
            self.waiting = if looked.receiver_waits { waiting + 1 } else { 0 };
            Ok(looked.look)
        })
    }

    fn seen_beat(&mut self, id: i16) -> Pending<'_, Result<Seen, Fault>> {
        Box::pin(async move { beat::read(&self.session().await?.client, id).await })
    }

    fn examine(&mut self) -> Pending<'_, Result<Vec<Advice>, Fault>> {
        Box::pin(async move { doctor::examine(&self.session().await?.client).await })
    }
}
