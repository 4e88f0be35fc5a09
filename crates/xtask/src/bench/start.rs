//! From nothing to the first answer, and the memory that ten replicas take.

use super::server::{Server, get};
use super::{Options, built, table, tree};
use anyhow::{Result, bail};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 20;

pub(super) fn bench(_: &Options) -> Result<()> {
    let tree = tree::file(10)?;
    let (mut took, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let at = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let begin = Instant::now();
        let mut command = Command::new(built("replica-monitor"));
        command
            .args(["--port", &at.port().to_string(), "--tree"])
            .arg(&tree)
            .stdout(Stdio::null());
        let server = Server::started(command.spawn()?, at);
        while get(at, "/api/health").is_err() {
            if begin.elapsed() > Duration::from_secs(20) {
                bail!("no answer at {at}");
            }
            std::thread::park_timeout(Duration::from_micros(200));
        }
        took.push(begin.elapsed().as_secs_f64() * 1000.0);
        // After a look at everything, as an operator's first page has.
        for path in ["/", "/api/snapshot", "/api/events"] {
            server.get(path)?;
        }
        memory.push(server.rss_mb()?);
    }
    table::head(&[
        "first answer, median of 20 (goal 20 ms; original 111)",
        "slowest",
        "RSS (goal 12 MB; original 47)",
    ]);
    let middle = table::median(&mut took);
    table::row(&[
        format!("{middle:.1} ms"),
        format!("{:.1} ms", took.last().copied().unwrap_or(f64::NAN)),
        format!("{:.1} MB", table::median(&mut memory)),
    ]);
    Ok(())
}
