//! MariaDB's binary log as the log of a source: rows as they were and are, in the order of their commits.
//!
//! Where a reader is stands in it as the last transaction of each domain. Rows are taken from the log as they are; values that stand there in
//! a form of their own (enumerations, other character sets) are read from the table, by a query that sees the transaction.

mod position;
mod reading;
mod statement;
mod value;

use super::connect::{Flavour, fault, lend, plain};
use super::statements::by_keys;
use super::store::{COLUMNS_OF, SETUP, cell, positional, value as bound};
use crate::fault::{Fault, FaultKind};
use crate::rules::{Change, ChangeLog, Findings, Key, Left, LogError, Logs, Reader, Row, Slice, Table};
use crate::target::Target;
use futures_core::Stream;
use mysql_async::binlog::events::{Event, EventData};
use mysql_async::prelude::Queryable;
use mysql_async::{BinlogStream, BinlogStreamRequest, Conn, Error};
use position::{Domains, Position};
use reading::{Altered, Reading};
use replica_core::source::Pending;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use value::Native;

/// How long is waited where there is nothing.
const WAIT: Duration = Duration::from_millis(200);
/// How often a position is told that moved without any change of ours: each costs the target a transaction.
const TELL: Duration = Duration::from_secs(1);
/// Between two looks whether a transaction can be seen, and how long that may take.
const GLANCE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(30));
/// What the server has no longer, or never had: <https://mariadb.com/kb/en/e1236/>.
const NOT_THERE: u16 = 1236;

/// The settings that a log must have been written with, and what each must be.
const SETTINGS: [(&str, &str); 4] = [
    ("binlog_format", "ROW"),
    ("binlog_row_image", "FULL"),
    // Otherwise rows come without the names of their columns, and cannot be told apart from those before an ALTER TABLE.
    ("binlog_row_metadata", "FULL"),
    ("log_bin_compress", "OFF"),
];

/// The log of a server.
pub(super) static LOGS: Logs = Logs {
    open: |target, reader, tables| Box::pin(open(target, reader, tables)),
    examine: |target, tables| Box::pin(examine(target, tables)),
    // Nothing is made for a reader.
    forget: |_, _| Box::pin(std::future::ready(Ok(Vec::new()))),
};

struct BinaryLog {
    client: Conn,
    target: Target,
    /// What the server knows this reader by; another one of the same number ends it.
    server_id: u32,
    source: String,
    refused: Vec<(usize, String)>,
    stream: Option<BinlogStream>,
    reading: Reading,
    /// How long is waited where there is nothing.
    wait: Duration,
    /// What the log held when it was asked last, and when that was.
    head: (Domains, i64),
    /// The position that was told last, and when.
    told: (String, Instant),
}

async fn open(target: Target, reader: Reader, tables: Vec<Table>) -> Result<Box<dyn ChangeLog>, Fault> {
    let mut client = of_mariadb(&target).await?;
    if let Some(why) = hindrances(&mut client).await?.into_iter().next() {
        return Err(Fault::new(FaultKind::Misconfigured, why));
    }
    let named = "SELECT database(), concat(@@hostname, ':', @@port, '/', @@server_id)";
    let named: Option<(Option<String>, String)> =
        client.query_first(named).await.map_err(|error| fault(&error))?;
    let (schema, source) = named.unwrap_or_default();
    let natives = natives(&mut client, &tables).await?;
    let refused = refused(&tables, &natives);
    let skipped = refused.iter().map(|(at, _)| *at).collect::<HashSet<usize>>();
    let head = head(&mut client).await?;
    let digest = Sha256::digest(&reader.name);
    // Far from those that people give.
    let server_id = 0x4000_0000 | (u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) >> 2);
    Ok(Box::new(BinaryLog {
        client,
        target,
        server_id,
        source,
        refused,
        stream: None,
        wait: reader.patience(WAIT),
        reading: Reading::of(schema.unwrap_or_default(), tables, natives, skipped).echoing(reader.echo),
        head: (head, now_ms()),
        told: (String::new(), Instant::now()),
    }))
}

/// A connection for queries, to a server whose log is read here.
async fn of_mariadb(target: &Target) -> Result<Conn, Fault> {
    let mut client = lend(target).await?;
    client.query_drop(SETUP).await.map_err(|error| fault(&error))?;
    let version: Option<String> = client
        .query_first("SELECT @@version")
        .await
        .map_err(|error| fault(&error))?;
    match Flavour::of(&version.unwrap_or_default()) {
        Flavour::MariaDb => Ok(client),
        Flavour::MySql { .. } => Err(Fault::new(
            FaultKind::NotAsked,
            "the changes of MySQL cannot be followed yet; those of MariaDB can",
        )),
    }
}

/// Whether it could be opened.
async fn examine(target: Target, tables: Vec<Table>) -> Result<Findings, Fault> {
    let mut client = of_mariadb(&target).await?;
    let natives = natives(&mut client, &tables).await?;
    Ok(Findings {
        hindrances: hindrances(&mut client).await?,
        refused: refused(&tables, &natives),
    })
}

fn refused(tables: &[Table], natives: &[Vec<Native>]) -> Vec<(usize, String)> {
    let all = (0..).zip(tables.iter().zip(natives));
    all.filter_map(|(at, (table, natives))| Some((at, refusal(table, natives)?)))
        .collect()
}

/// Why the server's log cannot be read, each with what mends it.
async fn hindrances(client: &mut Conn) -> Result<Vec<String>, Fault> {
    let found: Option<(String, u8)> = client
        .query_first("SELECT @@version, @@log_bin")
        .await
        .map_err(|error| fault(&error))?;
    let (version, is_kept) = found.unwrap_or_default();
    if Flavour::of(&version) != Flavour::MariaDb {
        return Ok(vec![
            "the changes of MySQL cannot be followed yet; those of MariaDB can".to_owned(),
        ]);
    }
    let mut all = Vec::new();
    if is_kept == 0 {
        all.push("it keeps no binary log: start it with log_bin".to_owned());
    }
    for (name, wanted) in SETTINGS {
        let value: Option<String> = client
            .query_first(format!("SELECT CAST(@@global.{name} AS CHAR)"))
            .await
            .map_err(|error| fault(&error))?;
        let value = value.unwrap_or_default();
        if value != wanted {
            all.push(format!(
                "its {name} is {value}: SET GLOBAL {name} = {wanted}, and in its configuration"
            ));
        }
    }
    let grants: Vec<String> = client.query("SHOW GRANTS").await.map_err(|error| fault(&error))?;
    let is_granted = |grant: &String| {
        grant.contains(" ON *.* ")
            && (grant.contains("REPLICATION SLAVE") || grant.contains("ALL PRIVILEGES"))
    };
    if !grants.iter().any(is_granted) {
        all.push("its user may not read the log: GRANT REPLICATION SLAVE ON *.* TO <user>".to_owned());
    }
    Ok(all)
}

/// A row of [`COLUMNS_OF`].
type Described = (
    String,
    String,
    String,
    String,
    Option<String>,
    Option<u8>,
    Option<u64>,
);

async fn natives(client: &mut Conn, tables: &[Table]) -> Result<Vec<Vec<Native>>, Fault> {
    let described: Vec<Described> = client.query(COLUMNS_OF).await.map_err(|error| fault(&error))?;
    let mut found: HashMap<(String, String), Native> = HashMap::new();
    for (table, name, base, full, charset, fraction, length) in described {
        let native = Native {
            name: name.clone(),
            base: base.to_lowercase(),
            is_unsigned: full.to_lowercase().contains("unsigned"),
            fraction: fraction.unwrap_or_default(),
            length: length.unwrap_or_default(),
            charset,
        };
        found.insert((table, name), native);
    }
    let of = |table: &Table| {
        let columns = table.columns.iter();
        columns
            .filter_map(|column| found.get(&(table.name.clone(), column.name.clone())).cloned())
            .collect()
    };
    Ok(tables.iter().map(of).collect())
}

/// Why the changes of a table cannot be told from the log.
fn refusal(table: &Table, natives: &[Native]) -> Option<String> {
    if natives.len() != table.columns.len() {
        return Some("it is being altered".to_owned());
    }
    let mut keys = table.key.iter().map(|column| natives.get(*column));
    match keys.find(|native| native.is_none_or(|native| !native.is_read())) {
        None | Some(None) => None,
        Some(Some(native)) => Some(format!(
            "its key has the column {:?} of {}, which the log tells in a form that is not read",
            native.name, native.base
        )),
    }
}

async fn head(client: &mut Conn) -> Result<Domains, Fault> {
    let head: Option<String> = client
        .query_first("SELECT @@gtid_binlog_pos")
        .await
        .map_err(|error| fault(&error))?;
    let head = head.and_then(|head| Domains::parse(&head));
    head.ok_or_else(|| Fault::new(FaultKind::Strange, "it tells no position of its log"))
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// Begins a transaction that sees exactly what the log holds up to some place at or behind that position.
pub(super) async fn stand_still(client: &mut Conn, after: &str) -> Result<(), Fault> {
    let Some(after) = Position::parse(after) else {
        return Err(Fault::new(FaultKind::Strange, "its position is of another log"));
    };
    let begun = Instant::now();
    loop {
        let (file, offset) = begin(client).await?;
        let seen: Option<Option<String>> = client
            .exec_first("SELECT BINLOG_GTID_POS(?, ?)", (&file, offset))
            .await
            .map_err(|error| fault(&error))?;
        let seen = seen
            .flatten()
            .and_then(|seen| Domains::parse(&seen))
            .unwrap_or_default();
        if seen.has_all(&after.whole) {
            return Ok(());
        }
        client
            .query_drop("ROLLBACK")
            .await
            .map_err(|error| fault(&error))?;
        patient(begun)?;
        sleep(GLANCE.0).await;
    }
}

/// Begins a transaction; where in the log its moment is. A commit stands in the log before others see it.
async fn begin(client: &mut Conn) -> Result<(String, u64), Fault> {
    let still = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
    client.query_drop(still).await.map_err(|error| fault(&error))?;
    let place: Vec<(String, String)> = client
        .query("SHOW STATUS LIKE 'binlog\\_snapshot\\_%'")
        .await
        .map_err(|error| fault(&error))?;
    let of = |name: &str| place.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
    let file = of("binlog_snapshot_file")
        .map(|(_, file)| file.clone())
        .unwrap_or_default();
    let offset = of("binlog_snapshot_position").and_then(|(_, offset)| offset.parse().ok());
    Ok((file, offset.unwrap_or_default()))
}

fn patient(begun: Instant) -> Result<(), Fault> {
    match begun.elapsed() > GLANCE.1 {
        false => Ok(()),
        true => Err(Fault::new(
            FaultKind::TimedOut,
            "its log tells of transactions that no query sees yet: do they wait for a replica (rpl_semi_sync_master)?",
        )),
    }
}

impl ChangeLog for BinaryLog {
    fn source(&self) -> &str {
        &self.source
    }

    fn refused(&self) -> &[(usize, String)] {
        &self.refused
    }

    fn seek<'a>(&'a mut self, after: Option<&'a str>) -> Pending<'a, Result<String, LogError>> {
        Box::pin(async move {
            let at = match after.map(Position::parse) {
                None => Position {
                    whole: self.head.0.clone(),
                    part: None,
                },
                Some(Some(after)) => after,
                Some(None) => return Err(LogError::Gap("its cursor is of another log".to_owned())),
            };
            self.start(&at).await?;
            self.told.0 = at.to_string();
            self.reading.at = at;
            Ok(self.told.0.clone())
        })
    }

    fn next(&mut self, most: usize) -> Pending<'_, Result<Slice, LogError>> {
        Box::pin(async move {
            self.gather(most).await?;
            let reading = &mut self.reading;
            if reading.gathered.is_empty()
                && let Some(altered) = reading.altered.take()
            {
                return Err(self.altered(altered).await?);
            }
            // The rest of a transaction is waited for, unless it is too large.
            if reading.is_within() && !reading.is_enough(most) {
                return Ok(self.slice(false));
            }
            for (at, keys) in self.reading.gathered.unknown(&self.reading.tables) {
                let found = self.rows(at, &keys).await?;
                self.reading.gathered.fill(at, keys, found);
            }
            Ok(self.slice(true))
        })
    }

    fn done<'a>(&'a mut self, _: &'a str) -> Pending<'a, Result<(), Fault>> {
        Box::pin(async move {
            self.head = (head(&mut self.client).await?, now_ms());
            Ok(())
        })
    }

    fn again<'a>(&'a mut self, table: usize, keys: &'a [Key]) -> Pending<'a, Result<Vec<Change>, Fault>> {
        Box::pin(async move { Ok(Change::as_found(keys, self.rows(table, keys).await?)) })
    }
}

impl BinaryLog {
    /// Asks for everything behind that position.
    async fn start(&mut self, at: &Position) -> Result<(), LogError> {
        let mut client = plain(&self.target, "replica-monitor log").await?;
        for statement in [
            // It knows MariaDB's own events: <https://mariadb.com/kb/en/5-slave-registration/>.
            "SET @mariadb_slave_capability = 4".to_owned(),
            "SET @master_heartbeat_period = 1000000000".to_owned(),
            // Otherwise a target that is slow for a minute ends the connection.
            "SET SESSION net_write_timeout = 3600".to_owned(),
            format!("SET @slave_connect_state = '{}'", at.whole),
        ] {
            client
                .query_drop(statement)
                .await
                .map_err(|error| fault(&error))?;
        }
        let request = BinlogStreamRequest::new(self.server_id);
        let stream = client
            .get_binlog_stream(request)
            .await
            .map_err(|error| gap(&error))?;
        self.stream = Some(stream);
        // Whether it has what is asked for shows in its first answer.
        let first = self.event().await?;
        Ok(self.reading.take(&first)?)
    }

    /// The next event.
    async fn event(&mut self) -> Result<Event, LogError> {
        let Some(stream) = &mut self.stream else {
            return Err(Fault::new(FaultKind::Strange, "its log was not sought").into());
        };
        match poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(gap(&error)),
            None => Err(Fault::new(FaultKind::Closed, "the connection was closed").into()),
        }
    }

    /// Reads until there is enough, or nothing more comes.
    async fn gather(&mut self, most: usize) -> Result<(), LogError> {
        let until = Instant::now() + self.wait;
        while !self.reading.is_enough(most) {
            let rests = !self.reading.is_within() && !self.reading.gathered.is_empty();
            let event = match rests {
                // What is there already is taken; nothing is waited for.
                true => timeout(Duration::ZERO, self.event()).await,
                false => timeout_at(until, self.event()).await,
            };
            let Ok(event) = event else { return Ok(()) };
            self.take(&event?)?;
        }
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Result<(), Fault> {
        // Write, update and delete, in both versions.
        if !matches!(event.header().event_type_raw(), 23..=25 | 30..=32) {
            return self.reading.take(event);
        }
        let strange = |_| {
            Fault::new(
                FaultKind::Strange,
                "its binary log tells rows that cannot be read",
            )
        };
        if let Some(EventData::RowsEvent(rows)) = event.read_data().map_err(strange)? {
            let map = self
                .stream
                .as_ref()
                .and_then(|stream| stream.get_tme(rows.table_id()));
            self.reading.rows(&rows, map)?;
        }
        Ok(())
    }

    /// What must be copied again, and from where the log is read then.
    async fn altered(&mut self, altered: Altered) -> Result<LogError, Fault> {
        Ok(match altered {
            Altered::Tables(again) => LogError::Altered {
                until: Some(self.reading.at.to_string()),
                again,
            },
            Altered::Everything => LogError::Altered {
                until: Some(head(&mut self.client).await?.to_string()),
                again: (0..self.reading.tables.len()).collect(),
            },
        })
    }

    /// The rows of these keys as they are now, seen by a query that sees all that the log has told.
    async fn rows(&mut self, at: usize, keys: &[Key]) -> Result<Vec<Option<Row>>, Fault> {
        let begun = Instant::now();
        loop {
            let (file, offset) = begin(&mut self.client).await?;
            // Names of files are of one length, so that they are ordered as their numbers are.
            if (&file, offset) >= (&self.reading.file.0, self.reading.file.1) {
                break;
            }
            self.client
                .query_drop("ROLLBACK")
                .await
                .map_err(|error| fault(&error))?;
            patient(begun)?;
            sleep(GLANCE.0).await;
        }
        let table = &self.reading.tables[at];
        let mut found = HashMap::new();
        for some in keys.chunks(1000) {
            let bounds = some.iter().flat_map(|key| key.0.iter().map(bound)).collect();
            let rows: Vec<mysql_async::Row> = self
                .client
                .exec(by_keys(table, some.len()), positional(bounds))
                .await
                .map_err(|error| fault(&error))?;
            for row in rows {
                let values = row.unwrap().into_iter().zip(&table.columns);
                let row: Row = values.map(|(value, column)| cell(column.kind, value)).collect();
                found.insert(Key::of(table, &row).exactly(), row);
            }
        }
        self.client
            .query_drop("COMMIT")
            .await
            .map_err(|error| fault(&error))?;
        Ok(keys
            .iter()
            .map(|key| found.get(&key.exactly()).cloned())
            .collect())
    }

    /// What was gathered, and where that is; nothing new where the rest of a transaction is waited for.
    fn slice(&mut self, is_whole: bool) -> Slice {
        let is_behind = !self.reading.at.whole.has_all(&self.head.0);
        let mut slice = Slice {
            until: self.told.0.clone(),
            touched: BTreeMap::new(),
            since_ms: self.reading.since_ms.or(is_behind.then_some(self.head.1)),
            left: if is_behind { Left::Some } else { Left::Changes(0) },
            echoed: self.reading.echoed().filter(|_| is_whole),
        };
        let at = self.reading.at.to_string();
        if is_whole
            && (!self.reading.gathered.is_empty() || (at != self.told.0 && self.told.1.elapsed() > TELL))
        {
            self.reading.since_ms = None;
            slice.touched = self.reading.gathered.take();
            slice.until.clone_from(&at);
            self.told = (at, Instant::now());
        }
        slice
    }
}

fn gap(error: &Error) -> LogError {
    match error {
        Error::Server(server) if server.code == NOT_THERE => LogError::Gap(format!(
            "its binary log does not have what is behind the last that was seen: {}",
            server.message
        )),
        error => LogError::Fault(fault(error)),
    }
}
