//! `dashboard`: a Grafana dashboard of the metrics, to import as it is.

use super::Failure;
use serde_json::{Value, json};
use std::io::Write;

/// Grafana's own number for the form of the file; those that are newer read it as well.
const SCHEMA: u32 = 38;
/// How wide Grafana's grid is.
const WIDE: u32 = 24;

/// Print a Grafana dashboard of the metrics, as JSON to import.
#[derive(clap::Args)]
pub(super) struct Dashboard {
    /// For Grafana: the only form there is
    #[arg(long)]
    grafana: bool,
}

/// What a panel shows.
struct Panel {
    title: &'static str,
    description: &'static str,
    /// Grafana's name of the kind.
    kind: &'static str,
    unit: &'static str,
    width: u32,
    height: u32,
    /// Expression and legend.
    targets: &'static [(&'static str, &'static str)],
}

const SERIES: &str = "{{project}} / {{replica}}";

/// In the order of reading; a row is full at [`WIDE`].
static PANELS: &[Panel] = &[
    Panel {
        title: "Worst lag per project",
        description: "Of the replicas whose lag is known; see the next panel for the others.",
        kind: "stat",
        unit: "s",
        width: 8,
        height: 5,
        targets: &[(
            "max by (project) (replica_lag_seconds{project=~\"$project\"})",
            "{{project}}",
        )],
    },
    Panel {
        title: "Nobody can tell the lag of",
        description: "Unknown is not fine: it may be hours.",
        kind: "stat",
        unit: "none",
        width: 8,
        height: 5,
        targets: &[(
            "count by (project) (max by (project, replica) (replica_lag_known{project=~\"$project\"}) == 0)",
            "{{project}}",
        )],
    },
    Panel {
        title: "Down",
        description: "Replicas that do not answer.",
        kind: "stat",
        unit: "none",
        width: 8,
        height: 5,
        targets: &[(
            "count by (project) (max by (project, replica) (replica_state{state=\"down\", project=~\"$project\"}) == 1)",
            "{{project}}",
        )],
    },
    Panel {
        title: "Lag per replica",
        description: "A gap is time in which nobody could tell.",
        kind: "timeseries",
        unit: "s",
        width: 24,
        height: 9,
        targets: &[(
            "max by (project, replica) (replica_lag_seconds{project=~\"$project\"})",
            SERIES,
        )],
    },
    Panel {
        title: "State",
        description: "The state that holds, and what each replica is.",
        kind: "table",
        unit: "none",
        width: 12,
        height: 9,
        targets: &[(
            "max by (project, replica, state) (replica_state{project=~\"$project\"} == 1) * on (project, replica) group_left (role, dialect, observed_role, version) max by (project, replica, role, dialect, observed_role, version) (replica_info{project=~\"$project\"})",
            "",
        )],
    },
    Panel {
        title: "Drift",
        description: "In how many ways servers differ from their tree.",
        kind: "table",
        unit: "none",
        width: 12,
        height: 9,
        targets: &[(
            "max by (project, replica, kind) (replica_drift{project=~\"$project\"}) > 0",
            "",
        )],
    },
    Panel {
        title: "Runway",
        description: "How long a stream may stand still before the log that it needs is gone.",
        kind: "timeseries",
        unit: "s",
        width: 12,
        height: 8,
        targets: &[(
            "min by (project, replica, link) (replica_runway_seconds{project=~\"$project\"})",
            "{{project}} / {{replica}} {{link}}",
        )],
    },
    Panel {
        title: "Connections",
        description: "Share of what the server allows, whoever holds them.",
        kind: "timeseries",
        unit: "percentunit",
        width: 12,
        height: 8,
        targets: &[(
            "max by (project, replica) (replica_connections{project=~\"$project\"} / replica_connections_max{project=~\"$project\"})",
            SERIES,
        )],
    },
    Panel {
        title: "The monitor answers",
        description: "1 while its source answers; a gap is time without a scrape.",
        kind: "timeseries",
        unit: "none",
        width: 8,
        height: 7,
        targets: &[("replica_monitor_source_answers", "{{instance}}")],
    },
    Panel {
        title: "The monitor's memory",
        description: "Resident.",
        kind: "timeseries",
        unit: "bytes",
        width: 8,
        height: 7,
        targets: &[(
            "process_resident_memory_bytes and on (instance, job) replica_monitor_build_info",
            "{{instance}}",
        )],
    },
    Panel {
        title: "The monitor's processor time",
        description: "Of one core.",
        kind: "timeseries",
        unit: "percentunit",
        width: 8,
        height: 7,
        targets: &[(
            "rate(process_cpu_seconds_total[5m]) and on (instance, job) replica_monitor_build_info",
            "{{instance}}",
        )],
    },
];

impl Dashboard {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        // With or without the flag: there is one form.
        let _ = self.grafana;
        let (mut x, mut y, mut row) = (0, 0, 0);
        let panels: Vec<Value> = PANELS
            .iter()
            .zip(1..)
            .map(|(panel, id)| {
                if x + panel.width > WIDE {
                    (x, y, row) = (0, y + row, 0);
                }
                let drawn = draw(panel, id, x, y);
                x += panel.width;
                row = row.max(panel.height);
                drawn
            })
            .collect();
        let board = json!({
            "uid": "replica-monitor", "title": "Replicas", "tags": ["replication"], "schemaVersion": SCHEMA, "version": 1,
            "editable": true, "refresh": "30s", "time": { "from": "now-6h", "to": "now" },
            "templating": { "list": variables() }, "annotations": { "list": [] }, "panels": panels,
        });
        let text =
            serde_json::to_string_pretty(&board).map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{text}")?;
        Ok(())
    }
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn variables() -> Value {
    let query = "label_values(replica_info, project)";
    json!([
        { "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus" },
        { "name": "project", "label": "Project", "type": "query", "datasource": source(), "query": { "query": query, "refId": "project" },
          "refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".*", "current": { "text": "All", "value": "$__all" } },
    ])
}

fn draw(panel: &Panel, id: u32, x: u32, y: u32) -> Value {
    let table = panel.kind == "table";
    let targets: Vec<Value> = panel
        .targets
        .iter()
        .zip('A'..='Z')
        .map(|((expr, legend), name)| {
            json!({ "refId": name.to_string(), "datasource": source(), "expr": expr, "legendFormat": legend,
                "instant": table, "range": !table, "format": if table { "table" } else { "time_series" } })
        })
        .collect();
    let hidden = json!([{ "id": "organize", "options": { "excludeByName": { "Time": true, "Value": panel.title == "State" } } }]);
    json!({
        "id": id, "type": panel.kind, "title": panel.title, "description": panel.description, "datasource": source(),
        "gridPos": { "x": x, "y": y, "w": panel.width, "h": panel.height }, "targets": targets,
        "transformations": if table { hidden } else { json!([]) },
        // A gap stays a gap: what is not known is not drawn as if it were.
        "fieldConfig": { "defaults": { "unit": panel.unit, "custom": if panel.kind == "timeseries" { json!({ "spanNulls": false }) } else { json!({}) } }, "overrides": [] },
    })
}
