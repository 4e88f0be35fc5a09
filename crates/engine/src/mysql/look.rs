//! One look: variables and links in one round trip, and what their rows say.

use super::connect::{fault, is_denied, open};
use super::flavour::Flavour;
use super::link::link;
use super::row::{number, text};
use super::{REPLICATION_CLIENT, SLAVE_MONITOR, gtid};
use crate::fault::{Fault, FaultKind};
use crate::lag::{Epoch, Position};
use crate::look::{Claim, Follower, Look, Retention};
use crate::target::Target;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use replica_core::observed::{Connections, Evidence};
use replica_core::{Name, Role, Verdict};
use std::time::Duration;
use tokio::time::Instant;

/// Who follows changes rarely and costs more to ask.
const FOLLOWERS_EVERY: u32 = 5;
/// A grant that was missing may have been given since.
const DENIED_AGAIN_AFTER: u32 = 15;

/// A kept connection.
pub(super) struct Session {
    pub(super) conn: Conn,
    pub(super) flavour: Flavour,
    version: String,
    looks: u32,
    /// The look at which the links were last denied.
    denied_at: Option<u32>,
    followers: Vec<Follower>,
}

impl Session {
    pub(super) async fn start(target: &Target) -> Result<Self, Fault> {
        let mut conn = open(target, None).await?;
        let version: Option<String> = conn
            .query_first("SELECT @@version")
            .await
            .map_err(|error| fault(&error))?;
        let version =
            version.ok_or_else(|| Fault::new(FaultKind::Strange, "it does not tell its version"))?;
        Ok(Self {
            conn,
            flavour: Flavour::of(&version),
            version,
            looks: 0,
            denied_at: None,
            followers: Vec::new(),
        })
    }

    pub(super) async fn look(&mut self) -> Result<Look, Fault> {
        self.looks = self.looks.wrapping_add(1);
        let asked = Instant::now();
        let (server, links) = self.ask().await?;
        let mut look = Look::since(asked);
        look.unit = "transactions";
        look.version = Some(self.version_text());
        self.read_server(&mut look, &server, links.as_deref());
        if look.role == Some(Role::Master) && self.looks % FOLLOWERS_EVERY == 1 {
            self.ask_followers().await?;
        }
        look.followers.clone_from(&self.followers);
        Ok(look)
    }

    /// The row of variables, and the rows of links unless they are denied.
    async fn ask(&mut self) -> Result<(Row, Option<Vec<Row>>), Fault> {
        let skip = self
            .denied_at
            .is_some_and(|at| self.looks < at + DENIED_AGAIN_AFTER);
        let both = format!("{}; {}", self.flavour.server(), self.flavour.links());
        let statement = if skip { self.flavour.server() } else { &both };
        let mut results = self
            .conn
            .query_iter(statement)
            .await
            .map_err(|error| fault(&error))?;
        let server: Vec<Row> = results.collect().await.map_err(|error| fault(&error))?;
        let server = server
            .into_iter()
            .next()
            .ok_or_else(|| Fault::new(FaultKind::Strange, "it answered without a row"))?;
        if skip {
            return Ok((server, None));
        }
        let links = results.collect::<Row>().await;
        drop(results);
        match links {
            Ok(links) => {
                self.denied_at = None;
                Ok((server, Some(links)))
            }
            Err(error) if is_denied(&error) => {
                self.denied_at = Some(self.looks);
                Ok((server, None))
            }
            Err(error) => Err(fault(&error)),
        }
    }

    /// Who follows, where that may be asked; it is not worth a warning.
    async fn ask_followers(&mut self) -> Result<(), Fault> {
        let maria = self.flavour == Flavour::MariaDb;
        match self.conn.query::<Row, _>(self.flavour.followers()).await {
            Ok(rows) => self.followers = rows.iter().map(|row| follower(row, maria)).collect(),
            Err(error) if is_denied(&error) => self.followers.clear(),
            Err(error) => return Err(fault(&error)),
        }
        Ok(())
    }

    fn version_text(&self) -> Name {
        let plain = self.version.split('-').next().unwrap_or_default();
        match self.flavour {
            Flavour::MariaDb => format!("MariaDB {plain}").into(),
            Flavour::MySql { .. } => format!("MySQL {plain}").into(),
        }
    }

    fn read_server(&self, look: &mut Look, row: &Row, links: Option<&[Row]>) {
        let word = |name: &str| text(row, &[name]).unwrap_or_default();
        let maria = self.flavour == Flavour::MariaDb;
        let follows = match links {
            Some(links) => !links.is_empty(),
            // A guess, where the links may not be seen: one that runs, or has ever run, as a replica.
            None => {
                number(row, &["running"]).is_some_and(|running| running > 0)
                    || (maria && !word("applied").is_empty())
            }
        };
        look.role = Some(if follows { Role::Slave } else { Role::Master });
        let read_only = number(row, &["read_only"]).unwrap_or_default()
            + number(row, &["super_read_only"]).unwrap_or_default();
        look.writable = Some(read_only == 0);
        look.server = Some(word("server").into());
        look.identity.clone_from(&look.server);
        look.clock_us = text(row, &["clock_us"]).and_then(|clock| clock.parse().ok());
        let position = if follows { word("applied") } else { word("written") };
        look.position = if maria {
            gtid::domain_position(&position)
        } else {
            gtid::set_position(&position)
        };
        if look.position.is_empty() {
            look.position = Position::default();
        } else {
            look.epoch = Some(Epoch::of("gtid"));
            look.position_text = Some(position.replace('\n', "").into());
        }
        let server = word("server");
        look.own_writes = match maria {
            true => gtid::domain_own_writes(&word("current"), &server),
            false => gtid::set_own_writes(&look.position, &server),
        };
        look.connections = number(row, &["connections"])
            .zip(number(row, &["max_connections"]))
            .and_then(|(used, max)| {
                Some(Connections {
                    used: used.try_into().ok()?,
                    max: max.try_into().ok()?,
                })
            });
        look.retention = number(row, &["expire_s"]).map(|seconds| match seconds {
            0 => Retention::Forever,
            seconds => Retention::Time(Duration::from_secs(seconds)),
        });
        match links {
            Some(links) => self.read_links(look, links),
            None => look
                .missing
                .push(if maria { SLAVE_MONITOR } else { REPLICATION_CLIENT }),
        }
    }

    fn read_links(&self, look: &mut Look, rows: &[Row]) {
        let upstream: &[&str] = match self.flavour {
            Flavour::MariaDb => &["Master_Server_Id"],
            Flavour::MySql { .. } => &["Source_UUID", "Master_UUID"],
        };
        look.links = rows.iter().map(|row| link(row, upstream)).collect();
        let behind = rows
            .iter()
            .map(|row| number(row, &["Seconds_Behind_Master", "Seconds_Behind_Source"]));
        let worst = behind
            .collect::<Option<Vec<u64>>>()
            .and_then(|all| all.into_iter().max());
        if let Some(seconds) = worst {
            look.claim = Some(Claim {
                source: "Seconds_Behind_Master",
                lag: Duration::from_secs(seconds),
            });
            // Zero is what it also says while its upstream is silent, so zero proves nothing.
            look.native = (seconds > 0).then(|| Verdict::AtMost((seconds + 1) * 1000));
        }
        for row in rows {
            look.evidence.extend(evidence(row));
        }
    }
}

fn evidence(row: &Row) -> Vec<Evidence> {
    let name = text(row, &["Connection_name", "Channel_Name"]).filter(|name| !name.is_empty());
    let of = name.map_or(String::new(), |name| format!("{name}: "));
    let say = |source: &'static str, says: String| Evidence {
        source,
        says: format!("{of}{says}"),
        age_ms: None,
    };
    let behind = text(row, &["Seconds_Behind_Master", "Seconds_Behind_Source"])
        .map_or("NULL".into(), |s| format!("{s} s"));
    let mut evidence = vec![say("Seconds_Behind_Master", behind)];
    if let Some(received) = text(row, &["Gtid_IO_Pos", "Retrieved_Gtid_Set"]).filter(|set| !set.is_empty()) {
        evidence.push(say("received", received.replace('\n', "")));
    }
    if let Some(left) = number(row, &["SQL_Remaining_Delay"]) {
        evidence.push(say("SQL_Remaining_Delay", format!("{left} s")));
    }
    evidence
}

fn follower(row: &Row, maria: bool) -> Follower {
    let host = text(row, &["Host"]).filter(|host| !host.is_empty());
    let server = match maria {
        true => text(row, &["Server_id"]),
        false => text(row, &["Replica_UUID", "Slave_UUID"]),
    };
    let id = text(row, &["Server_id", "Server_Id"]).unwrap_or_default();
    let port = number(row, &["Port"]).and_then(|port| u16::try_from(port).ok());
    Follower {
        seen_as: match (&host, port) {
            (Some(host), Some(port)) => format!("server {id} at {host}:{port}").into(),
            _ => format!("server {id}").into(),
        },
        server: server.map(Name::from),
        host: host.map(Name::from),
        port: port.filter(|port| *port > 0),
        slot: None,
    }
}
