//! A database of any kind as an end of a rule, and how it is asked without our code.

use anyhow::{Context, Result};
use replica_lab::{ADMIN, Client, Lab, MariaDb, Postgres, SqliteFile};
use serde_json::{Value, json};

/// A database of the lab, and how it is asked as its owner.
pub(crate) enum Db {
    Postgres(Postgres),
    MariaDb(MariaDb),
    Sqlite(SqliteFile),
}

impl Db {
    pub(crate) fn entry(&self) -> Value {
        let (dialect, uri) = match self {
            Self::Postgres(server) => ("postgres", server.uri(ADMIN)),
            Self::MariaDb(server) => ("mariadb", server.uri(ADMIN)),
            Self::Sqlite(file) => ("sqlite", file.uri()),
        };
        json!({ "m": { "role": "master", "dialect": dialect, "uri": uri } })
    }

    pub(crate) async fn client(&self) -> Result<Client> {
        match self {
            Self::Postgres(server) => server.client().await,
            Self::MariaDb(server) => {
                let mut client = server.client().await?;
                client.execute("USE lab").await?;
                Ok(client)
            }
            Self::Sqlite(file) => file.client().await,
        }
    }

    pub(crate) async fn execute(&self, statements: &[&str]) -> Result<()> {
        let mut client = self.client().await?;
        for statement in statements {
            client
                .execute(statement)
                .await
                .with_context(|| (*statement).to_owned())?;
        }
        Ok(())
    }

    pub(crate) async fn query(&self, text: &str) -> Result<String> {
        let found = self
            .client()
            .await?
            .query(text)
            .await
            .with_context(|| text.to_owned())?;
        Ok(found.unwrap_or_else(|| "null".to_owned()))
    }
}

pub(crate) async fn postgres(lab: &Lab, name: &str) -> Result<Db> {
    Ok(Db::Postgres(Postgres::primary(lab, name).await?))
}

pub(crate) async fn mariadb(lab: &Lab, name: &str) -> Result<Db> {
    Ok(Db::MariaDb(MariaDb::primary(lab, name).await?))
}

pub(crate) async fn sqlite(lab: &Lab, name: &str) -> Result<Db> {
    Ok(Db::Sqlite(SqliteFile::new(lab, name).await?))
}
