//! A load balancer's trial: a thousand questions a second while a real replica is broken and mended: `cargo x bench balance`.
//!
//! Prints a table, and fails if an answer contradicts the truth by more than a tick, the hysteresis and some slack.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unused_imports,
    reason = "the tests' own support, in a program that prints a table"
)]

#[path = "../tests/it/support.rs"]
mod support;
#[path = "../tests/it/trial/mod.rs"]
mod trial;

use anyhow::{Context, Result, bail};
use std::time::Duration;
use trial::act::{Act, Phase};
use trial::judge::{Judge, Verdict};
use trial::load::{Question, Told};
use trial::{Outcome, Trial};

/// What happens, one after the other, each for as long.
const ACTS: &[Act] = &[
    Act::Nothing,
    Act::Lag,
    Act::Heal,
    Act::Freeze,
    Act::Thaw,
    Act::Kill,
    Act::Restore,
    Act::FreezePrimary,
    Act::ThawPrimary,
];
/// A second of questions.
const RATE: u32 = 1000;
const POLL: Duration = Duration::from_secs(1);
/// A replica's look waits a tenth of a second for its master's, and all this runs on the machine that is measured.
const SLACK: Duration = Duration::from_millis(250);
/// How finely the slowest right answer is told.
const STEP: Duration = Duration::from_millis(10);
/// How many contradictions are shown.
const SHOWN: usize = 10;

#[tokio::main]
async fn main() -> Result<()> {
    let secs = seconds().context("--secs takes a number")?.unwrap_or(60);
    let trial = Trial {
        poll: POLL,
        rate: RATE,
        act: Duration::from_secs(secs) / ACTS.len() as u32,
        acts: ACTS,
        slack: SLACK,
    };
    let Outcome {
        phases,
        told,
        mut judge,
    } = trial.run().await?;
    let verdicts: Vec<Verdict> = told.iter().map(|told| judge.of(told)).collect();
    println!(
        "| what happened | answers | replica 200 | replica 503 | judged | contradictions | p50 | p99 | slowest |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let judged: Vec<(&Told, &Verdict)> = told.iter().zip(&verdicts).collect();
    for phase in &phases {
        row(phase.act.name(), &judged, |told| phase.has(told));
    }
    row("all", &judged, |_| true);
    summary(&phases, &told);
    let wrong = contradictions(&phases, &judged);
    if wrong > 0 {
        bail!("{wrong} answers contradict the truth");
    }
    let open = verdicts.iter().filter(|verdict| **verdict == Verdict::Open);
    if open.count() * 2 > told.len() {
        bail!(
            "of most answers nobody can say whether they were right: too few --secs, or too busy a machine"
        );
    }
    println!(
        "The slowest answer to change did so {:?} after the truth had (allowed: {:?}).",
        slowest(&mut judge, &told),
        POLL * 2 + SLACK
    );
    Ok(())
}

/// What `--secs` says, if it is there.
fn seconds() -> Result<Option<u64>> {
    let mut words = std::env::args().skip_while(|word| word != "--secs").skip(1);
    Ok(words.next().map(|word| word.parse()).transpose()?)
}

fn row(name: &str, judged: &[(&Told, &Verdict)], of: impl Fn(&Told) -> bool) {
    let judged: Vec<_> = judged.iter().filter(|(told, _)| of(told)).collect();
    let count = |holds: &dyn Fn(&Told, &Verdict) -> bool| {
        judged
            .iter()
            .filter(|(told, verdict)| holds(told, verdict))
            .count()
    };
    let lame = |told: &Told, status| told.question == Question::Lame && told.status == status;
    let mut took: Vec<Duration> = judged.iter().map(|(told, _)| told.took).collect();
    took.sort();
    let at = |share: f64| {
        let place = (took.len().saturating_sub(1) as f64 * share).round() as usize;
        took.get(place).map_or("none".to_owned(), |took| {
            format!("{:.1} ms", took.as_secs_f64() * 1000.0)
        })
    };
    println!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |",
        judged.len(),
        count(&|told, _| lame(told, 200)),
        count(&|told, _| lame(told, 503)),
        count(&|_, verdict| *verdict != Verdict::Open),
        count(&|_, verdict| matches!(verdict, Verdict::Contradicts(_))),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn summary(phases: &[Phase], told: &[Told]) {
    let (Some(first), Some(last)) = (phases.first(), phases.last()) else {
        return;
    };
    let secs = (last.end - first.begin).as_secs_f64();
    println!(
        "\n{:.0} requests/s for {secs:.0} s, a look every {POLL:?}.",
        told.len() as f64 / secs
    );
}

/// Shows the first of them; how many there are.
fn contradictions(phases: &[Phase], judged: &[(&Told, &Verdict)]) -> usize {
    let wrong = judged.iter().filter_map(|(told, verdict)| match verdict {
        Verdict::Contradicts(truth) => Some((told, truth)),
        _ => None,
    });
    for (told, truth) in wrong.clone().take(SHOWN) {
        let phase = phases.iter().find(|phase| phase.has(told));
        let when = phase.map_or("after the end".to_owned(), |phase| {
            format!("{:?} into \"{}\"", told.sent - phase.begin, phase.act.name())
        });
        let body = String::from_utf8_lossy(&told.body);
        println!("{:?}, {when}: {} {body}, but {truth}", told.question, told.status);
    }
    wrong.count()
}

/// The least that the monitor may be allowed without a contradiction.
fn slowest(judge: &mut Judge, told: &[Told]) -> Duration {
    let steps = judge.budget.as_millis() / STEP.as_millis();
    let (mut too_little, mut enough) = (0, u32::try_from(steps).unwrap_or(u32::MAX));
    while enough - too_little > 1 {
        let middle = (too_little + enough) / 2;
        judge.budget = STEP * middle;
        let wrong = told
            .iter()
            .any(|told| matches!(judge.of(told), Verdict::Contradicts(_)));
        match wrong {
            true => too_little = middle,
            false => enough = middle,
        }
    }
    STEP * enough
}
