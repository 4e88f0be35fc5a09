//! The command line: what was typed becomes a command, and a failure becomes an exit code.
//!
//! 0: done. 1: it could not be done. 2: it was asked for wrongly. `status` has codes of its own, those of a Nagios plugin.

mod ack;
mod alerts;
mod check;
mod dashboard;
#[cfg(feature = "drivers")]
mod demo;
#[cfg(feature = "drivers")]
mod doctor;
mod events;
mod history;
mod incident;
mod metrics;
mod open;
mod prometheus;
mod push;
mod remote;
mod rules;
#[cfg(feature = "drivers")]
mod run;
mod scaffold;
mod serve;
mod settings;
mod silence;
mod status;
#[cfg(feature = "drivers")]
mod sync;
mod token;
mod tree;

use clap::{CommandFactory, Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;

/// Tells whether the replicas of your databases keep up.
///
/// Without a command it serves (see `serve --help`). Settings are also read from the environment
/// (MONITOR_TREE, MONITOR_PORT, MONITOR_HOST, MONITOR_TOKEN, MONITOR_OPERATOR_TOKEN, MONITOR_POLL_MS, MONITOR_HISTORY,
/// MONITOR_ALERTS) and from the files
/// `.mostajs/config.env` and `.env`; a flag wins over the environment, the environment over the files.
#[derive(Parser)]
#[command(name = "replica-monitor", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Wanted>,
    #[command(flatten)]
    serve: settings::Flags,
}

#[derive(Subcommand)]
enum Wanted {
    /// Watch a tree file and serve the page and the API (the default).
    Serve(Box<settings::Flags>),
    #[cfg(feature = "drivers")]
    Demo(demo::Demo),
    /// Tell what is wrong with a tree file.
    Check(check::Check),
    #[cfg(feature = "drivers")]
    Doctor(doctor::Doctor),
    Status(Box<status::Status>),
    Events(Box<events::Events>),
    Alerts(Box<alerts::AlertsCommand>),
    Silence(Box<silence::Silence>),
    Ack(Box<ack::Acknowledge>),
    History(history::HistoryCommand),
    Scaffold(scaffold::Scaffold),
    PrometheusRules(prometheus::PrometheusRules),
    Rules(rules::Rules),
    #[cfg(feature = "drivers")]
    Sync(sync::Sync),
    #[cfg(feature = "drivers")]
    Run(run::Run),
    Dashboard(dashboard::Dashboard),
    Incident(incident::Incident),
    Open(open::Open),
    Token(token::TokenCommand),
    /// List every metric that `/metrics` tells.
    Metrics,
    /// Write a shell's completion script to standard output.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual page to standard output.
    Man,
}

/// How a command failed.
pub(crate) enum Failure {
    /// It was asked for wrongly: exit code 2.
    Usage(String),
    /// It could not be done: exit code 1.
    Failed(String),
    /// What was to be said is said; this is the exit code.
    Told(u8),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Whoever read our output has seen enough (`… | head`): nothing to tell.
        let quiet = error.kind() == io::ErrorKind::BrokenPipe;
        Self::Failed(if quiet { String::new() } else { error.to_string() })
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<scaffold::ScaffoldError>() {
            Some(refusal) => Self::Usage(refusal.to_string()),
            None => Self::Failed(format!("{error:#}")),
        }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Cli { command, serve } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    // Drops colours where nobody sees them (a pipe, NO_COLOR).
    let out = &mut anstream::stdout();
    let done = match command {
        None => serve::run(&serve),
        Some(Wanted::Serve(serve)) => serve::run(&serve),
        #[cfg(feature = "drivers")]
        Some(Wanted::Demo(demo)) => demo.run(out),
        Some(Wanted::Check(check)) => check.run(out),
        #[cfg(feature = "drivers")]
        Some(Wanted::Doctor(doctor)) => doctor.run(out),
        Some(Wanted::Status(status)) => status.run(out),
        Some(Wanted::Events(events)) => events.run(out),
        Some(Wanted::Alerts(alerts)) => alerts.run(out),
        Some(Wanted::Silence(silence)) => silence.run(out),
        Some(Wanted::Ack(ack)) => ack.run(out),
        Some(Wanted::Scaffold(scaffold)) => scaffold.run(out).map_err(Failure::from),
        Some(Wanted::PrometheusRules(rules)) => rules.run(out),
        Some(Wanted::Rules(rules)) => rules.run(out),
        #[cfg(feature = "drivers")]
        Some(Wanted::Sync(sync)) => sync.run(out),
        #[cfg(feature = "drivers")]
        Some(Wanted::Run(run)) => run.run(out),
        Some(Wanted::Dashboard(dashboard)) => dashboard.run(out),
        Some(Wanted::Incident(incident)) => incident.run(out),
        Some(Wanted::Open(open)) => open.run(out),
        Some(Wanted::Token(token)) => token.run(out),
        Some(Wanted::History(history)) => history.run(out),
        Some(Wanted::Metrics) => metrics::run(out),
        Some(Wanted::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "replica-monitor", out);
            Ok(())
        }
        Some(Wanted::Man) => clap_mangen::Man::new(Cli::command())
            .render(out)
            .map_err(Failure::from),
    };
    let (code, message) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Told(code)) => return ExitCode::from(code),
        Err(Failure::Failed(message)) => (1, message),
        Err(Failure::Usage(message)) => (2, message),
    };
    if !message.is_empty() {
        // Nobody is left to tell if standard error is closed.
        let _ = writeln!(io::stderr(), "replica-monitor: {message}");
    }
    ExitCode::from(code)
}

/// What was typed is no command, or asks for help.
fn refused(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell if it cannot be printed.
    let _ = error.print();
    // A Nagios takes 2 for the state of the replicas; nothing is known of that.
    let by_status = std::env::args_os().nth(1).is_some_and(|word| word == "status");
    match (error.use_stderr(), by_status) {
        (false, _) => ExitCode::SUCCESS,
        (true, true) => ExitCode::from(3),
        (true, false) => ExitCode::from(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
