//! Redis and Valkey, alone or as master and replicas.
//!
//! What is read stands in `docs/guides/redis.md`. Cluster and Sentinel are not asked: each server is looked at for itself.

mod beat;
mod connect;
mod info;

use crate::beat::Seen;
use crate::connection::Connection;
use crate::driver::{Driver, Probe};
use crate::fault::Fault;
use crate::look::Look;
use crate::target::Target;
use ::redis::aio::MultiplexedConnection;
use connect::{fault, open};
use info::Info;
use replica_core::observed::MissingGrant;
use replica_core::source::Pending;
use tokio::time::Instant;

/// Redis.
pub(crate) static DRIVER: Driver = Driver {
    dialects: &["redis"],
    default_port: Some(6379),
    grants: &[MissingGrant {
        what: "everything: it is all in INFO",
        grant: "ACL SETUSER <user> on ><password> -@all +info +ping +role",
    }],
    tested: "Redis 7.0; not run against other versions, Valkey, Cluster or Sentinel",
    probe: |target| {
        Box::new(RedisProbe {
            target,
            connection: None,
        })
    },
    connect: |target| Box::pin(async move { Ok(Connection::Redis(open(&target).await?)) }),
    beat: Some(|target| Box::new(beat::Writer::new(target))),
    rules: None,
};

struct RedisProbe {
    target: Target,
    connection: Option<MultiplexedConnection>,
}

impl Probe for RedisProbe {
    fn look(&mut self) -> Pending<'_, Result<Look, Fault>> {
        Box::pin(async move {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => open(&self.target).await?,
            };
            let asked = Instant::now();
            // Four answers to one request; several sections in one INFO need 7.0.
            let (replication, clients, server, persistence): (String, String, String, String) =
                ::redis::pipe()
                    .cmd("INFO")
                    .arg("replication")
                    .cmd("INFO")
                    .arg("clients")
                    .cmd("INFO")
                    .arg("server")
                    .cmd("INFO")
                    .arg("persistence")
                    .query_async(&mut connection)
                    .await
                    .map_err(|error| fault(&error))?;
            let mut look = Look::since(asked);
            Info::of(&[&replication, &clients, &server, &persistence]).read(&mut look);
            self.connection = Some(connection);
            Ok(look)
        })
    }

    fn seen_beat(&mut self, id: i16) -> Pending<'_, Result<Seen, Fault>> {
        Box::pin(async move {
            match &mut self.connection {
                Some(connection) => beat::read(connection, id).await,
                None => Ok(Seen::NotAsked),
            }
        })
    }
}
