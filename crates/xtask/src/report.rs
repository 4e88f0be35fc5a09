//! Steps that are all run, and the table of how each went.

use anyhow::{Error, Result, bail};
use std::fmt;
use std::time::{Duration, Instant};

/// Why a step was not run. On a developer's machine that is said aloud; where nothing may be left out it is a failure.
#[derive(Debug)]
pub(crate) struct Skipped(pub(crate) String);

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped: {}", self.0)
    }
}

impl std::error::Error for Skipped {}

/// How each step went.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<(&'static str, Duration, Result<()>)>,
}

impl Report {
    /// Runs a step, and goes on whether it fails or not.
    pub(crate) fn step(&mut self, name: &'static str, run: impl FnOnce() -> Result<()>) {
        let begin = Instant::now();
        let done = run();
        if let Err(error) = &done {
            eprintln!("\n{name}: {error:#}");
        }
        self.steps.push((name, begin.elapsed(), done));
    }

    /// Prints the table; an error if a step failed, or if one was skipped and none may be.
    pub(crate) fn finish(self, skips_allowed: bool) -> Result<()> {
        println!();
        for (name, took, done) in &self.steps {
            println!(
                "{:8} {:6.1} s  {name}{}",
                word(done),
                took.as_secs_f64(),
                reason(done)
            );
        }
        let bad = |done: &Result<()>| match done {
            Ok(()) => false,
            Err(error) => !(skips_allowed && error.is::<Skipped>()),
        };
        let bad = self.steps.iter().filter(|(.., done)| bad(done)).count();
        if bad > 0 {
            bail!("{bad} of {} steps did not pass", self.steps.len());
        }
        Ok(())
    }
}

fn word(done: &Result<()>) -> &'static str {
    match done {
        Ok(()) => "passed",
        Err(error) if error.is::<Skipped>() => "SKIPPED",
        Err(_) => "FAILED",
    }
}

fn reason(done: &Result<()>) -> String {
    let skipped = done.as_ref().err().and_then(Error::downcast_ref::<Skipped>);
    skipped
        .map(|skipped| format!(": {}", skipped.0))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    fn finish(last: Result<()>, skips_allowed: bool) -> bool {
        let mut report = Report::default();
        report.step("good", || Ok(()));
        report.step("last", || last);
        report.finish(skips_allowed).is_ok()
    }

    #[test]
    fn a_failure_always_counts_and_a_skip_where_none_is_allowed() {
        let skipped = || Err(Skipped("no such program".into()).into());
        assert!(finish(Ok(()), false));
        assert!(!finish(Err(anyhow!("broken")), true));
        assert!(finish(skipped(), true));
        assert!(!finish(skipped(), false));
    }
}
