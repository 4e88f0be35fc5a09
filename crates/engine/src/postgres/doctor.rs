//! Settings that will bite one day. Read once, by `doctor`, never by a probe.

use super::connect::fault;
use crate::driver::Advice;
use crate::fault::Fault;
use tokio_postgres::Client;

const SETTINGS: &str =
    "SELECT name, setting, coalesce(unit,'') AS unit FROM pg_settings WHERE name = ANY($1)";
const NAMES: [&str; 7] = [
    "max_slot_wal_keep_size",
    "wal_log_hints",
    "data_checksums",
    "wal_receiver_timeout",
    "hot_standby_feedback",
    "fsync",
    "full_page_writes",
];

/// What is set so that it will hurt.
pub(super) async fn examine(client: &Client) -> Result<Vec<Advice>, Fault> {
    let names: Vec<&str> = NAMES.to_vec();
    let rows = client
        .query(SETTINGS, &[&names])
        .await
        .map_err(|error| fault(&error))?;
    let value = |name: &str| -> Option<String> {
        let row = rows.iter().find(|row| row.get::<_, &str>("name") == name)?;
        Some(row.get("setting"))
    };
    let is = |name: &str, bad: &str| value(name).as_deref() == Some(bad);
    let mut advice = Vec::new();
    let mut say = |about: &str, why: &'static str, fix: &str| {
        advice.push(Advice {
            about: about.to_owned(),
            why,
            fix: fix.to_owned(),
        });
    };
    if is("max_slot_wal_keep_size", "-1") {
        say(
            "max_slot_wal_keep_size = -1",
            "a slot whose consumer is gone keeps all log and fills the disk",
            "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();",
        );
    }
    if is("wal_log_hints", "off") && is("data_checksums", "off") {
        say(
            "wal_log_hints = off and no data checksums",
            "pg_rewind refuses this server after a failover; it must be rebuilt whole",
            "ALTER SYSTEM SET wal_log_hints = on; then restart",
        );
    }
    if is("wal_receiver_timeout", "0") {
        say(
            "wal_receiver_timeout = 0",
            "a standby never notices that its link is dead",
            "ALTER SYSTEM SET wal_receiver_timeout = '60s'; SELECT pg_reload_conf();",
        );
    }
    if is("fsync", "off") || is("full_page_writes", "off") {
        say(
            "fsync or full_page_writes = off",
            "a crash may corrupt the data",
            "ALTER SYSTEM RESET fsync; ALTER SYSTEM RESET full_page_writes; SELECT pg_reload_conf();",
        );
    }
    Ok(advice)
}
