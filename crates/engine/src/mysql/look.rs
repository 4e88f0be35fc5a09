//! One look: a few statements in one round trip, and what their rows say.

use super::ask::{Answers, Record};
use super::connect::{Flavour, Session};
use super::gtid::{self, Gtid};
use super::memory::Memory;
use super::sql::Topic;
use super::{link, native};
use crate::fault::{Fault, FaultKind};
use crate::lag::{Epoch, Position, Writes};
use crate::look::Look;
use replica_core::observed::{Connections, Evidence};
use replica_core::{Name, Role};
use tokio::time::Instant;

/// A set of many servers may be pages long.
const LONGEST_POSITION: usize = 300;
/// Channels of group replication are no streams of a master.
const GROUP: &str = "group_replication_";

impl Session {
    /// One look, with what earlier ones left.
    pub(super) async fn look(&mut self, memory: &mut Memory) -> Result<Look, Fault> {
        let asked = Instant::now();
        let topics = memory.topics(self.flavour);
        let mut answers = self.ask(&topics).await?;
        let mut look = Look::since(asked);
        memory.take(&answers, self.flavour);
        // Only at the first look is it not known beforehand that there are no GTIDs.
        let first = memory.by_file && topics.contains(&Topic::Settings) && !topics.contains(&Topic::Log);
        if first && answers.rows(Topic::Links).is_empty() {
            let log = self.ask(&[Topic::Log]).await?;
            memory.note_refusals(&log);
            answers.join(log);
        }
        read(&mut look, &answers, memory, self.flavour)?;
        Ok(look)
    }
}

/// Fills in everything that the answers tell.
fn read(look: &mut Look, answers: &Answers, memory: &Memory, flavour: Flavour) -> Result<(), Fault> {
    let Some(server) = answers.rows(Topic::Server).first() else {
        return Err(Fault::new(FaultKind::Strange, "it answered with nothing"));
    };
    let rows: Vec<Record> = answers
        .rows(Topic::Links)
        .iter()
        .filter(|row| !link::name(row).starts_with(GROUP))
        .cloned()
        .collect();
    read_server(look, server, flavour);
    look.links = rows.iter().map(|row| link::link(row, flavour)).collect();
    match flavour {
        Flavour::MariaDb => read_mariadb(look, server, answers.has(Topic::Links)),
        Flavour::MySql { .. } => {
            look.role = answers.has(Topic::Links).then(|| role(!rows.is_empty()));
            match memory.by_file {
                false => read_set(look, server),
                true => read_file(look, server, &rows, answers.rows(Topic::Log).first()),
            }
        }
    }
    native::read(look, answers, &rows, flavour);
    look.retention = memory.retention();
    look.missing = memory.missing(flavour);
    look.followers = memory.followers.clone();
    if look.position.is_empty() {
        look.no_position = no_position(look, memory);
    }
    Ok(())
}

fn no_position(look: &Look, memory: &Memory) -> Option<&'static str> {
    match look.role {
        Some(Role::Master) if !memory.is_on("log_bin") => Some("it writes no binary log (log_bin)"),
        _ if memory.by_file => {
            Some("it has no GTIDs, and where it is in the log only REPLICATION CLIENT may see")
        }
        _ => None,
    }
}

fn role(follows: bool) -> Role {
    if follows { Role::Slave } else { Role::Master }
}

fn read_server(look: &mut Look, row: &Record, flavour: Flavour) {
    // MariaDB 12 and later: OFF, ON, NO_LOCK and so on.
    look.writable = row.filled("read_only").map(|value| matches!(value, "0" | "OFF"));
    look.version = row
        .filled("version")
        .map(|version| product(version, flavour).into());
    look.server = row.filled("server").map(Name::from);
    look.identity.clone_from(&look.server);
    look.clock_us = row.int("clock_us");
    // One connection more than the limit is let in, but only for administrators: that one is not counted.
    let used = row.count("connections").zip(row.count("max_connections"));
    look.connections = used.and_then(|(used, max)| {
        Some(Connections {
            used: u32::try_from(used).ok()?,
            max: u32::try_from(max).ok()?,
        })
    });
}

fn product(version: &str, flavour: Flavour) -> String {
    let number = version.split('-').next().unwrap_or_default();
    match flavour {
        Flavour::MariaDb => format!("MariaDB {number}"),
        Flavour::MySql { .. } => format!("MySQL {number}"),
    }
}

/// A master is where its own binary log ends, a replica where it has applied. A replica writes a log too, and
/// `gtid_binlog_pos` then includes what was written to it by mistake.
fn read_mariadb(look: &mut Look, row: &Record, links_seen: bool) {
    let list = |column| gtid::list(row.text(column).unwrap_or_default());
    let applied = list("applied");
    let own = gtid::own_of_domains(&list("current"), row.text("server").unwrap_or_default());
    let follows = match links_seen {
        true => !look.links.is_empty(),
        false => guess(look, row, !applied.is_empty() && !has_led(&own, &applied)),
    };
    look.role = Some(role(follows));
    let column = if follows { "applied" } else { "written" };
    look.position = gtid::of_domains(&list(column));
    look.position_text = row.filled(column).map(short);
    look.epoch = Some(Epoch::of("gtid"));
    look.unit = "transactions";
    look.writes = Writes::Numbered;
    look.own_writes = own;
}

/// Whether it has written beyond what it has applied of others, in a domain that it followed: it was promoted since.
fn has_led(own: &Position, applied: &[Gtid]) -> bool {
    gtid::of_domains(applied)
        .sources()
        .any(|(domain, applied)| own.source(domain).is_some_and(|own| own.last() > applied.last()))
}

/// Whether it follows, where the rows about that may not be read. A promoted replica still has a place that it applied up to,
/// but its own writes are beyond it.
fn guess(look: &mut Look, row: &Record, has_applied: bool) -> bool {
    let running = row.count("running").unwrap_or_default() > 0;
    let follows = running || has_applied;
    if follows {
        look.links = vec![link::unseen(running)];
    }
    look.evidence.push(Evidence {
        source: "SLAVES_RUNNING, gtid_slave_pos",
        says: match (running, has_applied) {
            (true, _) => "replication runs, so it is taken for a slave",
            (false, true) => "it has applied another server's writes, so it is taken for a slave",
            (false, false) => "nothing points to replication, so it is taken for a master",
        }
        .to_owned(),
        age_ms: None,
    });
    follows
}

fn read_set(look: &mut Look, row: &Record) {
    look.position = gtid::of_set(row.text("executed").unwrap_or_default());
    look.own_writes = gtid::own_of_set(&look.position, row.text("server").unwrap_or_default());
    look.position_text = row.filled("executed").map(short);
    look.epoch = Some(Epoch::of("gtid"));
    look.unit = "transactions";
    look.writes = Writes::Numbered;
}

/// Without GTIDs: a file of the master's and an offset in it. Those of a replica's own log mean nothing to anybody else, so a
/// cascade cannot be measured against its root.
fn read_file(look: &mut Look, server: &Record, links: &[Record], log: Option<&Record>) {
    let (source, file, offset) = match links.first() {
        Some(row) => (
            row.filled("source_uuid"),
            row.filled("relay_source_log_file"),
            row.count("exec_source_log_pos"),
        ),
        None => (
            server.filled("server"),
            log.and_then(|row| row.filled("file")),
            log.and_then(|row| row.count("position")),
        ),
    };
    let (Some(source), Some(file), Some(offset)) = (source, file, offset) else {
        return;
    };
    look.position = gtid::of_file(file, offset).unwrap_or_default();
    look.position_text = Some(format!("{file}:{offset}").into());
    look.epoch = Some(Epoch::of(format!("binlog:{source}")));
}

/// On one line and not at any length.
fn short(text: &str) -> Name {
    let mut line: String = text.chars().filter(|c| !c.is_control()).collect();
    if let Some((end, _)) = line.char_indices().nth(LONGEST_POSITION) {
        line.truncate(end);
        line.push('…');
    }
    line.into()
}

#[cfg(test)]
mod tests;
