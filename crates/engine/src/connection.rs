//! A connection of an application's, whatever the product.
//!
//! The variants hold the drivers' own types, so that nothing of a driver is hidden from who borrows one.

/// One open connection.
#[non_exhaustive]
pub enum Connection {
    /// PostgreSQL or CockroachDB.
    #[cfg(feature = "postgres")]
    Postgres(tokio_postgres::Client),
    /// MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    MySql(mysql_async::Conn),
    /// Redis or Valkey.
    #[cfg(feature = "redis")]
    Redis(redis::aio::MultiplexedConnection),
    /// A file.
    #[cfg(feature = "sqlite")]
    Sqlite(rusqlite::Connection),
    /// MongoDB: a client of that one server.
    #[cfg(feature = "mongodb")]
    MongoDb(mongodb::Client),
    /// SQL Server.
    #[cfg(feature = "mssql")]
    Mssql(Box<crate::MssqlClient>),
    /// ClickHouse, over HTTP.
    #[cfg(feature = "clickhouse")]
    ClickHouse(clickhouse::Client),
}

impl Connection {
    /// Whether it can still be used, as far as can be told without asking the server.
    pub fn is_open(&self) -> bool {
        // By place: without any driver there is no variant, and so no value to refer to.
        match *self {
            #[cfg(feature = "postgres")]
            Self::Postgres(ref client) => !client.is_closed(),
            #[cfg(feature = "mysql")]
            Self::MySql(ref client) => !client.is_disconnected(),
            // These notice at the next use.
            #[cfg(feature = "redis")]
            Self::Redis(_) => true,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => true,
            #[cfg(feature = "mongodb")]
            Self::MongoDb(_) => true,
            #[cfg(feature = "mssql")]
            Self::Mssql(_) => true,
            #[cfg(feature = "clickhouse")]
            Self::ClickHouse(_) => true,
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection(…)")
    }
}
