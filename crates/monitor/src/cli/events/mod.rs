//! `events`: what happened at a running monitor, and with `--follow` what happens next.

mod follow;
mod line;

use super::Failure;
use super::remote::Remote;
use serde_json::Value;
use std::io::Write;

/// Print the last events of a running monitor, the oldest first.
#[derive(clap::Args)]
pub(super) struct Events {
    #[command(flatten)]
    remote: Remote,
    /// Go on with each event as it happens, also after the connection was cut, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Only those of this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only those of this type, or whose type begins with it and a dot: `error`, `replica`, `replica.drift` (may be repeated)
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Also those in which nothing but a lag moved
    #[arg(long)]
    lag: bool,
    /// At most so many of the past
    #[arg(long, short = 'n', value_name = "N")]
    last: Option<usize>,
}

impl Events {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let client = self.remote.client()?;
        let body = client.text("/api/events")?;
        let events: Vec<Value> = serde_json::from_str(&body).map_err(|error| {
            Failure::Failed(format!("{} answers no list of events: {error}", client.base()))
        })?;
        let wanted: Vec<&Value> = events.iter().filter(|event| self.wants(event)).collect();
        let beyond = self.last.map_or(0, |most| wanted.len().saturating_sub(most));
        for event in &wanted[beyond..] {
            self.print(event, out)?;
        }
        if self.follow {
            let last = events.last().and_then(|event| event["seq"].as_u64());
            return follow::follow(&client, last, &mut |event| match self.wants(event) {
                true => self.print(event, out),
                false => Ok(()),
            });
        }
        Ok(())
    }

    fn wants(&self, event: &Value) -> bool {
        let kind = event["type"].as_str().unwrap_or_default();
        let is_of = |wanted: &String| {
            let rest = kind.strip_prefix(wanted.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let of_project = |name: &String| event["project"] == name.as_str();
        (self.types.is_empty() || self.types.iter().any(is_of))
            && self.project.as_ref().is_none_or(of_project)
            && (self.lag || event["lagOnly"] != true)
    }

    fn print(&self, event: &Value, out: &mut dyn Write) -> Result<(), Failure> {
        match self.json {
            true => writeln!(out, "{event}")?,
            false => line::write(event, out)?,
        }
        // Whoever reads along a pipe waits for it.
        out.flush()?;
        Ok(())
    }
}
