//! Rules about files as a whole: how they begin, how long they are, what they are.

use super::{File, Finding, House};

/// The longest file that needs no reason.
const LONG: usize = 600;

/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];

/// The largest tracked file, in bytes; lock files aside.
const LARGE: usize = 512 << 10;

/// How a file of each kind begins when it says what it is for.
const OPENINGS: &[(&str, &[&str])] = &[
    (".rs", &["//!"]),
    (".js", &["//", "/*"]),
    (".mjs", &["//", "/*", "#!"]),
    (".css", &["/*"]),
    (".html", &["<!doctype html>\n<!--"]),
    (".sh", &["#!"]),
];

/// Every file opens with what it is for.
pub(super) fn headers(house: &House) -> Vec<Finding> {
    let opening = |file: &File| OPENINGS.iter().find(|(ending, _)| file.path.ends_with(ending));
    let silent = |file: &&File| {
        opening(file)
            .is_some_and(|(_, openings)| !openings.iter().any(|opening| file.text.starts_with(opening)))
    };
    let files = house.files.iter().filter(silent);
    files
        .map(|file| {
            file.finding(
                Some(1),
                "open with what this file is for, and what it does not do",
            )
        })
        .collect()
}

/// Files stay short; the list of exceptions stays true.
pub(super) fn lengths(house: &House) -> Vec<Finding> {
    lengths_but(house, LONGER)
}

fn lengths_but(house: &House, longer: &[(&str, &str)]) -> Vec<Finding> {
    let code = house.ending(&[".rs", ".js", ".mjs", ".css"]);
    let mut findings = Vec::new();
    for file in code.filter(|file| !file.is_test()) {
        let lines = length(&file.text);
        let excused = longer.iter().any(|(path, _)| *path == file.path);
        let what = match (lines > LONG, excused) {
            (true, false) => format!("{lines} lines; split it, or give a reason in tidy's list"),
            (false, true) => format!("{lines} lines: it needs no reason in tidy's list any more"),
            _ => continue,
        };
        findings.push(file.finding(None, what));
    }
    findings
}

/// Lines but for the tests at the end.
fn length(text: &str) -> usize {
    let code = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    code.lines().count()
}

/// Nothing that a tool makes, and nothing huge, is tracked.
pub(super) fn made(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &house.files {
        let made = ["target/", "node_modules/", "artifacts/"];
        if made
            .iter()
            .any(|folder| file.path.split_inclusive('/').any(|part| part == *folder))
        {
            findings.push(file.finding(None, "is made by a tool; ignore it instead"));
        }
        if file.text.len() > LARGE && !file.path.ends_with(".lock") {
            findings.push(file.finding(
                None,
                format!("has {} bytes; make it instead of keeping it", file.text.len()),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_header_is_found() {
        let house = House::of(&[
            ("a.rs", "//! Good."),
            ("b.rs", "use x;"),
            ("c.js", "export {}"),
            ("d.css", "/* Good. */"),
            ("e.html", "<!doctype html>\n<html>"),
            ("README.md", "# Any"),
        ]);
        let found: Vec<_> = headers(&house).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["b.rs", "c.js", "e.html"]);
    }

    #[test]
    fn a_long_file_needs_a_reason_and_a_short_one_none() {
        let long = "//! Long.\n".repeat(LONG + 1);
        let tested = format!(
            "{}\n#[cfg(test)]\nmod tests {{\n{}}}",
            "x\n".repeat(LONG - 1),
            "y\n".repeat(99)
        );
        let house = House::of(&[
            ("long.rs", &long),
            ("excused.rs", &long),
            ("short.rs", "x"),
            ("tested.rs", &tested),
        ]);
        let found = lengths_but(
            &house,
            &[("excused.rs", "it is a table"), ("short.rs", "it was long")],
        );
        let found: Vec<_> = found.into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["long.rs", "short.rs"]);
    }

    #[test]
    fn what_is_made_or_huge_is_found() {
        let huge = "x".repeat(LARGE + 1);
        let house = House::of(&[
            ("a/node_modules/x.js", ""),
            ("targets.rs", ""),
            ("data.json", &huge),
            ("Cargo.lock", &huge),
        ]);
        let found: Vec<_> = made(&house).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["a/node_modules/x.js", "data.json"]);
    }
}
