//! Addresses of databases: taken apart, and shown without what is secret in them.
//!
//! Tree files in the wild hold passwords with raw `@`, `:`, `/` and `%` in them, which RFC 3986 forbids,
//! so no URL library reads them. [`mask()`] works on any text, also on what [`Uri::parse`] refuses:
//! where the two could disagree it hides more. Dialing is the engine's business.

mod mask;

pub use mask::mask;

use crate::{Dialect, Secret};
use percent_encoding::percent_decode_str;
use std::fmt;

/// What stands for a hidden secret. A tree saved by the original's library holds it literally.
pub const MASK: &str = "***";

/// A server's name and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Name or address; IPv6 without its brackets.
    pub name: String,
    /// The port, when given.
    pub port: Option<u16>,
}

/// An address, taken apart. `Debug` and `Display` show it masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    text: Secret<String>,
    /// Lower-case scheme without `://`; none for a bare path.
    pub scheme: Option<String>,
    /// The user, percent-decoded.
    pub user: Option<String>,
    /// The password, percent-decoded; an empty one is `Some("")`.
    pub password: Option<Secret<String>>,
    /// The servers; empty for a file.
    pub hosts: Vec<Host>,
    /// Database or service name (without the leading slash), or the path of a file; percent-decoded for servers.
    pub path: String,
    /// Options, percent-decoded, in order.
    pub options: Vec<(String, Secret<String>)>,
}

/// Why a text is no address. Never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriError {
    /// Nothing but white space.
    Empty,
    /// No `scheme://`, and the dialect is not a file.
    NoScheme,
    /// No host after the scheme.
    NoHost,
    /// A port that is no number from 1 to 65535.
    BadPort,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::NoScheme => "it does not start with a scheme such as postgresql://",
            Self::NoHost => "it names no host",
            Self::BadPort => "its port is not a number from 1 to 65535",
        })
    }
}

impl std::error::Error for UriError {}

impl Uri {
    /// Takes `text` apart. A bare path is a file where the dialect is one (or is not declared).
    pub fn parse(text: &str, dialect: Option<&Dialect>) -> Result<Self, UriError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UriError::Empty);
        }
        let Some((scheme, rest)) = split_scheme(text) else {
            return match dialect {
                Some(dialect) if !dialect.is_file() => Err(UriError::NoScheme),
                _ => Ok(Self::file(text, None, text)),
            };
        };
        if dialect.is_some_and(Dialect::is_file) || matches!(scheme.as_str(), "sqlite" | "file" | "duckdb") {
            return Ok(Self::file(text, Some(scheme), rest));
        }
        Self::server(text, scheme, rest)
    }

    fn file(text: &str, scheme: Option<String>, path: &str) -> Self {
        Self {
            text: Secret::new(text.to_owned()),
            scheme,
            user: None,
            password: None,
            hosts: Vec::new(),
            path: path.to_owned(),
            options: Vec::new(),
        }
    }

    fn server(text: &str, scheme: String, rest: &str) -> Result<Self, UriError> {
        let (userinfo, rest) = match userinfo_end(rest) {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(authority_end);
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let (user, password) = match userinfo.map(|info| info.split_once(':').unwrap_or((info, "\0"))) {
            None => (None, None),
            Some((user, "\0")) => (Some(decode(user)), None),
            Some((user, password)) => (Some(decode(user)), Some(Secret::new(decode(password)))),
        };
        Ok(Self {
            text: Secret::new(text.to_owned()),
            scheme: Some(scheme),
            user,
            password,
            hosts: hosts(authority)?,
            path: decode(path.split('#').next().unwrap_or_default().trim_start_matches('/')),
            options: options(query),
        })
    }

    /// The address as written, password and all.
    pub fn text(&self) -> &Secret<String> {
        &self.text
    }

    /// Whether the password was replaced by [`MASK`] when the tree was saved.
    pub fn password_is_masked(&self) -> bool {
        self.password
            .as_ref()
            .is_some_and(|password| password.expose() == MASK)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(self.text.expose()))
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

/// The scheme in lower case and what follows `://`.
fn split_scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':');
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(plain);
    valid.then(|| (scheme.to_ascii_lowercase(), rest))
}

/// Where the user and password end: at the first `@` that a host can follow, or at a later one that stands before
/// any query. So raw `@` and `/` in a password are read as the password's.
fn userinfo_end(rest: &str) -> Option<usize> {
    let followed_by_host = |at: &usize| {
        let host =
            |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']' | ',' | '%');
        let after = &rest[at + 1..];
        let end = after.find(|c| !host(c)).unwrap_or(after.len());
        end > 0 && (end == after.len() || after[end..].starts_with(['/', '?', '#']))
    };
    let first = rest.match_indices('@').map(|(at, _)| at).find(followed_by_host)?;
    let query = rest[first..].find(['?', '#']).map_or(rest.len(), |at| first + at);
    rest[..query]
        .match_indices('@')
        .map(|(at, _)| at)
        .rfind(followed_by_host)
        .or(Some(first))
}

fn hosts(authority: &str) -> Result<Vec<Host>, UriError> {
    if authority.is_empty() {
        return Err(UriError::NoHost);
    }
    authority.split(',').map(host).collect()
}

fn host(text: &str) -> Result<Host, UriError> {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':')),
        None => match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(UriError::BadPort),
        },
    };
    match name {
        "" => Err(UriError::NoHost),
        name => Ok(Host {
            name: decode(name),
            port,
        }),
    }
}

fn options(query: &str) -> Vec<(String, Secret<String>)> {
    let pairs = query
        .split('#')
        .next()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), Secret::new(decode(value)))
    };
    pairs.map(pair).collect()
}

/// Percent-decoded, or as written where that is no UTF-8 (a raw `%` in a password).
fn decode(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8()
        .map_or_else(|_| text.to_owned(), |decoded| decoded.into_owned())
}

#[cfg(test)]
mod tests;
