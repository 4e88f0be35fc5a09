//! Trees as people write them, and what they get to read when something is wrong.

use super::problems::MAX_PROBLEMS;
use super::*;
use crate::ConflictResolution;

fn tree(text: &str) -> Tree {
    let parsed = parse(text.as_bytes(), "t.json");
    parsed.tree.unwrap_or_else(|| panic!("{:?}", parsed.problems))
}

/// The problems of a text, as sentences.
fn problems(text: &str) -> Vec<String> {
    parse(text.as_bytes(), "t.json")
        .problems
        .iter()
        .map(Problem::sentence)
        .collect()
}

#[test]
fn the_example_is_read_whole_and_in_order() {
    let text = include_str!("../../../../../examples/replicator-tree.json");
    let parsed = parse(text.as_bytes(), "t.json");
    assert_eq!(parsed.problems, []);
    let tree = parsed.tree.unwrap();
    let names: Vec<_> = tree.projects.iter().map(|p| &*p.name).collect();
    assert_eq!(names, ["secuaccess", "analytics", "fitzone", "shop", "local"]);
    let secuaccess = &tree.projects[0];
    assert_eq!(secuaccess.routing, Routing::LeastLag);
    assert_eq!(secuaccess.replicas[2].lag_tolerance_ms, Some(250));
    assert_eq!(secuaccess.replicas[0].role, Role::Master);
    assert_eq!(
        secuaccess.replicas[0].pool,
        Some(PoolLimits {
            min: Some(2),
            max: Some(20)
        })
    );
    assert_eq!(tree.rules.len(), 4);
    assert_eq!(tree.rules[1].conflict_resolution, ConflictResolution::Timestamp);
    assert_eq!(&*tree.rules[1].collections[0], "*");
}

#[test]
fn missing_parts_have_the_contract_s_defaults() {
    assert_eq!(tree("{}"), Tree::default());
    let tree = tree(r#"{"replicas":{"p":{"r":{}}},"rules":{"x":{"source":"p","target":"p","mode":"cdc"}}}"#);
    assert_eq!(tree.projects[0].replicas[0].role, Role::Slave);
    assert_eq!(tree.projects[0].routing, Routing::RoundRobin);
    assert!(tree.rules[0].enabled && tree.rules[0].collections.is_empty());
}

#[test]
fn names_are_data() {
    let long = "n".repeat(1000);
    for name in [
        "a/b",
        "a\"b",
        "<img src=x onerror=alert(1)>",
        "__proto__",
        "constructor",
        "🦀",
        "",
        &long,
    ] {
        let text = serde_json::json!({ "replicas": { name: { name: { "role": "master" } } } }).to_string();
        let tree = tree(&text);
        assert_eq!(
            (&*tree.projects[0].name, &*tree.projects[0].replicas[0].name),
            (name, name)
        );
    }
    let tree = tree(r#"{"replicas":{"10":{},"9":{},"a/b":{"c":{}},"a":{"b/c":{}}}}"#);
    let names: Vec<_> = tree.projects.iter().map(|p| &*p.name).collect();
    assert_eq!(names, ["10", "9", "a/b", "a"]);
}

#[test]
fn every_dialect_of_the_contract_is_accepted() {
    for dialect in Dialect::KNOWN {
        assert_eq!(
            problems(&format!(
                r#"{{"replicas":{{"p":{{"r":{{"dialect":"{dialect}"}}}}}}}}"#
            )),
            [""; 0]
        );
    }
}

#[test]
fn a_bad_field_costs_that_field_and_is_located() {
    let text = "{\n \"replicas\": { \"p\": {\n  \"bad\": { \"role\": 5, \"dialect\": \"postgres\" },\n  \"good\": {\"role\": \"master\"} } }\n}";
    let tree = tree(text);
    assert_eq!(tree.projects[0].replicas.len(), 2);
    assert_eq!(
        tree.projects[0].replicas[0].dialect.as_ref().map(Dialect::name),
        Some("postgres")
    );
    assert!(tree.projects[0].replicas[0].problem.is_some());
    assert_eq!(tree.projects[0].replicas[1].role, Role::Master);
    assert_eq!(
        problems(text),
        ["t.json:3:20: must be master or slave, but is a number (at replicas.p.bad.role)"]
    );
}

#[test]
fn null_entries_cost_only_themselves() {
    let text = r#"{"replicas":{"p":{"x":null,"y":{"role":"master"}},"q":null},"rules":{"r":null,"s":{"source":"p","target":"p","mode":"cdc"}},"routing":null}"#;
    let tree = tree(text);
    assert_eq!(tree.projects.len(), 2);
    assert_eq!(tree.projects[0].replicas.len(), 1);
    assert_eq!(tree.rules.len(), 1);
    assert_eq!(problems(text).len(), 4);
}

#[test]
fn problems_read_well() {
    for (text, want) in [
        ("[1]", "t.json:1:1: must be an object, but is a list"),
        ("", "t.json:1:1: is empty; the least tree is {}"),
        (
            "{\"replicas\":",
            "t.json:1:12: ends in the middle; it may be half-written",
        ),
        ("{\n  \"a\": nul }", "t.json:2:11: is not JSON: expected ident"),
        (
            r#"{"replicas":{"a b":{"r":{"lagTolerance":-1}}}}"#,
            "t.json:1:41: must be a whole number of milliseconds, 0 or more (at replicas[\"a b\"].r.lagTolerance)",
        ),
        (
            r#"{"replicas":{"p":{"r":{"lagTolerance":1e999}}}}"#,
            "t.json:1:39: must be a whole number of milliseconds, 0 or more (at replicas.p.r.lagTolerance)",
        ),
        (
            r#"{"replicas":{"p":{"r":{"uri":"hunter2","dialect":"mysql"}}}}"#,
            "t.json:1:30: cannot be used as an address: it does not start with a scheme such as postgresql:// (at replicas.p.r.uri)",
        ),
        (
            r#"{"replicas":{"p":{}},"replicas":{"q":{}}}"#,
            "t.json:1:33: stands twice; the last one counts (at replicas)",
        ),
        (
            r#"{"replicas": /* où, 東 */ 5}"#,
            "t.json:1:26: must be an object, but is a number (at replicas)",
        ),
        (
            r#"{"rules":{"r":{"source":"p","target":"p"}},"replicas":{"p":{}}}"#,
            "t.json:1:15: has no `mode` (at rules.r)",
        ),
        (
            r#"{"replicas":{"p":{}},"routing":{"p":"fastest"}}"#,
            "t.json:1:37: must be round-robin, least-lag or random (at routing.p)",
        ),
        (
            r#"{"replicas":{"p":{"r":{"throttle":{"rowsPerSecond":0}}}}}"#,
            "t.json:1:52: must be more than 0; a rule is stopped by `enabled` (at replicas.p.r.throttle.rowsPerSecond)",
        ),
        (
            r#"{"rules":{"r":{"source":"p","target":"p","mode":"cdc","schedule":"15m"}},"replicas":{"p":{}}}"#,
            "t.json:1:15: has a schedule, which only a snapshot rule needs: where this one is followed, it is not looked at (at rules.r)",
        ),
        (
            r#"{"rules":{"r":{"source":"p","target":"p","mode":"cdc","map":{"t":{"as":"u"}}}},"replicas":{"p":{}}}"#,
            "t.json:1:72: is unknown here: a table has to and columns (at rules.r.map.t.as)",
        ),
        (
            r#"{"rules":{"r":{"source":"p","target":"p","mode":"cdc","map":{"t":""}}},"replicas":{"p":{}}}"#,
            "t.json:1:66: must not be empty (at rules.r.map.t)",
        ),
        (
            r#"{"replicas":{"p":{"r":{"throttle":{"rows":5}}}}}"#,
            "t.json:1:43: is unknown here: a throttle has rowsPerSecond and bytesPerSecond (at replicas.p.r.throttle.rows)",
        ),
        (
            r#"{"replicas":{"p":{"r":{"dialect":"tarantool"}}}}"#,
            "t.json:1:34: is no dialect that this program knows; it is shown, never connected to (at replicas.p.r.dialect)",
        ),
    ] {
        assert_eq!(problems(text), [want], "{text}");
    }
}

#[test]
fn a_map_names_tables_alone_or_with_their_columns() {
    let text = r#"{"rules":{"r":{"source":"p","target":"p","mode":"cdc",
        "map":{"users":"people","orders":{"to":"sales","columns":{"id":"nr"}},"notes":{"columns":{"a":"b"}}}}},"replicas":{"p":{}}}"#;
    let map = &tree(text).rules[0].map;
    let to = |table: &str| map[table].to.as_deref();
    assert_eq!(
        (to("users"), to("orders"), to("notes")),
        (Some("people"), Some("sales"), None)
    );
    assert_eq!(&*map["orders"].columns["id"], "nr");
    assert_eq!(&*map["notes"].columns["a"], "b");
}

#[test]
fn number_forms_are_read_as_javascript_does() {
    for form in ["5000", "5e3", "5000.0", "5.0E+3"] {
        let tree = tree(&format!(
            r#"{{"replicas":{{"p":{{"r":{{"lagTolerance":{form}}}}}}}}}"#
        ));
        assert_eq!(tree.projects[0].replicas[0].lag_tolerance_ms, Some(5000));
    }
}

#[test]
fn bad_bytes_are_located() {
    assert_eq!(
        parse(b"\xef\xbb\xbf{}", "t").problems[0].sentence(),
        "t:1:1: starts with a byte order mark; save it as UTF-8 without BOM"
    );
    let parsed = parse(b"{\n \"\xff\": 1}", "t");
    assert_eq!(
        (parsed.tree, parsed.problems[0].sentence().as_str()),
        (None, "t:2:3: is not valid UTF-8 from here on")
    );
}

#[test]
fn the_last_of_two_replicas_counts() {
    let tree = tree(r#"{"replicas":{"p":{"a":{"role":"slave"},"b":{},"a":{"role":"master"}}}}"#);
    let names: Vec<_> = tree.projects[0]
        .replicas
        .iter()
        .map(|r| (&*r.name, r.role))
        .collect();
    assert_eq!(names, [("a", Role::Master), ("b", Role::Slave)]);
}

#[test]
fn masked_passwords_are_told_per_replica_and_once_in_all() {
    let entry = r#"{"uri":"postgres://u:***@h/db"}"#;
    let text = format!(r#"{{"replicas":{{"p":{{"a":{entry},"b":{entry}}}}}}}"#);
    let replicas = &tree(&text).projects[0].replicas;
    assert!(
        replicas
            .iter()
            .all(|r| r.problem.as_deref().is_some_and(|p| p.contains("***")))
    );
    assert_eq!(
        problems(&text),
        ["t.json: 2 replicas have a masked password (***) and cannot be connected to"]
    );
}

#[test]
fn problems_are_bounded() {
    let entries: Vec<String> = (0..5000).map(|n| format!("\"r{n}\":{{\"role\":{n}}}")).collect();
    let problems = problems(&format!(r#"{{"replicas":{{"p":{{{}}}}}}}"#, entries.join(",")));
    assert_eq!(problems.len(), MAX_PROBLEMS + 1);
    assert_eq!(
        problems[MAX_PROBLEMS],
        "t.json: has 4900 more problems like these"
    );
}

#[test]
fn no_problem_quotes_a_value() {
    for text in [
        r#"{"replicas":{"p":{"r":{"role":"hunter2","uri":5,"dialect":["hunter2"],"pool":"hunter2","lagTolerance":"hunter2"}}}}"#,
        r#"{"replicas":"hunter2","rules":["hunter2"],"routing":{"p":"hunter2"}}"#,
        r#""hunter2""#,
        r#"hunter2"#,
        r#"{"uri":"postgres://u:hunter2"#,
        r#"{"replicas":{"p":{"r":{"uri":"\ud800hunter2"}}}}"#,
    ] {
        let all = problems(text).join("\n");
        assert!(!all.is_empty() && !all.contains("hunter2"), "{all}");
    }
}

#[test]
fn deep_nesting_is_answered() {
    let deep = "[".repeat(200_000);
    assert!(parse(deep.as_bytes(), "t").tree.is_none());
    let text = format!("{{\"x\":{deep}{}}}", "]".repeat(200_000));
    assert_eq!(tree(&text), Tree::default());
}
