//! `cargo x bench`: what the monitor costs, beside a baseline in the same run where there is one.
//!
//! Figures are printed and never asserted: machines are noisy. What is true or not is: `balance` fails where the monitor lied. docs/PERFORMANCE.md holds the last ones.

mod hostile;
mod http;
mod live;
mod poll;
mod scrape;
mod seen;
mod server;
mod sse;
mod start;
mod table;
mod tree;

use crate::run::{command, root, run};
use anyhow::{Result, bail};
use std::path::PathBuf;

struct Bench {
    name: &'static str,
    purpose: &'static str,
    run: fn(&Options) -> Result<()>,
}

static BENCHES: &[Bench] = &[
    Bench {
        name: "http",
        purpose: "requests a second, beside nginx serving the same bytes",
        run: http::bench,
    },
    Bench {
        name: "sse",
        purpose: "deliveries of events, beside the least code there can be",
        run: sse::bench,
    },
    Bench {
        name: "start",
        purpose: "from nothing to the first answer, and idle memory",
        run: start::bench,
    },
    Bench {
        name: "poll",
        purpose: "CPU of a poll that finds nothing changed, and memory",
        run: poll::bench,
    },
    Bench {
        name: "scrape",
        purpose: "a scrape of /metrics while everything changes",
        run: scrape::bench,
    },
    Bench {
        name: "seen",
        purpose: "from the last write of the tree file to its being visible",
        run: seen::bench,
    },
    Bench {
        name: "live",
        purpose: "what asking a thousand replicas on real servers costs the monitor",
        run: live::bench,
    },
    Bench {
        name: "accuracy",
        purpose: "how far the measured lag is from the truth, on real servers",
        run: |options| of_crate("replica-engine", "accuracy", options),
    },
    Bench {
        name: "probes",
        purpose: "what a look costs a server, and what one hung replica costs 199 others",
        run: |options| of_crate("replica-engine", "probes", options),
    },
    Bench {
        name: "truth",
        purpose: "what we and the common exporters say of a lag, beside the truth",
        run: |options| of_crate("replica-engine", "truth", options),
    },
    Bench {
        name: "balance",
        purpose: "what load balancers are told while a replica is broken and mended, held against the truth; fails if it is untrue",
        run: |options| of_crate("replica-monitor", "balance", options),
    },
    Bench {
        name: "calm",
        purpose: "how many alerts are raised in half an hour in which nothing is wrong",
        run: |options| of_crate("replica-monitor", "calm", options),
    },
    Bench {
        name: "history",
        purpose: "what a kept sample costs on disk, beside other stores, and how long questions take",
        run: |options| of_crate("replica-monitor", "history", options),
    },
    Bench {
        name: "rules",
        purpose: "how fast a rule streams, beside what the two servers could do alone, how late it is, and its memory",
        run: |options| of_crate("replica-engine", "rules", options),
    },
    Bench {
        name: "hostile",
        purpose: "how a healthy client fares among 17 000 bad ones",
        run: hostile::bench,
    },
];

/// What every bench may be told.
struct Options {
    /// How long each measurement lasts, in seconds.
    secs: Option<u64>,
}

pub(crate) fn bench(words: &[String]) -> Result<()> {
    let (name, options) = read(words)?;
    let wanted: Vec<&Bench> = BENCHES
        .iter()
        .filter(|bench| name == "all" || bench.name == name)
        .collect();
    if wanted.is_empty() {
        let list: Vec<String> = BENCHES
            .iter()
            .map(|bench| format!("  {:8} {}", bench.name, bench.purpose))
            .collect();
        bail!(
            "name one of these, or all; --secs N sets how long it measures\n{}",
            list.join("\n")
        );
    }
    for arguments in [
        &[
            "build",
            "--release",
            "-p",
            "replica-monitor",
            "--bins",
            "--examples",
        ][..],
        &["build", "--release", "-p", "replica-loadgen", "-p", "replica-lab"],
    ] {
        run(&mut command("cargo", arguments))?;
    }
    std::fs::create_dir_all(folder())?;
    for bench in wanted {
        println!("\n## {}: {}\n", bench.name, bench.purpose);
        (bench.run)(&options)?;
    }
    Ok(())
}

fn read(words: &[String]) -> Result<(String, Options)> {
    let (mut name, mut secs) = (String::new(), None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--secs" => secs = words.next().and_then(|secs| secs.parse().ok()),
            other => name = other.to_owned(),
        }
    }
    Ok((name, Options { secs }))
}

/// A bench that is a program of a crate's own.
fn of_crate(package: &str, name: &str, options: &Options) -> Result<()> {
    let mut command = command("cargo", &["bench", "-q", "-p", package, "--bench", name]);
    if let Some(secs) = options.secs {
        command.args(["--", "--secs", &secs.to_string()]);
    }
    run(&mut command)
}

/// Where the benches keep what they make.
fn folder() -> PathBuf {
    root().join("target/bench")
}

/// A program that was built for the benches.
fn built(name: &str) -> PathBuf {
    root().join("target/release").join(name)
}
