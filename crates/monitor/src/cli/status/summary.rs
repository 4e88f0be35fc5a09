//! Everything in one sentence, and in the figures that a Nagios keeps.

use super::answer::Replica;
use super::judge::{Grade, Judged, Note, tolerance, worst};
use crate::words::{duration, plain};

/// The whole in short.
pub(super) struct Summary {
    pub(super) grade: Grade,
    /// What is worst, with whom it concerns, and how many more there are.
    worst: Option<(String, usize)>,
    replicas: usize,
    up: usize,
    /// Replicas whose lag nobody can tell.
    unknown: usize,
    /// The worst lag that is known, its limit, and what it is worth.
    lag: Option<(u64, u64, &'static str)>,
}

impl Summary {
    pub(super) fn of(general: &[Note], projects: &[Judged<'_>]) -> Self {
        let replicas = || projects.iter().flat_map(|judged| &judged.replicas);
        let grade = replicas().fold(worst(general), |grade, (_, notes)| grade.or_worse(worst(notes)));
        let mut bad = Vec::new();
        bad.extend(general.iter().map(|note| (String::new(), note)));
        for judged in projects {
            for (replica, notes) in &judged.replicas {
                let name = format!("{} / {}: ", judged.project.name, replica.name);
                bad.extend(notes.first().map(|note| (name, note)));
            }
        }
        bad.retain(|(_, note)| note.grade == grade && !note.text.is_empty());
        let first = bad.first().map(|(name, note)| format!("{name}{}", note.text));
        let slaves = || replicas().filter(|(replica, _)| replica.lag_verdict != "not_applicable");
        let known = slaves().filter_map(|(replica, _)| live_lag(replica));
        Self {
            grade,
            worst: first.map(|first| (first, bad.len() - 1)),
            replicas: replicas().count(),
            up: replicas().filter(|(replica, _)| replica.state == "up").count(),
            unknown: slaves()
                .filter(|(replica, _)| live_lag(replica).is_none())
                .count(),
            lag: known.max_by_key(|(ms, ..)| *ms),
        }
    }

    /// Without line breaks.
    pub(super) fn sentence(&self) -> String {
        let mut parts = Vec::new();
        if let Some((first, more)) = &self.worst {
            let more = match more {
                0 => String::new(),
                more => format!(" (+{more} more)"),
            };
            parts.push(format!("{}{more}", plain(first)));
        }
        let plural = if self.replicas == 1 { "replica" } else { "replicas" };
        let mut up = format!("{} of {} {plural} up", self.up, self.replicas);
        if let Some((ms, _, sign)) = self.lag {
            up.push_str(&format!(", worst lag {sign}{}", duration(ms)));
        }
        if self.unknown > 0 {
            up.push_str(&format!(", {} with unknown lag", self.unknown));
        }
        parts.push(up);
        parts.join("; ")
    }

    /// `lag=0.2s;5;;0 …`; a `U` where nobody knows.
    pub(super) fn performance(&self) -> String {
        let lag = match self.lag {
            Some((ms, limit, _)) => {
                format!("{}s;{};;0", ms as f64 / 1000.0, limit as f64 / 1000.0)
            }
            None => "U".to_owned(),
        };
        let (all, up, unknown) = (self.replicas, self.up, self.unknown);
        format!("lag={lag} up={up};;;0;{all} unknown_lag={unknown};;;0;{all}")
    }
}

/// A lag of now, not one that was true a while ago.
fn live_lag(replica: &Replica) -> Option<(u64, u64, &'static str)> {
    let sign = match replica.lag_verdict.as_str() {
        "at_least" => "≥ ",
        "at_most" => "≤ ",
        _ => "",
    };
    let ms = replica.lag.filter(|_| replica.lag_as_of.is_none())?;
    Some((ms, tolerance(replica), sign))
}

/// What a Nagios takes for text: one line without the sign that begins the figures.
pub(super) fn nagios_text(text: &str) -> String {
    plain(text).replace('|', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::answer::Answer;
    use crate::cli::status::judge;
    use serde_json::json;

    fn summary(replicas: serde_json::Value) -> Summary {
        let snapshot = json!({ "ts": 0, "source": { "live": true, "stalledSince": null },
            "projects": [{ "name": "shop", "routing": "random", "replicas": replicas }] });
        let answer: Answer = serde_json::from_value(snapshot).unwrap();
        let projects = judge::projects(&answer, None, 0);
        Summary::of(&judge::general(&answer, 0), &projects)
    }

    fn slave(name: &str, lag: Option<u64>) -> serde_json::Value {
        let verdict = if lag.is_some() { "exact" } else { "unknown" };
        json!({ "name": name, "role": "slave", "state": "up", "lag": lag, "lagVerdict": verdict, "lagTolerance": 5000 })
    }

    #[test]
    fn the_worst_comes_first_and_unknown_is_no_figure() {
        let fine = summary(json!([slave("a", Some(20)), slave("b", Some(200))]));
        assert_eq!(fine.sentence(), "2 of 2 replicas up, worst lag 200 ms");
        assert_eq!(fine.performance(), "lag=0.2s;5;;0 up=2;;;0;2 unknown_lag=0;;;0;2");
        let dark = summary(json!([slave("a", None)]));
        assert_eq!(dark.grade, Grade::Unknown);
        assert_eq!(dark.performance(), "lag=U up=1;;;0;1 unknown_lag=1;;;0;1");
        let bad = summary(json!([
            slave("a", None),
            slave("b", Some(7100)),
            slave("c|\n", Some(9000))
        ]));
        assert_eq!(
            bad.sentence(),
            "shop / b: lag 7.10 s above 5 s (+1 more); 3 of 3 replicas up, worst lag 9.00 s, 1 with unknown lag"
        );
        assert_eq!(nagios_text("c|\n"), "c/\\n");
    }
}
