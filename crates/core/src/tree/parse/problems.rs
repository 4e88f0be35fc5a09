//! Problems: where in the text each stands, and how many are kept. Messages never quote a value: it may be a password.

use super::Reader;
use crate::tree::json::kind;
use crate::{Problem, Severity};
use serde_json::value::RawValue;

/// The most problems that are located and kept; what is beyond is only counted.
pub(super) const MAX_PROBLEMS: usize = 100;

/// 1-based line and column (in characters) of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// A place in the JSON, for problems.
#[derive(Clone)]
pub(super) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    key: &'p str,
}

impl<'p> Path<'p> {
    pub(super) fn root(key: &'p str) -> Self {
        Self { parent: None, key }
    }

    pub(super) fn to(&'p self, key: &'p str) -> Self {
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

impl Reader<'_> {
    pub(super) fn fatal(&mut self, error: &serde_json::Error) {
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

    pub(super) fn wrong<T>(&mut self, value: &RawValue, path: &Path<'_>, wanted: &str) -> Option<T> {
        self.error(
            value,
            path,
            &format!("must be {wanted}, but is {}", kind(value.get())),
        )
    }

    pub(super) fn error<T>(&mut self, value: &RawValue, path: &Path<'_>, message: &str) -> Option<T> {
        self.note(Severity::Error, Some(value), path, message);
        None
    }

    pub(super) fn warn(&mut self, value: &RawValue, path: &Path<'_>, message: &str) {
        self.note(Severity::Warning, Some(value), path, message);
    }

    pub(super) fn note(
        &mut self,
        severity: Severity,
        value: Option<&RawValue>,
        path: &Path<'_>,
        message: &str,
    ) {
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

    pub(super) fn into_problems(mut self) -> Vec<Problem> {
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
