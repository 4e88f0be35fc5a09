//! The streams into a server: what its two threads, the one that receives and the one that applies, tell of them.

use super::ask::Record;
use super::connect::Flavour;
use super::words;
use crate::look::LinkSeen;
use replica_core::lag::Reason;
use replica_core::{LinkState, Name};
use std::time::Duration;

/// One row of `SHOW ALL SLAVES STATUS` or `SHOW REPLICA STATUS`.
pub(super) fn link(row: &Record, flavour: Flavour) -> LinkSeen {
    let (state, reason) = state(row, flavour);
    let server = match flavour {
        // 0 until it has first reached its master.
        Flavour::MariaDb => row.filled("source_server_id").filter(|id| *id != "0"),
        Flavour::MySql { .. } => row.filled("source_uuid"),
    };
    let upstream = row.filled("source_host").zip(row.int("source_port"));
    LinkSeen {
        name: name(row).into(),
        reason,
        upstream: upstream.map(|(host, port)| format!("{host}:{port}").into()),
        upstream_server: server.map(Name::from),
        delay: delay(row),
        ..LinkSeen::only(state)
    }
}

/// What the product calls it; empty where there is only one.
pub(super) fn name(row: &Record) -> &str {
    let name = row.filled("connection_name");
    name.or(row.filled("channel_name")).unwrap_or_default()
}

/// Whether the thread that receives and the one that applies both run.
pub(super) fn runs(row: &Record) -> bool {
    row.text("replica_io_running") == Some("Yes") && row.text("replica_sql_running") == Some("Yes")
}

fn delay(row: &Record) -> Option<Duration> {
    row.count("sql_delay")
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
}

fn state(row: &Record, flavour: Flavour) -> (LinkState, Option<Reason>) {
    let receives = row.text("replica_io_running").unwrap_or_default();
    let applies = row.text("replica_sql_running") == Some("Yes");
    if let Some(error) = error(row, receives, applies) {
        return error;
    }
    let word = flavour.replica();
    match (receives, applies) {
        ("No", false) => {
            let why = format!("replication is stopped: START {word} lets it go on");
            (LinkState::Stopped, Some(why.into()))
        }
        ("No", true) => {
            let why = format!("receiving is stopped (IO thread): START {word} IO_THREAD lets it go on");
            (LinkState::Stopped, Some(why.into()))
        }
        (_, false) => {
            let why = format!("applying is stopped (SQL thread): START {word} SQL_THREAD lets it go on");
            (LinkState::Paused, Some(why.into()))
        }
        ("Yes", true) => streaming(row),
        // Connecting, or MariaDB's Preparing.
        _ => (LinkState::Connecting, Some(connecting(row).into())),
    }
}

/// Stopped by an error. A thread that runs may still show the error that it got over.
fn error(row: &Record, receives: &str, applies: bool) -> Option<(LinkState, Option<Reason>)> {
    let number = |column| row.int(column).filter(|number| *number != 0);
    let text = |column| row.text(column).unwrap_or_default();
    let (words, number, whole) = match (number("last_sql_errno"), number("last_io_errno")) {
        (Some(number), _) if !applies => {
            let text = text("last_sql_error");
            (words::applying(number, text), number, text)
        }
        (_, Some(number)) if receives == "No" => {
            let text = text("last_io_error");
            (words::receiving(number, text), number, text)
        }
        _ => return None,
    };
    let state = match has_parted(number, whole) {
        true => LinkState::Diverged,
        false => LinkState::Broken,
    };
    Some((state, Some(words.into())))
}

/// The server itself says that it holds transactions which its master does not have.
fn has_parted(number: i64, text: &str) -> bool {
    let said = ["diverged", "requested to start from GTID", "has more GTIDs than"];
    number == 1950 || said.iter().any(|said| text.contains(said))
}

fn connecting(row: &Record) -> String {
    let again = match row.int("connect_retry") {
        Some(seconds) => format!(" (tries every {seconds} s)"),
        None => String::new(),
    };
    match row.int("last_io_errno").filter(|number| *number != 0) {
        // The first try after a loss tells no error yet.
        None => format!("connects to its upstream{again}"),
        Some(number) => {
            let words = words::receiving(number, row.text("last_io_error").unwrap_or_default());
            format!("cannot reach its upstream{again}: {words}")
        }
    }
}

fn streaming(row: &Record) -> (LinkState, Option<Reason>) {
    let applier = row.filled("replica_sql_running_state").unwrap_or_default();
    if applier.contains("metadata lock") || applier.contains("table level lock") {
        let why = "applying waits for a lock that a session holds here";
        return (LinkState::Streaming, Some(why.into()));
    }
    match delay(row) {
        Some(_) => (LinkState::Delayed, Some("applying is delayed on purpose".into())),
        None => (LinkState::Streaming, None),
    }
}

/// There is a stream, or was one, but its row may not be read.
pub(super) fn unseen(running: bool) -> LinkSeen {
    let why = match running {
        true => "replication runs here; its upstream and state only SLAVE MONITOR may see",
        false => "replication does not run here, or only half of it; why, only SLAVE MONITOR may see",
    };
    LinkSeen {
        reason: Some(why.into()),
        ..LinkSeen::only(LinkState::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MYSQL: Flavour = Flavour::MySql { version: (8, 4, 0) };

    fn row(values: &[(&str, &str)]) -> Record {
        let value = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
        Record::new(values.iter().map(value))
    }

    fn threads(io: &str, sql: &str, more: &[(&str, &str)]) -> LinkSeen {
        let mut values = vec![("Slave_IO_Running", io), ("Slave_SQL_Running", sql)];
        values.extend(more);
        link(&row(&values), Flavour::MariaDb)
    }

    #[test]
    fn two_threads_make_one_state() {
        assert_eq!(threads("Yes", "Yes", &[]).state, LinkState::Streaming);
        assert_eq!(
            threads("Yes", "Yes", &[("SQL_Delay", "5")]).state,
            LinkState::Delayed
        );
        assert_eq!(
            threads("Yes", "Yes", &[("SQL_Delay", "5")]).delay,
            Some(Duration::from_secs(5))
        );
        assert_eq!(threads("No", "No", &[]).state, LinkState::Stopped);
        assert_eq!(threads("No", "Yes", &[]).state, LinkState::Stopped);
        assert_eq!(threads("Yes", "No", &[]).state, LinkState::Paused);
        assert_eq!(threads("Connecting", "Yes", &[]).state, LinkState::Connecting);
        assert_eq!(threads("Preparing", "Yes", &[]).state, LinkState::Connecting);
    }

    #[test]
    fn an_error_breaks_only_the_thread_that_it_stopped() {
        let sql = [
            ("Last_SQL_Errno", "1146"),
            ("Last_SQL_Error", "Table 'a.b' doesn't exist"),
        ];
        let broken = threads("Yes", "No", &sql);
        assert_eq!(broken.state, LinkState::Broken);
        assert_eq!(broken.reason.as_deref(), Some("1146 Table 'a.b' doesn't exist"));
        assert_eq!(threads("Yes", "Yes", &sql).state, LinkState::Streaming);
        let io = [
            ("Last_IO_Errno", "1236"),
            ("Last_IO_Error", "Could not find first log file"),
        ];
        assert_eq!(threads("No", "Yes", &io).state, LinkState::Broken);
        assert_eq!(threads("Connecting", "Yes", &io).state, LinkState::Connecting);
    }

    #[test]
    fn the_retry_interval_is_told() {
        let cut = [
            ("Connect_Retry", "60"),
            ("Last_IO_Errno", "2003"),
            ("Last_IO_Error", "no route"),
        ];
        assert_eq!(
            threads("Connecting", "Yes", &cut).reason.as_deref(),
            Some("cannot reach its upstream (tries every 60 s): 2003 no route")
        );
    }

    #[test]
    fn a_server_that_says_it_has_diverged_is_believed() {
        let strict = [
            ("Last_SQL_Errno", "1950"),
            ("Last_SQL_Error", "An attempt was made…"),
        ];
        assert_eq!(threads("Yes", "No", &strict).state, LinkState::Diverged);
        let more = [
            ("Last_IO_Errno", "1236"),
            ("Last_IO_Error", "Replica has more GTIDs than the source has"),
        ];
        assert_eq!(threads("No", "Yes", &more).state, LinkState::Diverged);
    }

    #[test]
    fn each_product_names_its_upstream_in_its_own_way() {
        let ma = threads(
            "Yes",
            "Yes",
            &[("Master_Server_Id", "0"), ("Connection_name", "eu")],
        );
        assert_eq!((ma.upstream_server, &*ma.name), (None, "eu"));
        let values = [
            ("Replica_IO_Running", "Yes"),
            ("Replica_SQL_Running", "Yes"),
            ("Source_Host", "db"),
            ("Source_Port", "3306"),
            ("Source_UUID", "u-1"),
            ("Channel_Name", ""),
        ];
        let my = link(&row(&values), MYSQL);
        assert_eq!(my.upstream.as_deref(), Some("db:3306"));
        assert_eq!(my.upstream_server.as_deref(), Some("u-1"));
        assert_eq!(my.state, LinkState::Streaming);
    }
}
