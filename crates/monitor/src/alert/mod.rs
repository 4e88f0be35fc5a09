//! Alerts: what is wrong for long enough that a person should know, and telling that person once.
//!
//! [`condition`] says what is wrong at one moment, [`book`] since when and whether it was told, [`channel`] how it is told. A
//! [`watch`]er joins them beside the hub, which does not notice. Nothing is mended here.

mod book;
mod channel;
mod condition;
mod mute;
mod notice;
mod outbox;
mod room;
mod saved;
mod settings;
mod shown;
mod subject;
mod trend;
mod watch;

pub(crate) use mute::{NewMute, Refusal};
pub(crate) use notice::Notice;
pub(crate) use room::Alerts;
pub(crate) use shown::{AlertsShown, ChannelCounts, Counts, SilenceShown};
pub(crate) use subject::Subject;
pub(crate) use watch::start;

pub use settings::{AlertSettings, AlertSettingsError};
