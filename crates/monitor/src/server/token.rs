//! Tokens and the file that lists them.
//!
//! Only hashes are kept. Who shows a token, and what happens to wrong ones, is [`super::auth`]'s business.

use replica_core::{Name, Secret};
use sha2::{Digest, Sha256};
use std::fmt;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenRole {
    /// Reading.
    Viewer,
    /// Reading and writing.
    Operator,
}

/// Whoever shows it is somebody.
#[derive(Clone)]
pub struct Token {
    /// Whose it is, for the audit.
    pub(crate) name: Name,
    pub(crate) role: TokenRole,
    pub(super) hash: [u8; 32],
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
    /// The token `secret` of somebody called `name`.
    pub fn new(name: impl Into<Name>, role: TokenRole, secret: &Secret<String>) -> Self {
        Self {
            name: name.into(),
            role,
            hash: hash(secret.expose()),
        }
    }

    /// Reads a token file: a line for each token, `NAME viewer|operator SECRET`, where the secret may be
    /// given as `sha256:` and its SHA-256 in hex. A line of one word is the secret of a viewer. Empty lines and
    /// those that start with `#` do not count.
    pub fn read_all(text: &str) -> Result<Vec<Self>, TokenFileError> {
        let lines = text.lines().map(str::trim).enumerate();
        let wanted = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let tokens = wanted
            .map(|(at, line)| Self::read(line).map_err(|why| TokenFileError { line: at + 1, why }))
            .collect::<Result<Vec<_>, _>>()?;
        match tokens.is_empty() {
            true => Err(TokenFileError {
                line: 1,
                why: "there is no token in the file",
            }),
            false => Ok(tokens),
        }
    }

    fn read(line: &str) -> Result<Self, &'static str> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, role, secret) = match words.as_slice() {
            [secret] => ("viewer", TokenRole::Viewer, *secret),
            [name, "viewer", secret] => (*name, TokenRole::Viewer, *secret),
            [name, "operator", secret] => (*name, TokenRole::Operator, *secret),
            [_, _, _] => return Err("the role must be viewer or operator"),
            _ => return Err("must be `NAME viewer|operator SECRET`, or one word"),
        };
        let hash = match secret.strip_prefix("sha256:") {
            Some(digits) => hex::decode(digits)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or("`sha256:` must be followed by 64 hexadecimal digits")?,
            None => hash(secret),
        };
        Ok(Self {
            name: name.into(),
            role,
            hash,
        })
    }
}

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
    fn refusals_name_the_line_and_not_the_secret() {
        for (text, line) in [
            ("", 1),
            ("# only\n", 1),
            ("ok\nmaya boss s", 2),
            ("a b", 1),
            ("a viewer sha256:12", 1),
        ] {
            let refused = Token::read_all(text).err().unwrap();
            assert_eq!(refused.line, line, "{refused}");
        }
    }
}
