//! Settings that will bite one day. Read once, by `doctor`, never by a probe.

use super::connect::fault;
use super::look::Session;
use super::row::text;
use crate::driver::Advice;
use crate::fault::Fault;
use mysql_async::Row;
use mysql_async::prelude::Queryable;

/// Names that do not exist in a version are simply not in its answer.
const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin','binlog_format','sync_binlog','innodb_flush_log_at_trx_commit','gtid_strict_mode','gtid_mode','slave_net_timeout','replica_net_timeout','server_id','expire_logs_days')";

/// What a value of a variable will do, and what mends it.
const BITES: &[(&str, &[&str], &str, &str)] = &[
    (
        "log_bin",
        &["OFF"],
        "nothing can follow this server, and it cannot be rolled forward",
        "add log_bin to its configuration and restart it",
    ),
    (
        "binlog_format",
        &["STATEMENT", "MIXED"],
        "rules cannot read its log, and some statements give other rows on replicas",
        "SET GLOBAL binlog_format='ROW';",
    ),
    (
        "sync_binlog",
        &["0"],
        "after a power failure its replicas may have transactions that it has lost, and break",
        "SET GLOBAL sync_binlog=1;",
    ),
    (
        "innodb_flush_log_at_trx_commit",
        &["0", "2"],
        "after a crash it may come back without transactions that its replicas have, and they break",
        "SET GLOBAL innodb_flush_log_at_trx_commit=1;",
    ),
    (
        "gtid_strict_mode",
        &["OFF"],
        "transactions of its own on a replica go unnoticed until it is promoted",
        "SET GLOBAL gtid_strict_mode=1;",
    ),
    (
        "gtid_mode",
        &["OFF"],
        "without GTIDs its lag cannot be measured here, and re-pointing it is done by hand",
        "see the manual on enabling GTIDs online",
    ),
    (
        "slave_net_timeout",
        &["3600", "300", "60"],
        "a dead link looks alive for that many seconds",
        "SET GLOBAL slave_net_timeout=10;",
    ),
    (
        "replica_net_timeout",
        &["3600", "300", "60"],
        "a dead link looks alive for that many seconds",
        "SET GLOBAL replica_net_timeout=10;",
    ),
    (
        "server_id",
        &["0"],
        "it cannot take part in replication",
        "give it a server_id of its own in its configuration",
    ),
];

/// What is set so that it will hurt.
pub(super) async fn examine(session: &mut Session) -> Result<Vec<Advice>, Fault> {
    let rows: Vec<Row> = session
        .conn
        .query(VARIABLES)
        .await
        .map_err(|error| fault(&error))?;
    let set = rows
        .iter()
        .filter_map(|row| Some((text(row, &["Variable_name"])?, text(row, &["Value"])?)));
    let found = set.filter_map(|(name, value)| {
        let (_, _, why, fix) = BITES
            .iter()
            .find(|(known, bad, ..)| *known == name && bad.contains(&value.as_str()))?;
        Some(Advice {
            about: format!("{name} = {value}"),
            why,
            fix: (*fix).to_owned(),
        })
    });
    Ok(found.collect())
}
