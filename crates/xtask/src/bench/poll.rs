//! What a poll costs that finds nothing changed: of a tree file, and of a source that makes its snapshot anew each time.

use super::server::Server;
use super::{Options, built, table, tree};
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

/// Milliseconds between two polls: often, so that the clock of the CPU, which counts hundredths of a second, is exact enough.
const EVERY: u64 = 200;

pub(super) fn bench(options: &Options) -> Result<()> {
    let secs = options.secs.unwrap_or(10);
    table::head(&["replicas", "source", "CPU a poll", "goal", "RSS", "goal"]);
    for (replicas, goal) in [(10_000_usize, "2 ms"), (100_000, "20 ms")] {
        let every = EVERY.to_string();
        let mut file = Command::new(built("replica-monitor"));
        file.args(["--port", "0", "--poll", &every, "--no-watch", "--tree"])
            .arg(tree::file(replicas)?);
        let mut anew = Command::new(built("examples/fleet"));
        anew.args([
            "--replicas",
            &replicas.to_string(),
            "--change",
            "0",
            "--every",
            &every,
        ]);
        for (source, command) in [
            ("tree file", &mut file),
            ("made anew each time, its making included", &mut anew),
        ] {
            let server = Server::start(command)?;
            // The first polls are dearer: everything is new.
            std::thread::park_timeout(Duration::from_secs(2));
            let before = server.cpu_seconds()?;
            std::thread::park_timeout(Duration::from_secs(secs));
            let polls = secs as f64 * 1000.0 / EVERY as f64;
            let cost = (server.cpu_seconds()? - before) * 1000.0 / polls;
            let memory = server.rss_mb()?;
            let (most, cost) = ("120 MB at 100 000", format!("{cost:.1} ms"));
            table::row(&[
                table::whole(replicas as f64),
                source.into(),
                cost,
                goal.into(),
                format!("{memory:.0} MB"),
                most.into(),
            ]);
        }
    }
    Ok(())
}
