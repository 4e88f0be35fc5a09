//! Text of a tree file → what it declares, and every problem with its place.
//!
//! Only what cannot be read as a JSON object at all is fatal (then the last good tree stays);
//! anything else costs the entry or the field it stands in. Messages never quote a value: it may be a password.

use super::json::{Entries, kind};
use super::{Tree, TreeProject, TreeReplica, Uri, comments};
use crate::{
    ConflictResolution, Dialect, Name, PoolLimits, Problem, Role, Routing, Rule, RuleMode, Secret, Severity,
};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The most problems that are located and kept; what is beyond is only counted.
const MAX_PROBLEMS: usize = 100;

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

/// 1-based line and column (in characters) of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// A place in the JSON, for problems.
#[derive(Clone)]
struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    key: &'p str,
}

impl<'p> Path<'p> {
    fn root(key: &'p str) -> Self {
        Self { parent: None, key }
    }

    fn to(&'p self, key: &'p str) -> Self {
        Self {
            parent: Some(self),
            key,
        }
    }

    fn text(&self) -> String {
        let before = self.parent.map(Path::text).unwrap_or_default();
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '*');
        let mut short: String = self.key.chars().take(80).collect();
        if short.len() < self.key.len() {
            short.push('…');
        }
        match (
            self.key.chars().all(plain) && !self.key.is_empty(),
            before.is_empty(),
        ) {
            (true, true) => short,
            (true, false) => format!("{before}.{short}"),
            (false, _) => format!("{before}[{short:?}]"),
        }
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
    /// Problems beyond [`MAX_PROBLEMS`].
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

    fn sections(&mut self, top: Vec<(Cow<'t, str>, &'t RawValue)>) -> [Vec<Entry<'t>>; 3] {
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

    fn rules(&mut self, entries: Vec<Entry<'t>>) -> Vec<Rule> {
        let root = Path::root("rules");
        entries
            .iter()
            .filter_map(|(name, value)| self.rule(name, value, &root.to(name)))
            .collect()
    }

    fn rule(&mut self, name: &str, value: &'t RawValue, path: &Path<'_>) -> Option<Rule> {
        let fields = self.object(value, path)?;
        let errors_before = self.errors;
        let mut rule = Rule::new(name, "", "", RuleMode::Unknown);
        for (key, value) in &fields {
            let path = path.to(key);
            match &**key {
                "source" => rule.source = self.string(value, &path).unwrap_or_default().into(),
                "target" => rule.target = self.string(value, &path).unwrap_or_default().into(),
                "mode" => {
                    let words = "snapshot, cdc or bidirectional";
                    rule.mode = self
                        .word(value, &path, words, RuleMode::from_word)
                        .unwrap_or(RuleMode::Unknown);
                }
                "collections" => rule.collections = self.strings(value, &path),
                "conflictResolution" => {
                    let words = "source-wins, target-wins or timestamp";
                    rule.conflict_resolution = self
                        .word(value, &path, words, ConflictResolution::from_word)
                        .unwrap_or_default();
                }
                "enabled" => rule.enabled = self.boolean(value, &path).unwrap_or(true),
                _ => {}
            }
        }
        for missing in ["source", "target", "mode"] {
            if !fields.iter().any(|(key, _)| key == missing) {
                self.error::<()>(value, path, &format!("has no `{missing}`"));
            }
        }
        if self.errors > errors_before {
            rule.problem =
                Some("its entry in the tree has a field that cannot be used; see the problems".into());
        }
        Some(rule)
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

    /// Rules may only join projects that exist.
    fn rule_ends(&mut self, tree: &mut Tree) {
        let projects: HashSet<&str> = tree.projects.iter().map(|project| &*project.name).collect();
        for rule in &mut tree.rules {
            for (end, project) in [("source", &rule.source), ("target", &rule.target)] {
                if project.is_empty() || projects.contains(&**project) {
                    continue;
                }
                let message = format!("its {end} is a project that is not in the tree");
                let path = Path::root("rules");
                self.note(Severity::Warning, None, &path.to(&rule.name).to(end), &message);
                rule.problem.get_or_insert_with(|| message.into());
            }
        }
    }

    // Values of one kind, or a problem.

    fn object(&mut self, value: &'t RawValue, path: &Path<'_>) -> Option<Vec<Entry<'t>>> {
        let raw = value.get();
        let entries = match serde_json::from_str::<Entries<'t>>(raw) {
            Ok(Entries(entries)) => entries,
            Err(error) if error.is_data() => return self.wrong(value, path, "an object"),
            Err(_) => return self.error(value, path, "has a key that is not valid text"),
        };
        Some(self.without_duplicates(entries, path))
    }

    /// The last of several entries of the same name counts, at the place of the first.
    fn without_duplicates(&mut self, entries: Vec<Entry<'t>>, path: &Path<'_>) -> Vec<Entry<'t>> {
        if !has_duplicates(&entries) {
            return entries;
        }
        let mut places: HashMap<Cow<'t, str>, usize> = HashMap::with_capacity(entries.len());
        let mut unique: Vec<Entry<'t>> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match places.get(&key) {
                None => {
                    places.insert(key.clone(), unique.len());
                    unique.push((key, value));
                }
                Some(&place) => {
                    self.warn(value, &path.to(&key), "stands twice; the last one counts");
                    unique[place].1 = value;
                }
            }
        }
        unique
    }

    fn string(&mut self, value: &RawValue, path: &Path<'_>) -> Option<String> {
        match serde_json::from_str(value.get()) {
            Ok(text) => Some(text),
            Err(error) if error.is_data() => self.wrong(value, path, "a text"),
            Err(_) => self.error(value, path, "is not valid text"),
        }
    }

    fn strings(&mut self, value: &'t RawValue, path: &Path<'_>) -> Vec<Name> {
        let Ok(items) = serde_json::from_str::<Vec<&'t RawValue>>(value.get()) else {
            self.wrong::<()>(value, path, "a list of texts");
            return Vec::new();
        };
        items
            .into_iter()
            .filter_map(|item| self.string(item, path).map(Name::from))
            .collect()
    }

    fn boolean(&mut self, value: &RawValue, path: &Path<'_>) -> Option<bool> {
        serde_json::from_str(value.get())
            .ok()
            .or_else(|| self.wrong(value, path, "true or false"))
    }

    /// A whole number of at least 0, in whatever form it is written (`5000`, `5e3`, `5000.0`).
    fn whole(&mut self, value: &RawValue, path: &Path<'_>, unit: &str) -> Option<u64> {
        let number: Option<f64> = serde_json::from_str(value.get()).ok();
        match number {
            // 2^53: up to there an f64 holds every whole number.
            Some(number) if number >= 0.0 && number.fract() == 0.0 && number <= 9_007_199_254_740_992.0 => {
                Some(number as u64)
            }
            _ if kind(value.get()) == "a number" => self.error(
                value,
                path,
                &format!("must be a whole number of {unit}, 0 or more"),
            ),
            _ => self.wrong(value, path, &format!("a number of {unit}")),
        }
    }

    fn word<T>(
        &mut self,
        value: &RawValue,
        path: &Path<'_>,
        words: &str,
        of: fn(&str) -> Option<T>,
    ) -> Option<T> {
        match serde_json::from_str::<String>(value.get()) {
            Ok(text) => of(&text).or_else(|| self.error(value, path, &format!("must be {words}"))),
            Err(_) => self.error(
                value,
                path,
                &format!("must be {words}, but is {}", kind(value.get())),
            ),
        }
    }

    // Problems.

    fn fatal(&mut self, error: &serde_json::Error) {
        let message = match error.classify() {
            serde_json::error::Category::Data => format!("must be an object, but is {}", kind(self.text)),
            serde_json::error::Category::Eof => "ends in the middle; it may be half-written".to_owned(),
            // The position is told in fields of its own; the rest of serde_json's syntax messages is fixed text.
            _ => format!(
                "is not JSON: {}",
                error.to_string().split(" at line ").next().unwrap_or_default()
            ),
        };
        let line_start = self
            .text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum::<usize>();
        let (line, column) = position(self.written, line_start + error.column().saturating_sub(1));
        let place = Problem {
            file: Some(self.file.clone()),
            line: Some(line),
            column: Some(column),
            ..Problem::error(message)
        };
        self.problems.push(place);
    }

    fn wrong<T>(&mut self, value: &RawValue, path: &Path<'_>, wanted: &str) -> Option<T> {
        self.error(
            value,
            path,
            &format!("must be {wanted}, but is {}", kind(value.get())),
        )
    }

    fn error<T>(&mut self, value: &RawValue, path: &Path<'_>, message: &str) -> Option<T> {
        self.note(Severity::Error, Some(value), path, message);
        None
    }

    fn warn(&mut self, value: &RawValue, path: &Path<'_>, message: &str) {
        self.note(Severity::Warning, Some(value), path, message);
    }

    fn note(&mut self, severity: Severity, value: Option<&RawValue>, path: &Path<'_>, message: &str) {
        self.errors += usize::from(severity == Severity::Error);
        if self.problems.len() == MAX_PROBLEMS {
            self.uncounted += 1;
            return;
        }
        let place = value.map(|value| position(self.written, self.offset(value)));
        self.problems.push(Problem {
            severity,
            message: message.to_owned(),
            file: Some(self.file.clone()),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            path: Some(path.text()),
        });
    }

    /// Where a raw value starts in the text: it is a slice of it.
    fn offset(&self, value: &RawValue) -> usize {
        value
            .get()
            .as_ptr()
            .addr()
            .saturating_sub(self.text.as_ptr().addr())
    }

    fn into_problems(mut self) -> Vec<Problem> {
        let mut summary = |severity, message: String| {
            let file = Some(self.file.clone());
            self.problems.push(Problem {
                severity,
                file,
                ..Problem::error(message)
            });
        };
        if self.uncounted > 0 {
            summary(
                Severity::Error,
                format!("has {} more problems like these", self.uncounted),
            );
        }
        if self.masked > 0 {
            let replicas = if self.masked == 1 {
                "replica has"
            } else {
                "replicas have"
            };
            let message = format!(
                "{} {replicas} a masked password (***) and cannot be connected to",
                self.masked
            );
            summary(Severity::Warning, message);
        }
        self.problems
    }
}

/// A key and its raw value.
type Entry<'t> = (Cow<'t, str>, &'t RawValue);

fn has_duplicates(entries: &[Entry<'_>]) -> bool {
    // A replica has a handful of fields, and there may be 100 000 of them: no hashing for those.
    if entries.len() <= 12 {
        return entries
            .iter()
            .enumerate()
            .any(|(at, (key, _))| entries[..at].iter().any(|(before, _)| before == key));
    }
    let mut seen = HashSet::with_capacity(entries.len());
    !entries.iter().all(|(key, _)| seen.insert(key))
}

#[cfg(test)]
mod tests;
