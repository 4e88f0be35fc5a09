//! Why a look failed, in the terms of the state table: what it says about the server, and what it says about us.
//!
//! Texts are for people and never hold a secret: server messages are passed on only where they cannot quote one.

use replica_core::State;
use replica_core::lag::Reason;
use std::fmt;

/// A look that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What that says about the server.
    pub kind: FaultKind,
    /// In words, lower-case, without secrets.
    pub message: Reason,
}

/// What a failure says about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing listens there, or nothing is there.
    Refused,
    /// No answer within the deadline.
    TimedOut,
    /// A connection that was open has ended; another try may succeed at once.
    Closed,
    /// It says that it starts, stops or loads.
    Starting,
    /// It lives, but takes no more connections.
    Saturated,
    /// It lives, but the name, password or database is wrong: the entry must be mended, not the server.
    Misconfigured,
    /// The entry cannot be used at all, so nobody was asked.
    NotAsked,
    /// It answered something that this driver does not understand.
    Strange,
}

impl Fault {
    /// A failure of that kind.
    pub fn new(kind: FaultKind, message: impl Into<Reason>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// What an error of the operating system says about the server.
    pub fn from_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, message): (_, Reason) = match error.kind() {
            Io::ConnectionRefused => (
                FaultKind::Refused,
                "connection refused: nothing listens there".into(),
            ),
            Io::HostUnreachable | Io::NetworkUnreachable | Io::AddrNotAvailable => {
                (FaultKind::Refused, "its address cannot be reached".into())
            }
            Io::NotFound => (FaultKind::Refused, "there is no such file".into()),
            Io::TimedOut => (FaultKind::TimedOut, "no answer".into()),
            Io::ConnectionReset
            | Io::ConnectionAborted
            | Io::BrokenPipe
            | Io::UnexpectedEof
            | Io::NotConnected => (FaultKind::Closed, "the connection was closed".into()),
            _ => (FaultKind::Refused, format!("cannot be reached: {error}").into()),
        };
        Self { kind, message }
    }

    /// The state to show after this many looks in a row without an answer, this one included.
    pub fn state(&self, misses: u32) -> State {
        match self.kind {
            FaultKind::Refused => State::Down,
            FaultKind::TimedOut | FaultKind::Closed if misses <= PATIENCE => State::Connecting,
            FaultKind::TimedOut | FaultKind::Closed => State::Down,
            FaultKind::Starting => State::Connecting,
            FaultKind::Saturated | FaultKind::Misconfigured => State::Up,
            FaultKind::NotAsked | FaultKind::Strange => State::Unknown,
        }
    }
}

/// A server may miss this many looks before it is called down.
const PATIENCE: u32 = 2;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_called_down_only_after_some_patience() {
        let silent = Fault::new(FaultKind::TimedOut, "no answer");
        assert_eq!(silent.state(1), State::Connecting);
        assert_eq!(silent.state(PATIENCE), State::Connecting);
        assert_eq!(silent.state(PATIENCE + 1), State::Down);
    }

    #[test]
    fn a_server_that_turns_us_away_is_up() {
        assert_eq!(Fault::new(FaultKind::Saturated, "x").state(9), State::Up);
        assert_eq!(Fault::new(FaultKind::Misconfigured, "x").state(9), State::Up);
        assert_eq!(Fault::new(FaultKind::Refused, "x").state(1), State::Down);
    }
}
