//! One kept connection, and the batch that suits the server.

use super::connect::{Client, fault, open};
use super::{look, sql};
use crate::fault::Fault;
use crate::look::Look;
use crate::quiet::quietly;
use crate::target::Target;
use tiberius::Row;
use tokio::time::Instant;

/// Everybody may be in this database, also where the one that is asked about takes no readers.
const DOORSTEP: &str = "master";

/// A connection and what is asked over it.
pub(super) struct Session {
    client: Client,
    batch: String,
}

impl Session {
    /// Logs in and finds out what can be asked.
    pub(super) async fn start(target: &Target) -> Result<Self, Fault> {
        let mut client = open(target, DOORSTEP).await?;
        let shape = rows(&mut client, sql::SHAPE).await?;
        let has = |name: &str| {
            shape
                .first()
                .and_then(|row| look::int(row, name))
                .unwrap_or_default()
                != 0
        };
        Ok(Self {
            batch: sql::batch(
                target.database().trim_matches('/'),
                has("has_groups"),
                has("has_lag"),
            ),
            client,
        })
    }

    /// One look, in one round trip.
    pub(super) async fn look(&mut self) -> Result<Look, Fault> {
        let asked = Instant::now();
        let rows = rows(&mut self.client, &self.batch).await?;
        let mut look = Look::since(asked);
        look::read(&rows, &mut look)?;
        Ok(look)
    }
}

/// The rows of all answers of a batch.
async fn rows(client: &mut Client, batch: &str) -> Result<Vec<Row>, Fault> {
    let asked = quietly(async { client.simple_query(batch).await?.into_results().await });
    let results = asked.await.map_err(|error| fault(&error))?;
    Ok(results.into_iter().flatten().collect())
}
