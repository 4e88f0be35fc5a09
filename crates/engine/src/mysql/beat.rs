//! The heartbeat row at MySQL and MariaDB, in a schema of its own: `fleet.fleet_heartbeat`.

use super::connect::{fault, plain};
use crate::beat::{Beat, Row, Seen};
use crate::fault::Fault;
use crate::target::Target;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};
use replica_core::source::Pending;

const LIMITS: &str = "SET SESSION lock_wait_timeout=1, innodb_lock_wait_timeout=1";
pub(crate) const UPSERT: &str = "INSERT INTO fleet.fleet_heartbeat (id, src, seq, ts_us) VALUES (?, ?, ?, ?)
 ON DUPLICATE KEY UPDATE src=VALUES(src), seq=VALUES(seq), ts_us=VALUES(ts_us)";
const READ: &str = "SELECT src, seq FROM fleet.fleet_heartbeat WHERE id = ?";

/// A connection that writes beats.
pub(super) struct Writer {
    target: Target,
    client: Option<Conn>,
}

impl Writer {
    pub(super) fn new(target: Target) -> Self {
        Self { target, client: None }
    }

    async fn client(&mut self) -> Result<&mut Conn, Fault> {
        let client = match self.client.take() {
            Some(client) => client,
            None => {
                let mut client = plain(&self.target, "replica-monitor heartbeat").await?;
                client.query_drop(LIMITS).await.map_err(|error| fault(&error))?;
                client
            }
        };
        Ok(self.client.insert(client))
    }
}

impl Beat for Writer {
    fn beat<'a>(&'a mut self, row: Row<'a>) -> Pending<'a, Result<(), Fault>> {
        Box::pin(async move {
            let client = self.client().await?;
            let written = client.exec_drop(UPSERT, (row.id, row.src, row.seq, row.ts_us));
            written.await.map_err(|error| refusal(&error))
        })
    }
}

/// What a server shows of the row of that id.
pub(super) async fn read(client: &mut Conn, id: i16) -> Result<Seen, Fault> {
    match client.exec_first::<(String, i64), _, _>(READ, (id,)).await {
        Ok(None) => Ok(Seen::Absent),
        Ok(Some((src, seq))) => Ok(Seen::Row { src: src.into(), seq }),
        // The connection is as good as before.
        Err(error @ Error::Server(_)) => Ok(Seen::Unreadable(refusal(&error).message)),
        Err(error) => Err(fault(&error)),
    }
}

fn refusal(error: &Error) -> Fault {
    let fault = fault(error);
    let message = match error {
        Error::Server(error) if matches!(error.code, 1049 | 1146) => {
            "there is no table fleet.fleet_heartbeat"
        }
        Error::Server(error) if error.code == 1142 => {
            "the right is missing: GRANT SELECT, INSERT, UPDATE ON fleet.fleet_heartbeat TO <user>;"
        }
        _ => return fault,
    };
    Fault::new(fault.kind, message)
}
