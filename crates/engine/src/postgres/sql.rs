//! What is asked, as text. Everything is cast to bigint, text or bool, so that no driver support for other types is needed.
//!
//! Columns that only newer servers have, or that a role may not see, are read through `to_jsonb`: absent becomes null instead of
//! an error.

/// The server itself and its place in its history; `{pause}` depends on the version.
const SERVER: &str = "SELECT pg_is_in_recovery() AS rec,
 (extract(epoch FROM clock_timestamp())*1000000)::bigint AS clock_us,
 (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint AS pos,
 (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS pos_text,
 (pg_last_wal_receive_lsn() - '0/0'::pg_lsn)::bigint AS received,
 (extract(epoch FROM CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() END)*1000000)::bigint AS last_commit_us,
 CASE WHEN pg_is_in_recovery() THEN NULL ELSE txid_snapshot_xmax(txid_current_snapshot()) END AS writes,
 CASE WHEN pg_is_in_recovery() THEN {pause} END AS pause,
 (SELECT count(*)::bigint FROM pg_stat_wal_receiver) AS receivers,
 to_jsonb(w)->>'status' AS receiver_status,
 (to_jsonb(w)->>'received_tli')::bigint AS received_tli,
 to_jsonb(w)->>'slot_name' AS slot,
 to_jsonb(w)->>'sender_host' AS sender_host,
 (to_jsonb(w)->>'sender_port')::bigint AS sender_port,
 (extract(epoch FROM clock_timestamp()-w.last_msg_receipt_time)*1000)::bigint AS receipt_age_ms,
 CASE WHEN pg_is_in_recovery() THEN NULL ELSE ('x'||left(pg_walfile_name(pg_current_wal_lsn()),8))::bit(32)::int::bigint END AS timeline,
 (SELECT wait_event FROM pg_stat_activity WHERE backend_type='startup') AS startup_waits,
 (extract(epoch FROM current_setting('recovery_min_apply_delay',true)::interval)*1000)::bigint AS delay_ms,
 pg_size_bytes(current_setting('wal_keep_size',true)) AS keep_bytes,
 (SELECT sum(numbackends)::bigint FROM pg_stat_database) AS connections,
 current_setting('max_connections')::bigint AS max_connections,
 current_setting('superuser_reserved_connections')::bigint
   + coalesce(current_setting('reserved_connections',true)::bigint,0) AS reserved,
 current_setting('transaction_read_only')='on' AS read_only,
 current_setting('server_version') AS version,
 pg_has_role('pg_monitor','USAGE') AS monitors
FROM (SELECT 1) one LEFT JOIN pg_stat_wal_receiver w ON true";

/// 14 and later tell a request to pause from the pause itself.
pub(super) fn server(version: u32) -> String {
    let pause = if version >= 14 {
        "pg_get_wal_replay_pause_state()"
    } else {
        "CASE WHEN pg_is_wal_replay_paused() THEN 'paused' ELSE 'not paused' END"
    };
    SERVER.replace("{pause}", pause)
}

/// Which history; some managed services deny it. The branches are the newest that the control file has seen.
pub(super) const HISTORY: &str = "SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,
 (SELECT timeline_id::bigint FROM pg_control_checkpoint()) AS checkpoint_timeline,
 (SELECT min_recovery_end_timeline::bigint FROM pg_control_recovery()) AS recovery_timeline";

/// Places that the log is kept for. Anybody may read it.
pub(super) const SLOTS: &str = "SELECT slot_name::text AS name, active, active_pid::bigint AS pid,
 (confirmed_flush_lsn-'0/0'::pg_lsn)::bigint AS acknowledged,
 (restart_lsn-'0/0'::pg_lsn)::bigint AS restart,
 to_jsonb(s)->>'wal_status' AS wal_status, (to_jsonb(s)->>'safe_wal_size')::bigint AS safe_bytes
FROM pg_replication_slots s ORDER BY slot_name LIMIT 200";

/// Those who follow. Without pg_monitor all but pid and application name are null.
pub(super) const FOLLOWERS: &str = "SELECT pid::bigint AS pid, application_name AS app, client_addr::text AS host, state,
 (pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, replay_lsn))::bigint AS behind_bytes,
 (extract(epoch FROM replay_lag)*1000)::bigint AS replay_lag_ms,
 (extract(epoch FROM clock_timestamp()-(to_jsonb(r)->>'reply_time')::timestamptz)*1000)::bigint AS reply_age_ms
FROM pg_stat_replication r WHERE application_name NOT LIKE 'pg\\_basebackup%' ORDER BY pid LIMIT 200";

/// Logical streams into this database; the errors are counted from 15 on.
pub(super) fn subscriptions(version: u32) -> String {
    let errors = if version >= 15 {
        "(SELECT apply_error_count::bigint FROM pg_stat_subscription_stats e WHERE e.subid=s.oid)"
    } else {
        "NULL::bigint"
    };
    format!(
        "SELECT s.subname::text AS name, s.subenabled AS enabled, s.subslotname::text AS slot, {errors} AS errors,
 (SELECT min(pid)::bigint FROM pg_stat_subscription t WHERE t.subid=s.oid AND t.relid IS NULL) AS pid,
 (SELECT (extract(epoch FROM clock_timestamp()-max(t.last_msg_receipt_time))*1000)::bigint FROM pg_stat_subscription t WHERE t.subid=s.oid AND t.relid IS NULL) AS receipt_age_ms
FROM pg_subscription s WHERE s.subdbid=(SELECT oid FROM pg_database WHERE datname=current_database()) ORDER BY 1 LIMIT 200"
    )
}
