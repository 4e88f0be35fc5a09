//! Rules about packages: what core may pull in, what crates inherit, and that nothing is declared in vain.

use super::{Finding, House};
use serde_json::Value;
use std::collections::HashSet;

/// All that `replica-core` may pull in, directly or not: values and text, no I/O, no runtime.
const CORE_MAY: &[&str] = &[
    "itoa",
    "jsonc-parser",
    "memchr",
    "percent-encoding",
    "proc-macro2",
    "quote",
    "replica-core",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "syn",
    "unicode-ident",
    "zmij",
];

/// What every crate takes from the workspace.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// The vocabulary pulls in no runtime, no HTTP and no driver.
pub(super) fn core_closure(house: &House) -> Vec<Finding> {
    let pulled = closure(&house.metadata, "replica-core");
    let finding = |what: String| Finding {
        path: "crates/core/Cargo.toml".to_owned(),
        line: None,
        what,
    };
    if pulled.is_empty() {
        return vec![finding(
            "is not among the packages that cargo tells of".to_owned(),
        )];
    }
    let unknown = pulled.iter().filter(|name| !CORE_MAY.contains(&&***name));
    let mut findings: Vec<_> = unknown
        .map(|name| {
            finding(format!(
                "pulls in {name}; core only names things, so put what needs it elsewhere"
            ))
        })
        .collect();
    findings.sort_by(|one, other| one.what.cmp(&other.what));
    findings
}

/// The names of `package` and all that it needs to be built and run, its tests aside.
fn closure(metadata: &Value, package: &str) -> HashSet<String> {
    let nodes = metadata["resolve"]["nodes"].as_array();
    let node = |id: &str| nodes.into_iter().flatten().find(|node| node["id"] == id);
    let packages = metadata["packages"].as_array();
    let name_of = |id: &str| {
        let found = packages
            .into_iter()
            .flatten()
            .find(|package| package["id"] == id)?;
        found["name"].as_str().map(str::to_owned)
    };
    let start = packages
        .into_iter()
        .flatten()
        .find(|found| found["name"] == package);
    let mut left: Vec<&str> = start.and_then(|found| found["id"].as_str()).into_iter().collect();
    let mut seen: HashSet<&str> = left.iter().copied().collect();
    while let Some(id) = left.pop() {
        let needs = node(id).and_then(|node| node["deps"].as_array());
        for needed in needs
            .into_iter()
            .flatten()
            .filter(|dependency| is_normal(dependency))
        {
            if let Some(id) = needed["pkg"].as_str().filter(|id| seen.insert(id)) {
                left.push(id);
            }
        }
    }
    seen.into_iter().filter_map(name_of).collect()
}

fn is_normal(dependency: &Value) -> bool {
    let kinds = dependency["dep_kinds"].as_array();
    kinds.into_iter().flatten().any(|kind| kind["kind"].is_null())
}

/// Every crate takes the shared fields and lints from the workspace.
pub(super) fn inherited(house: &House) -> Vec<Finding> {
    let crates = house.files.iter().filter(|file| file.path.starts_with("crates/"));
    let mut findings = Vec::new();
    for file in crates.filter(|file| file.path.ends_with("/Cargo.toml")) {
        for field in INHERITED {
            if !file.text.contains(&format!("\n{field}.workspace = true\n")) {
                findings.push(file.finding(None, format!("write `{field}.workspace = true`")));
            }
        }
        if !file.text.contains("\n[lints]\nworkspace = true\n") {
            findings.push(file.finding(None, "take the lints from the workspace"));
        }
    }
    findings
}

/// Every dependency that the workspace declares is used by a crate.
pub(super) fn used(house: &House) -> Vec<Finding> {
    let Some(workspace) = house.files.iter().find(|file| file.path == "Cargo.toml") else {
        return Vec::new();
    };
    let crates: Vec<_> = house.ending(&["/Cargo.toml"]).collect();
    let is_used = |name: &str| {
        let (plain, detailed) = (format!("\n{name}.workspace"), format!("\n{name} = {{ workspace"));
        crates
            .iter()
            .any(|file| file.text.contains(&plain) || file.text.contains(&detailed))
    };
    let section = workspace
        .text
        .lines()
        .enumerate()
        .skip_while(|(_, line)| *line != "[workspace.dependencies]");
    let section = section.skip(1).take_while(|(_, line)| !line.starts_with('['));
    let declared = section.filter_map(|(at, line)| Some((at, line.split_once(" = ")?.0)));
    declared
        .filter(|(_, name)| !name.starts_with('#') && !is_used(name))
        .map(|(at, name)| workspace.finding(Some(at + 1), format!("no crate uses {name}; remove it")))
        .collect()
}

/// What is new has a place to be told.
pub(super) fn changelog(house: &House) -> Vec<Finding> {
    let Some(file) = house.files.iter().find(|file| file.path == "CHANGELOG.md") else {
        return Vec::new();
    };
    match file.text.contains("\n## Unreleased\n") {
        true => Vec::new(),
        false => vec![file.finding(None, "add `## Unreleased` for what comes next")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn what(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_runtime_in_core_is_found_however_deep_and_tests_do_not_count() {
        let normal = |id: &str| json!({ "pkg": id, "dep_kinds": [{ "kind": null }] });
        let dev = json!({ "pkg": "3", "dep_kinds": [{ "kind": "dev" }] });
        let house = House {
            metadata: json!({
                "packages": [{ "id": "0", "name": "replica-core" }, { "id": "1", "name": "serde" },
                    { "id": "2", "name": "tokio" }, { "id": "3", "name": "proptest" }],
                "resolve": { "nodes": [{ "id": "0", "deps": [normal("1"), dev] }, { "id": "1", "deps": [normal("2")] }] }
            }),
            ..House::default()
        };
        let found = what(core_closure(&house));
        assert!(
            found.len() == 1 && found[0].starts_with("pulls in tokio"),
            "{found:?}"
        );
        assert_eq!(core_closure(&House::default()).len(), 1, "no answer is no proof");
    }

    #[test]
    fn a_crate_that_goes_its_own_way_is_found() {
        let own = "[package]\nname = \"x\"\nversion = \"1.0.0\"\nedition.workspace = true\nrust-version.workspace = true\n\
            license.workspace = true\npublish.workspace = true\n";
        let found = what(inherited(&House::of(&[
            ("crates/x/Cargo.toml", own),
            ("fuzz/Cargo.toml", ""),
        ])));
        assert_eq!(
            found,
            [
                "write `version.workspace = true`",
                "take the lints from the workspace"
            ]
        );
    }

    #[test]
    fn a_dependency_that_nobody_uses_is_found() {
        let workspace = "[workspace.dependencies]\n# used = a comment\nused = \"1\"\ntoo = { version = \"1\" }\nunused = \"1\"\n\n[profile.dev]\ndebug = 1\n";
        let user = "[dependencies]\nused.workspace = true\ntoo = { workspace = true }\n";
        let found = used(&House::of(&[
            ("Cargo.toml", workspace),
            ("crates/x/Cargo.toml", user),
        ]));
        assert_eq!((found.len(), found[0].line), (1, Some(5)));
    }

    #[test]
    fn a_changelog_without_a_place_for_news_is_found() {
        assert_eq!(
            changelog(&House::of(&[("CHANGELOG.md", "# Changelog\n\n## 0.1.0\n")])).len(),
            1
        );
        assert_eq!(
            changelog(&House::of(&[("CHANGELOG.md", "# Changelog\n\n## Unreleased\n")])).len(),
            0
        );
    }
}
