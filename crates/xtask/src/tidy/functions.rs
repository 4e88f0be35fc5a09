//! Rules about functions: none is longer than a screen.
//!
//! It trusts the formatter: a function's last line is a brace as far in as its first line.

use super::{File, Finding, House};

/// The longest function that needs no reason, in lines.
const LONG: usize = 60;

/// Functions that may be longer, and why.
const LONGER: &[(&str, &str)] = &[(
    "crates/monitor/src/wire/event.rs: of",
    "a table: one arm for each kind of event",
)];

/// Functions stay short; the list of exceptions stays true. Tests may be as long as their story.
pub(super) fn lengths(house: &House) -> Vec<Finding> {
    lengths_but(house, LONGER)
}

fn lengths_but(house: &House, longer: &[(&str, &str)]) -> Vec<Finding> {
    let code = house.ending(&[".rs"]).filter(|file| !file.is_test());
    let long: Vec<(&File, Function)> = code
        .flat_map(|file| functions(&file.text).map(move |function| (file, function)))
        .filter(|(_, function)| function.lines > LONG)
        .collect();
    let key = |file: &File, function: &Function| format!("{}: {}", file.path, function.name);
    let unexcused = long
        .iter()
        .filter(|(file, function)| !longer.iter().any(|(excused, _)| *excused == key(file, function)));
    let mut findings: Vec<Finding> = unexcused
        .map(|(file, function)| {
            let Function { name, lines, .. } = function;
            let what = format!("{name} has {lines} lines; split it, or give a reason in tidy's list");
            file.finding(Some(function.line), what)
        })
        .collect();
    let short = |(excused, _): &&(&str, &str)| {
        !long
            .iter()
            .any(|(file, function)| *excused == key(file, function))
    };
    findings.extend(longer.iter().filter(short).map(|(excused, _)| Finding {
        path: "crates/xtask/src/tidy/functions.rs".to_owned(),
        line: None,
        what: format!("`{excused}` needs no reason any more; remove it"),
    }));
    findings
}

struct Function<'t> {
    name: &'t str,
    /// Where it begins, counted from 1.
    line: usize,
    lines: usize,
}

/// The functions of a file, those in its tests aside.
fn functions(text: &str) -> impl Iterator<Item = Function<'_>> {
    let code = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let lines: Vec<&str> = code.lines().collect();
    (0..lines.len()).filter_map(move |at| {
        let (indent, name) = name(lines[at])?;
        let last = |line: &&str| line.strip_prefix(indent) == Some("}");
        let lines = lines[at..].iter().position(last)? + 1;
        Some(Function {
            name,
            line: at + 1,
            lines,
        })
    })
}

/// How far in a function begins, and its name, if `line` is its first.
fn name(line: &str) -> Option<(&str, &str)> {
    let begin = line.trim_start();
    let indent = &line[..line.len() - begin.len()];
    // One that ends on its own line has no length to speak of.
    if begin.ends_with(['}', ';']) {
        return None;
    }
    let mut words = begin.split(' ');
    let before_fn = |word: &&str| matches!(*word, "const" | "async") || word.starts_with("pub");
    let keyword = words.by_ref().find(|word| !before_fn(word))?;
    let name = words.next()?.split(['(', '<']).next()?;
    (keyword == "fn").then_some((indent, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, longer: &[(&str, &str)]) -> Vec<(Option<usize>, String)> {
        let findings = lengths_but(&House::of(&[("a.rs", text)]), longer);
        findings
            .into_iter()
            .map(|finding| (finding.line, finding.what))
            .collect()
    }

    #[test]
    fn a_long_function_needs_a_reason_and_a_short_one_none() {
        let function = |name: &str, lines: usize| {
            format!(
                "    pub(crate) async fn {name}<T>(\n        x: T,\n    ) {{\n{}    }}\n",
                "        y;\n".repeat(lines - 4)
            )
        };
        let text = format!(
            "impl X {{\n{}{}}}\n",
            function("long", LONG + 1),
            function("short", LONG)
        );
        let [(line, what)] = &found(&text, &[])[..] else {
            panic!("one function is long")
        };
        assert_eq!(*line, Some(2));
        assert!(what.starts_with("long has 61 lines"), "{what}");
        assert_eq!(found(&text, &[("a.rs: long", "a table")]), []);
        let stale = found(
            &text,
            &[("a.rs: long", "a table"), ("a.rs: short", "it was long")],
        );
        assert!(
            stale[0].1.starts_with("`a.rs: short` needs no reason"),
            "{stale:?}"
        );
    }

    #[test]
    fn tests_and_one_liners_do_not_count() {
        let long = "x;\n".repeat(LONG);
        assert_eq!(found(&format!("fn one() {{}}\nstruct S {{\n{long}}}\n"), &[]), []);
        assert_eq!(
            found(
                &format!("//! A file.\n#[cfg(test)]\nfn test() {{\n{long}}}\n"),
                &[]
            ),
            []
        );
    }
}
