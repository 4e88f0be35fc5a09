//! Where the metrics are sent to: flags and environment → [`Push`].

use super::Failure;
use super::settings::Environment;
use crate::{Protocol, Push};
use clap::Args;
use replica_core::Secret;
use std::path::Path;
use std::time::Duration;

#[derive(Args)]
pub(super) struct PushFlags {
    /// Send the metrics to this receiver of Prometheus's remote write as well; MONITOR_REMOTE_WRITE_TOKEN is sent as Bearer
    /// [env: MONITOR_REMOTE_WRITE]
    #[arg(long, value_name = "URL")]
    remote_write: Option<String>,
    /// Send the metrics to this receiver of OpenTelemetry's OTLP over HTTP as well, at /v1/metrics where no path is given;
    /// MONITOR_OTLP_TOKEN is sent as Bearer [env: MONITOR_OTLP]
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// How often the metrics are sent, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 15,
        alias = "remote-write-every"
    )]
    push_every: u64,
    /// How much may wait on disk while a receiver is away, in MB for each
    #[arg(long, value_name = "MB", default_value_t = 256, alias = "remote-write-spool")]
    push_spool: u64,
}

impl PushFlags {
    /// Each of them keeps what waits in a folder of its own.
    pub(super) fn resolve(&self, state: &Path, env: &Environment) -> Result<Vec<Push>, Failure> {
        if self.push_every == 0 {
            return Err(Failure::Usage("--push-every must be 1 or more".into()));
        }
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let label = |name: &str, value: &str| (name.to_owned(), value.trim().to_owned());
        let mut pushes = Vec::new();
        for (protocol, flag, variable, folder) in [
            (
                Protocol::RemoteWrite,
                &self.remote_write,
                "MONITOR_REMOTE_WRITE",
                "remote-write",
            ),
            (Protocol::Otlp, &self.otlp, "MONITOR_OTLP", "otlp"),
        ] {
            let Some(url) = flag.clone().or_else(|| env.get(variable)) else {
                continue;
            };
            pushes.push(Push {
                protocol,
                url: Secret::new(url),
                token: env.secret(&format!("{variable}_TOKEN"))?,
                every: Duration::from_secs(self.push_every),
                spool: state.join(folder),
                spool_bytes: self.push_spool << 20,
                labels: vec![label("job", "replica-monitor"), label("instance", &host)],
            });
        }
        Ok(pushes)
    }
}
