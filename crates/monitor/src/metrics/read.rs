//! How a metric is read from a replica, a rule or the monitor: the figure, or nothing where it is not known.

use super::own::Own;
use super::text::{Samples, label};
use crate::alert;
use crate::push::Counts;
use replica_core::observed::{Connections, DriftKind};
use replica_core::{Link, Observed, PoolUsage, Replica, Rule, State, SyncStats};
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether the last look was answered; a server that answers with a refusal has answered nothing.
pub(super) fn answered(replica: &Replica) -> Option<bool> {
    let known = replica.state != State::Unknown;
    observed(replica, |seen| known.then_some(seen.reason.is_none()))
}

pub(super) fn observed<T>(replica: &Replica, read: impl Fn(&Observed) -> Option<T>) -> Option<T> {
    replica.observed.as_ref().and_then(|seen| read(seen))
}

pub(super) fn sent(own: &Own, out: &mut Samples<'_>, read: impl Fn(&Counts) -> &AtomicU64) {
    for counts in &own.pushes {
        let protocol = label("protocol", counts.protocol.word());
        out.labelled(&protocol, read(counts).load(Ordering::Relaxed) as f64);
    }
}

/// How many alerts fire.
pub(super) fn firing(own: &Own, out: &mut Samples<'_>) {
    for firing in own.alerts.iter().flat_map(|alerts| &alerts.firing) {
        let labels = [
            label("condition", firing.condition),
            label("severity", firing.severity),
        ];
        out.labelled(&labels.join(","), firing.count as f64);
    }
}

/// A figure of each channel of alerts.
pub(super) fn channels(own: &Own, out: &mut Samples<'_>, read: impl Fn(&alert::ChannelCounts) -> f64) {
    for channel in own.alerts.iter().flat_map(|alerts| &alerts.channels) {
        out.labelled(&label("channel", &channel.name), read(channel));
    }
}

pub(super) fn behind(replica: &Replica, unit: &str) -> Option<f64> {
    let behind = observed(replica, |seen| seen.behind).filter(|behind| behind.unit == unit);
    behind.map(|behind| behind.amount as f64)
}

pub(super) fn connections(replica: &Replica, read: impl Fn(&Connections) -> u32) -> Option<f64> {
    observed(replica, |seen| seen.connections).map(|connections| f64::from(read(&connections)))
}

pub(super) fn pool(replica: &Replica, read: impl Fn(&PoolUsage) -> u32) -> Option<f64> {
    replica.pool_usage.as_ref().map(|pool| f64::from(read(pool)))
}

pub(super) fn info(replica: &Replica, out: &mut Samples<'_>) {
    let seen = |read: fn(&Observed) -> Option<String>| observed(replica, read).unwrap_or_default();
    let labels = [
        label("role", replica.role.word()),
        label(
            "dialect",
            replica.dialect.as_ref().map_or("", |dialect| dialect.name()),
        ),
        label("observed_role", &seen(|seen| Some(seen.role?.word().to_owned()))),
        label("version", &seen(|seen| Some(seen.version.as_ref()?.to_string()))),
    ];
    out.labelled(&labels.join(","), 1.0);
}

pub(super) fn drift(replica: &Replica, out: &mut Samples<'_>) {
    let Some(seen) = &replica.observed else { return };
    for kind in DriftKind::ALL {
        let count = seen.drift.iter().filter(|drift| drift.kind == kind).count();
        out.labelled(&label("kind", kind.word()), count as f64);
    }
}

pub(super) fn each_link(replica: &Replica, mut tell: impl FnMut(&Link, &str)) {
    let Some(seen) = &replica.observed else { return };
    for link in &seen.links {
        tell(link, &label("link", &link.name));
    }
}

pub(super) fn rule_info(rule: &Rule, out: &mut Samples<'_>) {
    let labels = [
        label("source", &rule.source),
        label("target", &rule.target),
        label("mode", rule.mode.word()),
    ];
    out.labelled(&labels.join(","), 1.0);
}

pub(super) fn stats(rule: &Rule, read: impl Fn(&SyncStats) -> Option<u64>) -> Option<f64> {
    let stats = rule.last_stats.as_ref()?;
    read(stats).map(|count| count as f64)
}

pub(super) fn phase(rule: &Rule, out: &mut Samples<'_>) {
    let phase = rule.last_stats.as_ref().and_then(|stats| stats.phase.as_ref());
    if let Some(phase) = phase {
        out.labelled(&label("phase", phase), 1.0);
    }
}

pub(super) fn last_run(rule: &Rule, out: &mut Samples<'_>) {
    let Some(stats) = &rule.last_stats else { return };
    let all = [
        ("inserted", stats.inserted),
        ("updated", stats.updated),
        ("deleted", stats.deleted),
        ("failed", stats.failed),
    ];
    for (what, count) in all {
        if let Some(count) = count {
            out.labelled(&label("what", what), count as f64);
        }
    }
}
