//! How a rule that is kept going is, in words.

use crate::words::{duration, time};
use replica_engine::rules::{Next, Phase, Report};

/// In one word.
pub(crate) fn phase(report: &Report) -> &'static str {
    match report.phase {
        Phase::Starting => "starting",
        Phase::Copying { .. } => "copying",
        Phase::Streaming => "streaming",
        Phase::Resting { .. } => "resting",
        Phase::Waiting { .. } => "waiting",
        Phase::Ended { .. } => "ended",
    }
}

/// What it does and what is wrong, without figures that are others at each look.
pub(crate) fn sentence(report: &Report) -> String {
    let doing = match &report.phase {
        Phase::Starting => "starting".to_owned(),
        Phase::Copying { why, progress } => match progress.table.is_empty() {
            true => format!("copying ({why})"),
            false => format!("copying {} ({why})", progress.table),
        },
        Phase::Streaming => "streaming".to_owned(),
        Phase::Resting {
            next,
            is_mirrored: true,
        } => format!("mirrored, {}", again(*next)),
        Phase::Resting {
            next,
            is_mirrored: false,
        } => format!("nothing mirrored yet, {}", again(*next)),
        Phase::Waiting { why } => format!("waiting: {why}"),
        Phase::Ended { why } => format!("ended: {why}"),
    };
    let throttled = report.throttled.iter().map(|why| format!("held back: {why}"));
    [doing]
        .into_iter()
        .chain(throttled)
        .chain(rows(report))
        .collect::<Vec<_>>()
        .join("; ")
}

/// When it is done again.
fn again(next: Next) -> String {
    match next {
        Next::After(pause) => {
            let pause = duration(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
            format!("again in {pause}")
        }
        Next::At(at_ms) => format!("next at {}", time(at_ms)),
        Next::Never => "and never again by its schedule".to_owned(),
    }
}

/// What is wrong, if something is.
pub(crate) fn trouble(report: &Report) -> Option<String> {
    let stuck = match &report.phase {
        Phase::Waiting { why } | Phase::Ended { why } => Some(why.clone()),
        _ => None,
    };
    let all: Vec<String> = stuck.into_iter().chain(rows(report)).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Tables that are left alone, and rows that are not taken.
fn rows(report: &Report) -> Vec<String> {
    let refused = report.refused.iter();
    let mut all: Vec<String> = refused
        .map(|(table, why)| format!("{table} is left alone: {why}"))
        .collect();
    if let Some(owed) = report.owed.first() {
        let (count, table, key, why) = (report.owed.len(), &owed.table, &owed.key, &owed.why);
        all.push(format!("{count} rows are not taken, as {table} {key}: {why}"));
    }
    all
}
