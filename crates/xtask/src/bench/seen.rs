//! From the last write of a tree file of 10 000 replicas to the change being visible in the API.

use super::server::Server;
use super::{Options, built, table, tree};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const RUNS: usize = 20;

type Write = fn(&Path, &str) -> std::io::Result<()>;

pub(super) fn bench(_: &Options) -> Result<()> {
    let tree = tree::file(10_000)?;
    let text = std::fs::read_to_string(&tree)?;
    let server = Server::start(
        Command::new(built("replica-monitor"))
            .args(["--port", "0", "--tree"])
            .arg(&tree),
    )?;
    table::head(&["how it is written", "median (goal 100 ms)", "slowest"]);
    let in_place: Write = |path, text| std::fs::write(path, text);
    for (how, write) in [("in place", in_place), ("renamed over", renamed_over)] {
        let mut took = Vec::new();
        for run in 0..RUNS {
            let rule = format!("seen-{how}-{run}");
            let changed = text.replacen("cdc-project-00000", &rule, 1);
            // Runs must not beat in step with a poll.
            std::thread::park_timeout(Duration::from_millis(137 * (1 + run as u64 % 7)));
            write(&tree, &changed).with_context(|| format!("cannot write {}", tree.display()))?;
            took.push(until_visible(&server, &rule)?);
        }
        let middle = table::median(&mut took);
        let slowest = took.last().copied().unwrap_or(f64::NAN);
        table::row(&[how.into(), format!("{middle:.0} ms"), format!("{slowest:.0} ms")]);
    }
    Ok(())
}

fn renamed_over(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(beside, path)
}

fn until_visible(server: &Server, rule: &str) -> Result<f64> {
    let begin = Instant::now();
    loop {
        let rules = server.get("/api/rules")?;
        let took = begin.elapsed();
        if rules.windows(rule.len()).any(|window| window == rule.as_bytes()) {
            return Ok(took.as_secs_f64() * 1000.0);
        }
        if took > Duration::from_secs(10) {
            bail!("the change never became visible");
        }
    }
}
