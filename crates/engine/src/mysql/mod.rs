//! MySQL and MariaDB. Which of the two it is, the server says; the declared dialect does not matter.
//!
//! What is read stands in `docs/guides/mysql.md`. Servers without GTIDs are shown, but their lag cannot be measured yet.

mod connect;
mod doctor;
mod flavour;
mod gtid;
mod link;
mod look;
mod row;

use crate::connection::Connection;
use crate::driver::{Advice, Driver, Probe};
use crate::fault::Fault;
use crate::look::Look;
use crate::target::Target;
use connect::open;
use look::Session;
use replica_core::observed::MissingGrant;
use replica_core::source::Pending;

/// What MariaDB shows of links only with this.
const SLAVE_MONITOR: MissingGrant = MissingGrant {
    what: "the links into it: whether they run, why not, their upstream",
    grant: "GRANT SLAVE MONITOR ON *.* TO <user>;",
};
/// The same for MySQL.
const REPLICATION_CLIENT: MissingGrant = MissingGrant {
    what: "the links into it: whether they run, why not, their upstream",
    grant: "GRANT REPLICATION CLIENT ON *.* TO <user>;",
};

/// MySQL and MariaDB.
pub(crate) static DRIVER: Driver = Driver {
    dialects: &["mysql", "mariadb"],
    default_port: Some(3306),
    grants: &[SLAVE_MONITOR, REPLICATION_CLIENT],
    tested: "MariaDB 10.11; not run against other versions of MariaDB, nor against any MySQL",
    probe: |target| {
        Box::new(MySqlProbe {
            target,
            session: None,
        })
    },
    connect: |target| {
        Box::pin(async move { Ok(Connection::MySql(open(&target, Some(target.database())).await?)) })
    },
};

struct MySqlProbe {
    target: Target,
    session: Option<Session>,
}

impl MySqlProbe {
    async fn session(&mut self) -> Result<&mut Session, Fault> {
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::start(&self.target).await?,
        };
        Ok(self.session.insert(session))
    }
}

impl Probe for MySqlProbe {
    fn look(&mut self) -> Pending<'_, Result<Look, Fault>> {
        Box::pin(async move {
            let looked = self.session().await?.look().await;
            if looked.is_err() {
                self.session = None;
            }
            looked
        })
    }

    fn examine(&mut self) -> Pending<'_, Result<Vec<Advice>, Fault>> {
        Box::pin(async move { doctor::examine(self.session().await?).await })
    }
}
