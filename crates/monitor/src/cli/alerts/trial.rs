//! Sends a notice of nothing by one channel.

use crate::alert::Notice;
use crate::cli::Failure;
use crate::cli::settings::{Environment, read_alerts};
use crate::clock::now_ms;
use std::io::Write;
use std::path::Path;

pub(super) fn run(channel: &str, file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = read_alerts(file, &Environment::read(Path::new(""))?)?;
    let Some(found) = settings.channel(channel) else {
        let known = settings.channel_names().join(", ");
        return Err(Failure::Usage(format!(
            "--try-channel: there is no channel {channel:?}; there are: {known}"
        )));
    };
    match found.deliver(&Notice::sample(now_ms())) {
        Ok(()) => Ok(writeln!(
            out,
            "{channel} took a notice of an alert that does not exist (p / r is down)"
        )?),
        Err(undelivered) => Err(Failure::Failed(format!("{channel}: {}", undelivered.why))),
    }
}
