//! `token new`: somebody more may read, or write.

use super::Kept;
use super::file::TokenLines;
use crate::cli::Failure;
use crate::clock::now_ms;
use crate::words::plain;
use crate::{Token, TokenRole};
use replica_core::Secret;
use std::io::Write;
use std::time::Duration;

/// How much chance a secret is made of: nobody guesses that.
const SECRET_BYTES: usize = 32;
/// Longer is for ever; without an end a token is that anyway.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Make a token and write it, hashed, to the file; its secret is told on standard output, this once.
#[derive(clap::Args)]
pub(super) struct New {
    /// Whose it is, for the audit
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    kept: Kept,
    /// What it allows: reading, or writing too
    #[arg(long, value_name = "ROLE", value_enum, default_value_t)]
    role: Role,
    /// For how long it is valid: `12h`, `90d`; without it, until it is taken back
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    span: Option<Duration>,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Role {
    #[default]
    Viewer,
    Operator,
}

impl From<Role> for TokenRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Operator => Self::Operator,
        }
    }
}

impl New {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let secret = secret()?;
        let mut token = Token::new(self.name.as_str(), self.role.into(), &secret);
        token.until_ms = self.until_ms()?;
        self.refuse_odd_name(&token)?;
        let mut file = TokenLines::open(&self.kept.file)?;
        if file.tokens()?.iter().any(|token| *token.name == *self.name) {
            return Err(Failure::Usage(format!(
                "there is a token of {:?} already; take it back with `token revoke`, or choose another name",
                self.name
            )));
        }
        file.add(token.line());
        file.write()?;
        Ok(writeln!(out, "{}", secret.expose())?)
    }

    fn until_ms(&self) -> Result<Option<i64>, Failure> {
        let Some(span) = self.span else { return Ok(None) };
        if span.is_zero() || span > LONGEST {
            return Err(Failure::Usage(
                "--for must be more than nothing, and at most 100 years".to_owned(),
            ));
        }
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Ok(Some(now_ms().saturating_add(ms)))
    }

    /// A name must be read back as itself: no space in it, and nothing that makes the line a comment.
    fn refuse_odd_name(&self, token: &Token) -> Result<(), Failure> {
        let is_read_back = matches!(Token::read(&token.line()), Ok(Some(token)) if *token.name == *self.name);
        match is_read_back && plain(&self.name) == self.name {
            true => Ok(()),
            false => Err(Failure::Usage(format!(
                "{:?} cannot be the name of a token: one word that does not begin with #",
                self.name
            ))),
        }
    }
}

fn secret() -> Result<Secret<String>, Failure> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::Failed(format!("there is no chance to be had: {error}")))?;
    Ok(Secret::new(hex::encode(bytes)))
}
