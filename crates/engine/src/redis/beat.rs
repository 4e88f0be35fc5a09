//! The heartbeat at Redis: a key of its own, `__fleet:heartbeat:<id>`, holding `src:seq:ts_us`.

use super::connect::{fault, open};
use crate::beat::{Beat, Row, Seen};
use crate::fault::{Fault, FaultKind};
use crate::target::Target;
use ::redis::aio::MultiplexedConnection;
use ::redis::{RedisError, ServerErrorKind};
use replica_core::source::Pending;

/// A connection that writes beats.
pub(super) struct Writer {
    target: Target,
    connection: Option<MultiplexedConnection>,
}

impl Writer {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            connection: None,
        }
    }
}

fn key(id: i16) -> String {
    format!("__fleet:heartbeat:{id}")
}

impl Beat for Writer {
    fn beat<'a>(&'a mut self, row: Row<'a>) -> Pending<'a, Result<(), Fault>> {
        Box::pin(async move {
            let connection = match self.connection.take() {
                Some(connection) => connection,
                None => open(&self.target).await?,
            };
            let connection = self.connection.insert(connection);
            let value = format!("{}:{}:{}", row.src, row.seq, row.ts_us);
            let mut set = ::redis::cmd("SET");
            set.arg(key(row.id)).arg(value);
            set.query_async::<()>(connection)
                .await
                .map_err(|error| refusal(&error))
        })
    }
}

/// What a server shows of the key of that id.
pub(super) async fn read(connection: &mut MultiplexedConnection, id: i16) -> Result<Seen, Fault> {
    let mut get = ::redis::cmd("GET");
    match get.arg(key(id)).query_async::<Option<String>>(connection).await {
        Ok(None) => Ok(Seen::Absent),
        Ok(Some(value)) => {
            Ok(row(&value).unwrap_or_else(|| Seen::Unreadable("the key holds something else".into())))
        }
        // The connection is as good as before: no right to the key, or no stale data served.
        Err(error) if matches!(error.kind(), ::redis::ErrorKind::Server(_)) || error.code().is_some() => {
            Ok(Seen::Unreadable(refusal(&error).message))
        }
        Err(error) => Err(fault(&error)),
    }
}

fn row(value: &str) -> Option<Seen> {
    let mut parts = value.rsplitn(3, ':');
    let (_, seq, src) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Seen::Row {
        src: src.into(),
        seq: seq.parse().ok()?,
    })
}

fn refusal(error: &RedisError) -> Fault {
    match error.kind() {
        ::redis::ErrorKind::Server(ServerErrorKind::NoPerm) => Fault::new(
            FaultKind::Misconfigured,
            "the right is missing: ACL SETUSER <user> ~__fleet* +set +get",
        ),
        ::redis::ErrorKind::Server(ServerErrorKind::ReadOnly) => {
            Fault::new(FaultKind::Strange, "it takes no writes (READONLY)")
        }
        ::redis::ErrorKind::Server(ServerErrorKind::MasterDown) => Fault::new(
            FaultKind::Strange,
            "it serves no old data while its link is down (MASTERDOWN)",
        ),
        _ => fault(error),
    }
}
