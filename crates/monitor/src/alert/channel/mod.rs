//! The ways to a person: one file each.
//!
//! To add a channel, write its file and put its line into [`CHANNELS`]. A channel delivers one notice and says whether it was taken; waiting, trying
//! again and bounds are the business of whoever calls it. It runs on a thread of its own and may block, but not without a deadline.

mod alertmanager;
mod email;
mod exec;
mod pagerduty;
mod post;
mod secrets;
mod slack;
mod webhook;

pub(crate) use secrets::Secrets;

use super::notice::Notice;
use super::settings::AlertSettingsError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a delivery may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A way to a person.
pub(crate) struct Kind {
    /// As the settings name it.
    pub(crate) name: &'static str,
    /// How often it must be told again of what fires, because it forgets.
    pub(super) repeat: Option<Duration>,
    make: fn(Value, &Secrets<'_>) -> Made,
    /// Settings by which it reaches a listener of the tests, and what proves that a notice of `r` arrived there.
    #[cfg(test)]
    sample: fn(&tests::Listener) -> (Value, &'static str),
}

/// Every kind of channel.
pub(crate) static CHANNELS: &[&Kind] = &[
    &webhook::WEBHOOK,
    &slack::SLACK,
    &email::EMAIL,
    &pagerduty::PAGERDUTY,
    &alertmanager::ALERTMANAGER,
    &exec::EXEC,
];

/// Why a notice was not taken. It names no secret.
#[derive(Debug)]
pub(crate) struct Undelivered {
    pub(crate) why: String,
    /// It will never be taken as it is.
    pub(crate) for_good: bool,
}

impl Undelivered {
    fn later(why: impl fmt::Display) -> Self {
        Self {
            why: why.to_string(),
            for_good: false,
        }
    }

    fn for_good(why: impl fmt::Display) -> Self {
        Self {
            why: why.to_string(),
            for_good: true,
        }
    }
}

/// Takes a notice to where it belongs.
pub(crate) trait Deliver: Send + Sync {
    fn deliver(&self, notice: &Notice) -> Result<(), Undelivered>;
}

/// A channel, if its settings allow.
type Made = Result<Arc<dyn Deliver>, AlertSettingsError>;

/// One that is set up.
#[derive(Clone)]
pub(crate) struct Channel {
    pub(crate) kind: &'static Kind,
    deliver: Arc<dyn Deliver>,
}

impl Channel {
    /// Sets up one of the kind `kind` with its own fields.
    pub(super) fn make(kind: &str, fields: Value, secrets: &Secrets<'_>) -> Result<Self, AlertSettingsError> {
        let Some(kind) = CHANNELS.iter().find(|known| known.name == kind) else {
            let known: Vec<&str> = CHANNELS.iter().map(|kind| kind.name).collect();
            let known = known.join(", ");
            return Err(AlertSettingsError::new(format!(
                "there is no kind {kind:?}; there are {known}"
            )));
        };
        let deliver = (kind.make)(fields, secrets)?;
        Ok(Self { kind, deliver })
    }

    pub(crate) fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        self.deliver.deliver(notice)
    }
}

/// The fields of a channel, all of which it must know.
fn fields<T: DeserializeOwned>(fields: Value) -> Result<T, AlertSettingsError> {
    serde_json::from_value(fields).map_err(|error| AlertSettingsError::new(error.to_string()))
}

#[cfg(test)]
mod tests;
