//! A row of SHOW … STATUS → the link it describes.

use super::row::{number, text};
use crate::look::LinkSeen;
use mysql_async::Row;
use replica_core::lag::Reason;
use replica_core::{LinkState, Name};
use std::time::Duration;

/// What the two threads of a link do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Threads {
    /// `Yes`, `No`, `Connecting`…
    pub(super) io: String,
    pub(super) sql: String,
    pub(super) io_errno: u64,
    pub(super) io_error: String,
    pub(super) sql_errno: u64,
    pub(super) sql_error: String,
    /// What the applying thread waits for.
    pub(super) sql_state: String,
    pub(super) delay_s: u64,
    pub(super) retry_s: u64,
}

/// The link that a row describes; its upstream is named by `server`'s kind of name.
pub(super) fn link(row: &Row, upstream_server: &[&str]) -> LinkSeen {
    let word = |names: &[&str]| text(row, names).unwrap_or_default();
    let count = |names: &[&str]| number(row, names).unwrap_or_default();
    let threads = Threads {
        io: word(&["Slave_IO_Running", "Replica_IO_Running"]),
        sql: word(&["Slave_SQL_Running", "Replica_SQL_Running"]),
        io_errno: count(&["Last_IO_Errno"]),
        io_error: word(&["Last_IO_Error"]),
        sql_errno: count(&["Last_SQL_Errno"]),
        sql_error: word(&["Last_SQL_Error"]),
        sql_state: word(&["Slave_SQL_Running_State", "Replica_SQL_Running_State"]),
        delay_s: count(&["SQL_Delay"]),
        retry_s: count(&["Connect_Retry"]),
    };
    let (state, reason) = state(&threads);
    let host = text(row, &["Master_Host", "Source_Host"]);
    let port = number(row, &["Master_Port", "Source_Port"]);
    LinkSeen {
        name: word(&["Connection_name", "Channel_Name"]).into(),
        reason,
        upstream: host.zip(port).map(|(host, port)| format!("{host}:{port}").into()),
        upstream_server: text(row, upstream_server)
            .filter(|server| !matches!(server.as_str(), "" | "0"))
            .map(Name::from),
        delay: (threads.delay_s > 0).then(|| Duration::from_secs(threads.delay_s)),
        ..LinkSeen::only(state)
    }
}

/// What the threads make of the link.
pub(super) fn state(threads: &Threads) -> (LinkState, Option<Reason>) {
    let runs = |thread: &str| thread.eq_ignore_ascii_case("yes");
    let stopped = |thread: &str| thread.eq_ignore_ascii_case("no");
    if stopped(&threads.sql) && threads.sql_errno != 0 {
        return (
            LinkState::Broken,
            Some(told(threads.sql_errno, &threads.sql_error)),
        );
    }
    if stopped(&threads.io) && threads.io_errno != 0 {
        return (LinkState::Broken, Some(told(threads.io_errno, &threads.io_error)));
    }
    match (stopped(&threads.io), stopped(&threads.sql)) {
        (true, true) => {
            return (
                LinkState::Stopped,
                Some("somebody stopped it: START SLAVE lets it go on".into()),
            );
        }
        (true, false) => {
            let why = "somebody stopped the receiving: START SLAVE IO_THREAD lets it go on";
            return (LinkState::Stopped, Some(why.into()));
        }
        (false, true) => {
            let why = "somebody stopped the applying: START SLAVE SQL_THREAD lets it go on";
            return (LinkState::Paused, Some(why.into()));
        }
        (false, false) => {}
    }
    if !runs(&threads.io) {
        return (LinkState::Connecting, Some(connecting(threads)));
    }
    if threads.sql_state.to_ascii_lowercase().contains("lock") {
        return (
            LinkState::Streaming,
            Some("applying waits for a lock that somebody holds here".into()),
        );
    }
    match threads.delay_s {
        0 => (LinkState::Streaming, None),
        _ => (LinkState::Delayed, Some("applying is delayed on purpose".into())),
    }
}

fn connecting(threads: &Threads) -> Reason {
    let every = match threads.retry_s {
        0 => String::new(),
        seconds => format!(", tries every {seconds} s"),
    };
    match threads.io_errno {
        0 => format!("it has lost its upstream{every}").into(),
        errno => format!("it cannot reach its upstream (error {errno}){every}").into(),
    }
}

/// The number and what it is about. The rest of such a text quotes statements and rows, which may hold anything.
fn told(errno: u64, text: &str) -> Reason {
    let known = match errno {
        1032 => "a row that should be changed is not there",
        1062 => "a row with that key is there already",
        1236 => "its upstream no longer has the log that it needs",
        1146 => "a table is missing",
        1045 => "its login at the upstream is refused",
        1950 => "transactions out of order (gtid_strict_mode)",
        1593 => "its server id is its upstream's too",
        _ => return format!("error {errno}: {}", first_clause(text)).into(),
    };
    format!("error {errno}: {known}").into()
}

/// Up to where values begin: a quote, a bracket, a colon after the beginning.
fn first_clause(text: &str) -> &str {
    let end = text.find(['\'', '"', '`', ';', '(', '[']).unwrap_or(text.len());
    let clause = text[..end].trim().trim_end_matches([':', ',']);
    match clause.char_indices().nth(120) {
        Some((end, _)) => &clause[..end],
        None => clause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads(io: &str, sql: &str) -> Threads {
        Threads {
            io: io.to_owned(),
            sql: sql.to_owned(),
            ..Threads::default()
        }
    }

    #[test]
    fn the_threads_make_the_state() {
        assert_eq!(state(&threads("Yes", "Yes")).0, LinkState::Streaming);
        assert_eq!(state(&threads("Connecting", "Yes")).0, LinkState::Connecting);
        assert_eq!(state(&threads("Yes", "No")).0, LinkState::Paused);
        assert_eq!(state(&threads("No", "Yes")).0, LinkState::Stopped);
        assert_eq!(state(&threads("No", "No")).0, LinkState::Stopped);
        let delayed = Threads {
            delay_s: 5,
            ..threads("Yes", "Yes")
        };
        assert_eq!(state(&delayed).0, LinkState::Delayed);
    }

    #[test]
    fn an_error_is_told_by_number_and_never_quotes_data() {
        let broken = Threads {
            sql_errno: 1062,
            sql_error:
                "Could not execute Write_rows_v1 event on table lab.users; Duplicate entry 's3cret' for key"
                    .into(),
            ..threads("Yes", "No")
        };
        let (state, reason) = state(&broken);
        assert_eq!(state, LinkState::Broken);
        assert_eq!(
            reason.as_deref(),
            Some("error 1062: a row with that key is there already")
        );
        let other = told(
            1234,
            "Error executing row event: 'INSERT INTO users VALUES (s3cret)'",
        );
        assert!(!other.contains("s3cret"), "{other}");
    }
}
