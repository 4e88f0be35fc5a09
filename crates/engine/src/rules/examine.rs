//! What running a rule would do, without doing it.

use super::clocks::{self, Clock};
use super::conflict::{NO_STAMP, stamp};
use super::names::Names;
use super::plan::{Direction, End, Plan};
use super::stopped::late;
use super::table::{Column, Table};
use crate::fault::Fault;
use replica_core::{ConflictResolution, RuleMode};
use std::time::Duration;

/// How long each end may take to connect and to list its tables.
const DEADLINE: Duration = Duration::from_secs(15);

/// What would happen to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Both ends have it.
    Mirrored,
    /// Both ends have it; the target gets these columns.
    Widened(Vec<String>),
    /// The target lacks it: it is created with these columns.
    Created,
    /// It is left alone, for this reason.
    Refused(String),
}

/// One way of a rule, looked at.
pub struct Prospect {
    /// From where, as `project / replica`.
    pub from: String,
    /// To where.
    pub to: String,
    /// Each table that the rule names, or why an end cannot be asked.
    pub tables: Result<Vec<(String, Outlook)>, String>,
    /// Why the log of the source cannot be followed, each with what mends it.
    pub hindrances: Vec<String>,
    /// What would be told or decided wrongly, though nothing keeps it from running.
    pub warnings: Vec<String>,
}

/// Looks at both ends of each way of a rule. Nothing is changed.
pub async fn examine(plan: &Plan) -> Vec<Prospect> {
    let mut prospects = Vec::new();
    for direction in &plan.directions {
        let (mut hindrances, mut warnings) = (Vec::new(), Vec::new());
        let tables = match (listed(&direction.from).await, listed(&direction.to).await) {
            (Ok((source, from)), Ok((target, to))) => {
                let mut tables = outlooks(plan, direction, &source, &target);
                match logged(plan, direction, &source, &mut tables).await {
                    Ok(found) => hindrances = found,
                    Err(fault) => hindrances.push(fault.to_string()),
                }
                warnings = clocks::warnings(plan, direction, from, to);
                Ok(tables)
            }
            (Err(fault), _) => Err(format!("{}: {fault}", direction.from.words())),
            (_, Err(fault)) => Err(format!("{}: {fault}", direction.to.words())),
        };
        prospects.push(Prospect {
            from: direction.from.words(),
            to: direction.to.words(),
            tables,
            hindrances,
            warnings,
        });
    }
    prospects
}

/// What stands in the way of the log, where the rule follows one; tables of which it cannot tell are refused.
async fn logged(
    plan: &Plan,
    direction: &Direction,
    source: &[Table],
    outlooks: &mut [(String, Outlook)],
) -> Result<Vec<String>, Fault> {
    if !plan.follows(direction) {
        let why = format!("the changes of {} cannot be followed yet", direction.from.words());
        let is_needed = plan.rule.mode == RuleMode::Bidirectional;
        return Ok(is_needed.then_some(why).into_iter().collect());
    }
    let is_well = |table: &&Table| matches!(outlooks.iter().find(|(name, _)| *name == table.name), Some((_, outlook)) if !matches!(outlook, Outlook::Refused(_)));
    let tables: Vec<Table> = source.iter().filter(is_well).cloned().collect();
    let examined = direction.from.examine_log(tables.clone());
    let findings = tokio::time::timeout(DEADLINE, examined)
        .await
        .unwrap_or_else(|_| Err(late(DEADLINE)))?;
    for (at, why) in findings.refused {
        if let Some((_, outlook)) = outlooks.iter_mut().find(|(name, _)| *name == tables[at].name) {
            *outlook = Outlook::Refused(why);
        }
    }
    Ok(findings.hindrances)
}

/// Its tables, and its clock.
async fn listed(end: &End) -> Result<(Vec<Table>, Clock), Fault> {
    let list = async {
        let mut store = end.open().await?;
        let tables = store.tables().await?;
        Ok((tables, Clock::of(&mut *store).await?))
    };
    tokio::time::timeout(DEADLINE, list)
        .await
        .unwrap_or_else(|_| Err(late(DEADLINE)))
}

fn outlooks(
    plan: &Plan,
    direction: &Direction,
    source: &[Table],
    target: &[Table],
) -> Vec<(String, Outlook)> {
    let names = plan.names();
    let chosen = chosen(source, &plan.rule.collections, &names);
    let mut all: Vec<(String, Outlook)> = Vec::new();
    for table in chosen.tables {
        let no_stamp = plan.rule.mode == RuleMode::Bidirectional
            && plan.rule.conflict_resolution == ConflictResolution::Timestamp
            && stamp(table).is_none();
        if no_stamp {
            all.push((table.name.clone(), Outlook::Refused(NO_STAMP.to_owned())));
            continue;
        }
        let called = names.there(table);
        let outlook = match called.found(target) {
            Some(there) => widened((table, &names), there, direction),
            None => table
                .into_target(&as_created(&called, direction), &names)
                .map(|_| Outlook::Created),
        };
        all.push((table.name.clone(), outlook.unwrap_or_else(Outlook::Refused)));
    }
    let refused = chosen.refused.into_iter();
    all.extend(refused.map(|(name, why)| (name, Outlook::Refused(why))));
    all
}

/// Both ends have the table, perhaps not with the same columns.
fn widened(
    (table, names): (&Table, &Names),
    there: &Table,
    direction: &Direction,
) -> Result<Outlook, String> {
    let lacking = names.there(table).lacking(there);
    let added: Vec<String> = lacking.iter().map(|column| column.name.clone()).collect();
    let mut wider = there.clone();
    wider.columns.extend(lacking.into_iter().map(|column| Column {
        kind: direction.to.kind_of(column.kind),
        ..column
    }));
    table.into_target(&wider, names)?;
    Ok(match added.is_empty() {
        true => Outlook::Mirrored,
        false => Outlook::Widened(added),
    })
}

/// The table as the target would have it once it was created.
fn as_created(table: &Table, direction: &Direction) -> Table {
    let columns = table.columns.iter().map(|column| Column {
        kind: direction.to.kind_of(column.kind),
        generated: false,
        ..column.clone()
    });
    Table {
        columns: columns.collect(),
        ..table.clone()
    }
}

pub(super) const NO_SUCH_TABLE: &str = "the source has no such table";

/// The tables of a source that a rule is about.
pub(super) struct Chosen<'t> {
    pub(super) tables: Vec<&'t Table>,
    /// Those that cannot be read or written as they are named, with why.
    pub(super) refused: Vec<(String, String)>,
}

/// `*` is every table that the source has now.
pub(super) fn chosen<'t>(source: &'t [Table], collections: &[impl AsRef<str>], names: &Names) -> Chosen<'t> {
    let all = collections.iter().any(|name| name.as_ref() == "*");
    let named = |name: &str| collections.iter().any(|wanted| wanted.as_ref() == name);
    let is_there = |name: &str| source.iter().any(|table| table.name == name);
    let wanted = collections.iter().map(AsRef::as_ref).filter(|name| *name != "*");
    let missing = wanted.filter(|name| !is_there(name));
    let mut refused: Vec<(String, String)> = missing
        .map(|name| (name.to_owned(), NO_SUCH_TABLE.to_owned()))
        .collect();
    let tables = source.iter().filter(|table| all || named(&table.name));
    let (tables, misnamed) = names.apply(tables.collect());
    refused.extend(misnamed);
    Chosen { tables, refused }
}
