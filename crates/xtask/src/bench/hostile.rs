//! A healthy client among 5 000 that never read, 10 000 that say nothing and 2 000 that send a byte a second.

use super::server::{Server, exchange, figure, json};
use super::{Options, built, table, tree};
use anyhow::Result;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const TOKEN: &str = "bench-operator";

pub(super) fn bench(options: &Options) -> Result<()> {
    let secs = options.secs.unwrap_or(60).to_string();
    let mut command = Command::new(built("replica-monitor"));
    command
        .args(["--port", "0", "--tree"])
        .arg(tree::file(100)?)
        .env("MONITOR_OPERATOR_TOKEN", TOKEN);
    let server = Server::start(&mut command)?;
    let (at, pid) = (server.at.to_string(), server.id().to_string());
    let done = AtomicBool::new(false);
    let told = std::thread::scope(|scope| {
        scope.spawn(|| make_events(&server, &done));
        let told =
            json(Command::new(built("loadgen")).args(["hold", "--at", &at, "--secs", &secs, "--pid", &pid]));
        done.store(true, Relaxed);
        told
    })?;
    let growth = (figure(&told, "rssPeakKib")? - figure(&told, "rssBeforeKib")?) / figure(&told, "bad")?;
    table::head(&[
        "requests",
        "failed",
        "p50",
        "p99 (goal 50 ms)",
        "slowest",
        "RSS growth a bad client (goal 64 KB)",
        "RSS peak",
        "RSS at the end",
    ]);
    let (peak, end) = (figure(&told, "rssPeakKib")?, figure(&told, "rssEndKib")?);
    table::row(&[
        table::whole(figure(&told, "asked")?),
        told["failed"].to_string(),
        format!("{:.1} ms", figure(&told, "p50Ms")?),
        format!("{:.1} ms", figure(&told, "p99Ms")?),
        format!("{:.0} ms", figure(&told, "maxMs")?),
        format!("{growth:.1} KiB"),
        format!("{:.0} MB", peak * 1024.0 / 1e6),
        format!("{:.0} MB", end * 1024.0 / 1e6),
    ]);
    Ok(())
}

/// A hundred events ten times a second, so that the stuck clients have something to leave unread.
fn make_events(server: &Server, done: &AtomicBool) {
    let events = vec![
        r#"{"type":"bench","text":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#;
        100
    ];
    let body = format!("[{}]", events.join(","));
    let (at, length) = (server.at, body.len());
    let request = format!(
        "POST /api/events HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    while !done.load(Relaxed) {
        if let Err(error) = exchange(at, &request) {
            eprintln!("events: {error:#}");
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}
