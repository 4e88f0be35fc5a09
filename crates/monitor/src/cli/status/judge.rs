//! How bad it is: the grade of a replica, and why. Only what is certain is bad; what nobody can tell is unknown, never fine.

use super::answer::{Answer, Link, Project, Replica};
use crate::tolerance::tolerance_ms;
use crate::words::{duration, rough, setting};
use serde::Serialize;

/// Runways below are worth a warning, and below the second are critical; as in the rules for Prometheus.
const RUNWAY_S: (u64, u64) = (3600, 600);
/// More of its connections in use than this is worth a warning, in percent.
const CONNECTIONS: u64 = 90;

/// What a monitoring system makes of it; the numbers are the exit codes of its plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Grade {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl Grade {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// What is certainly bad outweighs what nobody knows.
    fn weight(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unknown => 1,
            Self::Warning => 2,
            Self::Critical => 3,
        }
    }

    pub(super) fn or_worse(self, other: Self) -> Self {
        if other.weight() > self.weight() {
            other
        } else {
            self
        }
    }
}

/// Something to tell, and how bad it is.
#[derive(Clone, Serialize)]
pub(super) struct Note {
    pub(super) grade: Grade,
    pub(super) text: String,
}

impl Note {
    pub(super) fn new(grade: Grade, text: impl Into<String>) -> Self {
        Self {
            grade,
            text: text.into(),
        }
    }
}

/// The worst of some notes.
pub(super) fn worst<'n>(notes: impl IntoIterator<Item = &'n Note>) -> Grade {
    notes
        .into_iter()
        .fold(Grade::Ok, |grade, note| grade.or_worse(note.grade))
}

/// The notes that concern everything, most certain first.
pub(super) fn general(answer: &Answer, now: i64) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(since) = answer.source.stalled_since {
        let age = rough(age(since, now));
        notes.push(Note::new(
            Grade::Unknown,
            format!("the source has not answered for {age}: everything is as of then"),
        ));
    }
    let problems = answer.problems.iter();
    notes.extend(problems.map(|problem| Note::new(Grade::Warning, format!("tree: {}", problem.message))));
    if all(answer, |_| false) {
        notes.push(Note::new(Grade::Unknown, "there is no replica"));
    } else if !answer.source.live && all(answer, |replica| replica.state == "unknown") {
        notes.push(Note::new(
            Grade::Unknown,
            "nothing is measured: the monitor only shows what is declared (serve --live asks the databases)",
        ));
    }
    notes
}

fn all(answer: &Answer, holds: impl Fn(&Replica) -> bool) -> bool {
    let mut replicas = answer.projects.iter().flat_map(|project| &project.replicas);
    replicas.all(holds)
}

pub(super) fn age(since: i64, now: i64) -> u64 {
    u64::try_from(now.saturating_sub(since)).unwrap_or(0)
}

pub(super) fn tolerance(replica: &Replica) -> u64 {
    tolerance_ms(replica.lag_tolerance)
}

/// Everything there is to tell of a replica, the worst first. `live`: whether anybody asks it.
pub(super) fn replica(replica: &Replica, live: bool, now: i64) -> Vec<Note> {
    let mut notes = Vec::new();
    state(replica, live, &mut notes);
    let seen = &replica.observed;
    for each in &seen.links {
        link(each, &mut notes);
        runway(replica, each, &mut notes);
    }
    if replica.state == "up" {
        lag(replica, now, &mut notes);
    }
    notes.extend(seen.drift.iter().map(|drift| {
        let grade = match drift.kind.as_str() {
            "two_masters" | "diverged" => Grade::Critical,
            _ => Grade::Warning,
        };
        Note::new(grade, format!("drift: {}", drift.message))
    }));
    if let Some(connections) = &seen.connections
        && u64::from(connections.used) * 100 > u64::from(connections.max) * CONNECTIONS
    {
        let (used, max) = (connections.used, connections.max);
        notes.push(Note::new(
            Grade::Warning,
            format!("{used} of {max} connections in use"),
        ));
    }
    let missing = seen.missing.iter();
    notes.extend(missing.map(|missing| Note::new(Grade::Warning, format!("cannot read {}", missing.what))));
    let problem = replica.problem.iter();
    notes.extend(problem.map(|problem| Note::new(Grade::Warning, format!("tree: {problem}"))));
    notes.sort_by_key(|note| std::cmp::Reverse(note.grade.weight()));
    notes
}

fn state(replica: &Replica, live: bool, notes: &mut Vec<Note>) {
    let grade = match replica.state.as_str() {
        "up" => return,
        "down" => Grade::Critical,
        _ => Grade::Unknown,
    };
    let why = replica
        .observed
        .reason
        .as_ref()
        .map(|reason| format!(": {reason}"));
    // That nobody asks is told once for all.
    let text = match (live, &why) {
        (false, None) => String::new(),
        _ => format!("{}{}", replica.state, why.unwrap_or_default()),
    };
    notes.push(Note::new(grade, text));
}

fn link(link: &Link, notes: &mut Vec<Note>) {
    let of = of(link);
    let grade = match link.state.as_str() {
        "broken" | "diverged" => Some(Grade::Critical),
        "paused" | "stopped" | "connecting" | "resyncing" => Some(Grade::Warning),
        "unknown" => Some(Grade::Unknown),
        _ => None,
    };
    if let Some(grade) = grade {
        let why = link.reason.as_ref().map(|reason| format!(": {reason}"));
        let text = format!("link{of} {}{}", link.state, why.unwrap_or_default());
        notes.push(Note::new(grade, text));
    }
}

/// How long it is until a stream that does not keep up has lost its place. One that does has all of that time for an outage, however short.
fn runway(replica: &Replica, link: &Link, notes: &mut Vec<Note>) {
    let of = of(link);
    let keeps_up = matches!(link.state.as_str(), "streaming" | "delayed") && is_within(replica);
    match (link.runway_verdict.as_str(), link.runway) {
        ("over", _) => notes.push(Note::new(
            Grade::Critical,
            format!("link{of}: what it needs next is no longer kept; it must be loaded anew"),
        )),
        ("known", Some(seconds)) if seconds < RUNWAY_S.0 && !keeps_up => {
            let grade = match seconds < RUNWAY_S.1 {
                true => Grade::Critical,
                false => Grade::Warning,
            };
            let left = rough(seconds.saturating_mul(1000));
            notes.push(Note::new(
                grade,
                format!("link{of}: {left} until it falls off the retained log"),
            ));
        }
        _ => {}
    }
}

/// Whether its lag is known, of now, and certainly tolerated.
fn is_within(replica: &Replica) -> bool {
    let certain = matches!(replica.lag_verdict.as_str(), "exact" | "at_most") && replica.lag_as_of.is_none();
    certain && replica.lag.is_some_and(|ms| ms <= tolerance(replica))
}

/// The name of a link, where there are several.
fn of(link: &Link) -> String {
    match link.name.as_str() {
        "" => String::new(),
        name => format!(" {name}"),
    }
}

fn lag(replica: &Replica, now: i64, notes: &mut Vec<Note>) {
    let tolerance = tolerance(replica);
    let limit = setting(tolerance);
    let note = match (replica.lag, replica.lag_verdict.as_str(), replica.lag_as_of) {
        (_, "not_applicable", _) => return,
        (Some(_), _, Some(since)) => {
            let age = rough(age(since, now));
            Note::new(
                Grade::Unknown,
                format!("lag unknown for {age}: the master cannot be reached"),
            )
        }
        (Some(ms), "exact" | "at_least", None) if ms > tolerance => {
            Note::new(Grade::Warning, format!("lag {} above {limit}", duration(ms)))
        }
        // It proves nothing.
        (Some(ms), "at_most", None) if ms > tolerance => Note::new(
            Grade::Unknown,
            format!("lag at most {}, which may be above {limit}", duration(ms)),
        ),
        (Some(_), _, None) => return,
        (None, _, _) => {
            let why = replica.lag_reason.as_ref().map(|reason| format!(": {reason}"));
            Note::new(Grade::Unknown, format!("lag unknown{}", why.unwrap_or_default()))
        }
    };
    notes.push(note);
}

/// A project with what is to be told of each of its replicas.
pub(super) struct Judged<'a> {
    pub(super) project: &'a Project,
    pub(super) replicas: Vec<(&'a Replica, Vec<Note>)>,
}

/// Everything of an answer, or the one project that is asked for.
pub(super) fn projects<'a>(answer: &'a Answer, only: Option<&str>, now: i64) -> Vec<Judged<'a>> {
    let wanted = answer
        .projects
        .iter()
        .filter(|project| only.is_none_or(|name| name == project.name));
    let judged = |project: &'a Project| Judged {
        project,
        replicas: project
            .replicas
            .iter()
            .map(|each| (each, replica(each, answer.source.live, now)))
            .collect(),
    };
    wanted.map(judged).collect()
}

#[cfg(test)]
mod tests;
