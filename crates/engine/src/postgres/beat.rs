//! The heartbeat row at PostgreSQL.

use super::connect::{fault, open};
use crate::beat::{Beat, READ, Row, Seen, UPSERT};
use crate::fault::Fault;
use crate::target::Target;
use replica_core::source::Pending;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

/// A commit that waits for a synchronous standby, or for a lock, is ended by the server too.
const LIMITS: &str = "SET statement_timeout = 1000; SET lock_timeout = 1000";

/// A connection that writes beats.
pub(super) struct Writer {
    target: Target,
    session: Option<(Client, Statement)>,
}

impl Writer {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            session: None,
        }
    }

    async fn session(&mut self) -> Result<&(Client, Statement), Fault> {
        let session = match self.session.take() {
            Some(session) => session,
            None => {
                let client = open(&self.target, "replica-monitor heartbeat").await?.client;
                client
                    .batch_execute(LIMITS)
                    .await
                    .map_err(|error| fault(&error))?;
                let upsert = client.prepare(UPSERT).await.map_err(|error| refusal(&error))?;
                (client, upsert)
            }
        };
        Ok(self.session.insert(session))
    }
}

impl Beat for Writer {
    fn beat<'a>(&'a mut self, row: Row<'a>) -> Pending<'a, Result<(), Fault>> {
        Box::pin(async move {
            let (client, upsert) = self.session().await?;
            client
                .execute(upsert, &[&row.id, &row.src, &row.seq, &row.ts_us])
                .await
                .map(drop)
                .map_err(|error| refusal(&error))
        })
    }
}

/// What a server shows of the row of that id.
pub(super) async fn read(client: &Client, id: i16) -> Result<Seen, Fault> {
    match client.query_opt(READ, &[&id]).await {
        Ok(None) => Ok(Seen::Absent),
        Ok(Some(row)) => match (row.try_get::<_, &str>(0), row.try_get(1)) {
            (Ok(src), Ok(seq)) => Ok(Seen::Row { src: src.into(), seq }),
            _ => Ok(Seen::Unreadable(
                "the columns of fleet_heartbeat are not as documented".into(),
            )),
        },
        // The connection is as good as before.
        Err(error) if error.as_db_error().is_some() => Ok(Seen::Unreadable(refusal(&error).message)),
        Err(error) => Err(fault(&error)),
    }
}

fn refusal(error: &tokio_postgres::Error) -> Fault {
    let fault = fault(error);
    let message = match error.code() {
        Some(&SqlState::UNDEFINED_TABLE) => "there is no table fleet_heartbeat in its database",
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            "the right is missing: GRANT SELECT, INSERT, UPDATE ON fleet_heartbeat TO <role>;"
        }
        _ => return fault,
    };
    Fault::new(fault.kind, message)
}
