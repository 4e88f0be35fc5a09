//! The rule file: what the tree declares, as recording rules, and every alert.

use super::HEADER;
use super::alert::RECORDS;
use super::alerts::ALERTS;
use super::yaml::{mapping, quoted};
use crate::metrics::bounded;
use crate::tolerance::tolerance_ms;
use replica_core::Role;
use replica_core::tree::Tree;

/// A slave of the tree.
pub(super) struct Slave {
    pub(super) project: String,
    pub(super) replica: String,
    pub(super) limit_ms: u64,
}

pub(super) fn slaves(tree: &Tree) -> Vec<Slave> {
    let mut slaves = Vec::new();
    for project in &tree.projects {
        let all = project.replicas.iter();
        for replica in all.filter(|replica| replica.role == Role::Slave) {
            slaves.push(Slave {
                project: project.name.to_string(),
                replica: replica.name.to_string(),
                limit_ms: tolerance_ms(replica.lag_tolerance_ms),
            });
        }
    }
    slaves
}

/// Seconds, as a number of PromQL.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}", ms as f64 / 1000.0)
}

/// `job="…"`, inside the braces of a selector.
pub(super) fn job_matcher(job: &str) -> String {
    crate::metrics::label("job", job)
}

/// The whole file.
pub(super) fn render(slaves: &[Slave], job: &str) -> String {
    let mut out = format!("{HEADER}groups:\n");
    if !slaves.is_empty() {
        out.push_str("  - name: replica-monitor-tree\n    rules:\n");
    }
    for slave in slaves {
        let labels = mapping([
            ("project", bounded(&slave.project).into_owned()),
            ("replica", bounded(&slave.replica).into_owned()),
        ]);
        let limit = seconds(slave.limit_ms);
        out.push_str(&format!(
            "      - record: project_replica:declared_lag_limit_seconds\n        expr: vector({limit})\n        labels: {labels}\n"
        ));
    }
    out.push_str("  - name: replica-monitor\n    rules:\n");
    for (name, expr) in RECORDS {
        out.push_str(&format!(
            "      - record: {name}\n        expr: {}\n",
            quoted(expr)
        ));
    }
    for alert in ALERTS {
        let expr = quoted(&alert.expr.replace("JOB", &job_matcher(job)));
        let labels = mapping([("severity", alert.severity.to_owned())]);
        let (summary, description) = (quoted(alert.summary), quoted(alert.description));
        let (name, hold) = (alert.name, alert.hold);
        out.push_str(&format!(
            "      - alert: {name}\n        expr: {expr}\n        for: {hold}\n        labels: {labels}\n        annotations:\n          summary: {summary}\n          description: {description}\n"
        ));
    }
    out
}
