//! What the monitor knows of itself at the moment of a scrape.

use crate::alert;
use crate::push::Counts;
use std::fs;
use std::sync::Arc;

/// The monitor and its process.
pub(crate) struct Own {
    pub(crate) source_answers: bool,
    pub(crate) changed_ms: i64,
    pub(crate) started_ms: i64,
    pub(crate) replicas: usize,
    pub(crate) problems: usize,
    pub(crate) streams: usize,
    pub(crate) events: u64,
    pub(crate) resynced: u64,
    /// None where nobody looks for what is wrong.
    pub(crate) alerts: Option<alert::Counts>,
    /// One for each that the metrics are sent to.
    pub(crate) pushes: Vec<Arc<Counts>>,
    /// None where the system does not tell (it is asked on Linux only).
    pub(crate) process: Option<Process>,
}

/// What the system says of this process.
pub(crate) struct Process {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes: u64,
    pub(crate) open_files: usize,
}

impl Process {
    /// Now.
    pub(crate) fn now() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name in parentheses may hold anything; what follows it does not.
        let (_, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = resident.split_whitespace().next()?.parse().ok()?;
        Some(Self {
            // Linux counts hundredths, on every machine.
            cpu_seconds: ticks / 100.0,
            resident_bytes: kibibytes * 1024,
            open_files: fs::read_dir("/proc/self/fd").ok()?.count(),
        })
    }
}
