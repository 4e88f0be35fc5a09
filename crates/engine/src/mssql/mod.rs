//! SQL Server: a database of an availability group, or one that stands alone.
//!
//! What is read stands in `docs/guides/mssql.md`. Azure SQL Database has other views and is asked for nothing but its address; log
//! shipping and mirroring are not looked at.

mod connect;
mod line;
mod look;
mod lsn;
mod session;
mod sql;
mod tls;

use crate::connection::Connection;
use crate::driver::{Driver, Probe};
use crate::fault::Fault;
use crate::look::Look;
use crate::target::Target;
pub use connect::Client;
use connect::open;
use replica_core::observed::MissingGrant;
use replica_core::source::Pending;
use session::Session;

/// What a plain login does not see.
const STATE: MissingGrant = MissingGrant {
    what: "the availability group: role, position, link, followers; the sessions",
    grant: "GRANT VIEW SERVER STATE TO [<login>];",
};
/// The names of the other replicas are definitions.
const NAMES: MissingGrant = MissingGrant {
    what: "the names of the other replicas",
    grant: "GRANT VIEW ANY DEFINITION TO [<login>];",
};

/// SQL Server.
pub(crate) static DRIVER: Driver = Driver {
    dialects: &["mssql"],
    default_port: Some(1433),
    grants: &[STATE, NAMES],
    tested: "not run against a server; written for SQL Server 2012 to 2022 from its manual",
    probe: |target| {
        Box::new(MssqlProbe {
            target,
            session: None,
        })
    },
    connect: |target| {
        Box::pin(async move {
            let client = open(&target, target.database()).await?;
            Ok(Connection::Mssql(Box::new(client)))
        })
    },
    beat: None,
    rules: None,
};

struct MssqlProbe {
    target: Target,
    session: Option<Session>,
}

impl Probe for MssqlProbe {
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
