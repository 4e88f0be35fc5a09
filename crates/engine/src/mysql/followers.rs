//! Those who follow: the ones that registered, or else the threads that send them the log.

use super::ask::{Answers, Record};
use super::connect::Flavour;
use super::sql::Topic;
use crate::look::Follower;
use replica_core::Name;

/// The followers that were told of.
pub(super) fn read(answers: &Answers, flavour: Flavour) -> Vec<Follower> {
    match answers.has(Topic::Followers) {
        true => answers
            .rows(Topic::Followers)
            .iter()
            .map(|row| registered(row, flavour))
            .collect(),
        false => answers.rows(Topic::Dumps).iter().map(sent_to).collect(),
    }
}

/// A row of `SHOW SLAVE HOSTS`: the address is what the follower reports of itself, mostly nothing.
fn registered(row: &Record, flavour: Flavour) -> Follower {
    let id = row.filled("server_id");
    let server = match flavour {
        Flavour::MariaDb => id,
        Flavour::MySql { .. } => row.filled("replica_uuid"),
    };
    let host = row.filled("host");
    let port = row.count("port").and_then(|port| u16::try_from(port).ok());
    let name = format!("server {}", id.unwrap_or("?"));
    Follower {
        seen_as: match (host, port) {
            (Some(host), Some(port)) => format!("{name} at {host}:{port}").into(),
            _ => name.into(),
        },
        server: server.map(Name::from),
        host: host.map(Name::from),
        port: port.filter(|port| *port > 0),
        slot: None,
    }
}

/// A thread that sends the log: its port is that of the connection, not one to connect to.
fn sent_to(row: &Record) -> Follower {
    let (user, host) = (
        row.text("user").unwrap_or_default(),
        row.text("host").unwrap_or_default(),
    );
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    Follower {
        seen_as: format!("{user} at {host}").into(),
        server: None,
        host: Some(host.into()),
        port: None,
        slot: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(topic: Topic, flavour: Flavour, values: &[(&str, &str)]) -> Follower {
        let value = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
        let mut answers = Answers::default();
        answers.put(topic, vec![Record::new(values.iter().map(value))]);
        read(&answers, flavour).remove(0)
    }

    #[test]
    fn a_follower_is_named_as_it_names_itself() {
        let values = [
            ("Server_id", "2"),
            ("Host", ""),
            ("Port", "3306"),
            ("Master_id", "1"),
        ];
        let ma = read_one(Topic::Followers, Flavour::MariaDb, &values);
        assert_eq!((ma.server.as_deref(), ma.host.as_deref()), (Some("2"), None));
        let values = [
            ("Server_Id", "2"),
            ("Host", "db2"),
            ("Port", "3306"),
            ("Replica_UUID", "u-2"),
        ];
        let my = read_one(Topic::Followers, Flavour::MySql { version: (8, 4, 0) }, &values);
        assert_eq!(
            (my.server.as_deref(), &*my.seen_as),
            (Some("u-2"), "server 2 at db2:3306")
        );
    }

    #[test]
    fn the_port_of_a_connection_is_nobody_s_address() {
        let values = [("user", "repl"), ("host", "10.0.0.7:53742")];
        let seen = read_one(Topic::Dumps, Flavour::MariaDb, &values);
        assert_eq!((seen.host.as_deref(), seen.port), (Some("10.0.0.7"), None));
    }
}
