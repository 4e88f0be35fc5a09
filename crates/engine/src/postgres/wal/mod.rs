//! The server's write-ahead log as the log of a source: logical decoding, by the plugin `pgoutput` that every server has.
//!
//! The images of rows are taken from the log as they are. What it does not tell (values stored apart that did not change) is read from the
//! table, by a query that sees the transaction. A transaction that is too large for one batch is handed over in pieces, and the position
//! says how many of its changes were taken.

mod catalogue;
mod feed;
mod lsn;
mod message;
mod place;
mod reading;
mod seen;
mod session;

use super::connect::{fault, open as connect};
use super::statements::{expression, quoted};
use super::store::{SETUP, read};
use crate::fault::{Fault, FaultKind};
use crate::rules::{Cell, Change, ChangeLog, Findings, Key, Left, LogError, Logs, Reader, Row, Slice, Table};
use crate::target::Target;
use catalogue::Catalogue;
use feed::{Feed, Frame};
use lsn::{Lsn, Position};
use message::Message;
use place::{Slot, clear, create, hindrances, name_of, publish, slot};
use reading::Reading;
use replica_core::source::Pending;
use seen::Seen;
use session::Session;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, IsolationLevel};

/// How long is waited where there is nothing.
const WAIT: Duration = Duration::from_millis(200);
/// How often the catalogue is looked at for new tables.
const REVIEW: Duration = Duration::from_secs(5);
/// How often a position is told that moved without any change of ours: each costs the target a transaction.
const TELL: Duration = Duration::from_secs(1);
/// Between two looks whether a transaction can be seen, and how long that may take.
const GLANCE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(30));

/// The log of a server.
pub(super) static LOGS: Logs = Logs {
    open: |target, reader, tables| Box::pin(open(target, reader, tables)),
    examine: |target, tables| Box::pin(examine(target, tables)),
    forget: |target, reader| Box::pin(async move { clear(&sql(&target).await?, &name_of(&reader)).await }),
};

struct PostgresLog {
    client: Client,
    name: String,
    source: String,
    slot: Slot,
    fresh: Vec<usize>,
    /// Until it streams.
    session: Option<Session>,
    feed: Option<Feed>,
    reading: Reading,
    /// How long is waited where there is nothing.
    wait: Duration,
    /// Everything up to there came.
    reached: Lsn,
    /// Where the log ended when it was asked last, and when that was.
    head: (Lsn, i64),
    /// When the catalogue was looked at last.
    reviewed: Instant,
    /// The position that was told last, and when.
    told: (String, Instant),
}

/// A connection for queries.
async fn sql(target: &Target) -> Result<Client, Fault> {
    let client = connect(target, "replica-monitor log").await?.client;
    client.batch_execute(SETUP).await.map_err(|error| fault(&error))?;
    Ok(client)
}

async fn open(target: Target, reader: Reader, tables: Vec<Table>) -> Result<Box<dyn ChangeLog>, Fault> {
    let client = sql(&target).await?;
    if let Some(why) = hindrances(&client, &[]).await?.into_iter().next() {
        return Err(Fault::new(FaultKind::Misconfigured, why));
    }
    let mut session = Session::connect(&target).await?;
    let name = name_of(&reader.name);
    let head = head(&client).await?.0;
    let catalogue = Catalogue::read(&client, &tables).await?;
    // Before the slot: what was written without a publication cannot be read with one.
    let echoes = reader.echo.is_some();
    let (fresh, is_new) = publish(&client, &name, &tables, (&catalogue, echoes)).await?;
    let slot = slot(&client, &mut session, &name, is_new).await?;
    let system = session.query("IDENTIFY_SYSTEM").await?;
    let system = system.first().and_then(|row| row.first().cloned().flatten());
    let database = "SELECT oid FROM pg_database WHERE datname = current_database()";
    let database = client.query_one(database, &[]).await;
    let database: u32 = database.map_err(|error| fault(&error))?.get(0);
    Ok(Box::new(PostgresLog {
        client,
        name,
        source: format!("{}/{database}", system.unwrap_or_default()),
        slot,
        fresh,
        session: Some(session),
        feed: None,
        wait: reader.patience(WAIT),
        reading: Reading::of(tables, catalogue, head).echoing(reader.echo),
        reached: Lsn::default(),
        head: (head, now_ms()),
        reviewed: Instant::now(),
        told: (String::new(), Instant::now()),
    }))
}

/// Whether it could be opened.
async fn examine(target: Target, tables: Vec<Table>) -> Result<Findings, Fault> {
    let client = sql(&target).await?;
    Ok(Findings {
        hindrances: hindrances(&client, &tables).await?,
        refused: Catalogue::read(&client, &tables).await?.refused,
    })
}

/// Where the log ends, and what a query sees.
async fn head(client: &Client) -> Result<(Lsn, Seen), Fault> {
    let row = client
        .query_one(
            "SELECT pg_current_wal_flush_lsn()::text, txid_current_snapshot()::text",
            &[],
        )
        .await
        .map_err(|error| fault(&error))?;
    let (lsn, seen) = (Lsn::parse(row.get(0)), Seen::parse(row.get(1)));
    lsn.zip(seen)
        .ok_or_else(|| Fault::new(FaultKind::Strange, "it tells no position of its log"))
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// Makes everything that is read on that connection from here on be of one moment: the one at which a new slot begins, which shows
/// exactly what the log tells up to there, whatever waits for a standby.
pub(super) async fn stand_still(target: &Target, client: &Client) -> Result<(), Fault> {
    let mut session = Session::connect(target).await?;
    // It goes with its session, which ends as soon as the moment is taken over.
    let name = format!("rm_copy_{}", session.pid);
    let command = format!("CREATE_REPLICATION_SLOT {name} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT");
    let made = create(client, &mut session, &command).await?;
    let moment = made.get(2).cloned().flatten();
    let moment = moment.ok_or_else(|| Fault::new(FaultKind::Strange, "a new slot tells no moment"))?;
    let begin =
        format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{moment}'");
    client.batch_execute(&begin).await.map_err(|error| fault(&error))
}

impl ChangeLog for PostgresLog {
    fn source(&self) -> &str {
        &self.source
    }

    fn fresh(&self) -> &[usize] {
        &self.fresh
    }

    fn refused(&self) -> &[(usize, String)] {
        &self.reading.catalogue.refused
    }

    fn seek<'a>(&'a mut self, after: Option<&'a str>) -> Pending<'a, Result<String, LogError>> {
        Box::pin(async move {
            let at = match after {
                None => Position {
                    whole: self.slot.confirmed,
                    part: None,
                },
                Some(after) => self.reachable(after).map_err(LogError::Gap)?,
            };
            let Some(mut session) = self.session.take() else {
                return Err(unsought().into());
            };
            let (slot, publication) = (quoted(&self.name), self.name.replace('\'', "''"));
            let command = format!(
                "START_REPLICATION SLOT {slot} LOGICAL {} (proto_version '1', publication_names '\"{publication}\"')",
                at.whole
            );
            session.start(&command).await?;
            self.feed = Some(Feed::of(session, self.slot.confirmed));
            (self.reading.at, self.reached) = (at, at.whole);
            self.told.0 = at.to_string();
            Ok(at.to_string())
        })
    }

    fn next(&mut self, most: usize) -> Pending<'_, Result<Slice, LogError>> {
        Box::pin(async move {
            self.gather(most).await?;
            let reading = &mut self.reading;
            if reading.gathered.is_empty()
                && let Some(again) = reading.altered.take()
            {
                return Err(LogError::Altered { until: None, again });
            }
            // The rest of a transaction is waited for, unless it is too large.
            if reading.is_within() && !reading.is_enough(most) {
                return Ok(self.slice(false));
            }
            self.look_up().await?;
            Ok(self.slice(true))
        })
    }

    fn done<'a>(&'a mut self, until: &'a str) -> Pending<'a, Result<(), Fault>> {
        Box::pin(async move {
            if let (Some(feed), Some(until)) = (&self.feed, Position::parse(until)) {
                feed.confirm(until.whole);
            }
            let (head, seen) = head(&self.client).await?;
            self.head = (head, now_ms());
            self.reading.recent.retain(|xid| !seen.shows(*xid));
            if self.reviewed.elapsed() > REVIEW && self.reading.altered.is_none() {
                self.reviewed = Instant::now();
                if self.reading.catalogue.is_other(&self.client).await? {
                    self.reading.altered = Some(Vec::new());
                }
            }
            Ok(())
        })
    }

    fn again<'a>(&'a mut self, table: usize, keys: &'a [Key]) -> Pending<'a, Result<Vec<Change>, Fault>> {
        Box::pin(async move { Ok(Change::as_found(keys, self.rows(table, keys).await?)) })
    }
}

fn unsought() -> Fault {
    Fault::new(FaultKind::Strange, "its log was not opened for that")
}

impl PostgresLog {
    /// The position, if the slot still has what is behind it.
    fn reachable(&self, after: &str) -> Result<Position, String> {
        if let Some(gap) = &self.slot.gap {
            return Err(gap.clone());
        }
        let Some(after) = Position::parse(after) else {
            return Err("its cursor is of another log".to_owned());
        };
        // It is never confirmed further than the target has come; so somebody else has moved it or made it anew.
        if self.slot.confirmed > after.whole {
            return Err(format!(
                "the slot {} begins at {}, and {} was the last that was seen",
                self.name, self.slot.confirmed, after.whole
            ));
        }
        Ok(after)
    }

    /// Reads until there is enough, or nothing more comes.
    async fn gather(&mut self, most: usize) -> Result<(), Fault> {
        let until = Instant::now() + self.wait;
        let (reading, feed) = (&mut self.reading, self.feed.as_mut().ok_or_else(unsought)?);
        while !reading.is_enough(most) {
            let is_whole = !reading.is_within() && !reading.gathered.is_empty();
            if is_whole && !feed.is_ready() {
                return Ok(());
            }
            match feed.next(until).await? {
                Some(Frame::Data(data)) => {
                    let message = Message::parse(data);
                    let message =
                        message.map_err(|_| Fault::new(FaultKind::Strange, "its log cannot be read"))?;
                    reading.take(message)?;
                    self.reached = self.reached.max(reading.at.whole);
                }
                Some(Frame::Reached(end)) => {
                    reading.reach(end);
                    self.reached = self.reached.max(end);
                }
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Reads from the tables what the log did not tell.
    async fn look_up(&mut self) -> Result<(), Fault> {
        for (at, keys) in self.reading.gathered.unknown(&self.reading.tables) {
            let found = self.rows(at, &keys).await?;
            self.reading.gathered.fill(at, keys, found);
        }
        Ok(())
    }

    /// The rows of these keys as they are now, seen by a query that sees all that the log has told.
    async fn rows(&mut self, at: usize, keys: &[Key]) -> Result<Vec<Option<Row>>, Fault> {
        let (reading, begun) = (&self.reading, Instant::now());
        let table = &reading.tables[at];
        let known = reading.catalogue.known.iter().find(|known| known.at == at);
        let statement = by_keys(table, known.map_or(&[][..], |known| &known.key_types));
        let part = |part: usize| {
            let cells = keys.iter().map(|key| key.0.get(part).and_then(Cell::written));
            cells.collect::<Vec<Option<String>>>()
        };
        let parts: Vec<_> = (0..table.key.len()).map(part).collect();
        let bounds: Vec<(&(dyn ToSql + Sync), Type)> = parts
            .iter()
            .map(|part| (part as &(dyn ToSql + Sync), Type::TEXT_ARRAY))
            .collect();
        let rows = loop {
            let begin = self.client.build_transaction();
            let begin = begin
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true);
            let still = begin.start().await.map_err(|error| fault(&error))?;
            let seen = still.query_one("SELECT txid_current_snapshot()::text", &[]).await;
            let seen = Seen::parse(seen.map_err(|error| fault(&error))?.get(0));
            if seen.is_some_and(|seen| reading.recent.iter().all(|xid| seen.shows(*xid))) {
                let rows = still.query_typed(&statement, &bounds).await;
                break rows.map_err(|error| fault(&error))?;
            }
            if begun.elapsed() > GLANCE.1 {
                let why = "its log tells of transactions that no query sees yet: do they wait for a standby (synchronous_standby_names)?";
                return Err(Fault::new(FaultKind::TimedOut, why));
            }
            drop(still);
            sleep(GLANCE.0).await;
        };
        let mut found = BTreeMap::new();
        for row in &rows {
            let row = read(table, row).map_err(|error| fault(&error))?;
            found.insert(Key::of(table, &row).exactly(), row);
        }
        Ok(keys
            .iter()
            .map(|key| found.get(&key.exactly()).cloned())
            .collect())
    }

    /// What was gathered, and where that is; nothing new where the rest of a transaction is waited for.
    fn slice(&mut self, is_whole: bool) -> Slice {
        let left = self.head.0.0.saturating_sub(self.reached.0);
        let mut slice = Slice {
            until: self.told.0.clone(),
            touched: BTreeMap::new(),
            since_ms: self.reading.since_ms.or((left > 0).then_some(self.head.1)),
            left: Left::Bytes(left),
            echoed: self.reading.echoed().filter(|_| is_whole),
        };
        if is_whole && (!self.reading.gathered.is_empty() || self.told.1.elapsed() > TELL) {
            self.reading.since_ms = None;
            slice.touched = self.reading.gathered.take();
            slice.until = self.reading.at.to_string();
            self.told = (slice.until.clone(), Instant::now());
        }
        slice
    }
}

/// The rows whose keys are in arrays, one for each column of the key.
fn by_keys(table: &Table, types: &[String]) -> String {
    let columns: Vec<String> = table.columns.iter().map(expression).collect();
    let parts = table.key.len();
    let arrays: Vec<String> = (1..=parts).map(|part| format!("${part}")).collect();
    // No column of a user's is called so.
    let names: Vec<String> = (1..=parts).map(|part| format!("\"_rm_key_{part}\"")).collect();
    let same = table.key_columns().zip(&names).zip(types);
    let same: Vec<String> = same
        .map(|((column, name), native)| format!("t.{} = d.{name}::{native}", quoted(&column.name)))
        .collect();
    format!(
        "SELECT {} FROM {} t JOIN unnest({}) AS d({}) ON {}",
        columns.join(", "),
        quoted(&table.name),
        arrays.join(", "),
        names.join(", "),
        same.join(" AND ")
    )
}
