//! The text of INFO → what it says.

use crate::lag::{Epoch, Position, Writes};
use crate::look::{Follower, LinkSeen, Look, Retention};
use replica_core::lag::Reason;
use replica_core::observed::{Connections, Evidence};
use replica_core::{LinkState, Name, Role};
use std::collections::HashMap;

/// The fields of INFO, whatever their section.
pub(super) struct Info<'a>(HashMap<&'a str, &'a str>);

impl<'a> Info<'a> {
    /// The fields of these texts.
    pub(super) fn of(texts: &[&'a str]) -> Self {
        let lines = texts.iter().flat_map(|text| text.lines());
        Self(lines.filter_map(|line| line.trim().split_once(':')).collect())
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied().filter(|text| !text.is_empty())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// Writes what is known into `look`.
    pub(super) fn read(&self, look: &mut Look) {
        let follows = self.text("role") == Some("slave");
        look.role = Some(if follows { Role::Slave } else { Role::Master });
        look.writable = Some(!follows || self.number::<u8>("slave_read_only") == Some(0));
        look.version = self.version();
        look.server = self.text("run_id").map(Name::from);
        look.identity = self.text("master_replid").map(Name::from);
        look.epoch = self.text("master_replid").map(Epoch::of);
        look.clock_us = self.number("server_time_usec");
        look.connections = self
            .number("connected_clients")
            .zip(self.number("maxclients"))
            .map(|(used, max)| Connections { used, max });
        // What was read from the master may not have been applied yet.
        let offset: Option<u64> = match follows {
            true => self
                .number("slave_repl_offset")
                .or_else(|| self.number("master_repl_offset")),
            false => self.number("master_repl_offset"),
        };
        if let Some(offset) = offset {
            look.position = Position::offset(offset);
            look.position_text = Some(offset.to_string().into());
            // Begins anew at each dump; that is noticed.
            let writes = self.number("rdb_changes_since_last_save");
            look.writes = writes.map(Writes::Counted).unwrap_or_default();
        }
        if follows {
            look.links.push(self.link());
            self.say_received(look, offset);
        }
        self.read_followers(look);
        if self.number::<u8>("repl_backlog_active") == Some(1) {
            look.retention = self.number("repl_backlog_size").map(Retention::Positions);
        }
    }

    fn version(&self) -> Option<Name> {
        let (product, version) = match self.text("valkey_version") {
            Some(version) => ("Valkey", version),
            None => ("Redis", self.text("redis_version")?),
        };
        Some(format!("{product} {version}").into())
    }

    fn link(&self) -> LinkSeen {
        let (state, reason): (_, Option<Reason>) = if self.number::<u8>("master_sync_in_progress") == Some(1)
        {
            let why = "it loads everything anew from its master (full resync)";
            (LinkState::Resyncing, Some(why.into()))
        } else if self.text("master_link_status") == Some("up") {
            (LinkState::Streaming, None)
        } else {
            let why = "the replication link is down: it tries again every second";
            (LinkState::Connecting, Some(why.into()))
        };
        let host = self.text("master_host");
        let port = self.number::<u16>("master_port");
        LinkSeen {
            reason,
            upstream: host.zip(port).map(|(host, port)| format!("{host}:{port}").into()),
            ..LinkSeen::only(state)
        }
    }

    fn say_received(&self, look: &mut Look, applied: Option<u64>) {
        let mut say = |source: &'static str, says: String| {
            look.evidence.push(Evidence {
                source,
                says,
                age_ms: None,
            });
        };
        if let (Some(read), Some(applied)) = (self.number::<u64>("slave_read_repl_offset"), applied) {
            let waiting = read.saturating_sub(applied);
            say(
                "slave_read_repl_offset",
                format!("{waiting} bytes received and not yet applied"),
            );
        }
        if let Some(seconds) = self.number::<i64>("master_last_io_seconds_ago") {
            let says = match seconds {
                ..0 => "the link is down".to_owned(),
                seconds => format!("heard its master {seconds} s ago"),
            };
            say("master_last_io_seconds_ago", says);
        }
        if let Some(read) = self.number::<u64>("master_sync_read_bytes") {
            let total = self
                .number::<u64>("master_sync_total_bytes")
                .filter(|total| *total > 0);
            let of = total.map_or(String::new(), |total| format!(" of {total}"));
            say("master_sync_read_bytes", format!("{read}{of} bytes loaded"));
        }
    }

    /// `slaveN:ip=…,port=…,state=…,offset=…,lag=…`
    fn read_followers(&self, look: &mut Look) {
        let count: u32 = self.number("connected_slaves").unwrap_or_default();
        for number in 0..count.min(200) {
            let Some(line) = self.text(&format!("slave{number}")) else {
                continue;
            };
            let fields: HashMap<&str, &str> =
                line.split(',').filter_map(|pair| pair.split_once('=')).collect();
            let field = |name: &str| fields.get(name).copied();
            let (host, port) = (field("ip"), field("port").and_then(|port| port.parse().ok()));
            let seen_as: Name = format!("{}:{}", host.unwrap_or("?"), field("port").unwrap_or("?")).into();
            look.evidence.push(Evidence {
                source: "slaveN",
                says: format!(
                    "{seen_as}: {}, offset {}, last acknowledged {} s ago",
                    field("state").unwrap_or("?"),
                    field("offset").unwrap_or("?"),
                    field("lag").unwrap_or("?")
                ),
                age_ms: None,
            });
            look.followers.push(Follower {
                seen_as,
                server: None,
                host: host.map(Name::from),
                port,
                slot: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn look(text: &str) -> Look {
        let mut look = Look::since(Instant::now());
        Info::of(&[text]).read(&mut look);
        look
    }

    #[test]
    fn a_replica_s_applied_offset_is_its_position() {
        let look = look(
            "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:3\r\nmaster_sync_in_progress:0\r\nslave_read_repl_offset:50\r\nslave_repl_offset:40\r\nslave_read_only:1\r\nmaster_replid:abc\r\nmaster_repl_offset:40\r\n",
        );
        assert_eq!(look.role, Some(Role::Slave));
        assert_eq!(look.writable, Some(false));
        assert_eq!(look.position, Position::offset(40));
        assert_eq!(look.links[0].state, LinkState::Streaming);
        assert_eq!(look.links[0].upstream.as_deref(), Some("10.0.0.1:6379"));
        assert!(look.evidence[0].says.starts_with("10 bytes"));
    }

    #[test]
    fn a_full_resync_is_no_plain_down_link() {
        let resync = look("role:slave\nmaster_link_status:down\nmaster_sync_in_progress:1\n");
        assert_eq!(resync.links[0].state, LinkState::Resyncing);
        let down = look(
            "role:slave\nmaster_link_status:down\nmaster_sync_in_progress:0\nmaster_last_io_seconds_ago:-1\n",
        );
        assert_eq!(down.links[0].state, LinkState::Connecting);
        assert_eq!(down.evidence[0].says, "the link is down");
    }

    #[test]
    fn a_master_tells_who_follows_and_how_much_it_keeps() {
        let look = look(
            "role:master\nconnected_slaves:1\nslave0:ip=127.0.0.1,port=7001,state=online,offset=9,lag=0\nmaster_replid:abc\nmaster_repl_offset:12\nrepl_backlog_active:1\nrepl_backlog_size:1048576\nmaxclients:40\nconnected_clients:2\n",
        );
        assert_eq!(look.followers[0].port, Some(7001));
        assert_eq!(look.retention, Some(Retention::Positions(1_048_576)));
        assert_eq!(look.connections, Some(Connections { used: 2, max: 40 }));
    }
}
