//! MySQL or MariaDB, and which words its version uses.

/// What kind of server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    MariaDb,
    /// Before 8.0.22 links are called slaves.
    MySql {
        speaks_of_replicas: bool,
    },
}

impl Flavour {
    /// As the server's version says.
    pub(super) fn of(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") {
            return Self::MariaDb;
        }
        let mut numbers = version
            .split(['.', '-', '+'])
            .map_while(|part| part.parse::<u32>().ok());
        let mut next = || numbers.next().unwrap_or_default();
        let version = (next(), next(), next());
        Self::MySql {
            speaks_of_replicas: version >= (8, 0, 22),
        }
    }

    /// Position, role, clock and counts, in one row. Needs no grant at all.
    pub(super) fn server(self) -> &'static str {
        match self {
            Self::MariaDb => {
                "SELECT @@global.gtid_binlog_pos AS written, @@global.gtid_slave_pos AS applied, @@global.gtid_current_pos AS current,
 @@global.read_only AS read_only, 0 AS super_read_only, @@global.server_id AS server, @@global.max_connections AS max_connections,
 CAST(UNIX_TIMESTAMP(NOW(6))*1000000 AS UNSIGNED) AS clock_us, CAST(@@global.expire_logs_days*86400 AS UNSIGNED) AS expire_s,
 (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='THREADS_CONNECTED') AS connections,
 (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='SLAVES_RUNNING') AS running"
            }
            Self::MySql { .. } => {
                "SELECT @@global.gtid_executed AS written, @@global.gtid_executed AS applied, '' AS current,
 @@global.read_only AS read_only, @@global.super_read_only AS super_read_only, @@server_uuid AS server, @@global.max_connections AS max_connections,
 CAST(UNIX_TIMESTAMP(NOW(6))*1000000 AS UNSIGNED) AS clock_us, @@global.binlog_expire_logs_seconds AS expire_s,
 (SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME='Threads_connected') AS connections,
 NULL AS running"
            }
        }
    }

    /// The links into it.
    pub(super) fn links(self) -> &'static str {
        match self {
            Self::MariaDb => "SHOW ALL SLAVES STATUS",
            Self::MySql {
                speaks_of_replicas: true,
            } => "SHOW REPLICA STATUS",
            Self::MySql {
                speaks_of_replicas: false,
            } => "SHOW SLAVE STATUS",
        }
    }

    /// Those who follow it.
    pub(super) fn followers(self) -> &'static str {
        match self {
            Self::MySql {
                speaks_of_replicas: true,
            } => "SHOW REPLICAS",
            _ => "SHOW SLAVE HOSTS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_tells_the_words() {
        assert_eq!(Flavour::of("10.11.19-MariaDB-0+deb12u1-log"), Flavour::MariaDb);
        assert_eq!(Flavour::of("5.5.5-10.3.1-MariaDB"), Flavour::MariaDb);
        let words = |version| Flavour::of(version).links();
        assert_eq!(words("8.0.21-log"), "SHOW SLAVE STATUS");
        assert_eq!(words("8.0.22"), "SHOW REPLICA STATUS");
        assert_eq!(words("8.4.3"), "SHOW REPLICA STATUS");
        assert_eq!(words("9.7.4"), "SHOW REPLICA STATUS");
        assert_eq!(words("5.7.44-log"), "SHOW SLAVE STATUS");
    }
}
