//! Every metric: its name, what it means, and where it is read from.
//!
//! To add one, write it here and put its line into [`METRICS`]; a test holds docs/METRICS.md
//! against the table, and prints what it should be.

use super::Kind;
use super::metric::{LINK, Metric, PUSHED, counter, labelled, own, replica, rule};
use super::read::{
    answered, behind, channels, connections, drift, each_link, firing, info, last_run, observed, phase, pool,
    rule_info, sent, stats,
};
use super::text::label;
use replica_core::{Role, Runway, State, Verdict};

/// Every metric, in the order of the text.
pub(crate) static METRICS: &[Metric] = &[
    Metric {
        kind: Kind::Info,
        ..labelled(
            replica(
                "replica_info",
                "What a replica is declared and observed to be; always 1.",
                info,
            ),
            &[
                "project",
                "replica",
                "role",
                "dialect",
                "observed_role",
                "version",
            ],
        )
    },
    replica(
        "replica_lag_seconds",
        "How old the oldest thing is that the master has and the replica does not show. Absent while unknown, frozen or without meaning.",
        |replica, out| out.milliseconds(replica.lag.live_ms()),
    ),
    replica(
        "replica_lag_known",
        "1 while replica_lag_seconds is told, 0 while it cannot be. Absent for masters, which have no lag.",
        |replica, out| {
            if !matches!(replica.lag.verdict, Verdict::NotApplicable(_)) {
                out.flag(replica.lag.live_ms().is_some());
            }
        },
    ),
    labelled(
        replica(
            "replica_lag_verdict",
            "What the lag is worth: 1 for the verdict that holds, 0 for the others.",
            |replica, out| out.which("verdict", &Verdict::WORDS, replica.lag.verdict.word()),
        ),
        &["project", "replica", "verdict"],
    ),
    replica(
        "replica_lag_as_of_timestamp_seconds",
        "The last moment at which a lag was known that is frozen since because the master cannot be reached.",
        |replica, out| out.value(replica.lag.as_of_ms.map(|ms| ms as f64 / 1000.0)),
    ),
    replica(
        "replica_lag_tolerance_seconds",
        "The lag that the tree tolerates.",
        |replica, out| out.milliseconds(replica.lag_tolerance_ms),
    ),
    labelled(
        replica(
            "replica_state",
            "Whether it answers: 1 for the state that holds, 0 for the others.",
            |replica, out| out.which("state", &State::ALL.map(State::word), replica.state.word()),
        ),
        &["project", "replica", "state"],
    ),
    replica(
        "replica_probe_success",
        "1 if the last look was answered, 0 if not. Absent where nobody looks.",
        |replica, out| out.flag(answered(replica)),
    ),
    replica(
        "replica_probe_duration_seconds",
        "How long the last look that was answered took.",
        |replica, out| out.value(observed(replica, |seen| seen.probe_us).map(|us| us as f64 / 1e6)),
    ),
    replica(
        "replica_last_answer_timestamp_seconds",
        "When it last answered.",
        |replica, out| out.value(replica.last_ping_ms.map(|ms| ms as f64 / 1000.0)),
    ),
    replica(
        "replica_writable",
        "1 if it would take a write, 0 if not. Absent while unknown.",
        |replica, out| out.flag(observed(replica, |seen| seen.writable)),
    ),
    replica(
        "replica_leads",
        "1 if it plays the master, 0 if it follows. Absent while unknown.",
        |replica, out| out.flag(observed(replica, |seen| seen.role).map(|role| role == Role::Master)),
    ),
    labelled(
        replica(
            "replica_drift",
            "In how many ways of a kind the server differs from its tree. Absent where nobody looks.",
            drift,
        ),
        &["project", "replica", "kind"],
    ),
    replica(
        "replica_missing_grants",
        "How many things cannot be read for want of a grant. Absent where nobody looks.",
        |replica, out| out.value(observed(replica, |seen| Some(seen.missing.len() as f64))),
    ),
    replica(
        "replica_behind_bytes",
        "Log that is still to be applied. Absent where the product counts no bytes.",
        |replica, out| out.value(behind(replica, "bytes")),
    ),
    replica(
        "replica_behind_transactions",
        "Transactions that are still to be applied. Absent where the product counts none.",
        |replica, out| out.value(behind(replica, "transactions")),
    ),
    replica(
        "replica_clock_offset_seconds",
        "The clock of the server minus the clock of the monitor.",
        |replica, out| {
            out.value(observed(replica, |seen| seen.clock_offset_ms).map(|ms| ms as f64 / 1000.0));
        },
    ),
    replica(
        "replica_connections",
        "Connections at the server, whoever holds them.",
        |replica, out| out.value(connections(replica, |connections| connections.used)),
    ),
    replica(
        "replica_connections_max",
        "How many connections the server allows an ordinary user.",
        |replica, out| out.value(connections(replica, |connections| connections.max)),
    ),
    replica(
        "replica_pool_idle_connections",
        "Connections that wait in the pool of this process.",
        |replica, out| out.value(pool(replica, |pool| pool.idle)),
    ),
    replica(
        "replica_pool_borrowed_connections",
        "Connections of the pool of this process that somebody uses.",
        |replica, out| out.value(pool(replica, |pool| pool.borrowed)),
    ),
    labelled(
        replica(
            "replica_link_state",
            "What a stream into a replica does; always 1.",
            |replica, out| {
                each_link(replica, |link, labels| {
                    out.labelled(&format!("{labels},{}", label("state", link.state.word())), 1.0);
                });
            },
        ),
        &["project", "replica", "link", "state"],
    ),
    labelled(
        replica(
            "replica_link_delay_seconds",
            "By how much a stream is held back on purpose.",
            |replica, out| {
                each_link(replica, |link, labels| {
                    if let Some(ms) = link.delay_ms {
                        out.labelled(labels, ms as f64 / 1000.0);
                    }
                });
            },
        ),
        LINK,
    ),
    labelled(
        replica(
            "replica_runway_seconds",
            "Time until a stream falls off the retained log; 0 if it has. Absent where the log is kept until read, and where nobody can tell.",
            |replica, out| {
                each_link(replica, |link, labels| {
                    if let Some(seconds) = link.runway.seconds() {
                        out.labelled(labels, seconds as f64);
                    }
                });
            },
        ),
        LINK,
    ),
    labelled(
        replica(
            "replica_runway_known",
            "0 where nobody can tell when a stream falls off the retained log, otherwise 1.",
            |replica, out| {
                each_link(replica, |link, labels| {
                    let known = !matches!(link.runway, Runway::Unknown(_));
                    out.labelled(labels, f64::from(u8::from(known)));
                });
            },
        ),
        LINK,
    ),
    Metric {
        kind: Kind::Info,
        ..labelled(
            rule(
                "replica_rule_info",
                "What a rule is declared to be; always 1.",
                rule_info,
            ),
            &["rule", "source", "target", "mode"],
        )
    },
    rule(
        "replica_rule_enabled",
        "1 if a rule is meant to run, 0 if not.",
        |rule, out| {
            out.flag(rule.enabled);
        },
    ),
    counter(rule(
        "replica_rule_rows_total",
        "Rows that a rule has written since it exists. Absent while not counted.",
        |rule, out| out.value(stats(rule, |stats| stats.total_synced)),
    )),
    counter(rule(
        "replica_rule_written_bytes_total",
        "Bytes of values that a rule has written since the monitor was started, as they are in memory. Absent while not counted.",
        |rule, out| out.value(stats(rule, |stats| stats.total_bytes)),
    )),
    rule(
        "replica_rule_copy_left_seconds",
        "How long the copy of a rule that is under way takes yet, at its pace until now. Absent while unknown.",
        |rule, out| {
            let copy = rule.last_stats.as_ref().and_then(|stats| stats.copy.as_ref());
            out.milliseconds(copy.and_then(|copy| copy.left_ms));
        },
    ),
    counter(rule(
        "replica_rule_conflicts_total",
        "Changes that lost against those of the other side, of a rule that goes both ways, since the monitor was started.",
        |rule, out| out.value(stats(rule, |stats| stats.conflicts)),
    )),
    rule(
        "replica_rule_verified_timestamp_seconds",
        "When both ends of a rule were compared last. Absent while they were not, or not every table.",
        |rule, out| {
            let verified = rule.last_stats.as_ref().and_then(|stats| stats.verified.as_ref());
            let verified = verified.filter(|verified| verified.is_whole());
            out.value(verified.map(|verified| verified.at_ms as f64 / 1000.0));
        },
    ),
    rule(
        "replica_rule_differing_rows",
        "Rows in which both ends of a rule differed when they were compared last. Absent while nobody knows.",
        |rule, out| {
            out.value(stats(rule, |stats| {
                stats.verified.as_ref().and_then(|verified| verified.differing())
            }))
        },
    ),
    counter(rule(
        "replica_rule_errors_total",
        "Failures of a rule since it exists. Absent while not counted.",
        |rule, out| out.value(stats(rule, |stats| stats.total_errors)),
    )),
    labelled(
        rule(
            "replica_rule_last_run_rows",
            "Rows of the last run, by what became of them. Absent while not counted.",
            last_run,
        ),
        &["rule", "what"],
    ),
    rule(
        "replica_rule_last_run_duration_seconds",
        "How long the last run took.",
        |rule, out| out.milliseconds(rule.last_stats.as_ref().and_then(|stats| stats.duration_ms)),
    ),
    rule(
        "replica_rule_lag_seconds",
        "How old the oldest change was that the target of a rule got last; 0 while there is nothing to do. Absent while unknown.",
        |rule, out| out.milliseconds(rule.last_stats.as_ref().and_then(|stats| stats.lag_ms)),
    ),
    rule(
        "replica_rule_lag_known",
        "0 while nobody can tell how far the target of a rule is behind, otherwise 1.",
        |rule, out| {
            out.flag(
                rule.last_stats
                    .as_ref()
                    .is_some_and(|stats| stats.lag_ms.is_some()),
            )
        },
    ),
    rule(
        "replica_rule_backlog_changes",
        "Changes that the target of a rule lacks. Absent where they cannot be counted.",
        |rule, out| out.value(stats(rule, |stats| stats.backlog)),
    ),
    rule(
        "replica_rule_backlog_bytes",
        "Bytes of the source's log behind what the target of a rule has. Absent where they are not counted.",
        |rule, out| out.value(stats(rule, |stats| stats.backlog_bytes)),
    ),
    labelled(
        rule(
            "replica_rule_phase",
            "What a rule that is kept going does: 1 at that phase. Absent where nobody keeps it going.",
            phase,
        ),
        &["rule", "phase"],
    ),
    labelled(
        Metric {
            kind: Kind::Info,
            ..own(
                "replica_monitor_build_info",
                "The monitor that tells all this; always 1.",
                |_, out| {
                    out.labelled(&label("version", env!("CARGO_PKG_VERSION")), 1.0);
                },
            )
        },
        &["version"],
    ),
    own(
        "replica_monitor_source_answers",
        "1 while the source of all this answers, 0 while what is told stands still.",
        |own, out| out.flag(own.source_answers),
    ),
    own(
        "replica_monitor_snapshot_timestamp_seconds",
        "When something last changed.",
        |own, out| out.value(own.changed_ms as f64 / 1000.0),
    ),
    own(
        "replica_monitor_replicas",
        "How many replicas are known.",
        |own, out| {
            out.value(own.replicas as f64);
        },
    ),
    own(
        "replica_monitor_problems",
        "Problems of what the source reads.",
        |own, out| {
            out.value(own.problems as f64);
        },
    ),
    own(
        "replica_monitor_streams",
        "Event streams that are open.",
        |own, out| {
            out.value(own.streams as f64);
        },
    ),
    counter(own(
        "replica_monitor_events_total",
        "Events since the monitor started.",
        |own, out| out.value(own.events as f64),
    )),
    counter(own(
        "replica_monitor_streams_resynced_total",
        "How often a listener was too slow and had to begin anew.",
        |own, out| out.value(own.resynced as f64),
    )),
    labelled(
        own(
            "replica_monitor_alerts_firing",
            "How many alerts of a condition fire, silenced ones included.",
            firing,
        ),
        &["condition", "severity"],
    ),
    labelled(
        counter(own(
            "replica_monitor_alert_notices_total",
            "Notices that a channel has taken.",
            |own, out| channels(own, out, |channel| channel.delivered as f64),
        )),
        &["channel"],
    ),
    labelled(
        counter(own(
            "replica_monitor_alert_notice_failures_total",
            "Tries that a channel failed.",
            |own, out| channels(own, out, |channel| channel.failed as f64),
        )),
        &["channel"],
    ),
    labelled(
        own(
            "replica_monitor_alert_notices_waiting",
            "Notices that wait for a channel.",
            |own, out| channels(own, out, |channel| channel.waiting as f64),
        ),
        &["channel"],
    ),
    labelled(
        counter(own(
            "replica_monitor_push_requests_total",
            "Requests with metrics that their receiver has taken. Absent where nothing is sent.",
            |own, out| sent(own, out, |counts| &counts.delivered),
        )),
        PUSHED,
    ),
    labelled(
        counter(own(
            "replica_monitor_push_failures_total",
            "Tries to send metrics that failed and are made again. Absent where nothing is sent.",
            |own, out| sent(own, out, |counts| &counts.failed),
        )),
        PUSHED,
    ),
    labelled(
        counter(own(
            "replica_monitor_push_dropped_total",
            "Requests that were given up: refused for good, or the oldest beyond the bound. Absent where nothing is sent.",
            |own, out| sent(own, out, |counts| &counts.given_up),
        )),
        PUSHED,
    ),
    labelled(
        own(
            "replica_monitor_push_waiting_bytes",
            "What waits on disk to be sent. Absent where nothing is sent.",
            |own, out| sent(own, out, |counts| &counts.waiting_bytes),
        ),
        PUSHED,
    ),
    counter(own(
        "process_cpu_seconds_total",
        "Processor time of the monitor, user and system.",
        |own, out| out.value(own.process.as_ref().map(|process| process.cpu_seconds)),
    )),
    own(
        "process_resident_memory_bytes",
        "Resident memory of the monitor.",
        |own, out| {
            out.value(own.process.as_ref().map(|process| process.resident_bytes as f64));
        },
    ),
    own(
        "process_open_fds",
        "Open files and sockets of the monitor.",
        |own, out| {
            out.value(own.process.as_ref().map(|process| process.open_files as f64));
        },
    ),
    own(
        "process_start_time_seconds",
        "When the monitor started.",
        |own, out| out.value(own.started_ms as f64 / 1000.0),
    ),
];
