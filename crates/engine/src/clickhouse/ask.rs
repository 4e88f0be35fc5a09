//! What is asked: one statement made of the parts that this server has and this user may read.
//!
//! One part that is refused would refuse the whole, so each is tried alone when a session begins.

use super::connect::{code, fault, open};
use super::{CONNECTIONS, REPLICAS, look};
use crate::fault::{Fault, FaultKind};
use crate::look::Look;
use crate::quiet::quietly;
use crate::target::Target;
use ::clickhouse::Client;
use ::clickhouse::error::Error;
use replica_core::observed::MissingGrant;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// A session that lacks a right asks again after this long whether it has it now.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// One thing to read.
struct Part {
    name: &'static str,
    sql: &'static str,
    /// What must be granted for it; none where everybody may, and only old servers cannot.
    needs: Option<MissingGrant>,
}

/// Everything that goes into a look beside the version. `log_max_index` and its like would ask Keeper, so they are left alone.
const PARTS: [Part; 5] = [
    Part {
        name: "clock_us",
        sql: "toUnixTimestamp64Micro(now64(6))",
        needs: None,
    },
    Part {
        name: "uuid",
        sql: "toString(serverUUID())",
        needs: None,
    },
    Part {
        name: "replicas",
        sql: "(SELECT groupArray((database, table, is_readonly, is_session_expired, absolute_delay, queue_size, inserts_in_queue))
 FROM (SELECT database, table, is_readonly, is_session_expired, absolute_delay, queue_size, inserts_in_queue
 FROM system.replicas ORDER BY is_readonly + is_session_expired DESC, absolute_delay DESC LIMIT 20))",
        needs: Some(REPLICAS),
    },
    Part {
        name: "connections",
        sql: "(SELECT sum(value) FROM system.metrics WHERE metric IN
 ('TCPConnection', 'HTTPConnection', 'MySQLConnection', 'PostgreSQLConnection', 'InterserverConnection'))",
        needs: Some(CONNECTIONS),
    },
    Part {
        name: "max_connections",
        sql: "(SELECT any(value) FROM system.server_settings WHERE name = 'max_connections')",
        needs: Some(CONNECTIONS),
    },
];

/// A client, and what it may ask.
pub(super) struct Session {
    client: Client,
    statement: String,
    missing: Vec<MissingGrant>,
    since: Instant,
}

impl Session {
    /// Logs in and finds out what can be read.
    pub(super) async fn start(target: &Target) -> Result<Self, Fault> {
        let client = open(target)?;
        greet(&client).await?;
        let mut statement = "SELECT version() AS version".to_owned();
        let mut missing: Vec<MissingGrant> = Vec::new();
        for part in PARTS {
            let column = format!("{} AS {}", part.sql, part.name);
            match answer(&client, &format!("SELECT {column}")).await {
                Ok(_) => statement.extend([", ", &column]),
                Err(error) => match (lacks(&error), part.needs) {
                    (Some(Lack::Right), Some(grant)) if missing.contains(&grant) => {}
                    (Some(Lack::Right), Some(grant)) => missing.push(grant),
                    (Some(_), _) => {}
                    (None, _) => return Err(fault(&error)),
                },
            }
        }
        Ok(Self {
            client,
            statement,
            missing,
            since: Instant::now(),
        })
    }

    /// Whether what it found out still holds.
    pub(super) fn is_fresh(&self) -> bool {
        self.missing.is_empty() || self.since.elapsed() < ASK_AGAIN
    }

    /// One look, in one round trip.
    pub(super) async fn look(&self) -> Result<Look, Fault> {
        let asked = Instant::now();
        let answer = answer(&self.client, &self.statement)
            .await
            .map_err(|error| fault(&error))?;
        let mut look = Look::since(asked);
        look::read(&answer, &mut look);
        look.missing.clone_from(&self.missing);
        Ok(look)
    }
}

/// Makes sure that the server lets us in.
pub(super) async fn greet(client: &Client) -> Result<(), Fault> {
    let answer = answer(client, "SELECT version() AS version").await;
    match answer.map_err(|error| fault(&error))?.get("version") {
        Some(_) => Ok(()),
        None => Err(Fault::new(
            FaultKind::Strange,
            "it answers, but not with its version",
        )),
    }
}

/// The one row of a statement. As JSON, because old servers write binary rows otherwise than the client reads them.
async fn answer(client: &Client, statement: &str) -> Result<Value, Error> {
    let rows = async {
        let mut rows = client.query_raw(statement).fetch_bytes("JSONEachRow")?;
        rows.collect().await
    };
    let row = quietly(rows).await?;
    serde_json::from_slice(&row).map_err(|error| Error::DataFormat(Box::new(error)))
}

/// Why a part cannot be had.
enum Lack {
    Right,
    /// The server is too old for it.
    Feature,
}

fn lacks(error: &Error) -> Option<Lack> {
    match code(error)? {
        // ACCESS_DENIED, and DATABASE_ACCESS_DENIED before 20.
        497 | 291 => Some(Lack::Right),
        // No such argument, function, column, table.
        36 | 42 | 46 | 47 | 60 => Some(Lack::Feature),
        _ => None,
    }
}
