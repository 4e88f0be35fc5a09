//! Every alert for Prometheus: when it fires, what it says, and a sample that fires and one that does not.
//!
//! Names of projects and replicas never stand in an expression or a template: they reach both as labels.

/// What an alert is about: the labels that it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Replica,
    Project,
    Rule,
    Monitor,
}

/// One alert.
pub(super) struct Alert {
    pub(super) name: &'static str,
    pub(super) about: About,
    /// `critical`: somebody should get up. `warning`: somebody should look today.
    pub(super) severity: &'static str,
    /// `JOB` stands for the matcher of the scrape job.
    pub(super) expr: &'static str,
    /// How long it must hold.
    pub(super) hold: &'static str,
    /// Templates of Prometheus. So that a test can tell what becomes of them, they use labels by name, and the value once.
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) fires: Sample,
    /// Series with which it keeps quiet.
    pub(super) quiet: &'static [Series],
}

/// Series with which an alert fires, and what it then says.
pub(super) struct Sample {
    pub(super) series: &'static [Series],
    /// Labels beyond those of what it is about.
    pub(super) labels: &'static [(&'static str, &'static str)],
    /// What its template makes of the value.
    pub(super) value: &'static str,
}

/// The name, labels beyond those of what the alert is about, and the values in the form of promtool.
pub(super) type Series = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// The recording rules that do not come from a tree: name and expression.
pub(super) static RECORDS: &[(&str, &str)] = &[
    (
        "project_replica:lag_limit_seconds:max",
        "max by (project, replica) (replica_lag_tolerance_seconds) or max by (project, replica) (project_replica:declared_lag_limit_seconds) or max by (project, replica) (replica_lag_known * 0 + 5)",
    ),
    (
        "project_replica:lag_within_limit_seconds:max",
        "max by (project, replica) ((replica_lag_seconds unless ignoring (verdict) replica_lag_verdict{verdict=\"at_least\"} == 1) <= on (project, replica) group_left () project_replica:lag_limit_seconds:max)",
    ),
    (
        "project:lag_seconds:max",
        "max by (project) (replica_lag_seconds)",
    ),
    (
        "project:lag_unknown:count",
        "count by (project) (max by (project, replica) (replica_lag_known) == 0)",
    ),
];

const NOT_KEEPING_UP: &str =
    "Its lag is above its limit or unknown, and the log that it still needs will be gone.";

/// Every alert, the most urgent of its kind first.
pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "ReplicaLagAboveLimit",
        about: About::Replica,
        severity: "warning",
        expr: "(replica_lag_seconds unless ignoring (verdict) replica_lag_verdict{verdict=\"at_most\"} == 1) > on (project, replica) group_left () project_replica:lag_limit_seconds:max",
        hold: "1m",
        summary: "{{ $labels.project }} / {{ $labels.replica }} is {{ $value | humanizeDuration }} behind",
        description: "Reads from it are older than its lagTolerance allows.",
        fires: Sample {
            series: &[
                ("replica_lag_seconds", &[], "172800+0x40"),
                ("replica_lag_tolerance_seconds", &[], "86400+0x40"),
            ],
            labels: &[],
            value: "2d 0h 0m 0s",
        },
        quiet: &[
            ("replica_lag_seconds", &[], "3600+0x40"),
            ("replica_lag_tolerance_seconds", &[], "86400+0x40"),
        ],
    },
    Alert {
        name: "ReplicaDown",
        about: About::Replica,
        severity: "critical",
        expr: "replica_state{state=\"down\"} == 1",
        hold: "1m",
        summary: "{{ $labels.project }} / {{ $labels.replica }} does not answer",
        description: "The monitor cannot log in; /api/replicas tells the reason.",
        fires: Sample {
            series: &[("replica_state", &[("state", "down")], "1+0x40")],
            labels: &[("state", "down")],
            value: "",
        },
        quiet: &[("replica_state", &[("state", "down")], "0+0x40")],
    },
    Alert {
        name: "ReplicaLagUnknown",
        about: About::Replica,
        severity: "warning",
        expr: "replica_lag_known == 0 unless ignoring (state) replica_state{state=\"down\"} == 1",
        hold: "5m",
        summary: "nobody can tell how far {{ $labels.project }} / {{ $labels.replica }} is behind",
        description: "It may be fine or hours behind; replica-monitor status tells why it cannot be measured.",
        fires: Sample {
            series: &[("replica_lag_known", &[], "0+0x40")],
            labels: &[],
            value: "",
        },
        quiet: &[
            ("replica_lag_known", &[], "0+0x40"),
            ("replica_state", &[("state", "down")], "1+0x40"),
        ],
    },
    Alert {
        name: "ReplicaTwoMasters",
        about: About::Project,
        severity: "critical",
        expr: "max by (project) (replica_drift{kind=\"two_masters\"}) > 0",
        hold: "15s",
        summary: "{{ $labels.project }} has two masters",
        description: "Two servers take writes that cannot be joined again: stop the writes to one of them.",
        fires: Sample {
            series: &[("replica_drift", &[("kind", "two_masters")], "1+0x40")],
            labels: &[],
            value: "",
        },
        quiet: &[("replica_drift", &[("kind", "two_masters")], "0+0x40")],
    },
    Alert {
        name: "ReplicaDiverged",
        about: About::Replica,
        severity: "critical",
        expr: "max by (project, replica) (replica_drift{kind=\"diverged\"}) > 0",
        hold: "1m",
        summary: "the history of {{ $labels.project }} / {{ $labels.replica }} has parted from its master's",
        description: "It cannot catch up: load it anew.",
        fires: Sample {
            series: &[("replica_drift", &[("kind", "diverged")], "1+0x40")],
            labels: &[],
            value: "",
        },
        quiet: &[("replica_drift", &[("kind", "diverged")], "0+0x40")],
    },
    Alert {
        name: "ReplicaDrift",
        about: About::Replica,
        severity: "warning",
        expr: "replica_drift{kind!~\"two_masters|diverged\"} > 0",
        hold: "1m",
        summary: "{{ $labels.project }} / {{ $labels.replica }} is not what its tree declares ({{ $labels.kind }})",
        description: "Mend the server or the tree; /api/snapshot tells the difference.",
        fires: Sample {
            series: &[("replica_drift", &[("kind", "role")], "1+0x40")],
            labels: &[("kind", "role")],
            value: "",
        },
        quiet: &[("replica_drift", &[("kind", "role")], "0+0x40")],
    },
    Alert {
        name: "ReplicaLinkBroken",
        about: About::Replica,
        severity: "critical",
        expr: "replica_link_state{state=~\"broken|diverged\"} == 1",
        hold: "1m",
        summary: "the stream into {{ $labels.project }} / {{ $labels.replica }} is {{ $labels.state }}",
        description: "Nothing is applied until somebody mends it; /api/snapshot tells the error.",
        fires: Sample {
            series: &[(
                "replica_link_state",
                &[("link", "eu"), ("state", "broken")],
                "1+0x40",
            )],
            labels: &[("link", "eu"), ("state", "broken")],
            value: "",
        },
        quiet: &[(
            "replica_link_state",
            &[("link", "eu"), ("state", "streaming")],
            "1+0x40",
        )],
    },
    Alert {
        name: "ReplicaRunwayShort",
        about: About::Replica,
        severity: "warning",
        expr: "replica_runway_seconds < 3600 and replica_runway_seconds >= 600 unless on (project, replica) project_replica:lag_within_limit_seconds:max",
        hold: "1m",
        summary: "{{ $labels.project }} / {{ $labels.replica }} falls off the retained log in {{ $value | humanizeDuration }}",
        description: NOT_KEEPING_UP,
        fires: Sample {
            series: &[
                ("replica_runway_seconds", &[("link", "eu")], "3000+0x40"),
                ("replica_lag_seconds", &[], "172800+0x40"),
                ("replica_lag_tolerance_seconds", &[], "86400+0x40"),
            ],
            labels: &[("link", "eu")],
            value: "50m 0s",
        },
        quiet: &[
            ("replica_runway_seconds", &[("link", "eu")], "3000+0x40"),
            ("replica_lag_seconds", &[], "1+0x40"),
            ("replica_lag_tolerance_seconds", &[], "86400+0x40"),
        ],
    },
    Alert {
        name: "ReplicaRunwayEnding",
        about: About::Replica,
        severity: "critical",
        expr: "replica_runway_seconds < 600 and replica_runway_seconds > 0 unless on (project, replica) project_replica:lag_within_limit_seconds:max",
        hold: "15s",
        summary: "{{ $labels.project }} / {{ $labels.replica }} falls off the retained log in {{ $value | humanizeDuration }}",
        description: NOT_KEEPING_UP,
        fires: Sample {
            series: &[("replica_runway_seconds", &[("link", "eu")], "300+0x40")],
            labels: &[("link", "eu")],
            value: "5m 0s",
        },
        quiet: &[
            ("replica_runway_seconds", &[("link", "eu")], "300+0x40"),
            ("replica_lag_seconds", &[], "1+0x40"),
            ("replica_lag_tolerance_seconds", &[], "86400+0x40"),
        ],
    },
    Alert {
        name: "ReplicaNeedsResync",
        about: About::Replica,
        severity: "critical",
        expr: "replica_runway_seconds == 0",
        hold: "15s",
        summary: "{{ $labels.project }} / {{ $labels.replica }} has fallen off the retained log",
        description: "What it needs next is no longer kept: it must be loaded anew.",
        fires: Sample {
            series: &[("replica_runway_seconds", &[("link", "eu")], "0+0x40")],
            labels: &[("link", "eu")],
            value: "",
        },
        quiet: &[("replica_runway_seconds", &[("link", "eu")], "300+0x40")],
    },
    Alert {
        name: "ReplicaConnectionsNearlyFull",
        about: About::Replica,
        severity: "warning",
        expr: "replica_connections / replica_connections_max > 0.9",
        hold: "5m",
        summary: "{{ $labels.project }} / {{ $labels.replica }} has {{ $value | humanizePercentage }} of its connections in use",
        description: "When none is left, applications and replicas are refused.",
        fires: Sample {
            series: &[
                ("replica_connections", &[], "95+0x40"),
                ("replica_connections_max", &[], "100+0x40"),
            ],
            labels: &[],
            value: "95%",
        },
        quiet: &[
            ("replica_connections", &[], "50+0x40"),
            ("replica_connections_max", &[], "100+0x40"),
        ],
    },
    Alert {
        name: "ReplicaGrantMissing",
        about: About::Replica,
        severity: "warning",
        expr: "replica_missing_grants > 0",
        hold: "10m",
        summary: "the monitor may not read all of {{ $labels.project }} / {{ $labels.replica }}",
        description: "replica-monitor doctor prints the statements that grant it.",
        fires: Sample {
            series: &[("replica_missing_grants", &[], "1+0x40")],
            labels: &[],
            value: "",
        },
        quiet: &[("replica_missing_grants", &[], "0+0x40")],
    },
    Alert {
        name: "ReplicaRuleFails",
        about: About::Rule,
        severity: "warning",
        expr: "increase(replica_rule_errors_total[10m]) > 0",
        hold: "1m",
        summary: "the rule {{ $labels.rule }} fails",
        description: "/api/events tells the errors.",
        fires: Sample {
            series: &[("replica_rule_errors_total", &[], "0+1x40")],
            labels: &[],
            value: "",
        },
        quiet: &[("replica_rule_errors_total", &[], "3+0x40")],
    },
    Alert {
        name: "ReplicaMonitorNotScraped",
        about: About::Monitor,
        severity: "critical",
        expr: "absent(up{JOB} == 1)",
        hold: "2m",
        summary: "no replica-monitor is scraped",
        description: "Nothing is known of any replica: see whether the monitor runs, and whether its token is right.",
        fires: Sample {
            series: &[],
            labels: &[],
            value: "",
        },
        quiet: &[("up", &[("job", "JOB")], "1+0x40")],
    },
    Alert {
        name: "ReplicaMonitorSourceStalled",
        about: About::Monitor,
        severity: "critical",
        expr: "replica_monitor_source_answers == 0",
        hold: "1m",
        summary: "the source of the monitor does not answer",
        description: "Every other figure stands still and may be wrong.",
        fires: Sample {
            series: &[("replica_monitor_source_answers", &[], "0+0x40")],
            labels: &[],
            value: "",
        },
        quiet: &[("replica_monitor_source_answers", &[], "1+0x40")],
    },
    Alert {
        name: "ReplicaMonitorTreeProblem",
        about: About::Monitor,
        severity: "warning",
        expr: "replica_monitor_problems > 0",
        hold: "5m",
        summary: "the tree of the monitor has problems",
        description: "replica-monitor check FILE tells where.",
        fires: Sample {
            series: &[("replica_monitor_problems", &[], "2+0x40")],
            labels: &[],
            value: "",
        },
        quiet: &[("replica_monitor_problems", &[], "0+0x40")],
    },
];
