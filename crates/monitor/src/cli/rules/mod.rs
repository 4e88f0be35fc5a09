//! `rules`: the cross-database rules of a tree, and what running one would do. `sync` runs it.

#[cfg(feature = "drivers")]
mod check;
mod list;

use super::Failure;
use super::prometheus::{PrometheusRules, RulesReplay};
use std::io::Write;

/// List the rules of a tree, tell what running one would do, or how often alerts would have fired.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Rules {
    #[command(subcommand)]
    action: Option<Action>,
    /// As recording and alerting rules for Prometheus: the same as `prometheus-rules`
    #[arg(long)]
    prometheus: bool,
    #[command(flatten)]
    written: PrometheusRules,
}

#[derive(clap::Subcommand)]
enum Action {
    List(list::List),
    #[cfg(feature = "drivers")]
    Check(check::Check),
    Replay(RulesReplay),
}

impl Rules {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        match &self.action {
            Some(Action::List(list)) => list.run(out),
            #[cfg(feature = "drivers")]
            Some(Action::Check(check)) => check.run(out),
            Some(Action::Replay(replay)) => replay.run(out),
            None if self.prometheus => self.written.run(out),
            None => Err(Failure::Usage(
                "rules: list, check or replay? `rules --prometheus` writes them for Prometheus".to_owned(),
            )),
        }
    }
}
