//! What a scrape of `/metrics` takes while every replica changes all the time, so that each finds a text that must be rendered.

use super::server::{Server, exchange};
use super::{Options, built, table};
use anyhow::Result;
use std::process::Command;
use std::time::{Duration, Instant};

const TURNS: usize = 20;
/// How often everything changes, and the pause between two scrapes.
const EVERY: Duration = Duration::from_millis(500);

pub(super) fn bench(_: &Options) -> Result<()> {
    table::head(&[
        "replicas",
        "lines",
        "MB",
        "median",
        "slowest of 20",
        "goal",
        "packed, median",
    ]);
    for (replicas, goal) in [(1000, "10 ms"), (10_000, "80 ms")] {
        let every = EVERY.as_millis().to_string();
        let mut fleet = Command::new(built("examples/fleet"));
        fleet.args([
            "--replicas",
            &format!("{replicas}"),
            "--change",
            "100",
            "--every",
            &every,
            "--observed",
        ]);
        let server = Server::start(&mut fleet)?;
        let text = server.get("/metrics")?;
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        let mut plain = times(&server, "")?;
        let mut packed = times(&server, "Accept-Encoding: gzip\r\n")?;
        let slowest = plain.iter().copied().fold(0.0, f64::max);
        table::row(&[
            table::whole(f64::from(replicas)),
            table::whole(lines as f64),
            format!("{:.1}", text.len() as f64 / 1e6),
            format!("{:.1} ms", table::median(&mut plain)),
            format!("{slowest:.1} ms"),
            goal.into(),
            format!("{:.1} ms", table::median(&mut packed)),
        ]);
    }
    Ok(())
}

/// How long each scrape took, in milliseconds.
fn times(server: &Server, header: &str) -> Result<Vec<f64>> {
    let at = server.at;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {at}\r\n{header}Connection: close\r\n\r\n");
    let one = || {
        std::thread::park_timeout(EVERY);
        let begin = Instant::now();
        exchange(at, &request)?;
        Ok(begin.elapsed().as_secs_f64() * 1000.0)
    };
    (0..TURNS).map(|_| one()).collect()
}
