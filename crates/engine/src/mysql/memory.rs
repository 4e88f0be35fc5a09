//! What one look leaves for the next: what was refused, what rarely changes, and who followed when last asked.

use super::ask::Answers;
use super::connect::Flavour;
use super::followers;
use super::sql::Topic;
use super::{MARIADB_STATUS, MYSQL_APPLIER, MYSQL_STATUS};
use crate::look::{Follower, Retention};
use replica_core::observed::MissingGrant;
use std::collections::BTreeMap;
use std::time::Duration;

/// The followers change rarely and cost the server a walk over its threads.
const FOLLOWERS_EVERY: u32 = 5;
/// Somebody may have granted what was refused, or changed a setting.
const AGAIN_AFTER: u32 = 30;

/// Kept by a probe for as long as its connection.
#[derive(Default)]
pub(super) struct Memory {
    looks: u32,
    /// At which look it was refused, and whether for want of a grant.
    refused: BTreeMap<Topic, (u32, bool)>,
    settings: BTreeMap<String, String>,
    pub(super) followers: Vec<Follower>,
    /// At which look they were told.
    followers_at: Option<u32>,
    /// Whether the last look found a stream into the server.
    follows: bool,
    /// There are no GTIDs: positions are files and offsets.
    pub(super) by_file: bool,
}

impl Memory {
    /// What the next look asks.
    pub(super) fn topics(&self, flavour: Flavour) -> Vec<Topic> {
        let mysql = flavour != Flavour::MariaDb;
        let followers = match self.is_refused(Topic::Followers) {
            false => Topic::Followers,
            true => Topic::Dumps,
        };
        let due = self
            .followers_at
            .is_none_or(|at| self.looks.saturating_sub(at) >= FOLLOWERS_EVERY);
        let wanted = [
            (Topic::Server, true),
            (Topic::Log, self.by_file && !self.follows),
            (Topic::Links, true),
            (Topic::Applier, mysql && self.follows),
            (followers, due),
            (Topic::Settings, self.looks.is_multiple_of(AGAIN_AFTER)),
        ];
        let topics = wanted
            .into_iter()
            .filter(|(topic, due)| *due && !self.is_refused(*topic));
        topics.map(|(topic, _)| topic).collect()
    }

    fn is_refused(&self, topic: Topic) -> bool {
        self.refused
            .get(&topic)
            .is_some_and(|(at, _)| self.looks.saturating_sub(*at) < AGAIN_AFTER)
    }

    /// Takes in what one look was answered.
    pub(super) fn take(&mut self, answers: &Answers, flavour: Flavour) {
        self.note_refusals(answers);
        if answers.has(Topic::Links) {
            self.follows = !answers.rows(Topic::Links).is_empty();
        }
        for row in answers.rows(Topic::Settings) {
            if let (Some(name), Some(value)) = (row.text("variable_name"), row.text("value")) {
                self.settings.insert(name.to_ascii_lowercase(), value.to_owned());
            }
        }
        if answers.has(Topic::Followers) || answers.has(Topic::Dumps) {
            self.followers = followers::read(answers, flavour);
            self.followers_at = Some(self.looks);
        }
        let executed = answers
            .rows(Topic::Server)
            .first()
            .and_then(|row| row.filled("executed"));
        let gtids = flavour == Flavour::MariaDb || executed.is_some() || self.is_on("gtid_mode");
        self.by_file = !gtids;
        self.looks = self.looks.wrapping_add(1);
    }

    /// Notes what was refused, also of a question that was asked in between.
    pub(super) fn note_refusals(&mut self, answers: &Answers) {
        for (topic, denied) in &answers.refused {
            self.refused.insert(*topic, (self.looks, *denied));
        }
        self.refused.retain(|topic, _| !answers.has(*topic));
    }

    /// Whether a setting is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        let value = self.settings.get(name).map(String::as_str);
        matches!(value, Some("ON" | "1"))
    }

    /// What a grant would add.
    pub(super) fn missing(&self, flavour: Flavour) -> Vec<MissingGrant> {
        let denied = |topic| self.refused.get(&topic).is_some_and(|(_, denied)| *denied);
        let mut missing = Vec::new();
        match flavour {
            Flavour::MariaDb if denied(Topic::Links) => missing.push(MARIADB_STATUS),
            Flavour::MariaDb => {}
            Flavour::MySql { .. } => {
                if denied(Topic::Links) || denied(Topic::Log) {
                    missing.push(MYSQL_STATUS);
                }
                if denied(Topic::Applier) {
                    missing.push(MYSQL_APPLIER);
                }
            }
        }
        missing
    }

    /// How long the log is kept, if one is written.
    pub(super) fn retention(&self) -> Option<Retention> {
        if !self.is_on("log_bin") {
            return None;
        }
        let number = |name: &str| {
            self.settings
                .get(name)
                .and_then(|value| value.parse::<f64>().ok())
        };
        let seconds = number("binlog_expire_logs_seconds");
        let days = number("expire_logs_days").map(|days| days * 86_400.0);
        let longest = seconds.filter(|seconds| *seconds > 0.0).or(days).or(seconds)?;
        Some(match longest > 0.0 {
            true => Retention::Time(Duration::try_from_secs_f64(longest).ok()?),
            false => Retention::Forever,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ask::Record;
    use super::*;

    const MYSQL: Flavour = Flavour::MySql { version: (8, 4, 0) };

    fn record(values: &[(&str, &str)]) -> Record {
        let value = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
        Record::new(values.iter().map(value))
    }

    fn setting(name: &str, value: &str) -> Record {
        record(&[("Variable_name", name), ("Value", value)])
    }

    #[test]
    fn what_was_refused_is_not_asked_until_some_looks_later() {
        let mut memory = Memory::default();
        assert!(memory.topics(Flavour::MariaDb).contains(&Topic::Links));
        let mut answers = Answers::default();
        answers.refused.insert(Topic::Links, true);
        memory.take(&answers, Flavour::MariaDb);
        assert_eq!(memory.missing(Flavour::MariaDb), vec![MARIADB_STATUS]);
        let silent = (0..100)
            .take_while(|_| {
                let asks = memory.topics(Flavour::MariaDb).contains(&Topic::Links);
                memory.take(&Answers::default(), Flavour::MariaDb);
                !asks
            })
            .count();
        assert_eq!(silent, 29);
        let mut granted = Answers::default();
        granted.put(Topic::Links, Vec::new());
        memory.take(&granted, Flavour::MariaDb);
        assert!(memory.missing(Flavour::MariaDb).is_empty());
    }

    #[test]
    fn threads_are_asked_for_where_followers_may_not_be() {
        let mut memory = Memory::default();
        let mut answers = Answers::default();
        answers.refused.insert(Topic::Followers, true);
        memory.take(&answers, MYSQL);
        assert!(memory.topics(MYSQL).contains(&Topic::Dumps));
        let mut threads = Answers::default();
        threads.put(Topic::Dumps, Vec::new());
        memory.take(&threads, MYSQL);
        for _ in 1..FOLLOWERS_EVERY {
            assert!(!memory.topics(MYSQL).contains(&Topic::Dumps));
            memory.take(&Answers::default(), MYSQL);
        }
        assert!(memory.topics(MYSQL).contains(&Topic::Dumps));
        assert!(memory.missing(MYSQL).is_empty());
    }

    #[test]
    fn zero_keeps_the_log_forever() {
        let kept = |seconds: &str, days: &str| {
            let mut memory = Memory::default();
            let mut answers = Answers::default();
            let rows = vec![
                setting("log_bin", "ON"),
                setting("binlog_expire_logs_seconds", seconds),
                setting("expire_logs_days", days),
            ];
            answers.put(Topic::Settings, rows);
            memory.take(&answers, MYSQL);
            memory.retention()
        };
        assert_eq!(kept("0", "0.000000"), Some(Retention::Forever));
        assert_eq!(kept("60", "0"), Some(Retention::Time(Duration::from_secs(60))));
        assert_eq!(kept("", "2"), Some(Retention::Time(Duration::from_secs(172_800))));
        assert_eq!(Memory::default().retention(), None);
    }

    #[test]
    fn files_count_where_there_are_no_gtids() {
        let by_file = |executed: &str, mode: &str, flavour| {
            let mut memory = Memory::default();
            let mut answers = Answers::default();
            answers.put(Topic::Server, vec![record(&[("executed", executed)])]);
            answers.put(Topic::Settings, vec![setting("gtid_mode", mode)]);
            memory.take(&answers, flavour);
            memory.by_file
        };
        assert!(by_file("", "OFF", MYSQL));
        assert!(!by_file("", "ON", MYSQL));
        assert!(!by_file("u:1-5", "OFF", MYSQL));
        assert!(!by_file("", "OFF", Flavour::MariaDb));
    }
}
