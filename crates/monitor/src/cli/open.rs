//! `open`: the page and the API of what a file recorded, with nobody asked and nothing written.

use super::Failure;
use super::serve::{log_to_stderr, signals};
use super::settings::LogFormat;
use crate::config::Config;
use crate::handle::start;
use crate::source::Recorded;
use crate::words::time;
use std::io::Write;
use std::path::PathBuf;

/// Show what a file recorded: an incident that was exported, or the history of a monitor. Nobody is asked, and the file is not changed.
///
/// It is served to this machine alone. The page opens at the last second that is kept, and goes back from there.
#[derive(clap::Args)]
pub(super) struct Open {
    /// The file
    file: PathBuf,
    /// The port; 0 lets the system choose
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
}

impl Open {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        log_to_stderr(LogFormat::Text);
        let file = self.file.display();
        // SQLite would only say that it cannot open it.
        std::fs::metadata(&self.file)
            .map_err(|error| Failure::Failed(format!("cannot read {file}: {error}")))?;
        let recorded = Recorded::open(&self.file)
            .map_err(|error| Failure::Failed(format!("cannot read {file}: {error}")))?;
        let Some(recorded) = recorded else {
            return Err(Failure::Failed(format!(
                "{file} has no sample in it: there is nothing to show"
            )));
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.serve(recorded, out))
    }

    async fn serve(&self, recorded: Recorded, out: &mut dyn Write) -> Result<(), Failure> {
        let stop = signals()?;
        let (from, to) = recorded.span();
        let config = Config {
            port: self.port,
            recording: Some(self.file.clone()),
            alerts: None,
            ..Config::default()
        };
        let monitor = start(config, recorded)
            .await
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let (file, url) = (self.file.display(), monitor.url());
        writeln!(out, "{file}: recorded from {} to {}", time(from), time(to))?;
        writeln!(out, "open {url}/#/overview?at={to}")?;
        out.flush()?;
        stop.await;
        monitor.stop().await;
        Ok(())
    }
}
