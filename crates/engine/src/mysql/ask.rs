//! Several statements in one round trip, and their rows by name. A statement that is refused costs its own answer only.

use super::connect::{Session, fault};
use super::sql::{self, Topic};
use crate::fault::{Fault, FaultKind};
use mysql_async::prelude::Queryable;
use mysql_async::{Error, Row, ServerError, Value};
use std::collections::BTreeMap;

/// "Access denied; you need … privilege": of a statement, a table, a column.
const DENIED: [u16; 3] = [1227, 1142, 1143];

/// One row: names in lower case and in today's words, values as text.
#[derive(Clone, Debug, Default)]
pub(super) struct Record(Vec<(String, Option<String>)>);

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Answers {
    rows: BTreeMap<Topic, Vec<Record>>,
    /// What was refused; true where for want of a grant.
    pub(super) refused: BTreeMap<Topic, bool>,
}

impl Record {
    /// A row of those values. `master` and `slave` in names read `source` and `replica`, so that every version reads alike.
    pub(super) fn new(values: impl IntoIterator<Item = (String, Option<String>)>) -> Self {
        let modern = |name: String| {
            let name = name.to_ascii_lowercase();
            name.replace("master", "source").replace("slave", "replica")
        };
        Self(
            values
                .into_iter()
                .map(|(name, value)| (modern(name), value))
                .collect(),
        )
    }

    fn read(row: Row) -> Self {
        let columns = row.columns();
        let names = columns.iter().map(|column| column.name_str().into_owned());
        let values = row.unwrap_raw().into_iter().map(|value| match value {
            // The text protocol sends everything as text.
            Some(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            _ => None,
        });
        Self::new(names.zip(values))
    }

    /// The value, if there is such a column and it is not null.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        value.as_deref()
    }

    /// The same where it says something.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The value as a whole number.
    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.filled(name)?.parse().ok()
    }

    /// The value as a count.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.filled(name)?.parse().ok()
    }
}

impl Answers {
    /// The rows; none where it was not asked or refused.
    pub(super) fn rows(&self, topic: Topic) -> &[Record] {
        self.rows.get(&topic).map_or(&[], Vec::as_slice)
    }

    /// Whether it was answered, if only with no rows.
    pub(super) fn has(&self, topic: Topic) -> bool {
        self.rows.contains_key(&topic)
    }

    pub(super) fn put(&mut self, topic: Topic, rows: Vec<Record>) {
        self.rows.insert(topic, rows);
    }

    /// Takes in what was asked later.
    pub(super) fn join(&mut self, later: Self) {
        self.rows.extend(later.rows);
        self.refused.extend(later.refused);
    }

    /// Notes a refusal, unless it says that nothing more can be asked.
    fn refuse(&mut self, topic: Topic, error: ServerError) -> Result<(), Fault> {
        let denied = DENIED.contains(&error.code);
        let fault = fault(&Error::Server(error));
        if topic == Topic::Server || !(denied || fault.kind == FaultKind::Strange) {
            return Err(fault);
        }
        self.refused.insert(topic, denied);
        Ok(())
    }
}

impl Session {
    /// Asks all of `topics`, in order: in one round trip, and one more for each that is refused.
    pub(super) async fn ask(&mut self, topics: &[Topic]) -> Result<Answers, Fault> {
        let mut answers = Answers::default();
        let mut rest = topics;
        while !rest.is_empty() {
            let done = self.send(rest, &mut answers).await?;
            rest = rest.get(done..).unwrap_or_default();
        }
        Ok(answers)
    }

    /// Sends them together and reads up to the first refusal, after which the server answers nothing more. Returns how many
    /// are done with, at least one.
    async fn send(&mut self, topics: &[Topic], answers: &mut Answers) -> Result<usize, Fault> {
        let texts: Vec<&str> = topics
            .iter()
            .map(|topic| sql::text(*topic, self.flavour))
            .collect();
        let mut result = match (self.client.query_iter(texts.join(";\n")).await, topics.first()) {
            (Ok(result), _) => result,
            (Err(Error::Server(error)), Some(first)) => return answers.refuse(*first, error).map(|()| 1),
            (Err(error), _) => return Err(fault(&error)),
        };
        for (done, topic) in topics.iter().enumerate() {
            match result.collect::<Row>().await {
                Ok(rows) => answers.put(*topic, rows.into_iter().map(Record::read).collect()),
                Err(Error::Server(error)) => return answers.refuse(*topic, error).map(|()| done + 1),
                Err(error) => return Err(fault(&error)),
            }
        }
        Ok(topics.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_error(code: u16) -> ServerError {
        ServerError {
            code,
            message: "x".to_owned(),
            state: "HY000".to_owned(),
        }
    }

    #[test]
    fn names_of_every_version_read_alike() {
        let record = |name: &str| Record::new([(name.to_owned(), Some("7".to_owned()))]);
        for name in ["Seconds_Behind_Master", "Seconds_Behind_Source"] {
            assert_eq!(record(name).int("seconds_behind_source"), Some(7));
        }
        for name in ["Slave_IO_Running", "Replica_IO_Running"] {
            assert_eq!(record(name).text("replica_io_running"), Some("7"));
        }
    }

    #[test]
    fn a_denial_is_noted_and_a_shutdown_is_not() {
        let mut answers = Answers::default();
        assert!(answers.refuse(Topic::Links, server_error(1227)).is_ok());
        assert!(answers.refuse(Topic::Applier, server_error(1146)).is_ok());
        assert_eq!(
            answers.refused,
            BTreeMap::from([(Topic::Links, true), (Topic::Applier, false)])
        );
        assert!(answers.refuse(Topic::Links, server_error(1053)).is_err());
        assert!(answers.refuse(Topic::Server, server_error(1227)).is_err());
    }
}
