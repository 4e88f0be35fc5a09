//! What `/proc` tells of the server under test.

use anyhow::{Context, Result};
use std::fs::read_to_string;

/// Linux counts the time of processes in hundredths of a second, on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU, of the user's and the kernel's, that a process has used.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, which is the second field, may hold spaces; what follows its bracket does not.
    let fields = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    let ticks: f64 = ticks
        .sum::<Result<f64, _>>()
        .with_context(|| format!("/proc/{pid}/stat"))?;
    Ok(ticks / TICKS_PER_SECOND)
}

/// Its resident memory in KiB.
pub(crate) fn rss_kib(pid: u32) -> Result<u64> {
    let status = read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    figure
        .and_then(|figure| figure.parse().ok())
        .with_context(|| format!("no VmRSS of {pid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_there() {
        let own = std::process::id();
        assert!(cpu_seconds(own).unwrap() >= 0.0);
        assert!(rss_kib(own).unwrap() > 100);
    }
}
