//! `prometheus-rules`: what a Prometheus should record and alert on, written from a tree.
//!
//! A command of its own name, because `rules` is about the cross-database rules of a tree; `rules --prometheus` does the same.

mod alert;
mod alerts;
mod replay;
mod rules;
mod unit;
mod yaml;

pub(super) use replay::RulesReplay;

use super::Failure;
use super::settings::tree_path;
use super::tree;
use std::io::Write;
use std::path::{Path, PathBuf};

const RULES_FILE: &str = "replica-monitor.rules.yml";
const TEST_FILE: &str = "replica-monitor.rules.test.yml";
/// How each file begins; one that begins otherwise is somebody's own.
const HEADER: &str =
    "# Written by `replica-monitor prometheus-rules` from a tree: write it again rather than change it.\n";

/// Write recording and alerting rules for Prometheus from a tree.
///
/// Without --out the rules go to standard output. With it, their unit tests are written beside them: try them with `promtool test rules`.
#[derive(clap::Args)]
pub(super) struct PrometheusRules {
    /// The tree file [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    /// The folder for replica-monitor.rules.yml and replica-monitor.rules.test.yml; older ones are replaced
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The name of the job with which Prometheus scrapes the monitor
    #[arg(long, value_name = "NAME", default_value = "replicas")]
    job: String,
}

impl PrometheusRules {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let tree = tree::read(&tree_path(self.tree.as_deref())?)?;
        let slaves = rules::slaves(&tree);
        let text = rules::render(&slaves, &self.job);
        let Some(folder) = &self.out else {
            out.write_all(text.as_bytes())?;
            return Ok(());
        };
        let tests = unit::render(&slaves, &self.job);
        let files = [(folder.join(RULES_FILE), text), (folder.join(TEST_FILE), tests)];
        // Both or none: a test beside other rules would only confuse.
        for (path, _) in &files {
            leave_others_alone(path)?;
        }
        for (path, text) in &files {
            std::fs::write(path, text).map_err(|error| failed("write", path, &error))?;
            writeln!(out, "wrote {}", path.display())?;
        }
        writeln!(out, "try them: promtool test rules {}", files[1].0.display())?;
        Ok(())
    }
}

fn leave_others_alone(path: &Path) -> Result<(), Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.starts_with(HEADER) => Ok(()),
        Ok(_) => Err(Failure::Failed(format!(
            "{} was not written by this command: move it away first",
            path.display()
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("read", path, &error)),
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::alerts::ALERTS;

    #[test]
    fn the_guide_tells_of_every_alert() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/prometheus.md");
        let guide = std::fs::read_to_string(path).unwrap();
        for alert in ALERTS {
            let name = format!("`{}`", alert.name);
            assert!(guide.contains(&name), "docs/guides/prometheus.md lacks {name}");
        }
    }
}
