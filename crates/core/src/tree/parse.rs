//! Text of a tree file → what it declares, and every problem with its place.
//!
//! Only what cannot be read as a JSON object at all is fatal (then the last good tree stays);
//! anything else costs the entry or the field it stands in. Messages never quote a value: it may be a password.

mod problems;
mod rules;
mod values;

use self::problems::{Path, position};
use self::values::Entry;
use super::json::Entries;
use super::{Tree, TreeProject, TreeReplica, Uri, comments};
use crate::{Dialect, Name, PoolLimits, Problem, Role, Routing, Secret, Throttle};
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Said of a replica whose password is only asterisks.
const MASKED: &str =
    "its password is masked (***), so it cannot be connected to; write the real one, or a reference";

/// What came of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The tree, unless the text is not a JSON object at all.
    pub tree: Option<Tree>,
    /// What is wrong, in the order of the text, bounded.
    pub problems: Vec<Problem>,
}

/// Reads the bytes of a tree file. `file` names it in problems.
pub fn parse(bytes: &[u8], file: &str) -> Parsed {
    let file: Name = file.into();
    match readable(bytes) {
        Err((offset, message)) => {
            let text = String::from_utf8_lossy(&bytes[..offset.min(bytes.len())]);
            let (line, column) = position(&text, text.len());
            let place = Problem {
                file: Some(file),
                line: Some(line),
                column: Some(column),
                ..Problem::error(message)
            };
            Parsed {
                tree: None,
                problems: vec![place],
            }
        }
        Ok(written) => {
            let text = comments::blank(written);
            let mut reader = Reader::new(&text, written, file);
            let tree = reader.tree();
            Parsed {
                tree,
                problems: reader.into_problems(),
            }
        }
    }
}

/// The text, or the byte offset and reason for which it is none.
fn readable(bytes: &[u8]) -> Result<&str, (usize, String)> {
    const BOMS: [(&[u8], &str); 3] = [
        (
            b"\xef\xbb\xbf",
            "starts with a byte order mark; save it as UTF-8 without BOM",
        ),
        (b"\xff\xfe", "is UTF-16; save it as UTF-8"),
        (b"\xfe\xff", "is UTF-16; save it as UTF-8"),
    ];
    if let Some((_, message)) = BOMS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Err((0, (*message).to_owned()));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| (error.valid_up_to(), "is not valid UTF-8 from here on".to_owned()))?;
    match text.trim_start() {
        "" => Err((0, "is empty; the least tree is {}".to_owned())),
        _ => Ok(text),
    }
}

/// Walks the text and collects problems.
struct Reader<'t> {
    /// Without comments.
    text: &'t str,
    /// With comments: in here a character of a comment counts as one column, however many bytes it has.
    written: &'t str,
    file: Name,
    problems: Vec<Problem>,
    /// Problems beyond [`problems::MAX_PROBLEMS`].
    uncounted: usize,
    /// Problems of severity error, kept or not.
    errors: usize,
    /// Replicas whose password is masked: they can be shown but not connected to.
    masked: usize,
    /// What is said of each of them: one text for all, since it may be said 100 000 times.
    masked_problem: Name,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, written: &'t str, file: Name) -> Self {
        Self {
            text,
            written,
            file,
            problems: Vec::new(),
            uncounted: 0,
            errors: 0,
            masked: 0,
            masked_problem: MASKED.into(),
        }
    }

    fn tree(&mut self) -> Option<Tree> {
        let top = match serde_json::from_str::<Entries<'t>>(self.text) {
            Ok(Entries(entries)) => entries,
            Err(error) => {
                self.fatal(&error);
                return None;
            }
        };
        let [replicas, rules, routing] = self.sections(top);
        let mut tree = Tree {
            projects: self.projects(replicas),
            rules: self.rules(rules),
        };
        self.routing(routing, &mut tree.projects);
        self.rule_ends(&mut tree);
        Some(tree)
    }

    fn sections(&mut self, top: Vec<Entry<'t>>) -> [Vec<Entry<'t>>; 3] {
        let names = ["replicas", "rules", "routing"];
        let mut sections = [Vec::new(), Vec::new(), Vec::new()];
        let mut seen = HashSet::new();
        for (key, value) in top {
            let Some(which) = names.iter().position(|name| *name == key) else {
                continue;
            };
            let path = Path::root(names[which]);
            if !seen.insert(which) {
                self.warn(value, &path, "stands twice; the last one counts");
            }
            sections[which] = self.object(value, &path).unwrap_or_default();
        }
        sections
    }

    fn projects(&mut self, entries: Vec<Entry<'t>>) -> Vec<TreeProject> {
        let root = Path::root("replicas");
        let mut projects = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let path = root.to(&name);
            let replicas = self.object(value, &path).unwrap_or_default();
            let replicas = replicas
                .iter()
                .filter_map(|(replica, value)| self.replica(replica, value, &path.to(replica)));
            let replicas = replicas.collect();
            projects.push(TreeProject {
                name: (&*name).into(),
                routing: Routing::default(),
                replicas,
            });
        }
        projects
    }

    fn replica(&mut self, name: &str, value: &'t RawValue, path: &Path<'_>) -> Option<TreeReplica> {
        let fields = self.object(value, path)?;
        let mut replica = TreeReplica {
            name: name.into(),
            role: Role::Slave,
            dialect: None,
            uri: None,
            pool: None,
            lag_tolerance_ms: None,
            throttle: Throttle::default(),
            schema_strategy: None,
            problem: None,
        };
        let mut uri = None;
        let errors_before = self.errors;
        for (key, value) in &fields {
            let path = path.to(key);
            match &**key {
                "role" => {
                    replica.role = self
                        .word(value, &path, "master or slave", Role::from_word)
                        .unwrap_or(Role::Slave)
                }
                "dialect" => replica.dialect = self.dialect(value, &path),
                "uri" => uri = self.string(value, &path).map(|text| (text, *value)),
                "pool" => replica.pool = self.pool(value, &path),
                "lagTolerance" => replica.lag_tolerance_ms = self.whole(value, &path, "milliseconds"),
                "throttle" => replica.throttle = self.throttle(value, &path),
                "schemaStrategy" => replica.schema_strategy = self.string(value, &path).map(Name::from),
                _ => {}
            }
        }
        if self.errors > errors_before {
            replica.problem =
                Some("its entry in the tree has a field that cannot be used; see the problems".into());
        }
        if let Some((text, value)) = uri {
            self.uri(&text, value, &path.to("uri"), &mut replica);
        }
        Some(replica)
    }

    fn uri(&mut self, text: &str, value: &RawValue, path: &Path<'_>, replica: &mut TreeReplica) {
        match Uri::parse(text, replica.dialect.as_ref()) {
            Ok(uri) => {
                if uri.password_is_masked() {
                    self.masked += 1;
                    replica.problem = Some(Arc::clone(&self.masked_problem));
                }
                replica.uri = Some(Secret::new(text.into()));
            }
            Err(error) => {
                let message = format!("cannot be used as an address: {error}");
                self.error::<()>(value, path, &message);
                replica.problem = Some(format!("its address {message}").into());
            }
        }
    }

    fn dialect(&mut self, value: &'t RawValue, path: &Path<'_>) -> Option<Dialect> {
        let dialect = Dialect::new(&self.string(value, path)?);
        if !dialect.is_known() {
            self.warn(
                value,
                path,
                "is no dialect that this program knows; it is shown, never connected to",
            );
        }
        Some(dialect)
    }

    fn pool(&mut self, value: &'t RawValue, path: &Path<'_>) -> Option<PoolLimits> {
        let mut pool = PoolLimits { min: None, max: None };
        for (key, value) in self.object(value, path)? {
            let path = path.to(&key);
            let mut connections = || {
                let whole = self.whole(value, &path, "connections")?;
                u32::try_from(whole)
                    .ok()
                    .or_else(|| self.error(value, &path, "is more than any pool can hold"))
            };
            match &*key {
                "min" => pool.min = connections(),
                "max" => pool.max = connections(),
                _ => {}
            }
        }
        Some(pool)
    }

    fn throttle(&mut self, value: &'t RawValue, path: &Path<'_>) -> Throttle {
        let mut throttle = Throttle::default();
        for (key, value) in self.object(value, path).unwrap_or_default() {
            let path = path.to(&key);
            let mut of = |unit| match self.whole(value, &path, unit)? {
                0 => self.error(
                    value,
                    &path,
                    "must be more than 0; a rule is stopped by `enabled`",
                ),
                limit => Some(limit),
            };
            match &*key {
                // More than a u32 holds is as good as no limit.
                "rowsPerSecond" => throttle.rows = of("rows").and_then(|rows| u32::try_from(rows).ok()),
                "bytesPerSecond" => throttle.bytes = of("bytes"),
                _ => self.warn(
                    value,
                    &path,
                    "is unknown here: a throttle has rowsPerSecond and bytesPerSecond",
                ),
            }
        }
        throttle
    }

    fn routing(&mut self, entries: Vec<Entry<'t>>, projects: &mut [TreeProject]) {
        let root = Path::root("routing");
        let places: HashMap<Name, usize> = projects
            .iter()
            .enumerate()
            .map(|(place, project)| (project.name.clone(), place))
            .collect();
        for (name, value) in entries {
            let path = root.to(&name);
            let words = "round-robin, least-lag or random";
            let Some(routing) = self.word(value, &path, words, Routing::from_word) else {
                continue;
            };
            match places.get(&*name).and_then(|place| projects.get_mut(*place)) {
                Some(project) => project.routing = routing,
                None => self.warn(value, &path, "names a project that has no replicas"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
