//! Silences and maintenance: who wants to hear nothing of what, why, and until when. The alerts are shown all the same.

use super::subject::Subject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many silences there may be.
const MOST: usize = 1000;
/// The longest silence, in milliseconds: what is to be silent for longer belongs into the settings.
const LONGEST_MS: i64 = 90 * 24 * 3_600_000;
/// The longest reason, in bytes.
pub(super) const LONGEST_WHY: usize = 1000;

/// One silence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mute {
    pub(crate) id: String,
    pub(crate) by: String,
    pub(crate) why: String,
    /// When it begins, in milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) until: i64,
    /// Whether work is being done on what it covers.
    #[serde(default)]
    pub(crate) maintenance: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<String>,
    #[serde(flatten)]
    pub(crate) subject: Subject,
}

impl Mute {
    /// Whether it covers alerts of this condition about that; what it does not name may be anything.
    pub(super) fn covers(&self, condition: &str, subject: &Subject) -> bool {
        fn fits<T: PartialEq>(wanted: Option<&T>, given: Option<&T>) -> bool {
            wanted.is_none() || wanted == given
        }
        self.condition.as_deref().is_none_or(|wanted| wanted == condition)
            && fits(self.subject.project.as_ref(), subject.project.as_ref())
            && fits(self.subject.replica.as_ref(), subject.replica.as_ref())
            && fits(self.subject.rule.as_ref(), subject.rule.as_ref())
    }

    /// What it covers, and until when.
    pub(super) fn words(&self) -> String {
        let condition = self.condition.as_deref().unwrap_or("every condition");
        let subject = match self.subject == Subject::MONITOR {
            true => "everything".to_owned(),
            false => self.subject.words(),
        };
        let until = crate::words::time(self.until);
        let work = if self.maintenance { "maintenance, " } else { "" };
        format!("{work}{condition} of {subject} until {until}")
    }

    pub(super) fn holds(&self, now: i64) -> bool {
        self.at <= now && now < self.until
    }
}

/// What somebody asks for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewMute {
    condition: Option<String>,
    project: Option<String>,
    replica: Option<String>,
    rule: Option<String>,
    /// When it begins, in milliseconds since 1970; now, if left out.
    from: Option<i64>,
    /// For how long, in milliseconds; or `until`.
    for_ms: Option<i64>,
    /// Until when, in milliseconds since 1970.
    until: Option<i64>,
    /// Why, for whoever comes next.
    why: String,
    #[serde(default)]
    maintenance: bool,
}

/// Why something that somebody asked for is not done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It was asked for wrongly.
    Wrong(String),
    /// There is no such thing.
    Gone(String),
}

impl NewMute {
    pub(super) fn begin(self, by: &str, now: i64, known: usize) -> Result<Mute, Refusal> {
        let wrong = |why: &str| Err(Refusal::Wrong(why.to_owned()));
        // One that began before now began now: the past is not silenced.
        let at = self.from.unwrap_or(now).max(now);
        let until = match (self.for_ms, self.until) {
            (Some(ms), None) => at.saturating_add(ms),
            (None, Some(until)) => until,
            _ => return wrong("name either forMs or until"),
        };
        if until <= at || until - now > LONGEST_MS {
            return wrong("a silence must end later than it begins, and within 90 days");
        }
        if let Some(name) = self
            .condition
            .as_ref()
            .filter(|name| super::condition::named(name).is_none())
        {
            return wrong(&format!("there is no condition {name:?}"));
        }
        if self.replica.is_some() && self.project.is_none() {
            return wrong("a replica is named with its project");
        }
        if self.why.trim().is_empty() || self.why.len() > LONGEST_WHY {
            return wrong("say why, in at most 1000 bytes: whoever comes next must know");
        }
        if known >= MOST {
            return wrong("there are 1000 silences already: end some first");
        }
        Ok(Mute {
            // Two within the same millisecond are told apart by how many there are.
            id: format!("{now:x}-{known:x}"),
            by: by.to_owned(),
            why: self.why,
            at,
            until,
            maintenance: self.maintenance,
            condition: self.condition,
            subject: Subject {
                project: self.project.map(Into::into),
                replica: self.replica.map(Into::into),
                rule: self.rule.map(Into::into),
            },
        })
    }
}
