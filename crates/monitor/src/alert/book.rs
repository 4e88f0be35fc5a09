//! Every alert with its age: pending, firing, resolved; who took it on; and whether it was told.
//!
//! It has no clock and no thread: whoever judges says what time it is, so that hours pass at once in tests.

use super::condition::{CONDITIONS, Condition, Moment, Seen, Severity, Sight};
use super::mute::Mute;
use super::settings::{Tuned, Tuning};
use super::subject::Subject;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Alerts that are kept at one time; what is beyond is not noticed, and counted.
const MOST: usize = 10_000;
/// How long, and how many, resolved ones are shown.
const SHOWN_MS: i64 = 3_600_000;
const SHOWN: usize = 200;

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// It is so, but not for long enough.
    Pending,
    Firing,
    Resolved,
}

/// What whoever listens has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Told {
    #[default]
    Nothing,
    Firing,
}

/// Somebody has taken it on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ack {
    pub(crate) by: String,
    pub(crate) why: String,
    pub(crate) at: i64,
}

/// One alert. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    pub(crate) condition: String,
    pub(crate) subject: Subject,
    pub(crate) severity: Severity,
    pub(crate) phase: Phase,
    pub(crate) since: i64,
    pub(crate) fired_at: Option<i64>,
    pub(crate) resolved_at: Option<i64>,
    /// Since when it is not seen any more, while it still fires.
    #[serde(default)]
    pub(super) gone_since: Option<i64>,
    pub(crate) summary: String,
    pub(crate) ack: Option<Ack>,
    #[serde(default)]
    pub(super) told: Told,
}

impl Phase {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

impl Alert {
    pub(crate) fn id(&self) -> String {
        self.subject.id(&self.condition)
    }

    /// Whether it fires and that was told.
    pub(super) fn is_told(&self) -> bool {
        self.phase == Phase::Firing && self.told == Told::Firing
    }
}

/// An alert that has begun to fire, or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Fired,
    Resolved,
}

/// All of them, by their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Book {
    pub(super) alerts: BTreeMap<String, Alert>,
    pub(super) mutes: Vec<Mute>,
    /// How many were not noticed because there were too many.
    pub(super) beyond: u64,
}

impl Book {
    /// Takes in what is seen now; tells which alerts fire since now, and which are over.
    pub(super) fn judge(&mut self, moment: &Moment, tuning: &Tuning) -> Vec<(String, Turn)> {
        let now = moment.at_ms;
        let mut turns = Vec::new();
        for condition in CONDITIONS {
            let tuned = tuning.of(condition);
            // While the source is silent, nothing else can be judged: all stays as it is.
            if moment.stalled_since.is_some() && condition.name != "source" {
                continue;
            }
            let seen = match tuned.off {
                true => Vec::new(),
                false => (condition.see)(moment, tuned.limit),
            };
            self.take_in(condition, &tuned, seen, now, &mut turns);
        }
        self.mutes.retain(|mute| now < mute.until);
        self.forget(now);
        turns
    }

    fn take_in(
        &mut self,
        condition: &Condition,
        tuned: &Tuned,
        seen: Vec<Seen>,
        now: i64,
        turns: &mut Vec<(String, Turn)>,
    ) {
        let mut present = BTreeSet::new();
        // In a large tree most is unsure or well, and of most of that there is no alert.
        let known = self
            .alerts
            .values()
            .any(|alert| alert.condition == condition.name);
        for Seen { subject, sight } in seen {
            if sight == Sight::Unsure && !known {
                continue;
            }
            let id = subject.id(condition.name);
            if let Sight::Wrong { summary, patience } = sight {
                let patience = patience.map_or(0, |patience| patience.as_millis() as i64);
                let after = tuned.after_ms.max(patience);
                let Some(alert) = self.open(&id, condition.name, subject, tuned.severity, now) else {
                    continue;
                };
                alert.summary = summary;
                alert.severity = tuned.severity;
                alert.gone_since = None;
                if alert.phase == Phase::Pending && now - alert.since >= after {
                    alert.phase = Phase::Firing;
                    alert.fired_at = Some(now);
                    turns.push((id.clone(), Turn::Fired));
                }
            }
            present.insert(id);
        }
        let of_it = self
            .alerts
            .iter_mut()
            .filter(|(_, alert)| alert.condition == condition.name);
        let mut gone = Vec::new();
        for (id, alert) in of_it.filter(|(id, _)| !present.contains(*id)) {
            match alert.phase {
                // It had fired before, and its end was not told.
                Phase::Pending if alert.told == Told::Firing => {
                    alert.phase = Phase::Resolved;
                    alert.resolved_at = Some(now);
                }
                Phase::Pending => gone.push(id.clone()),
                Phase::Firing if now - *alert.gone_since.get_or_insert(now) >= tuned.clear_ms => {
                    alert.phase = Phase::Resolved;
                    alert.resolved_at = Some(now);
                    turns.push((id.clone(), Turn::Resolved));
                }
                _ => {}
            }
        }
        gone.iter().for_each(|id| drop(self.alerts.remove(id)));
    }

    /// The alert of that id, if there is room for it; one that is over begins anew.
    fn open(
        &mut self,
        id: &str,
        condition: &str,
        subject: Subject,
        severity: Severity,
        now: i64,
    ) -> Option<&mut Alert> {
        let known = self.alerts.get(id);
        let over = known.filter(|alert| alert.phase == Phase::Resolved);
        if known.is_some() && over.is_none() {
            return self.alerts.get_mut(id);
        }
        if known.is_none() && self.alerts.len() >= MOST {
            self.beyond += 1;
            return None;
        }
        let alert = Alert {
            condition: condition.to_owned(),
            subject,
            severity,
            phase: Phase::Pending,
            since: now,
            fired_at: None,
            resolved_at: None,
            gone_since: None,
            summary: String::new(),
            ack: None,
            // One of which the end was not told yet is the same one still, to whoever listens.
            told: over.map(|alert| alert.told).unwrap_or_default(),
        };
        self.alerts.insert(id.to_owned(), alert);
        self.alerts.get_mut(id)
    }

    /// Resolved ones are shown for a while, unless somebody must still be told.
    fn forget(&mut self, now: i64) {
        let over = |alert: &Alert| alert.resolved_at.filter(|_| alert.told == Told::Nothing);
        self.alerts
            .retain(|_, alert| over(alert).is_none_or(|at| now - at < SHOWN_MS));
        let mut ended: Vec<(i64, String)> = self
            .alerts
            .iter()
            .filter_map(|(id, alert)| Some((over(alert)?, id.clone())))
            .collect();
        if ended.len() > SHOWN {
            ended.sort_unstable();
            let excess = ended.len() - SHOWN;
            ended[..excess]
                .iter()
                .for_each(|(_, id)| drop(self.alerts.remove(id)));
        }
    }

    /// Where each stands: what must survive, without the figures that move all the time.
    pub(super) fn standing(&self) -> Vec<(String, Phase)> {
        let alerts = self.alerts.iter();
        alerts.map(|(id, alert)| (id.clone(), alert.phase)).collect()
    }

    /// The silence that covers an alert now.
    pub(super) fn mute_of(&self, alert: &Alert, now: i64) -> Option<&Mute> {
        let mut covering = self.mutes.iter();
        covering.find(|mute| mute.holds(now) && mute.covers(&alert.condition, &alert.subject))
    }

    /// What is to be told and was not: alerts that fire and are not silenced, and the ends of those that were told.
    pub(super) fn untold(&self, now: i64) -> Vec<String> {
        let alerts = self.alerts.iter();
        let untold = alerts.filter(|(_, alert)| match (alert.phase, alert.told) {
            (Phase::Firing, Told::Nothing) => self.mute_of(alert, now).is_none(),
            (Phase::Resolved, Told::Firing) => true,
            _ => false,
        });
        untold.map(|(id, _)| id.clone()).collect()
    }

    /// Notes that it was told how they stand.
    pub(super) fn tell(&mut self, ids: &[String]) {
        for id in ids {
            if let Some(alert) = self.alerts.get_mut(id) {
                alert.told = match alert.phase {
                    Phase::Firing => Told::Firing,
                    Phase::Pending | Phase::Resolved => Told::Nothing,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests;
