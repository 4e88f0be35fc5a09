//! What is made in a server for one reader: a publication, which says what the log tells, and a slot, which keeps it until it was read.
//!
//! Both are told in docs/RISKS.md, with how to remove them.

use super::catalogue::Catalogue;
use super::lsn::Lsn;
use super::reading::CURSORS;
use super::session::{Answer, Session};
use crate::fault::{Fault, FaultKind};
use crate::postgres::connect::fault;
use crate::postgres::statements::quoted;
use crate::rules::Table;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
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

/// What the server is asked before anything is made: version, level of its log, whether the role may read it and publish, slots that are free.
const SETTINGS: &str = "SELECT current_setting('server_version_num')::int4, current_setting('wal_level'), rolreplication OR rolsuper,
        has_database_privilege(current_database(), 'CREATE'), quote_ident(current_user), quote_ident(current_database()),
        current_setting('max_replication_slots')::int8 - (SELECT count(*) FROM pg_replication_slots)
    FROM pg_roles WHERE rolname = current_user";
const NOT_OWNED: &str =
    "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace(current_schema()::text)
        AND relname = ANY($1) AND NOT pg_has_role(relowner, 'USAGE') ORDER BY relname";

/// Why the log of that server cannot be read for these tables, each with what mends it.
pub(super) async fn hindrances(client: &Client, tables: &[Table]) -> Result<Vec<String>, Fault> {
    let row = client
        .query_one(SETTINGS, &[])
        .await
        .map_err(|error| fault(&error))?;
    let (version, level): (i32, &str) = (row.get(0), row.get(1));
    let (role, database): (&str, &str) = (row.get(4), row.get(5));
    let mut all = Vec::new();
    if version < 130_000 {
        return Err(Fault::new(
            FaultKind::NotAsked,
            "changes are followed from PostgreSQL 13 on",
        ));
    }
    if level != "logical" {
        all.push(format!(
            "its wal_level is {level}: ALTER SYSTEM SET wal_level = 'logical', then restart the server"
        ));
    }
    if !row.get::<_, bool>(2) {
        all.push(format!(
            "its role may not read the log: ALTER ROLE {role} REPLICATION"
        ));
    }
    // For an examination only: what is there already needs neither.
    if !tables.is_empty() && !row.get::<_, bool>(3) {
        all.push(format!(
            "its role may not publish: GRANT CREATE ON DATABASE {database} TO {role}"
        ));
    }
    if !tables.is_empty() && row.get::<_, i64>(6) < 2 {
        all.push("it has fewer than two free slots, one to follow and one to copy: raise max_replication_slots, then restart the server".to_owned());
    }
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let not_owned = client.query_typed(NOT_OWNED, &[(&names, Type::TEXT_ARRAY)]).await;
    for row in not_owned.map_err(|error| fault(&error))? {
        let table = quoted(row.get(0));
        all.push(format!(
            "only its owner can publish {table}: ALTER TABLE {table} OWNER TO {role}"
        ));
    }
    Ok(all)
}

/// Makes the publication tell of exactly the tables that are known, and of the table of cursors where rows go both ways; which of them it did not tell of before, and whether it is new.
pub(super) async fn publish(
    client: &Client,
    name: &str,
    tables: &[Table],
    (catalogue, echoes): (&Catalogue, bool),
) -> Result<(Vec<usize>, bool), Fault> {
    let found = client
        .query_typed(
            "SELECT puballtables FROM pg_publication WHERE pubname = $1",
            &[(&name, Type::TEXT)],
        )
        .await
        .map_err(|error| fault(&error))?;
    let whole = |table: &str| format!("{}.{}", quoted(&catalogue.schema), quoted(table));
    let wanted = || catalogue.known.iter().map(|known| known.at);
    let Some(found) = found.first() else {
        let cursors = echoes.then(|| whole(CURSORS));
        let list = wanted().map(|at| whole(&tables[at].name)).chain(cursors);
        let list: Vec<String> = list.collect();
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
    match found.get(0) {
        // Of all tables: somebody else made it so.
        true => Ok((Vec::new(), false)),
        false => Ok((adapt(client, name, tables, (catalogue, echoes)).await?, false)),
    }
}

/// Makes a publication that is there tell of those tables; which of them it did not tell of before.
async fn adapt(
    client: &Client,
    name: &str,
    tables: &[Table],
    (catalogue, echoes): (&Catalogue, bool),
) -> Result<Vec<usize>, Fault> {
    let told = client
        .query_typed(
            "SELECT tablename::text FROM pg_publication_tables WHERE pubname = $1 AND schemaname = $2",
            &[(&name, Type::TEXT), (&catalogue.schema, Type::TEXT)],
        )
        .await
        .map_err(|error| fault(&error))?;
    let told: Vec<&str> = told.iter().map(|row| row.get(0)).collect();
    let wanted: BTreeMap<&str, usize> = catalogue
        .known
        .iter()
        .map(|known| (tables[known.at].name.as_str(), known.at))
        .collect();
    let alter = async |what: &str, table: &str| {
        let whole = format!("{}.{}", quoted(&catalogue.schema), quoted(table));
        let statement = format!("ALTER PUBLICATION {} {what} TABLE {whole}", quoted(name));
        execute(client, &statement).await
    };
    let is_wanted = |table: &str| wanted.contains_key(table) || (echoes && table == CURSORS);
    for table in told.iter().filter(|table| !is_wanted(table)) {
        alter("DROP", table).await?;
    }
    if echoes && !told.contains(&CURSORS) {
        alter("ADD", CURSORS).await?;
    }
    let mut fresh = Vec::new();
    for (table, at) in wanted.into_iter().filter(|(table, _)| !told.contains(table)) {
        alter("ADD", table).await?;
        fresh.push(at);
    }
    Ok(fresh)
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
