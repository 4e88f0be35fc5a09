//! SQLite files, and copies of them made the ways people make them.

use crate::client::{Client, Place};
use crate::lab::Lab;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// A database file.
#[derive(Clone)]
pub struct SqliteFile {
    path: PathBuf,
}

impl SqliteFile {
    /// A new file in WAL mode with the table of the truth.
    pub async fn new(lab: &Lab, name: &str) -> Result<Self> {
        let file = Self {
            path: lab.room(name).with_extension("db"),
        };
        let mut client = file.client().await?;
        // It answers with the mode, which a batch would trip over.
        client.query("SELECT 1").await?;
        if let Client::Sqlite(connection) = &client {
            connection.pragma_update(None, "journal_mode", "wal")?;
        }
        client
            .execute("CREATE TABLE truth (id INTEGER PRIMARY KEY)")
            .await?;
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its address.
    pub fn uri(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn place(&self) -> Place {
        Place::Sqlite(self.path.clone())
    }

    /// A connection that may write.
    pub async fn client(&self) -> Result<Client> {
        Client::open(&self.place()).await
    }

    /// Copies it whole, as a backup tool does, over what `to` was.
    pub async fn copy(&self, to: &Path) -> Result<Self> {
        let fresh = to.with_extension("new");
        let _ = std::fs::remove_file(&fresh);
        if let Client::Sqlite(connection) = self.client().await? {
            connection.execute("VACUUM INTO ?1", [fresh.display().to_string()])?;
        }
        std::fs::rename(&fresh, to)?;
        Ok(Self { path: to.to_owned() })
    }
}
