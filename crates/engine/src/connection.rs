//! A connection of an application's, whatever the product.
//!
//! The variants hold the drivers' own types, so that nothing of a driver is hidden from who borrows one.

/// One open connection.
#[non_exhaustive]
pub enum Connection {
    /// PostgreSQL or CockroachDB.
    #[cfg(feature = "postgres")]
    Postgres(tokio_postgres::Client),
}

impl Connection {
    /// Whether it can still be used, as far as can be told without asking the server.
    pub fn is_open(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(client) => !client.is_closed(),
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection(…)")
    }
}
