//! Where a server is and how to log in, out of a tree's address.
//!
//! It holds the password, so it has no `Debug` that shows one, and its [`Target::address`] is host and port alone.

use crate::driver::default_port;
use crate::fault::{Fault, FaultKind};
use replica_core::Dialect;
use replica_core::tree::{TreeReplica, Uri};
use std::fmt;
use std::path::PathBuf;

/// One server to connect to.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    uri: Uri,
    dialect: Dialect,
    default_port: Option<u16>,
}

/// What an address asks of the connection's encryption, in libpq's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsWish {
    /// None.
    Off,
    /// If the server can, without asking who it is.
    Prefer,
    /// Encrypted, without asking who it is (`sslmode=require`).
    Require,
    /// Encrypted, with a certificate of a known authority; `hostname` as well if set.
    Verify {
        /// The authorities, in a PEM file; the system's otherwise.
        authorities: Option<PathBuf>,
        /// Whether the certificate must be made out to the host.
        hostname: bool,
    },
}

impl Target {
    /// The server at `uri`. An address whose password was masked when the tree was saved cannot be used.
    pub fn new(uri: Uri, dialect: Dialect, default_port: Option<u16>) -> Result<Self, Fault> {
        if uri.password_is_masked() {
            return Err(Fault::new(
                FaultKind::NotAsked,
                "its password was masked (***) when the tree was saved: write the real one, or a reference to it",
            ));
        }
        Ok(Self {
            uri,
            dialect,
            default_port,
        })
    }

    /// The server that an entry of a tree names.
    pub fn declared(entry: &TreeReplica) -> Result<Self, Fault> {
        let cannot = |why: &'static str| Fault::new(FaultKind::NotAsked, why);
        let dialect = entry
            .dialect
            .clone()
            .ok_or_else(|| cannot("its dialect is not declared: add \"dialect\" to its entry"))?;
        let uri = entry
            .address()
            .ok_or_else(|| cannot("it has no address that can be used: mend \"uri\" in its entry"))?;
        let port = default_port(&dialect);
        Self::new(uri, dialect, port)
    }

    /// The declared dialect.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// The address as written, password and all: for drivers that take nothing else.
    pub fn text(&self) -> &str {
        self.uri.text().expose()
    }

    /// The server's name or address; empty for a file.
    pub fn host(&self) -> &str {
        self.uri.hosts.first().map_or("", |host| &host.name)
    }

    /// The port, or the product's usual one; 0 for a file.
    pub fn port(&self) -> u16 {
        let given = self.uri.hosts.first().and_then(|host| host.port);
        given.or(self.default_port).unwrap_or_default()
    }

    /// The user, if the address names one.
    pub fn user(&self) -> Option<&str> {
        self.uri.user.as_deref().filter(|user| !user.is_empty())
    }

    /// The password, if there is one.
    pub fn password(&self) -> Option<&str> {
        self.uri
            .password
            .as_ref()
            .map(|password| password.expose().as_str())
    }

    /// The database, or the path of a file.
    pub fn database(&self) -> &str {
        &self.uri.path
    }

    /// The scheme, in lower case.
    pub fn scheme(&self) -> &str {
        self.uri.scheme.as_deref().unwrap_or_default()
    }

    /// The option of that name, in any case.
    pub fn option(&self, name: &str) -> Option<&str> {
        let mut options = self.uri.options.iter();
        options
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.expose().as_str())
    }

    /// `host:port` for people; the path for a file.
    pub fn address(&self) -> String {
        match self.uri.hosts.is_empty() {
            true => self.database().to_owned(),
            false => format!("{}:{}", self.host(), self.port()),
        }
    }

    /// What the options ask of the encryption; `usual` where they say nothing.
    pub fn tls(&self, usual: TlsWish) -> Result<TlsWish, Fault> {
        let mode = ["sslmode", "ssl-mode", "ssl", "tls"]
            .iter()
            .find_map(|name| self.option(name));
        let authorities = ["sslrootcert", "ssl-ca", "tlsCAFile"]
            .iter()
            .find_map(|name| self.option(name))
            .filter(|path| !path.is_empty() && *path != "system")
            .map(PathBuf::from);
        let Some(mode) = mode else {
            return Ok(match authorities {
                None => usual,
                authorities => TlsWish::Verify {
                    authorities,
                    hostname: true,
                },
            });
        };
        let verify = |hostname| TlsWish::Verify {
            authorities: authorities.clone(),
            hostname,
        };
        let word = mode.to_ascii_lowercase().replace('_', "-");
        Ok(match word.as_str() {
            "disable" | "disabled" | "false" | "0" | "no" => TlsWish::Off,
            "allow" | "prefer" | "preferred" => TlsWish::Prefer,
            "require" | "required" | "true" | "1" | "yes" if authorities.is_none() => TlsWish::Require,
            "require" | "required" | "true" | "1" | "yes" | "verify-ca" => verify(false),
            "verify-full" | "verify-identity" => verify(true),
            _ => {
                return Err(Fault::new(
                    FaultKind::NotAsked,
                    "its TLS option is none of disable, prefer, require, verify-ca, verify-full",
                ));
            }
        })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Target {
        let dialect = Dialect::new("postgres");
        Target::new(Uri::parse(uri, Some(&dialect)).unwrap(), dialect, Some(5432)).unwrap()
    }

    #[test]
    fn debug_shows_host_and_port_alone() {
        let shown = format!(
            "{:?}",
            target("postgresql://bob:s3cret@db.example/shop?password=x")
        );
        assert_eq!(shown, "Target(db.example:5432)");
    }

    #[test]
    fn a_masked_password_is_not_tried() {
        let dialect = Dialect::new("postgres");
        let uri = Uri::parse("postgresql://bob:***@db/shop", Some(&dialect)).unwrap();
        assert_eq!(
            Target::new(uri, dialect, None).unwrap_err().kind,
            FaultKind::NotAsked
        );
    }

    #[test]
    fn the_words_of_tls_options_are_libpq_s_and_mysql_s() {
        let wish = |options: &str| target(&format!("postgresql://db/x{options}")).tls(TlsWish::Prefer);
        assert_eq!(wish(""), Ok(TlsWish::Prefer));
        assert_eq!(wish("?sslmode=disable"), Ok(TlsWish::Off));
        assert_eq!(wish("?ssl=true"), Ok(TlsWish::Require));
        assert_eq!(wish("?ssl-mode=REQUIRED"), Ok(TlsWish::Require));
        let verify = |path: Option<&str>, hostname| {
            Ok(TlsWish::Verify {
                authorities: path.map(PathBuf::from),
                hostname,
            })
        };
        assert_eq!(wish("?sslmode=verify-full"), verify(None, true));
        assert_eq!(
            wish("?sslmode=verify-ca&sslrootcert=ca.pem"),
            verify(Some("ca.pem"), false)
        );
        assert_eq!(wish("?sslrootcert=ca.pem"), verify(Some("ca.pem"), true));
        assert!(wish("?sslmode=perhaps").is_err());
    }
}
