//! One row of answers → what it says.

use crate::look::{LinkSeen, Look};
use replica_core::lag::Reason;
use replica_core::observed::{Connections, Evidence};
use replica_core::{LinkState, Name, Verdict};
use serde_json::Value;

/// Right after a start or a lost session the server gives the time of day for a delay.
const NO_DELAY_S: u64 = 1_000_000_000;
const NO_POSITION: &str =
    "ClickHouse keeps no position that replicas share; its own figure of the delay is all there is";

/// Writes what is known into `look`. Every server takes writes, so there is no role to see.
pub(super) fn read(answer: &Value, look: &mut Look) {
    let version = answer.get("version").and_then(Value::as_str);
    look.version = version.map(|version| format!("ClickHouse {version}").into());
    look.server = answer.get("uuid").and_then(Value::as_str).map(Name::from);
    look.identity.clone_from(&look.server);
    look.clock_us = answer
        .get("clock_us")
        .and_then(number)
        .and_then(|us| us.try_into().ok());
    look.connections = connections(answer);
    look.no_position = Some(NO_POSITION);
    match answer.get("replicas").and_then(Value::as_array) {
        None => look.native = Some(Verdict::Unknown("system.replicas cannot be read".into())),
        Some(rows) if rows.is_empty() => {
            let why = "it has no replicated tables, or none that its user may see";
            look.no_lag = Some(why.into());
        }
        Some(rows) => {
            let tables: Vec<Table> = rows.iter().filter_map(Table::of).collect();
            read_tables(&tables, look);
        }
    }
}

fn connections(answer: &Value) -> Option<Connections> {
    Some(Connections {
        used: number(answer.get("connections")?)?.try_into().ok()?,
        max: number(answer.get("max_connections")?)?.try_into().ok()?,
    })
}

/// A number, which servers write with or without quotes.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A replicated table, as this server has it.
struct Table {
    name: String,
    read_only: bool,
    session_lost: bool,
    delay_s: u64,
    queue: u64,
    inserts: u64,
}

impl Table {
    /// Servers write a tuple as a list, or as an object if told to keep its names.
    fn of(row: &Value) -> Option<Self> {
        let field = |place: usize, name: &str| row.get(place).or_else(|| row.get(name));
        let count = |place, name| field(place, name).and_then(number);
        let text = |place, name| field(place, name).and_then(Value::as_str);
        Some(Self {
            name: format!("{}.{}", text(0, "database")?, text(1, "table")?),
            read_only: count(2, "is_readonly")? != 0,
            session_lost: count(3, "is_session_expired")? != 0,
            delay_s: count(4, "absolute_delay")?,
            queue: count(5, "queue_size")?,
            inserts: count(6, "inserts_in_queue")?,
        })
    }

    fn trouble(&self) -> Option<&'static str> {
        match (self.read_only, self.session_lost) {
            (_, true) => Some("its session with Keeper is lost"),
            (true, false) => Some("it is read-only, since Keeper cannot be reached or does not know it"),
            (false, false) => None,
        }
    }
}

fn read_tables(tables: &[Table], look: &mut Look) {
    look.writable = Some(!tables.iter().all(|table| table.read_only));
    let trouble = tables
        .iter()
        .find_map(|table| Some(format!("{}: {}", table.name, table.trouble()?)));
    let state = match &trouble {
        Some(_) => LinkState::Connecting,
        None => LinkState::Streaming,
    };
    let reason: Option<Reason> = trouble.map(Reason::from);
    look.native = Some(match &reason {
        Some(why) => Verdict::Unknown(why.clone()),
        None => delay(tables),
    });
    look.links.push(LinkSeen {
        reason,
        ..LinkSeen::only(state)
    });
    if let Some(worst) = tables.iter().max_by_key(|table| table.delay_s) {
        let Table {
            name,
            delay_s,
            queue,
            inserts,
            ..
        } = worst;
        let delay = match *delay_s {
            NO_DELAY_S.. => "no delay known".to_owned(),
            seconds => format!("{seconds} s behind"),
        };
        look.evidence.push(Evidence {
            source: "system.replicas",
            says: format!("{name}: {delay}, {queue} in its queue, of which {inserts} inserts"),
            age_ms: None,
        });
    }
}

/// The worst table's. It is in whole seconds, and counts waiting to try again as delay: no more than that can be said.
fn delay(tables: &[Table]) -> Verdict {
    match tables.iter().map(|table| table.delay_s).max() {
        Some(seconds @ 0..NO_DELAY_S) => Verdict::AtMost((seconds + 1) * 1000),
        _ => Verdict::Unknown("it does not know its delay yet: it has only just started".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::time::Instant;

    fn look(replicas: &Value) -> Look {
        let mut look = Look::since(Instant::now());
        let answer = json!({
            "version": "25.8.2.29", "uuid": "6f0c…", "clock_us": "1764121000000000",
            "replicas": replicas, "connections": 12, "max_connections": "4096",
        });
        read(&answer, &mut look);
        look
    }

    #[test]
    fn the_worst_table_counts_and_seconds_are_bounds() {
        let look = look(&json!([
            ["shop", "orders", 0, 0, "7", 3, 2],
            ["shop", "items", 0, 0, "0", 0, 0]
        ]));
        assert_eq!(look.native, Some(Verdict::AtMost(8000)));
        assert_eq!(look.links[0].state, LinkState::Streaming);
        assert_eq!(look.role, None);
        assert_eq!(look.clock_us, Some(1_764_121_000_000_000));
        assert_eq!(look.connections, Some(Connections { used: 12, max: 4096 }));
        assert_eq!(
            look.evidence[0].says,
            "shop.orders: 7 s behind, 3 in its queue, of which 2 inserts"
        );
    }

    #[test]
    fn the_time_of_day_is_no_delay() {
        let look = look(&json!([["shop", "orders", 0, 0, 1_764_121_000_u64, 0, 0]]));
        assert!(matches!(look.native, Some(Verdict::Unknown(_))));
        assert!(look.evidence[0].says.contains("no delay known"));
    }

    #[test]
    fn a_lost_session_is_a_link_that_connects_and_no_figure() {
        let named = json!([{ "database": "shop", "table": "orders", "is_readonly": 1, "is_session_expired": 1,
            "absolute_delay": 4, "queue_size": 0, "inserts_in_queue": 0 }]);
        let look = look(&named);
        assert_eq!(look.links[0].state, LinkState::Connecting);
        assert!(look.links[0].reason.as_ref().unwrap().starts_with("shop.orders"));
        assert!(matches!(look.native, Some(Verdict::Unknown(_))));
        assert_eq!(look.writable, Some(false));
    }

    #[test]
    fn without_replicated_tables_there_is_no_lag_and_without_the_right_it_is_unknown() {
        assert!(look(&json!([])).no_lag.is_some());
        let hidden = look(&Value::Null);
        assert_eq!(hidden.no_lag, None);
        assert!(matches!(hidden.native, Some(Verdict::Unknown(_))));
    }

    #[test]
    fn what_cannot_be_read_is_not_zero() {
        let mut look = Look::since(Instant::now());
        read(&json!({ "version": "18.16.1", "connections": "1" }), &mut look);
        assert_eq!(look.connections, None);
        assert_eq!(look.clock_us, None);
        assert_eq!(look.version.as_deref(), Some("ClickHouse 18.16.1"));
    }
}
