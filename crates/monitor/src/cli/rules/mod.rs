//! `rules`: the cross-database rules of a tree: which there are, what running one would do, and how to be rid of what it made. `sync` runs it.

#[cfg(feature = "drivers")]
mod check;
#[cfg(feature = "drivers")]
mod drop;
#[cfg(feature = "drivers")]
mod letters;
mod list;
#[cfg(feature = "drivers")]
mod verify;

use super::Failure;
use super::prometheus::{PrometheusRules, RulesReplay};
use std::io::Write;

/// List the rules of a tree, tell what running one would do, compare both ends of one, take away what one made in databases, or tell how often alerts would have fired.
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
    #[cfg(feature = "drivers")]
    Drop(drop::Drop),
    #[cfg(feature = "drivers")]
    DeadLetters(letters::DeadLetters),
    #[cfg(feature = "drivers")]
    Verify(verify::Verify),
    Replay(RulesReplay),
}

impl Rules {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        match &self.action {
            Some(Action::List(list)) => list.run(out),
            #[cfg(feature = "drivers")]
            Some(Action::Check(check)) => check.run(out),
            #[cfg(feature = "drivers")]
            Some(Action::Drop(drop)) => drop.run(out),
            #[cfg(feature = "drivers")]
            Some(Action::DeadLetters(letters)) => letters.run(out),
            #[cfg(feature = "drivers")]
            Some(Action::Verify(verify)) => verify.run(out),
            Some(Action::Replay(replay)) => replay.run(out),
            None if self.prometheus => self.written.run(out),
            None => Err(Failure::Usage(
                "rules: list, check, verify, dead-letters, drop or replay? `rules --prometheus` writes them for Prometheus"
                    .to_owned(),
            )),
        }
    }
}
