//! One connection to any of the lab's servers, for setting things up and for the truth: it writes numbered rows and reads back the last.

use anyhow::{Context, Result};
use mysql_async::prelude::Queryable;
use std::path::PathBuf;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// Where a client may connect to.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Postgres {
        port: u16,
        user: String,
        database: String,
    },
    MariaDb {
        port: u16,
        user: String,
    },
    Redis {
        port: u16,
    },
    Sqlite(PathBuf),
}

/// A connection as the lab's admin, or as another of its users.
pub enum Client {
    /// PostgreSQL.
    Postgres(tokio_postgres::Client),
    /// MariaDB.
    MariaDb(mysql_async::Conn),
    /// Redis.
    Redis(redis::aio::MultiplexedConnection),
    /// A file.
    Sqlite(rusqlite::Connection),
}

impl Client {
    pub(crate) async fn open(place: &Place) -> Result<Self> {
        match place {
            Place::Postgres { port, user, database } => postgres(*port, user, database).await,
            Place::MariaDb { port, user } => {
                let options = mysql_async::OptsBuilder::default()
                    .ip_or_hostname("127.0.0.1")
                    .tcp_port(*port)
                    .user(Some(user))
                    .pass(Some(crate::PASSWORD))
                    .prefer_socket(false);
                Ok(Self::MariaDb(mysql_async::Conn::new(options).await?))
            }
            Place::Redis { port } => {
                let url = format!("redis://:{}@127.0.0.1:{port}/", crate::PASSWORD);
                let client = redis::Client::open(url)?;
                Ok(Self::Redis(client.get_multiplexed_async_connection().await?))
            }
            Place::Sqlite(path) => Ok(Self::Sqlite(rusqlite::Connection::open(path)?)),
        }
    }

    /// Runs statements (or a Redis command), whatever they answer.
    pub async fn execute(&mut self, text: &str) -> Result<()> {
        self.query(text)
            .await
            .map(drop)
            .with_context(|| format!("`{text}` failed"))
    }

    /// The first column of the first row, as text.
    pub async fn query(&mut self, text: &str) -> Result<Option<String>> {
        match self {
            Self::Postgres(client) => {
                let messages = client.simple_query(text).await?;
                Ok(messages.iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                    _ => None,
                }))
            }
            Self::MariaDb(client) => {
                let row: Option<mysql_async::Row> = client.query_first(text).await?;
                let value = row.and_then(|row| row.as_ref(0).cloned());
                Ok(value.and_then(|value| mysql_async::from_value_opt(value).ok()))
            }
            Self::Redis(client) => {
                let mut words = text.split_whitespace();
                let mut command = redis::cmd(words.next().unwrap_or("PING"));
                words.for_each(|word| {
                    command.arg(word);
                });
                let answer: redis::Value = command.query_async(client).await?;
                Ok(redis::from_redis_value::<Option<String>>(answer).ok().flatten())
            }
            Self::Sqlite(client) => {
                if text.trim_start().to_ascii_uppercase().starts_with("SELECT") {
                    return Ok(client.query_row(text, [], |row| shown(row.get_ref(0)?))?);
                }
                client.execute_batch(text)?;
                Ok(None)
            }
        }
    }

    /// Commits the row of that number.
    pub(crate) async fn write(&mut self, number: u64) -> Result<()> {
        match self {
            Self::Redis(_) => self.execute(&format!("SET truth {number}")).await,
            _ => {
                self.execute(&format!("INSERT INTO truth VALUES ({number})"))
                    .await
            }
        }
    }

    /// The largest number that can be seen.
    pub(crate) async fn last(&mut self) -> Result<u64> {
        let text = match self {
            Self::Redis(_) => "GET truth",
            Self::MariaDb(_) => "SELECT max(id) FROM lab.truth",
            _ => "SELECT max(id) FROM truth",
        };
        let last = self.query(text).await?;
        Ok(last.and_then(|last| last.parse().ok()).unwrap_or_default())
    }
}

async fn postgres(port: u16, user: &str, database: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(port)
        .user(user)
        .password(crate::PASSWORD)
        .dbname(database)
        .application_name("lab")
        .connect(NoTls)
        .await?;
    tokio::spawn(async move {
        // How it ended shows at the next statement.
        let _ = connection.await;
    });
    Ok(Client::Postgres(client))
}

/// A value of a file as text; its columns hold values of any type.
fn shown(value: rusqlite::types::ValueRef<'_>) -> Result<Option<String>, rusqlite::Error> {
    use rusqlite::types::ValueRef;
    Ok(match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    })
}
