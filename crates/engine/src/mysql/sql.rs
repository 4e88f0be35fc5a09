//! What is asked, as text. Answers are read by column name, since order and number of the columns differ by version.

use super::connect::Flavour;

/// What one statement of a look is about. Any but the first may be refused without spoiling the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// The server itself and its position. Needs no grant.
    Server,
    /// The streams into it.
    Links,
    /// File and offset that it writes, where there are no GTIDs.
    Log,
    /// MySQL's own measurements of what it applies.
    Applier,
    /// Those who registered as followers.
    Followers,
    /// The threads that send the log, for when the followers may not be read.
    Dumps,
    /// What rarely changes.
    Settings,
}

const MARIADB: &str = "SELECT @@global.gtid_binlog_pos AS written, @@global.gtid_slave_pos AS applied,
 @@global.gtid_current_pos AS current, @@global.server_id AS server, @@global.read_only AS read_only, @@version AS version,
 @@global.max_connections AS max_connections, CAST(UNIX_TIMESTAMP(NOW(6))*1000000 AS UNSIGNED) AS clock_us,
 (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='THREADS_CONNECTED') AS connections,
 (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='SLAVES_RUNNING') AS running";

const MYSQL: &str = "SELECT @@global.gtid_executed AS executed, @@global.server_uuid AS server, @@global.read_only AS read_only,
 @@version AS version, @@global.max_connections AS max_connections,
 CAST(UNIX_TIMESTAMP(NOW(6))*1000000 AS UNSIGNED) AS clock_us,
 (SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME='Threads_connected') AS connections";

/// Timestamps that are not set read 0000-00-00: `NULLIF` makes them null.
const APPLIER: &str = "SELECT cc.CHANNEL_NAME AS channel,
 CAST(cc.HEARTBEAT_INTERVAL*1000 AS UNSIGNED) AS heartbeat_ms,
 GTID_SUBSET(cs.RECEIVED_TRANSACTION_SET,@@global.gtid_executed) AS caught,
 TIMESTAMPDIFF(MICROSECOND,w.oldest,NOW(6)) DIV 1000 AS applying_ms,
 TIMESTAMPDIFF(MICROSECOND,w.newest,NOW(6)) DIV 1000 AS applied_ms,
 TIMESTAMPDIFF(MICROSECOND,GREATEST(COALESCE(NULLIF(cs.LAST_HEARTBEAT_TIMESTAMP,0),'2000-01-01'),
  COALESCE(NULLIF(cs.LAST_QUEUED_TRANSACTION_END_QUEUE_TIMESTAMP,0),'2000-01-01')),NOW(6)) DIV 1000 AS receipt_ms
FROM performance_schema.replication_connection_configuration cc
JOIN performance_schema.replication_connection_status cs USING(CHANNEL_NAME)
LEFT JOIN (SELECT CHANNEL_NAME, MIN(NULLIF(APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP,0)) AS oldest,
  MAX(NULLIF(LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP,0)) AS newest
 FROM performance_schema.replication_applier_status_by_worker GROUP BY CHANNEL_NAME) w USING(CHANNEL_NAME)
ORDER BY cc.CHANNEL_NAME LIMIT 50";

/// One row for each replica that reads the log. Without PROCESS only one's own threads are seen: none.
const DUMPS: &str = "SELECT USER AS user, HOST AS host FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%' LIMIT 200";

/// `SHOW` rather than `SELECT`: names that a version does not know are no error.
const SETTINGS: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin','gtid_mode','binlog_expire_logs_seconds',
 'expire_logs_days','binlog_format','sync_binlog','innodb_flush_log_at_trx_commit','slave_net_timeout','replica_net_timeout',
 'gtid_strict_mode','server_id','read_only','super_read_only','enforce_gtid_consistency','log_slave_updates',
 'log_replica_updates','binlog_row_image')";

/// Sent once. In UTC, because in a zone with summer time one hour of the year is ambiguous; outside of transactions, so that no
/// snapshot is held; ended by the server where we forgot to wait.
pub(super) fn setup(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MariaDb => "SET SESSION time_zone='+00:00', autocommit=1, max_statement_time=5",
        Flavour::MySql { .. } if flavour.at_least(5, 7, 8) => {
            "SET SESSION time_zone='+00:00', autocommit=1, max_execution_time=5000"
        }
        Flavour::MySql { .. } => "SET SESSION time_zone='+00:00', autocommit=1",
    }
}

/// The statement for that topic.
pub(super) fn text(topic: Topic, flavour: Flavour) -> &'static str {
    let mariadb = flavour == Flavour::MariaDb;
    match topic {
        Topic::Server if mariadb => MARIADB,
        Topic::Server => MYSQL,
        Topic::Links if mariadb => "SHOW ALL SLAVES STATUS",
        Topic::Links if flavour.at_least(8, 0, 22) => "SHOW REPLICA STATUS",
        Topic::Links => "SHOW SLAVE STATUS",
        Topic::Log if flavour.at_least(8, 2, 0) => "SHOW BINARY LOG STATUS",
        Topic::Log => "SHOW MASTER STATUS",
        Topic::Applier => APPLIER,
        Topic::Followers if flavour.at_least(8, 0, 22) => "SHOW REPLICAS",
        Topic::Followers => "SHOW SLAVE HOSTS",
        Topic::Dumps => DUMPS,
        Topic::Settings => SETTINGS,
    }
}
