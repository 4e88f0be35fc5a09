//! The table: a project, its replicas a line each, and under each line what is to be told of it. It fits 80 columns.

use super::answer::Replica;
use super::judge::{Grade, Judged, Note, age, tolerance, worst};
use crate::words::{cut, duration, plain, rough, setting, wrap};
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

/// What a terminal shows if nobody changes it.
const COLUMNS: usize = 80;
/// Names are cut to this where the other columns leave no more.
const SHORTEST_NAME: usize = 16;
/// Where the first column ends.
const MARK: usize = 5;

const HEAD: [&str; 6] = ["replica", "role", "state", "lag", "limit", "link"];

pub(super) fn style(grade: Grade) -> Style {
    match grade {
        Grade::Ok => AnsiColor::Green.on_default(),
        Grade::Warning => AnsiColor::Yellow.on_default().bold(),
        Grade::Critical => AnsiColor::Red.on_default().bold(),
        Grade::Unknown => AnsiColor::Magenta.on_default().bold(),
    }
}

fn mark(grade: Grade) -> &'static str {
    match grade {
        Grade::Ok => "ok",
        Grade::Warning => "warn",
        Grade::Critical => "crit",
        Grade::Unknown => "?",
    }
}

/// Writes every project.
pub(super) fn write(out: &mut dyn Write, projects: &[Judged<'_>], now: i64) -> io::Result<()> {
    const BOLD: Style = Style::new().bold();
    const QUIET: Style = Style::new().dimmed();
    let cells = |judged: &Judged<'_>| -> Vec<[String; 6]> {
        let replicas = judged.replicas.iter();
        replicas.map(|(replica, _)| row(replica, now)).collect()
    };
    let rows: Vec<Vec<[String; 6]>> = projects.iter().map(cells).collect();
    let widths = widths(rows.iter().flatten());
    for (judged, rows) in projects.iter().zip(&rows) {
        let (name, routing) = (plain(&judged.project.name), &judged.project.routing);
        writeln!(out, "\n{BOLD}{name}{BOLD:#} {QUIET}({}){QUIET:#}", plain(routing))?;
        let head = line(&HEAD.map(str::to_owned), widths);
        writeln!(out, "{QUIET}{:MARK$}{head}{QUIET:#}", "")?;
        for (cells, (_, notes)) in rows.iter().zip(&judged.replicas) {
            let grade = worst(notes);
            let style = style(grade);
            writeln!(
                out,
                "{style}{:<MARK$}{style:#}{}",
                mark(grade),
                line(cells, widths)
            )?;
            tell(out, notes, MARK + 2)?;
        }
    }
    Ok(())
}

/// The notes, each from the column `indent` on.
pub(super) fn tell(out: &mut dyn Write, notes: &[Note], indent: usize) -> io::Result<()> {
    for note in notes.iter().filter(|note| !note.text.is_empty()) {
        let style = style(note.grade);
        for (at, text) in wrap(&plain(&note.text), COLUMNS - indent).iter().enumerate() {
            let bullet = if at == 0 { "- " } else { "  " };
            writeln!(out, "{:1$}{style}{bullet}{text}{style:#}", "", indent - 2)?;
        }
    }
    Ok(())
}

fn row(replica: &Replica, now: i64) -> [String; 6] {
    let limit = match replica.role.as_str() {
        "slave" => setting(tolerance(replica)),
        _ => String::new(),
    };
    [
        plain(&replica.name),
        plain(&replica.role),
        plain(&replica.state),
        lag(replica, now),
        limit,
        links(replica),
    ]
}

/// The lag with what it is worth.
fn lag(replica: &Replica, now: i64) -> String {
    let sign = match replica.lag_verdict.as_str() {
        "at_least" => "≥ ",
        "at_most" => "≤ ",
        "not_applicable" => return "-".to_owned(),
        _ => "",
    };
    match (replica.lag, replica.lag_as_of) {
        (None, _) => "unknown".to_owned(),
        (Some(ms), None) => format!("{sign}{}", duration(ms)),
        (Some(ms), Some(since)) => {
            format!("{sign}{} as of {} ago", duration(ms), rough(age(since, now)))
        }
    }
}

/// The state of the link, or of the worst of several.
fn links(replica: &Replica) -> String {
    let running = |state: &str| matches!(state, "streaming" | "delayed");
    let links = &replica.observed.links;
    let worst = links
        .iter()
        .find(|link| !running(&link.state))
        .or_else(|| links.first());
    worst.map_or_else(String::new, |link| plain(&link.state))
}

fn widths<'r>(rows: impl Iterator<Item = &'r [String; 6]>) -> [usize; 6] {
    let mut widths = HEAD.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let others: usize = widths[1..].iter().map(|width| width + 2).sum();
    let left = COLUMNS.saturating_sub(MARK + others);
    widths[0] = widths[0].min(left.max(SHORTEST_NAME));
    widths
}

/// The cells side by side; the last one ends the line.
fn line(cells: &[String; 6], widths: [usize; 6]) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{:<width$}", cut(cell, width)));
    let line: Vec<String> = padded.collect();
    line.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::answer::Answer;
    use crate::cli::status::judge;
    use serde_json::json;

    #[test]
    fn it_fits_eighty_columns_and_says_what_a_figure_is_worth() {
        let link = |state: &str, reason: &str| json!({ "name": "", "state": state, "reason": reason, "runwayVerdict": "unknown" });
        let replica = |name: &str, lag: Option<u64>, verdict: &str, as_of: Option<i64>| {
            json!({ "name": name, "role": "slave", "state": "up", "lag": lag, "lagVerdict": verdict, "lagAsOf": as_of, "lagTolerance": 5000,
                "observed": { "links": [link("connecting", "the master does not answer, and this is told in a sentence that is longer than a line")] } })
        };
        let snapshot = json!({ "ts": 0, "source": { "live": true, "stalledSince": null }, "projects": [{ "name": "shop\u{1b}[2J", "routing": "least-lag",
            "replicas": [
                { "name": "m", "role": "master", "state": "up", "lag": null, "lagVerdict": "not_applicable" },
                replica("a-replica-with-quite-a-long-name-and-more", Some(2100), "at_least", None),
                replica("frozen", Some(300), "at_most", Some(86_000)),
                replica("dark", None, "unknown", None),
            ] }] });
        let answer: Answer = serde_json::from_value(snapshot).unwrap();
        let mut out = Vec::new();
        write(&mut out, &judge::projects(&answer, None, 100_000), 100_000).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        for word in [
            "≥ 2.10 s",
            "≤ 300 ms as of 14 s ago",
            "unknown",
            "a-replica-with",
            "…",
            "shop\\u{1b}[2J (least-lag)",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}
