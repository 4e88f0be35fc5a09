//! A made-up past, judged by the replay and by the rules themselves in Debian's promtool.

use super::judge::Replay;
use crate::cli::prometheus::rules;
use crate::history::{History, Moment, Settings};
use crate::metrics::{self, Format};
use replica_core::observed::{Connections, Drift, DriftKind, LinkState, MissingGrant};
use replica_core::{
    Lag, Link, Observed, Project, Replica, Role, Rule, RuleMode, Runway, Snapshot, State, SyncStats, Verdict,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

const STEP_MS: i64 = 15_000;
/// Two hours.
const STEPS: i64 = 480;
const BEGIN: i64 = 1_780_000_000_000 / STEP_MS * STEP_MS;
const REPLICAS: [&str; 3] = ["m", "a", "b"];

/// The same numbers on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A fleet that changes its mood now and then, so that every alert has time to fire and to end.
struct Fleet {
    dice: Dice,
    replicas: Vec<Replica>,
    errors: u64,
    failing: bool,
    problems: bool,
    recorded: bool,
}

impl Fleet {
    fn new(seed: u64) -> Self {
        let replica = |name: &&str| {
            let role = if *name == "m" { Role::Master } else { Role::Slave };
            Replica::new(*name, role)
        };
        Self {
            dice: Dice(seed),
            replicas: REPLICAS.iter().map(replica).collect(),
            errors: 3,
            failing: false,
            problems: false,
            recorded: true,
        }
    }

    fn step(&mut self) -> Snapshot {
        for replica in &mut self.replicas {
            if self.dice.roll(30) == 0 {
                mood(&mut self.dice, replica);
            }
        }
        if self.dice.roll(40) == 0 {
            self.failing = !self.failing;
            self.problems = self.dice.roll(2) == 0;
        }
        if self.dice.roll(match self.recorded {
            true => 60,
            false => 12,
        }) == 0
        {
            self.recorded = !self.recorded;
        }
        self.errors += u64::from(self.failing && self.dice.roll(4) == 0);
        let stats = SyncStats {
            total_errors: Some(self.errors),
            ..SyncStats::default()
        };
        let rule = Rule {
            last_stats: Some(Arc::new(stats)),
            ..Rule::new("copy", "shop", "archive", RuleMode::Cdc)
        };
        let mut snapshot = Snapshot::named("t").with_project(Project::new("shop", self.replicas.clone()));
        snapshot.rules = vec![rule];
        if self.problems {
            snapshot.problems = vec![replica_core::Problem::error("something")];
        }
        snapshot
    }
}

fn mood(dice: &mut Dice, replica: &mut Replica) {
    let ms = [0, 4000, 5000, 5001, 90_000][dice.roll(5) as usize];
    let verdict = match dice.roll(5) {
        _ if replica.role == Role::Master => Verdict::NotApplicable("a master".into()),
        0 => Verdict::Unknown("nobody can tell".into()),
        1 => Verdict::AtLeast(ms),
        2 => Verdict::AtMost(ms),
        _ => Verdict::Exact(ms),
    };
    replica.lag = Lag {
        verdict,
        as_of_ms: (dice.roll(6) == 0).then_some(BEGIN),
    };
    replica.state = [State::Up, State::Up, State::Down][dice.roll(3) as usize];
    replica.lag_tolerance_ms = [Some(80_000), None, None][dice.roll(3) as usize];
    // One kind for each replica: to Prometheus the next kind is the next alert, to the replay it is the same one.
    let (ill, drift) = match &*replica.name {
        "a" => (LinkState::Broken, DriftKind::Role),
        _ => (LinkState::Diverged, DriftKind::WritableSlave),
    };
    let runway = match dice.roll(5) {
        0 => Runway::Over,
        1 => Runway::Seconds(599),
        2 => Runway::Seconds(600),
        3 => Runway::Unbounded,
        _ => Runway::Seconds(3600),
    };
    let link = Link {
        state: [LinkState::Streaming, ill][dice.roll(2) as usize],
        runway,
        name: "".into(),
        reason: None,
        upstream: None,
        upstream_key: None,
        lag: Lag::exact(1),
        delay_ms: None,
    };
    let drift = (dice.roll(2) == 0).then(|| {
        let kind = [drift, DriftKind::TwoMasters, DriftKind::Diverged][dice.roll(3) as usize];
        Drift {
            kind,
            message: "so".to_owned(),
        }
    });
    let missing = (dice.roll(3) == 0).then_some(MissingGrant {
        what: "it",
        grant: "GRANT",
    });
    let observed = Observed {
        links: vec![link],
        drift: drift.into_iter().collect(),
        missing: missing.into_iter().collect(),
        connections: Some(Connections {
            used: [90, 91][dice.roll(2) as usize],
            max: 100,
        }),
        ..Observed::default()
    };
    replica.observed = (dice.roll(8) > 0).then(|| Arc::new(observed));
}

/// Each series of `/metrics`, with its value at each step.
#[derive(Default)]
struct Scraped(BTreeMap<String, Vec<Option<String>>>);

impl Scraped {
    fn take_in(&mut self, step: usize, lines: impl Iterator<Item = String>) {
        for line in lines {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let values = self.0.entry(series.to_owned()).or_default();
            values.resize(step, None);
            values.push(Some(value.to_owned()));
        }
    }

    /// For promtool: what a scrape misses is stale at once, as Prometheus marks it.
    fn input(&self) -> String {
        let mut text = String::new();
        for (series, values) in &self.0 {
            let mut values: Vec<&str> = values
                .iter()
                .map(|value| value.as_deref().unwrap_or("stale"))
                .collect();
            values.resize(STEPS as usize, "stale");
            let quoted = serde_json::to_string(series).unwrap();
            text.push_str(&format!(
                "      - series: {quoted}\n        values: \"{}\"\n",
                values.join(" ")
            ));
        }
        text
    }
}

/// What is known of the monitor itself, as far as alerts read it.
fn own(problems: bool) -> [String; 3] {
    [
        "up{job=\"replicas\"} 1".to_owned(),
        "replica_monitor_source_answers 1".to_owned(),
        format!("replica_monitor_problems {}", u8::from(problems)),
    ]
}

/// An alert, and of what: the labels by which its series are told apart.
type Firing = BTreeMap<i64, BTreeSet<String>>;

fn expected(firing: &Firing) -> String {
    let mut text = String::new();
    for (step, alerts) in firing {
        let seconds = step * STEP_MS / 1000;
        text.push_str(&format!(
            "      - expr: group by (alertname, project, replica, rule) (ALERTS{{alertstate=\"firing\"}})\n        eval_time: {seconds}s\n"
        ));
        if !alerts.is_empty() {
            text.push_str("        exp_samples:\n");
        }
        for labels in alerts {
            let labels = serde_json::to_string(labels).unwrap();
            text.push_str(&format!("          - labels: {labels}\n            value: 1\n"));
        }
    }
    text
}

async fn agrees(seed: u64) -> anyhow::Result<BTreeSet<String>> {
    let folder = tempfile::tempdir()?;
    let (history, _) = History::open(
        &folder.path().join("h.db"),
        Settings {
            tick: std::time::Duration::from_secs(5),
            ..Settings::default()
        },
    );
    let (mut fleet, mut scraped) = (Fleet::new(seed), Scraped::default());
    for step in 0..STEPS {
        let snapshot = fleet.step();
        // The first and the last are there, so that both see the same stretch.
        if !fleet.recorded && step > 0 && step < STEPS - 1 {
            continue;
        }
        let text = String::from_utf8(metrics::of_snapshot(&snapshot, Format::Plain))?;
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned);
        scraped.take_in(step as usize, lines.chain(own(fleet.problems)));
        let at_ms = BEGIN + step * STEP_MS;
        history.record(Moment::new(Arc::new(snapshot), at_ms));
        assert!(history.flush());
    }
    let reader = history.reader()?;
    let replay = Replay {
        reader: &reader,
        from_ms: reader.begins_ms()?.unwrap(),
        to_ms: BEGIN + (STEPS - 1) * STEP_MS,
        every_ms: STEP_MS,
        limits: HashMap::new(),
    };
    assert_eq!(replay.from_ms, BEGIN);
    let outcome = replay.run()?;
    let mut firing: Firing = (0..STEPS).map(|step| (step, BTreeSet::new())).collect();
    let mut fired = BTreeSet::new();
    for one in &outcome.fired {
        fired.insert(one.alert.name.to_owned());
        let of = &one.subject;
        let labels = [
            ("project", &of.project),
            ("replica", &of.replica),
            ("rule", &of.rule),
        ];
        let labels = labels
            .iter()
            .filter_map(|(name, value)| Some(format!(", {name}=\"{}\"", value.as_ref()?)));
        let labels = format!(
            "{{alertname=\"{}\"{}}}",
            one.alert.name,
            labels.collect::<String>()
        );
        for (from, until) in &one.spans {
            for (step, alerts) in &mut firing {
                let at = BEGIN + step * STEP_MS;
                // What still fires at the end has no end.
                if (*from..*until).contains(&at) || (at == replay.to_ms && *until == at && from <= until) {
                    alerts.insert(labels.clone());
                }
            }
        }
    }
    std::fs::write(folder.path().join("rules.yml"), rules::render(&[], "replicas"))?;
    // What still fires at the last step cannot be told from what ended there.
    firing.remove(&(STEPS - 1));
    let tests = format!(
        "rule_files: [rules.yml]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:\n{}    promql_expr_test:\n{}",
        scraped.input(),
        expected(&firing)
    );
    std::fs::write(folder.path().join("tests.yml"), tests)?;
    replica_lab::prometheus::promtool(&["test", "rules", "tests.yml"], folder.path()).await?;
    Ok(fired)
}

#[tokio::test]
#[allow(clippy::print_stderr, reason = "a skipped test must be seen")]
async fn a_prometheus_would_have_fired_at_the_same_steps() {
    let mut fired = BTreeSet::new();
    for seed in 0..4 {
        match agrees(seed).await {
            Ok(more) => fired.extend(more),
            Err(error) if replica_lab::program::is_missing(&error) && std::env::var_os("CI").is_none() => {
                eprintln!("SKIPPED: {error}");
                return;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    // A source that falls silent is no part of this past.
    let all = crate::cli::prometheus::alerts::ALERTS
        .iter()
        .map(|alert| alert.name);
    let never: Vec<&str> = all.filter(|name| !fired.contains(*name)).collect();
    assert_eq!(never, ["ReplicaMonitorSourceStalled"]);
}
