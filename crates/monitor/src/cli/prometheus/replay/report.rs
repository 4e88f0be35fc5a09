//! What came of a replay, for people and for programs.

use super::judge::{Fired, Outcome, Replay};
use crate::cli::Failure;
use crate::cli::prometheus::alert::Alert;
use crate::cli::prometheus::alerts::ALERTS;
use crate::words::{duration, plain, rough, time};
use anstyle::{AnsiColor, Style};
use serde_json::json;
use std::io::Write;

/// Subjects that are named to an alert; --json names all.
const NAMED: usize = 3;

/// What one alert came to, of all subjects together.
struct Sum<'o> {
    alert: &'static Alert,
    times: usize,
    total_ms: u64,
    /// Those for which it fired, the one for which it did most often first.
    fired: Vec<&'o Fired>,
}

fn sums(outcome: &Outcome) -> Vec<Sum<'_>> {
    let sum = |alert: &'static Alert| {
        let mut fired: Vec<&Fired> = outcome
            .fired
            .iter()
            .filter(|fired| fired.alert.name == alert.name)
            .collect();
        fired.sort_by_key(|fired| std::cmp::Reverse(fired.spans.len()));
        Sum {
            alert,
            times: fired.iter().map(|fired| fired.spans.len()).sum(),
            total_ms: fired.iter().map(|fired| total_ms(fired)).sum(),
            fired,
        }
    };
    ALERTS.iter().map(sum).collect()
}

fn total_ms(fired: &Fired) -> u64 {
    fired
        .spans
        .iter()
        .map(|(from, until)| until.abs_diff(*from))
        .sum()
}

pub(super) fn table(replay: &Replay<'_>, outcome: &Outcome, out: &mut dyn Write) -> Result<(), Failure> {
    const QUIET: Style = Style::new().dimmed();
    let span = replay.to_ms.abs_diff(replay.from_ms);
    writeln!(
        out,
        "{} from {} on, judged every {}; the monitor had recorded {:.1} % of it",
        duration(span),
        time(replay.from_ms),
        rough(replay.every_ms.unsigned_abs()),
        outcome.recorded * 100.0
    )?;
    for sum in sums(outcome) {
        let (name, severity) = (sum.alert.name, sum.alert.severity);
        if sum.times == 0 {
            writeln!(out, "{QUIET}{name:<28} {severity:<8} never{QUIET:#}")?;
            continue;
        }
        let style = match severity {
            "critical" => AnsiColor::Red.on_default().bold(),
            _ => AnsiColor::Yellow.on_default().bold(),
        };
        let count = match sum.times {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        let total = duration(sum.total_ms);
        writeln!(
            out,
            "{style}{name:<28} {severity:<8}{style:#} {count}, {total} in all"
        )?;
        for fired in sum.fired.iter().take(NAMED) {
            let (words, times) = (plain(&fired.subject.words()), fired.spans.len());
            let last = fired.spans.last().map_or(replay.from_ms, |(from, _)| *from);
            writeln!(out, "    {words}: {times}, last at {}", time(last))?;
        }
        if let Some(more) = sum.fired.len().checked_sub(NAMED).filter(|more| *more > 0) {
            writeln!(out, "    and {more} more")?;
        }
    }
    Ok(())
}

pub(super) fn json(replay: &Replay<'_>, outcome: &Outcome, out: &mut dyn Write) -> Result<(), Failure> {
    let subject = |fired: &&Fired| {
        let of = &fired.subject;
        json!({
            "project": of.project, "replica": of.replica, "rule": of.rule, "times": fired.spans.len(),
            "firingMs": total_ms(fired), "spans": fired.spans,
        })
    };
    let alert = |sum: Sum<'_>| {
        let subjects: Vec<_> = sum.fired.iter().map(subject).collect();
        json!({
            "alert": sum.alert.name, "severity": sum.alert.severity, "for": sum.alert.hold, "times": sum.times,
            "firingMs": sum.total_ms, "subjects": subjects,
        })
    };
    let alerts: Vec<_> = sums(outcome).into_iter().map(alert).collect();
    let told = json!({
        "from": replay.from_ms, "to": replay.to_ms, "everyMs": replay.every_ms, "recorded": outcome.recorded, "alerts": alerts,
    });
    Ok(writeln!(out, "{told}")?)
}
