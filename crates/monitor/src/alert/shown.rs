//! Alerts on the wire.

use super::book::{Ack, Alert, Phase};
use super::condition::{CONDITIONS, Severity};
use super::mute::Mute;
use super::room::Alerts;
use super::subject::Subject;
use serde::Serialize;
use utoipa::ToSchema;

/// Everything about alerts. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertsShown {
    now: i64,
    /// Firing ones, pending ones, and those that were resolved within the last hour.
    alerts: Vec<AlertShown>,
    silences: Vec<SilenceShown>,
    channels: Vec<ChannelShown>,
    conditions: Vec<ConditionShown>,
}

/// One alert.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertShown {
    id: String,
    condition: String,
    /// `critical` or `warning`.
    severity: &'static str,
    /// `pending`: not for long enough; `firing`; `resolved`.
    state: &'static str,
    #[serde(flatten)]
    #[schema(value_type = SubjectShown)]
    subject: Subject,
    since: i64,
    fired_at: Option<i64>,
    resolved_at: Option<i64>,
    /// In a sentence, with figures.
    summary: String,
    ack: Option<AckShown>,
    silence: Option<SilencedBy>,
}

/// What an alert or a silence is about; what is absent is not named.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubjectShown {
    project: Option<String>,
    replica: Option<String>,
    rule: Option<String>,
}

/// Who has taken it on.
#[derive(Serialize, ToSchema)]
pub(crate) struct AckShown {
    by: String,
    why: String,
    at: i64,
}

/// The silence that covers it.
#[derive(Serialize, ToSchema)]
pub(crate) struct SilencedBy {
    id: String,
    by: String,
    why: String,
    until: i64,
}

/// Who wants to hear nothing of what, and until when.
#[derive(Serialize, ToSchema)]
pub(crate) struct SilenceShown {
    id: String,
    by: String,
    why: String,
    at: i64,
    until: i64,
    /// Work is being done on what it covers.
    maintenance: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    #[serde(flatten)]
    #[schema(value_type = SubjectShown)]
    subject: Subject,
}

/// A way to people, and how it fares.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChannelShown {
    name: String,
    kind: &'static str,
    /// `ok`; `failing`: the last try failed, and it is tried again; `unused`: nothing was delivered yet.
    state: &'static str,
    /// Since when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    delivered: u64,
    failed: u64,
    /// Refused for good, or the oldest beyond the bound.
    given_up: u64,
    waiting: usize,
}

/// What is looked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConditionShown {
    name: &'static str,
    severity: &'static str,
    /// For how long it must be so before anybody is told.
    after_ms: i64,
    /// The figure beyond which it is wrong.
    limit: f64,
    about: &'static str,
    off: bool,
}

/// What the metrics tell of alerts.
pub(crate) struct Counts {
    pub(crate) firing: Vec<FiringCount>,
    pub(crate) channels: Vec<ChannelCounts>,
}

/// How many alerts of a condition fire.
pub(crate) struct FiringCount {
    pub(crate) condition: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) count: usize,
}

/// How a channel fared.
pub(crate) struct ChannelCounts {
    pub(crate) name: String,
    pub(crate) delivered: u64,
    pub(crate) failed: u64,
    pub(crate) waiting: usize,
}

impl Alerts {
    /// As it is now.
    pub(crate) fn shown(&self, now: i64) -> AlertsShown {
        let state = self.lock();
        let all = state.book.alerts.values();
        let mut alerts: Vec<AlertShown> = all
            .map(|alert| shown(alert, state.book.mute_of(alert, now)))
            .collect();
        // The most urgent first.
        alerts.sort_by_key(|alert| {
            (
                rank(alert.state),
                alert.severity == Severity::Warning.word(),
                -alert.since,
            )
        });
        let channels = self.settings.channels.iter().enumerate().map(|(at, route)| {
            let (outbox, failing) = (&state.outboxes[at], state.failing[at].as_ref());
            ChannelShown {
                name: route.name.clone(),
                kind: route.channel.kind.name,
                state: match (failing, outbox.delivered) {
                    (Some(_), _) => "failing",
                    (None, 0) => "unused",
                    (None, _) => "ok",
                },
                since: failing.map(|(since, _)| *since),
                why: failing.map(|(_, why)| why.clone()),
                delivered: outbox.delivered,
                failed: outbox.failed,
                given_up: outbox.given_up,
                waiting: outbox.waiting.len(),
            }
        });
        AlertsShown {
            now,
            channels: channels.collect(),
            silences: state.book.mutes.iter().map(SilenceShown::of).collect(),
            conditions: self.conditions(),
            alerts,
        }
    }

    fn conditions(&self) -> Vec<ConditionShown> {
        let conditions = CONDITIONS.iter().map(|condition| {
            let tuned = self.settings.tuning.of(condition);
            ConditionShown {
                name: condition.name,
                severity: tuned.severity.word(),
                after_ms: tuned.after_ms,
                limit: tuned.limit,
                about: condition.about,
                off: tuned.off,
            }
        });
        conditions.collect()
    }

    /// For the metrics.
    pub(crate) fn counts(&self) -> Counts {
        let state = self.lock();
        let firing = state
            .book
            .alerts
            .values()
            .filter(|alert| alert.phase == Phase::Firing);
        let firing: Vec<&Alert> = firing.collect();
        let by_condition = CONDITIONS.iter().map(|condition| FiringCount {
            condition: condition.name,
            severity: self.settings.tuning.of(condition).severity.word(),
            count: firing
                .iter()
                .filter(|alert| alert.condition == condition.name)
                .count(),
        });
        let channels = self.settings.channels.iter().zip(&state.outboxes);
        let channels = channels.map(|(route, outbox)| ChannelCounts {
            name: route.name.clone(),
            delivered: outbox.delivered,
            failed: outbox.failed,
            waiting: outbox.waiting.len(),
        });
        Counts {
            firing: by_condition.collect(),
            channels: channels.collect(),
        }
    }
}

fn rank(state: &str) -> usize {
    let order = ["firing", "pending", "resolved"];
    order
        .iter()
        .position(|known| *known == state)
        .unwrap_or(order.len())
}

fn shown(alert: &Alert, mute: Option<&Mute>) -> AlertShown {
    AlertShown {
        id: alert.id(),
        condition: alert.condition.clone(),
        severity: alert.severity.word(),
        state: alert.phase.word(),
        subject: alert.subject.clone(),
        since: alert.since,
        fired_at: alert.fired_at,
        resolved_at: alert.resolved_at,
        summary: alert.summary.clone(),
        ack: alert.ack.as_ref().map(AckShown::of),
        silence: mute.map(|mute| SilencedBy {
            id: mute.id.clone(),
            by: mute.by.clone(),
            why: mute.why.clone(),
            until: mute.until,
        }),
    }
}

impl AckShown {
    fn of(ack: &Ack) -> Self {
        Self {
            by: ack.by.clone(),
            why: ack.why.clone(),
            at: ack.at,
        }
    }
}

impl SilenceShown {
    /// One silence.
    pub(crate) fn of(mute: &Mute) -> Self {
        Self {
            id: mute.id.clone(),
            by: mute.by.clone(),
            why: mute.why.clone(),
            at: mute.at,
            until: mute.until,
            maintenance: mute.maintenance,
            condition: mute.condition.clone(),
            subject: mute.subject.clone(),
        }
    }
}
