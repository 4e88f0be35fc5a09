//! Tokens and the file that lists them.
//!
//! Only hashes are kept. Who shows a token, and what happens to wrong ones, is [`super::auth`]'s business.

use crate::words::time;
use replica_core::{Name, Secret};
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::UNIX_EPOCH;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenRole {
    /// Reading.
    Viewer,
    /// Reading and writing.
    Operator,
}

impl TokenRole {
    /// As files and `/api/me` write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }

    /// What [`Self::word`] writes.
    fn of_word(word: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator]
            .into_iter()
            .find(|role| role.word() == word)
    }
}

/// Whoever shows it is somebody.
#[derive(Clone)]
pub struct Token {
    /// Whose it is, for the audit.
    pub(crate) name: Name,
    pub(crate) role: TokenRole,
    /// In milliseconds since 1970: when it ends, if it does.
    pub(crate) until_ms: Option<i64>,
    pub(super) hash: [u8; 32],
    /// Tells it from every other one, also of the same name, and opens nothing. Kept, because every answer asks for it.
    pub(super) mark: Name,
}

/// Why a line of a token file is none. Never quotes the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFileError {
    /// 1-based.
    pub line: usize,
    /// What is wrong and what to do.
    pub why: &'static str,
}

impl fmt::Display for TokenFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for TokenFileError {}

impl Token {
    /// The token `secret` of somebody called `name`, without an end.
    pub fn new(name: impl Into<Name>, role: TokenRole, secret: &Secret<String>) -> Self {
        Self::hashed(name, role, hash(secret.expose()))
    }

    fn hashed(name: impl Into<Name>, role: TokenRole, hash: [u8; 32]) -> Self {
        Self {
            name: name.into(),
            role,
            until_ms: None,
            hash,
            // Of the hash's hash, so that nobody can look the secret up by it.
            mark: hex::encode(&Sha256::digest(hash)[..8]).into(),
        }
    }

    /// Reads a token file: a line for each token, `NAME viewer|operator SECRET [until=TIME]`, where the secret may be
    /// given as `sha256:` and its SHA-256 in hex, and the time is one of RFC 3339. A line of one word is the secret of
    /// a viewer. Empty lines and those that start with `#` do not count.
    pub fn read_all(text: &str) -> Result<Vec<Self>, TokenFileError> {
        let lines = text.lines().enumerate();
        let read = |(at, line)| Self::read(line).map_err(|why| TokenFileError { line: at + 1, why });
        lines.filter_map(|line| read(line).transpose()).collect()
    }

    /// The token of a line of a token file; none in an empty line and a comment.
    pub(crate) fn read(line: &str) -> Result<Option<Self>, &'static str> {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first().is_none_or(|word| word.starts_with('#')) {
            return Ok(None);
        }
        let (name, role, secret, until) = match *words.as_slice() {
            [secret] => ("viewer", "viewer", secret, None),
            [name, role, secret] => (name, role, secret, None),
            [name, role, secret, until] => (name, role, secret, Some(until)),
            _ => return Err("must be `NAME viewer|operator SECRET [until=TIME]`, or one word"),
        };
        let role = TokenRole::of_word(role).ok_or("the role must be viewer or operator")?;
        Ok(Some(Self {
            until_ms: until.map(read_until).transpose()?,
            ..Self::hashed(name, role, read_secret(secret)?)
        }))
    }

    /// What [`Self::read`] reads, with the hash in the place of the secret.
    pub(crate) fn line(&self) -> String {
        let until = self.until_ms.map(|until| format!(" until={}", time(until)));
        let (role, hash) = (self.role.word(), hex::encode(self.hash));
        format!("{} {role} sha256:{hash}{}", self.name, until.unwrap_or_default())
    }

    /// Whether it opens anything at `now_ms`.
    pub(crate) fn is_valid(&self, now_ms: i64) -> bool {
        self.until_ms.is_none_or(|until| now_ms < until)
    }
}

fn read_until(word: &str) -> Result<i64, &'static str> {
    const WHY: &str = "the fourth word must be its end in UTC, as in until=2027-01-31T00:00:00Z";
    let text = word.strip_prefix("until=").ok_or(WHY)?;
    let time = humantime::parse_rfc3339_weak(text).map_err(|_| WHY)?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| WHY)?;
    i64::try_from(since.as_millis()).map_err(|_| WHY)
}

fn read_secret(text: &str) -> Result<[u8; 32], &'static str> {
    let Some(digits) = text.strip_prefix("sha256:") else {
        return Ok(hash(text));
    };
    let bytes = hex::decode(digits).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or("`sha256:` must be followed by 64 hexadecimal digits")
}

/// What is kept of a secret.
pub(super) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_its_tokens() {
        let hashed = format!("sha256:{}", hex::encode(hash("s2")));
        let tokens = Token::read_all(&format!(
            "# who may\n\nmaya operator s1\nwall viewer {hashed}\ns3\n"
        ))
        .unwrap();
        let told: Vec<_> = tokens.iter().map(|token| (&*token.name, token.role)).collect();
        let want = [
            ("maya", TokenRole::Operator),
            ("wall", TokenRole::Viewer),
            ("viewer", TokenRole::Viewer),
        ];
        assert_eq!(told, want);
        assert_eq!(
            [tokens[0].hash, tokens[1].hash, tokens[2].hash],
            [hash("s1"), hash("s2"), hash("s3")]
        );
    }

    #[test]
    fn an_end_is_kept_to() {
        let token = Token::read("maya operator s until=1970-01-01T00:00:01Z")
            .unwrap()
            .unwrap();
        assert_eq!(token.until_ms, Some(1000));
        assert!(token.is_valid(999) && !token.is_valid(1000));
        assert_eq!(Token::read(&token.line()).unwrap().unwrap().line(), token.line());
        assert!(Token::read_all("# nobody yet\n").unwrap().is_empty());
    }

    #[test]
    fn refusals_name_the_line_and_not_the_secret() {
        for (text, line) in [
            ("ok\nmaya boss s", 2),
            ("a b", 1),
            ("a viewer sha256:12", 1),
            ("# those\na viewer s until=soon", 2),
            ("a viewer s 2027-01-31T00:00:00Z", 1),
            ("a viewer s until=2027-01-31T00:00:00Z more", 1),
        ] {
            let refused = Token::read_all(text).err().unwrap();
            assert_eq!(refused.line, line, "{refused}");
        }
    }
}
