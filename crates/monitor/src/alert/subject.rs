//! What an alert is about: a replica, a project, a rule, or the monitor itself.

use replica_core::Name;
use serde::{Deserialize, Serialize};

/// The parts that are named; the monitor itself has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Subject {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replica: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<Name>,
}

impl Subject {
    /// The monitor itself.
    pub(crate) const MONITOR: Self = Self {
        project: None,
        replica: None,
        rule: None,
    };

    pub(crate) fn replica(project: &Name, replica: &Name) -> Self {
        Self {
            project: Some(Name::clone(project)),
            replica: Some(Name::clone(replica)),
            rule: None,
        }
    }

    pub(crate) fn project(project: &Name) -> Self {
        Self {
            project: Some(Name::clone(project)),
            ..Self::MONITOR
        }
    }

    pub(crate) fn rule(rule: &Name) -> Self {
        Self {
            rule: Some(Name::clone(rule)),
            ..Self::MONITOR
        }
    }

    /// As people read it.
    pub(crate) fn words(&self) -> String {
        match (&self.project, &self.replica, &self.rule) {
            (Some(project), Some(replica), _) => format!("{project} / {replica}"),
            (Some(project), None, _) => project.to_string(),
            (None, _, Some(rule)) => format!("rule {rule}"),
            (None, _, None) => "the monitor".to_owned(),
        }
    }

    /// What names an alert of this condition, and no other one.
    pub(crate) fn id(&self, condition: &str) -> String {
        let part = |name: &Name| percent_encoding::utf8_percent_encode(name, SEPARATORS).to_string();
        match (&self.project, &self.replica, &self.rule) {
            (Some(project), Some(replica), _) => format!("{condition}:{}/{}", part(project), part(replica)),
            (Some(project), None, _) => format!("{condition}:{}", part(project)),
            (None, _, Some(rule)) => format!("{condition}:rule:{}", part(rule)),
            (None, _, None) => condition.to_owned(),
        }
    }
}

/// Names are data, and may hold what separates the parts of an id.
const SEPARATORS: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b'/').add(b':').add(b'%');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_one_subject_each() {
        let of = |project: &str, replica: &str| Subject::replica(&project.into(), &replica.into()).id("lag");
        assert_eq!(of("shop", "r"), "lag:shop/r");
        assert_ne!(of("a/b", "c"), of("a", "b/c"));
        assert_ne!(
            Subject::rule(&"x".into()).id("rule"),
            Subject::project(&"rule:x".into()).id("rule")
        );
        assert_eq!(Subject::MONITOR.id("history"), "history");
    }
}
