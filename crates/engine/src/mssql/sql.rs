//! What is asked, as one batch of text. Everything is cast to bigint or nvarchar, so that no driver support for other types is
//! needed; rows say of what kind they are.

/// What this server has, asked once: Azure SQL Database has no such view, and 2014 no such column.
pub(super) const SHAPE: &str =
    "SELECT CAST(OBJECT_ID('sys.dm_hadr_database_replica_states') AS bigint) AS has_groups,
 (SELECT CAST(COUNT(*) AS bigint) FROM sys.all_columns WHERE name = 'secondary_lag_seconds'
   AND object_id = OBJECT_ID('sys.dm_hadr_database_replica_states')) AS has_lag";

/// The server and the database. `SYSUTCDATETIME` is taken once, so that its parts are of one time.
const SERVER: &str = "SELECT N'server' AS kind, CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(64)) AS version,
 CAST(SERVERPROPERTY('ServerName') AS nvarchar(256)) AS server, CAST(DB_ID({db}) AS bigint) AS db,
 CAST(DATABASEPROPERTYEX({db}, 'Updateability') AS nvarchar(32)) AS updateability,
 CAST(DATEDIFF(second, '19700101', t.now) AS bigint) * 1000000 + DATEPART(microsecond, t.now) AS clock_us,
 CAST(HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS bigint) AS may_state,
 CAST(HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION') AS bigint) AS may_define,
 (SELECT CAST(value_in_use AS bigint) FROM sys.configurations WHERE name = 'user connections') AS max_connections
FROM (SELECT SYSUTCDATETIME() AS now) t;\n";

/// The database in its group: all replicas at the primary, its own row at a secondary. Without the right the whole batch would
/// fail, so it is asked for first. Names are definitions, which not everybody sees.
const GROUP: &str = "IF HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') = 1
SELECT N'group' AS kind, ar.replica_server_name AS replica, CAST(rs.is_local AS bigint) AS is_local, ars.role_desc AS role,
 ars.connected_state_desc AS connected, rs.synchronization_state_desc AS state,
 CAST(rs.is_suspended AS bigint) AS suspended, rs.suspend_reason_desc AS suspended_why,
 CAST(rs.group_database_id AS nvarchar(40)) AS history, CAST(rs.last_commit_lsn AS nvarchar(30)) AS lsn,
 CAST(DATEDIFF(second, '19700101', rs.last_commit_time) AS bigint) * 1000 + DATEPART(millisecond, rs.last_commit_time) AS commit_ms,
 rs.log_send_queue_size AS send_kb, rs.redo_queue_size AS redo_kb, {lag} AS lag_s, ags.primary_replica AS leader
FROM sys.dm_hadr_database_replica_states rs
LEFT JOIN sys.dm_hadr_availability_replica_states ars ON ars.replica_id = rs.replica_id
LEFT JOIN sys.dm_hadr_availability_group_states ags ON ags.group_id = rs.group_id
LEFT JOIN sys.availability_replicas ar ON ar.replica_id = rs.replica_id
WHERE rs.database_id = DB_ID({db});\n";

/// A plain login would count itself alone.
const SESSIONS: &str = "IF HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') = 1
SELECT N'sessions' AS kind, CAST(COUNT(*) AS bigint) AS used FROM sys.dm_exec_sessions WHERE is_user_process = 1;\n";

/// The batch for that database, or for the one that the session is in.
pub(super) fn batch(database: &str, groups: bool, lag: bool) -> String {
    let db = match database {
        "" => "DB_NAME()".to_owned(),
        name => format!("N'{}'", name.replace('\'', "''")),
    };
    let lag = match lag {
        true => "CAST(rs.secondary_lag_seconds AS bigint)",
        false => "CAST(NULL AS bigint)",
    };
    let group = if groups { GROUP } else { "" };
    [SERVER, group, SESSIONS]
        .concat()
        .replace("{lag}", lag)
        .replace("{db}", &db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_no_text() {
        let batch = batch("it's", true, false);
        assert!(batch.contains("DB_ID(N'it''s')") && !batch.contains('{'));
        assert!(batch.contains("CAST(NULL AS bigint) AS lag_s"));
        assert!(super::batch("", false, true).contains("DB_ID(DB_NAME())"));
    }
}
