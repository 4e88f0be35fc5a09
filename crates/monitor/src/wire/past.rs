//! A snapshot of the past: what changed seldom, with the figures of the tick put over it.

use crate::history::{Figures, Metric, Past, Subject, Value as Figure};
use replica_core::{ReplicaKey, State, Verdict};
use serde_json::{Map, Value, json};

/// The snapshot in the form of `/api/snapshot`, with `at`, the tick it is of. None if that time is not kept whole.
pub(crate) fn snapshot(past: Past) -> Option<Value> {
    let figures = past.figures?;
    let mut snapshot: Value = serde_json::from_str(&past.snapshot).ok()?;
    let whole = snapshot.as_object_mut()?;
    whole.insert("at".to_owned(), figures.tick_ms.into());
    let monitor = of(&figures, &Subject::Monitor);
    put(whole, "seq", monitor.known(Metric::Seq));
    put(whole, "ts", monitor.known(Metric::PublishedMs));
    if let Some(source) = whole.get_mut("source").and_then(Value::as_object_mut) {
        source.insert(
            "stalledSince".to_owned(),
            monitor.known(Metric::StalledSinceMs).into(),
        );
    }
    for project in list(whole, "projects") {
        let Some(name) = project["name"].as_str().map(str::to_owned) else {
            continue;
        };
        let Some(project) = project.as_object_mut() else {
            continue;
        };
        for replica in list(project, "replicas") {
            let Some(replica) = replica.as_object_mut() else {
                continue;
            };
            let key = ReplicaKey::new(&*name, replica["name"].as_str().unwrap_or_default());
            of_replica(replica, &of(&figures, &Subject::Replica(key)), figures.tick_ms);
        }
    }
    for rule in list(whole, "rules") {
        let Some(rule) = rule.as_object_mut() else {
            continue;
        };
        let name = rule["name"].as_str().unwrap_or_default();
        let sampled = of(&figures, &Subject::Rule(name.into()));
        stats(rule, &sampled);
    }
    Some(snapshot)
}

/// What was sampled of one subject.
struct Sampled<'f>(&'f [(Metric, Figure)]);

fn of<'f>(figures: &'f Figures, subject: &Subject) -> Sampled<'f> {
    Sampled(figures.of.get(subject).map_or(&[], Vec::as_slice))
}

impl Sampled<'_> {
    fn get(&self, metric: Metric) -> Option<&Figure> {
        self.0
            .iter()
            .find(|(known, _)| *known == metric)
            .map(|(_, figure)| figure)
    }

    fn known(&self, metric: Metric) -> Option<i64> {
        match self.get(metric)? {
            Figure::Known(figure) => Some(*figure),
            Figure::Unknown(_) => None,
        }
    }

    /// The word of a list that a figure is the place in.
    fn word(&self, metric: Metric, words: &[&'static str]) -> Option<&'static str> {
        words.get(usize::try_from(self.known(metric)?).ok()?).copied()
    }
}

fn list<'v>(of: &'v mut Map<String, Value>, name: &str) -> impl Iterator<Item = &'v mut Value> {
    of.get_mut(name)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

fn put(into: &mut Map<String, Value>, name: &str, figure: Option<i64>) {
    if let Some(figure) = figure {
        into.insert(name.to_owned(), figure.into());
    }
}

fn of_replica(replica: &mut Map<String, Value>, sampled: &Sampled<'_>, tick_ms: i64) {
    let states = State::ALL.map(State::word);
    let state = sampled.word(Metric::State, &states).unwrap_or("unknown");
    replica.insert("state".to_owned(), state.into());
    replica.insert("lag".to_owned(), sampled.known(Metric::LagMs).into());
    let verdict = sampled
        .word(Metric::Verdict, &Verdict::WORDS)
        .unwrap_or("unknown");
    replica.insert("lagVerdict".to_owned(), verdict.into());
    match sampled.get(Metric::LagMs) {
        Some(Figure::Unknown(why)) => replica.insert("lagReason".to_owned(), why.to_string().into()),
        _ => replica.remove("lagReason"),
    };
    put(replica, "lagAsOf", sampled.known(Metric::LagAsOfMs));
    put(
        replica,
        "lastPing",
        sampled.known(Metric::PingAgoMs).map(|ago| tick_ms - ago),
    );
    if let Some((idle, borrowed)) = sampled.known(Metric::PoolIn).zip(sampled.known(Metric::PoolOut)) {
        replica.insert("poolUsage".to_owned(), json!({ "in": idle, "out": borrowed }));
    }
    if let Some(observed) = replica.get_mut("observed").and_then(Value::as_object_mut) {
        of_observed(observed, sampled);
    }
}

fn of_observed(observed: &mut Map<String, Value>, sampled: &Sampled<'_>) {
    let used = sampled.known(Metric::ConnectionsUsed);
    if let Some((used, max)) = used.zip(sampled.known(Metric::ConnectionsMax)) {
        observed.insert("connections".to_owned(), json!({ "used": used, "max": max }));
    }
    put(observed, "probeUs", sampled.known(Metric::ProbeUs));
    put(observed, "clockOffset", sampled.known(Metric::ClockOffsetMs));
    let behind = [
        (Metric::BehindBytes, "bytes"),
        (Metric::BehindTransactions, "transactions"),
        (Metric::BehindBeats, "beats"),
    ];
    for (metric, unit) in behind {
        if let Some(amount) = sampled.known(metric) {
            observed.insert("behind".to_owned(), amount.into());
            observed.insert("behindUnit".to_owned(), unit.into());
        }
    }
}

fn stats(rule: &mut Map<String, Value>, sampled: &Sampled<'_>) {
    let Some(stats) = rule.get_mut("lastStats").and_then(Value::as_object_mut) else {
        return;
    };
    let all = [
        ("inserted", Metric::Inserted),
        ("updated", Metric::Updated),
        ("deleted", Metric::Deleted),
        ("failed", Metric::Failed),
        ("durationMs", Metric::DurationMs),
        ("totalSynced", Metric::TotalSynced),
        ("totalErrors", Metric::TotalErrors),
        ("lagMs", Metric::RuleLagMs),
        ("backlog", Metric::Backlog),
        ("backlogBytes", Metric::BacklogBytes),
    ];
    for (name, metric) in all {
        put(stats, name, sampled.known(metric));
    }
}
