//! From where to where the rows of a rule go, as its tree declares.

use crate::driver::driver_of;
use crate::fault::{Fault, FaultKind};
use crate::rules::cell::Kind;
use crate::rules::log::{ChangeLog, Findings, Reader};
use crate::rules::names::Names;
use crate::rules::schedule::Schedule;
use crate::rules::stopped::{Stopped, within};
use crate::rules::store::{Ends, Store};
use crate::rules::table::Table;
use crate::target::Target;
use replica_core::tree::{Tree, TreeProject, TreeReplica};
use replica_core::{ReplicaKey, Role, Rule, RuleMode, Throttle};
use std::fmt;

/// One way that rows go.
#[derive(PartialEq)]
pub struct Direction {
    /// Who is read.
    pub from: End,
    /// Who is written.
    pub to: End,
    /// How fast, at most: what the rule and the replica that is written allow.
    pub throttle: Throttle,
}

/// One end of it.
#[derive(Clone, PartialEq)]
pub struct End {
    /// Which replica of the tree that is.
    pub key: ReplicaKey,
    /// How fast rules may write into it.
    throttle: Throttle,
    target: Target,
}

/// What running a rule means.
pub struct Plan {
    /// The rule.
    pub rule: Rule,
    /// When it is mirrored again, if that is declared.
    pub schedule: Option<Schedule>,
    /// Each is run on its own.
    pub directions: Vec<Direction>,
}

/// Why a rule cannot be run, in a sentence that says what to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError(pub String);

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PlanError {}

impl Plan {
    /// The plan of the rule `name`: from the master of its source to that of its target; within one project from the master to each slave that
    /// cannot follow it by itself.
    pub fn of(tree: &Tree, name: &str) -> Result<Self, PlanError> {
        let wrong = |why: String| PlanError(format!("the rule {name:?}: {why}"));
        let Some(rule) = tree.rules.iter().find(|rule| &*rule.name == name) else {
            let known: Vec<&str> = tree.rules.iter().map(|rule| &*rule.name).collect();
            let known = match known.is_empty() {
                true => "the tree has none".to_owned(),
                false => format!("there are {}", known.join(", ")),
            };
            return Err(PlanError(format!("there is no rule {name:?}; {known}")));
        };
        if let Some(problem) = &rule.problem {
            return Err(wrong(problem.to_string()));
        }
        if rule.mode == RuleMode::Unknown {
            return Err(wrong("its mode is unknown".to_owned()));
        }
        let source = project(tree, &rule.source).map_err(wrong)?;
        let from = end(source, master(source).map_err(wrong)?).map_err(wrong)?;
        let targets: Vec<End> = if rule.source == rule.target {
            let fed = source
                .replicas
                .iter()
                .filter(|replica| is_fed(replica, from.target.dialect().name()));
            fed.map(|replica| end(source, replica))
                .collect::<Result<_, _>>()
                .map_err(wrong)?
        } else {
            let target = project(tree, &rule.target).map_err(wrong)?;
            vec![end(target, master(target).map_err(wrong)?).map_err(wrong)?]
        };
        if targets.is_empty() {
            return Err(wrong(format!(
                "every slave of {:?} follows its master by itself: there is nothing to feed",
                &*rule.source
            )));
        }
        let way = |from: &End, to: &End| Direction {
            from: from.clone(),
            throttle: rule.throttle.and(to.throttle),
            to: to.clone(),
        };
        let mut directions: Vec<Direction> = targets.iter().map(|to| way(&from, to)).collect();
        if rule.mode == RuleMode::Bidirectional {
            goes_both_ways(rule).map_err(wrong)?;
            directions.extend(targets.iter().map(|to| way(to, &from)));
        }
        let schedule = schedule(rule).map_err(wrong)?;
        Ok(Self {
            rule: rule.clone(),
            schedule,
            directions,
        })
    }
}

impl Direction {
    /// Connects to both: whom it reads, and whom it writes.
    pub async fn ends(&self) -> Result<(Box<dyn Store>, Box<dyn Store>), Stopped> {
        let source = within("source", self.from.open()).await?;
        Ok((source, within("target", self.to.open()).await?))
    }

    /// What names whoever keeps this way of a rule going: its cursor in the target, its place in the log of the source.
    pub(super) fn reader(&self, rule: &str) -> String {
        format!("{rule}: {}", self.to.words())
    }
}

impl Plan {
    /// Whether running it would be the same: declared alike, between the same addresses.
    pub fn is_same(&self, other: &Self) -> bool {
        self.rule.same_declaration(&other.rule) && self.directions == other.directions
    }

    /// What tables and columns are called in the target.
    pub fn names(&self) -> Names {
        Names::of(&self.rule.map)
    }

    /// The ways whose ends are compared: of a rule that goes both ways, the way back would tell the same.
    pub fn compared(&self) -> &[Direction] {
        match self.rule.mode {
            RuleMode::Bidirectional => &self.directions[..1],
            _ => &self.directions,
        }
    }

    /// Whether that way of the rule follows a log; otherwise it is mirrored again and again.
    pub fn follows(&self, direction: &Direction) -> bool {
        self.rule.mode != RuleMode::Snapshot && direction.from.has_log()
    }
}

/// Whether rows of it can go both ways, rather than why not.
fn goes_both_ways(rule: &Rule) -> Result<(), String> {
    if rule.source == rule.target {
        return Err("it goes both ways, which needs two projects: slaves of one are only fed".to_owned());
    }
    match rule.map.is_empty() {
        true => Ok(()),
        false => {
            Err("it goes both ways, and has a map: tables have the same names at both ends then".to_owned())
        }
    }
}

fn project<'t>(tree: &'t Tree, name: &str) -> Result<&'t TreeProject, String> {
    let found = tree.projects.iter().find(|project| &*project.name == name);
    found.ok_or_else(|| format!("the tree has no project {name:?}"))
}

fn schedule(rule: &Rule) -> Result<Option<Schedule>, String> {
    let Some(text) = &rule.schedule else {
        return Ok(None);
    };
    let schedule = text
        .parse()
        .map_err(|why| format!("its schedule {text:?} {why}"))?;
    Ok(Some(schedule))
}

fn master(project: &TreeProject) -> Result<&TreeReplica, String> {
    let mut masters = project
        .replicas
        .iter()
        .filter(|replica| replica.role == Role::Master);
    match (masters.next(), masters.next()) {
        (Some(master), None) => Ok(master),
        (None, _) => Err(format!("the project {:?} declares no master", &*project.name)),
        (Some(_), Some(_)) => Err(format!(
            "the project {:?} declares more than one master",
            &*project.name
        )),
    }
}

/// A file follows nobody, nor does a server of another product.
fn is_fed(replica: &TreeReplica, master: &str) -> bool {
    let dialect = replica.dialect.as_ref();
    let fed = |dialect: &replica_core::Dialect| {
        let same = driver_of(dialect).is_some_and(|driver| driver.dialects.contains(&master));
        dialect.is_file() || !same
    };
    replica.role == Role::Slave && dialect.is_some_and(fed)
}

fn end(project: &TreeProject, replica: &TreeReplica) -> Result<End, String> {
    let key = ReplicaKey::new(project.name.clone(), replica.name.clone());
    let target =
        Target::declared(replica).map_err(|fault| format!("{} / {}: {fault}", key.project, key.replica))?;
    Ok(End {
        key,
        throttle: replica.throttle,
        target,
    })
}

impl End {
    /// `project / replica`.
    pub fn words(&self) -> String {
        format!("{} / {}", self.key.project, self.key.replica)
    }

    fn ends(&self) -> Option<&'static Ends> {
        driver_of(self.target.dialect()).and_then(|driver| driver.rules)
    }

    /// Connects to it.
    pub async fn open(&self) -> Result<Box<dyn Store>, Fault> {
        let Some(ends) = self.ends() else {
            let dialect = self.target.dialect().name();
            return Err(Fault::new(
                FaultKind::NotAsked,
                format!("rules cannot read or write {dialect} yet"),
            ));
        };
        (ends.open)(self.target.clone()).await
    }

    /// Whether its changes can be followed.
    fn has_log(&self) -> bool {
        self.ends().is_some_and(|ends| ends.log.is_some())
    }

    /// Opens the log of its changes for a reader.
    pub async fn log(&self, reader: Reader, tables: Vec<Table>) -> Result<Box<dyn ChangeLog>, Fault> {
        let Some(logs) = self.ends().and_then(|ends| ends.log) else {
            let dialect = self.target.dialect().name();
            return Err(Fault::new(
                FaultKind::NotAsked,
                format!("the changes of {dialect} cannot be followed yet"),
            ));
        };
        (logs.open)(self.target.clone(), reader, tables).await
    }

    /// Looks whether the log of its changes could be opened for these tables.
    pub(super) async fn examine_log(&self, tables: Vec<Table>) -> Result<Findings, Fault> {
        match self.ends().and_then(|ends| ends.log) {
            Some(logs) => (logs.examine)(self.target.clone(), tables).await,
            None => Ok(Findings::default()),
        }
    }

    /// Takes away what was made there for a reader of that name to read its log; tells what that was.
    pub(super) async fn forget_log(&self, reader: &str) -> Result<Vec<String>, Fault> {
        match self.ends().and_then(|ends| ends.log) {
            Some(logs) => (logs.forget)(self.target.clone(), reader.to_owned()).await,
            None => Ok(Vec::new()),
        }
    }

    /// What the values of a column of that kind are once a table with it was created there.
    pub(super) fn kind_of(&self, kind: Kind) -> Kind {
        self.ends().map_or(kind, |ends| (ends.kind_of)(kind))
    }
}
