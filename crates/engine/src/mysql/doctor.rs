//! Settings that will bite one day. Read once, by `doctor`, never by a probe.

use super::ask::{Answers, Record};
use super::connect::{Flavour, Session};
use super::sql::Topic;
use crate::driver::Advice;
use crate::fault::Fault;
use std::collections::{BTreeMap, BTreeSet};

/// A log that is thrown away within a day does not outlast a weekend's outage of a replica.
const SHORT_LOG_SECONDS: f64 = 86_400.0;
/// A dead link should be noticed, and tried again, sooner than this many seconds.
const SLOW_SECONDS: f64 = 60.0;

/// What is set so that it will hurt.
pub(super) async fn examine(session: &mut Session) -> Result<Vec<Advice>, Fault> {
    let topics = [Topic::Server, Topic::Settings, Topic::Links, Topic::Followers];
    let answers = session.ask(&topics).await?;
    Ok(advise(&answers, session.flavour))
}

fn advise(answers: &Answers, flavour: Flavour) -> Vec<Advice> {
    let settings = settings(answers.rows(Topic::Settings));
    let mut advice = log(&settings);
    advice.extend(crash(&settings));
    advice.extend(identity(&settings, answers.rows(Topic::Followers)));
    for row in answers.rows(Topic::Links) {
        advice.extend(link(row, flavour));
    }
    if !answers.rows(Topic::Links).is_empty() {
        advice.extend(replica(&settings, flavour));
    }
    if flavour == Flavour::MariaDb && is(&settings, "gtid_strict_mode", "OFF") {
        advice.push(say(
            "gtid_strict_mode = OFF",
            "a write on a replica goes unnoticed until a failover finds two different histories",
            "SET GLOBAL gtid_strict_mode = ON; and gtid_strict_mode = ON in my.cnf",
        ));
    }
    if is(&settings, "gtid_mode", "OFF") {
        advice.push(say(
            "gtid_mode = OFF",
            "after a failover each replica's place in the new master's log must be searched by hand, and \
             below another replica lag cannot be measured",
            "turn GTIDs on step by step, as the manual tells under \"Enabling GTID Transactions Online\"",
        ));
    }
    if answers.refused.get(&Topic::Followers) == Some(&true) {
        advice.push(say(
            "followers cannot be listed",
            "replicas that the tree does not know are not found",
            match flavour {
                Flavour::MariaDb => "GRANT REPLICATION MASTER ADMIN ON *.* TO <user>;",
                Flavour::MySql { .. } => "GRANT REPLICATION SLAVE ON *.* TO <user>;",
            },
        ));
    }
    advice
}

type Settings = BTreeMap<String, String>;

/// By name; `slave_net_timeout` and its like in today's words, as everywhere.
fn settings(rows: &[Record]) -> Settings {
    let setting = |row: &Record| {
        let name = row.text("variable_name")?.to_ascii_lowercase();
        Some((name.replace("slave", "replica"), row.text("value")?.to_owned()))
    };
    rows.iter().filter_map(setting).collect()
}

fn is(settings: &Settings, name: &str, value: &str) -> bool {
    settings
        .get(name)
        .is_some_and(|known| known.eq_ignore_ascii_case(value))
}

fn number(settings: &Settings, name: &str) -> Option<f64> {
    settings.get(name)?.parse().ok()
}

fn say(about: impl Into<String>, why: &'static str, fix: impl Into<String>) -> Advice {
    Advice {
        about: about.into(),
        why,
        fix: fix.into(),
    }
}

/// What the log holds, and for how long.
fn log(settings: &Settings) -> Vec<Advice> {
    if is(settings, "log_bin", "OFF") {
        return vec![say(
            "log_bin = OFF",
            "nothing can follow this server, and it cannot be promoted with replicas below it",
            "log_bin = binlog in my.cnf, then restart",
        )];
    }
    let mut advice = Vec::new();
    if let Some(format) = settings.get("binlog_format").filter(|format| *format != "ROW") {
        advice.push(say(
            format!("binlog_format = {format}"),
            "some statements give other rows on a replica, and change streams need ROW",
            "SET GLOBAL binlog_format = 'ROW'; and binlog_format = ROW in my.cnf",
        ));
    }
    let seconds = number(settings, "binlog_expire_logs_seconds").filter(|seconds| *seconds > 0.0);
    let days = number(settings, "expire_logs_days").map(|days| days * 86_400.0);
    let kept = seconds.or(days).filter(|kept| *kept > 0.0);
    if let Some(kept) = kept.filter(|kept| *kept < SHORT_LOG_SECONDS) {
        advice.push(say(
            format!("the binary log is kept for {kept:.0} s"),
            "a replica that is away for longer must be rebuilt",
            "SET GLOBAL binlog_expire_logs_seconds = 604800; and the same in my.cnf",
        ));
    }
    advice
}

/// A master that loses its last transactions in a crash reuses their numbers, and every replica breaks.
fn crash(settings: &Settings) -> Vec<Advice> {
    let names = ["sync_binlog", "innodb_flush_log_at_trx_commit"];
    let logs = !is(settings, "log_bin", "OFF");
    let careless = names
        .iter()
        .filter(|_| logs)
        .filter_map(|name| Some((name, settings.get(*name).filter(|value| *value != "1")?)));
    careless
        .map(|(name, value)| {
            say(
                format!("{name} = {value}"),
                "after a crash of this master its replicas hold transactions that it has lost, and break",
                format!("SET GLOBAL {name} = 1; and {name} = 1 in my.cnf"),
            )
        })
        .collect()
}

/// Servers that share an id throw each other's writes away.
fn identity(settings: &Settings, followers: &[Record]) -> Vec<Advice> {
    let mut seen: BTreeSet<&str> = settings
        .get("server_id")
        .map(String::as_str)
        .into_iter()
        .collect();
    let mut advice = Vec::new();
    match settings.get("server_id").map(String::as_str) {
        Some("0") => advice.push(say(
            "server_id = 0",
            "it can neither follow nor be followed",
            "server_id = <a number of its own> in my.cnf, then restart",
        )),
        Some("1") => advice.push(say(
            "server_id = 1",
            "that is what a server has which nobody gave one: two of them ignore each other's writes",
            "server_id = <a number of its own> in my.cnf, then restart",
        )),
        _ => {}
    }
    for id in followers.iter().filter_map(|row| row.filled("server_id")) {
        if !seen.insert(id) {
            advice.push(say(
                format!("two servers with server_id {id}"),
                "they throw each other off the log and ignore each other's writes",
                "server_id = <a number of its own> in my.cnf of one of them, then restart",
            ));
        }
    }
    advice
}

/// What one stream into it has been told.
fn link(row: &Record, flavour: Flavour) -> Vec<Advice> {
    let mut advice = Vec::new();
    if let Some(seconds) = row
        .int("connect_retry")
        .filter(|seconds| *seconds as f64 >= SLOW_SECONDS)
    {
        let change = match flavour.at_least(8, 0, 23) {
            true => "CHANGE REPLICATION SOURCE TO SOURCE_CONNECT_RETRY = 10",
            false => "CHANGE MASTER TO MASTER_CONNECT_RETRY = 10",
        };
        advice.push(say(
            format!("the link is tried again only every {seconds} s"),
            "after a short outage the replica stays behind for up to that long",
            // With both threads stopped, MariaDB and MySQL throw away what is received and not yet applied.
            format!(
                "once it has applied all that it received: STOP {word}; {change}; START {word};",
                word = flavour.replica()
            ),
        ));
    }
    if flavour == Flavour::MariaDb && row.text("using_gtid") == Some("No") {
        advice.push(say(
            "Using_Gtid = No",
            "after a failover its place in the new master's log must be searched by hand",
            "STOP SLAVE; CHANGE MASTER TO MASTER_USE_GTID = slave_pos; START SLAVE;",
        ));
    }
    advice
}

/// What a server that follows another should be set to.
fn replica(settings: &Settings, flavour: Flavour) -> Vec<Advice> {
    let mut advice = Vec::new();
    let timeout = number(settings, "replica_net_timeout").filter(|seconds| *seconds >= SLOW_SECONDS);
    if let Some(seconds) = timeout {
        let name = format!("{}_net_timeout", flavour.replica().to_ascii_lowercase());
        advice.push(say(
            format!("{name} = {seconds}"),
            "for that long a link that is cut off says Yes, Yes and 0 seconds behind",
            format!("SET GLOBAL {name} = 10; and {name} = 10 in my.cnf; it counts from the next START"),
        ));
    }
    let name = match settings.contains_key("super_read_only") {
        true => "super_read_only",
        false => "read_only",
    };
    if is(settings, "read_only", "OFF") || is(settings, name, "OFF") {
        advice.push(say(
            format!("{name} = OFF on a replica"),
            "a write here parts its history from its master's, and nobody notices",
            format!("SET GLOBAL {name} = ON; and {name} = ON in my.cnf"),
        ));
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[(&str, &str)]) -> Record {
        let value = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
        Record::new(values.iter().map(value))
    }

    fn about(settings: &[(&str, &str)], links: Vec<Record>) -> Vec<String> {
        let mut answers = Answers::default();
        let setting = |(name, value): &(&str, &str)| row(&[("Variable_name", name), ("Value", value)]);
        answers.put(Topic::Settings, settings.iter().map(setting).collect());
        answers.put(Topic::Links, links);
        let followers = vec![row(&[("Server_id", "7")]), row(&[("Server_id", "7")])];
        answers.put(Topic::Followers, followers);
        advise(&answers, Flavour::MariaDb)
            .into_iter()
            .map(|advice| advice.about)
            .collect()
    }

    #[test]
    fn every_trap_is_told_once() {
        let settings = [
            ("log_bin", "ON"),
            ("binlog_format", "MIXED"),
            ("binlog_expire_logs_seconds", "3600"),
            ("sync_binlog", "0"),
            ("innodb_flush_log_at_trx_commit", "1"),
            ("server_id", "1"),
            ("slave_net_timeout", "60"),
            ("read_only", "OFF"),
            ("gtid_strict_mode", "OFF"),
        ];
        let expected = [
            "binlog_format = MIXED",
            "the binary log is kept for 3600 s",
            "sync_binlog = 0",
            "server_id = 1",
            "two servers with server_id 7",
            "the link is tried again only every 60 s",
            "Using_Gtid = No",
            "slave_net_timeout = 60",
            "read_only = OFF on a replica",
            "gtid_strict_mode = OFF",
        ];
        let link = row(&[("Connect_Retry", "60"), ("Using_Gtid", "No")]);
        assert_eq!(about(&settings, vec![link]), expected);
    }

    #[test]
    fn a_master_is_not_told_to_be_read_only() {
        let settings = [
            ("log_bin", "OFF"),
            ("read_only", "OFF"),
            ("slave_net_timeout", "60"),
        ];
        assert_eq!(
            about(&settings, vec![]),
            ["log_bin = OFF", "two servers with server_id 7"]
        );
    }
}
