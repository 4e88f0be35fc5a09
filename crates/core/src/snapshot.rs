//! Everything a source knows at one instant.
//!
//! A snapshot is plain data: it is compared, rendered and kept, never updated in place.

use crate::{Name, Replica, ReplicaKey, Rule};
use std::collections::HashMap;
use std::sync::Arc;

/// How reads of a project are spread over its replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Routing {
    /// In turn.
    #[default]
    RoundRobin,
    /// To the replica that is least behind.
    LeastLag,
    /// By chance.
    Random,
}

impl Routing {
    const WORDS: [(&'static str, Self); 3] = [
        ("round-robin", Self::RoundRobin),
        ("least-lag", Self::LeastLag),
        ("random", Self::Random),
    ];

    /// The word of the tree file and of JSON.
    pub fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, routing)| *routing == self)
            .map_or("round-robin", |(word, _)| word)
    }

    /// The strategy of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, routing)| *routing)
    }
}

/// A named group of replicas holding the same data.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// Unique among the projects.
    pub name: Name,
    /// How its reads are spread.
    pub routing: Routing,
    /// Its replicas, in the source's order.
    pub replicas: Vec<Replica>,
}

impl Project {
    /// A project with these replicas and round-robin reads.
    pub fn new(name: impl Into<Name>, replicas: Vec<Replica>) -> Self {
        Self {
            name: name.into(),
            routing: Routing::default(),
            replicas,
        }
    }
}

/// How bad a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; everything is used as written.
    Warning,
    /// Something could not be used.
    Error,
}

impl Severity {
    /// The word of JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something wrong with what the source reads, located as well as can be. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong and what to do, lower-case, without full stop.
    pub message: String,
    /// The file, as its reader named it.
    pub file: Option<Name>,
    /// 1-based line in the file.
    pub line: Option<usize>,
    /// 1-based column, in characters.
    pub column: Option<usize>,
    /// Where in the JSON, as `replicas.shop.master.role`; names with other characters stand in `["…"]`.
    pub path: Option<String>,
}

impl Problem {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            file: None,
            line: None,
            column: None,
            path: None,
        }
    }

    /// `file:line:column: message (path)`, with what is known of it.
    pub fn sentence(&self) -> String {
        let mut text = String::new();
        if let Some(file) = &self.file {
            text.push_str(file);
            if let (Some(line), Some(column)) = (self.line, self.column) {
                text.push_str(&format!(":{line}:{column}"));
            }
            text.push_str(": ");
        }
        text.push_str(&self.message);
        if let Some(path) = &self.path {
            text.push_str(&format!(" (at {path})"));
        }
        text
    }
}

/// Where a snapshot came from, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceInfo {
    /// `tree file`, `live manager`, `application`…
    pub kind: Name,
    /// Its name, for example the file's.
    pub label: Name,
    /// Whether it speaks to the databases, rather than only declaring them.
    pub live: bool,
}

/// What the source can do, so that no door offers what cannot work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether lag and state are measured at all.
    pub measures_lag: bool,
    /// The [words](crate::Command::word) of the commands it takes.
    pub commands: Vec<&'static str>,
}

/// Everything a source knows at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Where it came from.
    pub source: SourceInfo,
    /// What its source can do.
    pub capabilities: Capabilities,
    /// The projects, in the source's order. Shared, so that an unchanged project costs a pointer.
    pub projects: Vec<Arc<Project>>,
    /// The rules, in the source's order.
    pub rules: Vec<Rule>,
    /// What is wrong with what the source reads.
    pub problems: Vec<Problem>,
}

impl Snapshot {
    /// An empty snapshot of an application's own source called `label`.
    pub fn named(label: impl Into<Name>) -> Self {
        Self {
            source: SourceInfo {
                kind: "application".into(),
                label: label.into(),
                live: true,
            },
            capabilities: Capabilities {
                measures_lag: true,
                commands: Vec::new(),
            },
            projects: Vec::new(),
            rules: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The same snapshot with one more project.
    pub fn with_project(mut self, project: Project) -> Self {
        self.projects.push(Arc::new(project));
        self
    }

    /// The same snapshot, with every project that `earlier` holds too shared with it: comparing the two is
    /// free then, and memory is not held twice.
    pub fn sharing(mut self, earlier: &Self) -> Self {
        let known: HashMap<&str, &Arc<Project>> = earlier
            .projects
            .iter()
            .map(|project| (&*project.name, project))
            .collect();
        for project in &mut self.projects {
            if let Some(same) = known.get(&*project.name).filter(|same| **same == project) {
                *project = Arc::clone(same);
            }
        }
        self
    }

    /// Every replica with its key's parts, project by project.
    pub fn replicas(&self) -> impl Iterator<Item = (&Project, &Replica)> {
        self.projects
            .iter()
            .flat_map(|project| project.replicas.iter().map(move |replica| (&**project, replica)))
    }

    /// How many replicas there are.
    pub fn replica_count(&self) -> usize {
        self.projects.iter().map(|project| project.replicas.len()).sum()
    }

    /// The replica of that key.
    pub fn replica(&self, key: &ReplicaKey) -> Option<&Replica> {
        self.projects
            .iter()
            .find(|project| project.name == key.project)?
            .replicas
            .iter()
            .find(|replica| replica.name == key.replica)
    }
}
