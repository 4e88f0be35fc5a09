//! What is made in a server for one reader: a publication, which says what the log tells, and a slot, which keeps it until it was read.
//!
//! Both are told in docs/RISKS.md, with how to remove them.

use super::catalogue::Catalogue;
use super::lsn::Lsn;
use super::session::{Answer, Session};
use crate::fault::{Fault, FaultKind};
use crate::postgres::connect::fault;
use crate::postgres::store::quoted;
use crate::rules::Table;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// How long a slot may wait for transactions that run; less than whoever makes it waits for us.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long a reader that was told to end may take for it.
const FAREWELL: Duration = Duration::from_secs(10);

/// A slot that is there.
pub(super) struct Slot {
    /// Up to where it was confirmed.
    pub(super) confirmed: Lsn,
    /// Why what it should have kept is not kept, if so.
    pub(super) gap: Option<String>,
}

/// The name of what is made for a reader: letters, digits and underscores, as slots want it, and its own however long the reader's is.
pub(super) fn name_of(reader: &str) -> String {
    let plain = |letter: char| match letter.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9') => letter,
        _ => '_',
    };
    let plain: String = reader.chars().map(plain).take(40).collect();
    format!("rm_{plain}_{}", hex::encode(&Sha256::digest(reader)[..4]))
}

/// Makes the publication tell of exactly the tables that are known; which of them it did not tell of before, and whether it is new.
pub(super) async fn publish(
    client: &Client,
    name: &str,
    tables: &[Table],
    catalogue: &Catalogue,
) -> Result<(Vec<usize>, bool), Fault> {
    let found = client
        .query_typed(
            "SELECT puballtables FROM pg_publication WHERE pubname = $1",
            &[(&name, Type::TEXT)],
        )
        .await
        .map_err(|error| fault(&error))?;
    let whole = |at: usize| format!("{}.{}", quoted(&catalogue.schema), quoted(&tables[at].name));
    let wanted = || catalogue.known.iter().map(|known| known.at);
    let Some(found) = found.first() else {
        let list: Vec<String> = wanted().map(whole).collect();
        let list = match list.is_empty() {
            true => String::new(),
            false => format!(" FOR TABLE {}", list.join(", ")),
        };
        // A partitioned table is told of as one.
        let statement = format!(
            "CREATE PUBLICATION {}{list} WITH (publish_via_partition_root = true)",
            quoted(name)
        );
        execute(client, &statement).await?;
        return Ok((wanted().collect(), true));
    };
    if found.get(0) {
        return Ok((Vec::new(), false));
    }
    let told = client
        .query_typed(
            "SELECT tablename::text FROM pg_publication_tables WHERE pubname = $1 AND schemaname = $2",
            &[(&name, Type::TEXT), (&catalogue.schema, Type::TEXT)],
        )
        .await
        .map_err(|error| fault(&error))?;
    let told: Vec<&str> = told.iter().map(|row| row.get(0)).collect();
    let fresh: Vec<usize> = wanted()
        .filter(|at| !told.contains(&tables[*at].name.as_str()))
        .collect();
    let is_wanted = |table: &&&str| wanted().any(|at| tables[at].name == **table);
    for table in told.iter().filter(|table| !is_wanted(table)) {
        let gone = format!("{}.{}", quoted(&catalogue.schema), quoted(table));
        execute(
            client,
            &format!("ALTER PUBLICATION {} DROP TABLE {gone}", quoted(name)),
        )
        .await?;
    }
    for at in &fresh {
        execute(
            client,
            &format!("ALTER PUBLICATION {} ADD TABLE {}", quoted(name), whole(*at)),
        )
        .await?;
    }
    Ok((fresh, false))
}

/// Runs it, or tells what somebody with more rights has to run.
async fn execute(client: &Client, statement: &str) -> Result<(), Fault> {
    let done = client.batch_execute(statement).await;
    done.map_err(|error| {
        let fault = fault(&error);
        match fault.kind {
            FaultKind::Misconfigured => {
                Fault::new(fault.kind, format!("{fault}; let the owner run: {statement}"))
            }
            _ => fault,
        }
    })
}

/// The slot of that name, which is made where it is missing or useless; `anew` where what it kept cannot be read.
pub(super) async fn slot(
    client: &Client,
    session: &mut Session,
    name: &str,
    anew: bool,
) -> Result<Slot, Fault> {
    take_over(client, name).await?;
    let found = client
        .query_typed(
            "SELECT confirmed_flush_lsn::text, wal_status FROM pg_replication_slots WHERE slot_name = $1",
            &[(&name, Type::TEXT)],
        )
        .await
        .map_err(|error| fault(&error))?;
    let gap = match found.first() {
        None => format!("the slot {name} is gone, and with it what it kept"),
        Some(row) if row.get::<_, Option<&str>>(1) == Some("lost") => {
            format!(
                "the slot {name} was lost: the server kept less of its log than was needed (max_slot_wal_keep_size)"
            )
        }
        Some(_) if anew => {
            format!("the publication {name} is gone, and without it what the slot kept cannot be read")
        }
        Some(row) => {
            let confirmed = row
                .get::<_, Option<&str>>(0)
                .and_then(Lsn::parse)
                .unwrap_or_default();
            return Ok(Slot { confirmed, gap: None });
        }
    };
    if !found.is_empty() {
        drop_slot(client, name).await?;
    }
    let command = format!(
        "CREATE_REPLICATION_SLOT {} LOGICAL pgoutput NOEXPORT_SNAPSHOT",
        quoted(name)
    );
    let made = create(client, session, &command).await?;
    let confirmed = made.get(1).cloned().flatten().as_deref().and_then(Lsn::parse);
    Ok(Slot {
        confirmed: confirmed.unwrap_or_default(),
        gap: Some(gap),
    })
}

/// Makes a slot, which begins once every transaction that runs now has ended.
pub(super) async fn create(client: &Client, session: &mut Session, command: &str) -> Result<Answer, Fault> {
    match timeout(PATIENCE, session.query(command)).await {
        Ok(made) => Ok(made?.into_iter().next().unwrap_or_default()),
        Err(_) => {
            // Otherwise it would wait on, and be there when the next try comes.
            let end = client
                .query_typed("SELECT pg_terminate_backend($1)", &[(&session.pid, Type::INT4)])
                .await;
            end.map_err(|error| fault(&error))?;
            Err(Fault::new(FaultKind::TimedOut, waited_for(client).await?))
        }
    }
}

async fn waited_for(client: &Client) -> Result<String, Fault> {
    let oldest =
        "SELECT pid, coalesce(usename::text, ''), xact_start::timestamp(0)::text FROM pg_stat_activity
        WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1";
    let found = client.query(oldest, &[]).await.map_err(|error| fault(&error))?;
    Ok(match found.first() {
        Some(row) => {
            let (pid, user, since): (i32, &str, Option<&str>) = (row.get(0), row.get(1), row.get(2));
            let since = since.unwrap_or("a time that is not shown");
            format!(
                "a slot begins once all transactions that run have ended, and process {pid} of {user:?} has had one since {since} UTC"
            )
        }
        None => "a slot begins once all transactions that run have ended; a prepared one may be among them"
            .to_owned(),
    })
}

/// Ends whoever reads from the slot: its cursor was claimed already, so that one writes nothing any more.
async fn take_over(client: &Client, name: &str) -> Result<(), Fault> {
    let begun = Instant::now();
    loop {
        let holder = client
            .query_typed(
                "SELECT active_pid, pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL",
                &[(&name, Type::TEXT)],
            )
            .await
            .map_err(|error| fault(&error))?;
        match holder.first() {
            None => return Ok(()),
            Some(row) if begun.elapsed() > FAREWELL => {
                let pid: i32 = row.get(0);
                return Err(Fault::new(
                    FaultKind::Strange,
                    format!("process {pid} reads from the slot {name} and does not end"),
                ));
            }
            Some(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn drop_slot(client: &Client, name: &str) -> Result<(), Fault> {
    let gone = client
        .query_typed("SELECT pg_drop_replication_slot($1)", &[(&name, Type::NAME)])
        .await;
    gone.map(drop).map_err(|error| fault(&error))
}

/// Takes all of it away; what was there.
pub(super) async fn clear(client: &Client, name: &str) -> Result<Vec<String>, Fault> {
    let count = async |query: &str| {
        let found = client.query_typed(query, &[(&name, Type::TEXT)]).await;
        Ok::<_, Fault>(!found.map_err(|error| fault(&error))?.is_empty())
    };
    let mut gone = Vec::new();
    if count("SELECT 1 FROM pg_replication_slots WHERE slot_name = $1").await? {
        take_over(client, name).await?;
        drop_slot(client, name).await?;
        gone.push(format!("the replication slot {name}"));
    }
    if count("SELECT 1 FROM pg_publication WHERE pubname = $1").await? {
        execute(client, &format!("DROP PUBLICATION {}", quoted(name))).await?;
        gone.push(format!("the publication {name}"));
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_slots_take() {
        let name = name_of("Copy — ünder: analytics / m");
        assert!(name.starts_with("rm_copy____nder__analytics___m_"), "{name}");
        let long = name_of(&"x".repeat(300));
        assert!(long.len() <= 63 && long != name_of(&"x".repeat(301)), "{long}");
    }
}
