//! MySQL and MariaDB: one protocol, two ways to tell how far a server is.
//!
//! Which of the two answers is taken from the server, not from the tree. What is read stands in `docs/guides/mysql.md`; which
//! figures are believed, in [`crate::lag`].

mod ask;
mod beat;
mod binlog;
mod connect;
mod doctor;
mod followers;
mod gtid;
mod link;
mod look;
mod memory;
mod native;
mod sql;
mod statements;
mod store;
mod words;

#[cfg(test)]
pub(crate) use beat::UPSERT;

use crate::beat::Seen;
use crate::connection::Connection;
use crate::driver::{Advice, Driver, Probe};
use crate::fault::Fault;
use crate::look::Look;
use crate::target::Target;
use connect::{Session, lend};
use memory::Memory;
use replica_core::observed::MissingGrant;
use replica_core::source::Pending;

/// What MariaDB hides from a plain user.
const MARIADB_STATUS: MissingGrant = MissingGrant {
    what: "the links: their state, upstream and errors; the role is a guess until then",
    grant: "GRANT SLAVE MONITOR ON *.* TO <user>;",
};
/// What MySQL hides from a plain user.
const MYSQL_STATUS: MissingGrant = MissingGrant {
    what: "the role and the links: their state, upstream and errors",
    grant: "GRANT REPLICATION CLIENT ON *.* TO <user>;",
};
/// MySQL's lag in milliseconds.
const MYSQL_APPLIER: MissingGrant = MissingGrant {
    what: "the server's own lag in milliseconds, used until there is a record of its master",
    grant: "GRANT SELECT ON performance_schema.* TO <user>;",
};

/// MySQL and MariaDB.
pub(crate) static DRIVER: Driver = Driver {
    dialects: &["mysql", "mariadb"],
    default_port: Some(3306),
    grants: &[MARIADB_STATUS, MYSQL_STATUS, MYSQL_APPLIER],
    tested: "MariaDB 10.11; MySQL not run",
    probe: |target| {
        Box::new(MySqlProbe {
            target,
            session: None,
            memory: Memory::default(),
        })
    },
    connect: |target| Box::pin(async move { lend(&target).await.map(Connection::MySql) }),
    beat: Some(|target| Box::new(beat::Writer::new(target))),
    rules: Some(&store::ENDS),
};

struct MySqlProbe {
    target: Target,
    session: Option<Session>,
    memory: Memory,
}

impl MySqlProbe {
    /// The kept session, made anew if it has ended.
    async fn session(&mut self) -> Result<(&mut Session, &mut Memory), Fault> {
        let session = match self.session.take() {
            Some(session) if !session.client.is_disconnected() => session,
            _ => Session::start(&self.target).await?,
        };
        Ok((self.session.insert(session), &mut self.memory))
    }
}

impl Probe for MySqlProbe {
    fn look(&mut self) -> Pending<'_, Result<Look, Fault>> {
        Box::pin(async move {
            let (session, memory) = self.session().await?;
            let looked = session.look(memory).await;
            if looked.is_err() {
                self.session = None;
            }
            looked
        })
    }

    fn seen_beat(&mut self, id: i16) -> Pending<'_, Result<Seen, Fault>> {
        Box::pin(async move { beat::read(&mut self.session().await?.0.client, id).await })
    }

    fn examine(&mut self) -> Pending<'_, Result<Vec<Advice>, Fault>> {
        Box::pin(async move { doctor::examine(self.session().await?.0).await })
    }
}
