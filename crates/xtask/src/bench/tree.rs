//! Tree files of any size, as a tool of the field would write them.

use super::folder;
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

const DIALECTS: [&str; 5] = ["postgres", "mysql", "mongodb", "sqlite", "oracle"];
const ROUTING: [&str; 3] = ["round-robin", "least-lag", "random"];

/// Writes a tree of `replicas` replicas, ten a project and a rule for each project; its path.
pub(super) fn file(replicas: usize) -> Result<PathBuf> {
    let path = folder().join(format!("tree-{replicas}.json"));
    std::fs::write(&path, serde_json::to_vec_pretty(&tree(replicas))?)?;
    Ok(path)
}

fn tree(replicas: usize) -> Value {
    let projects = replicas.div_ceil(10);
    let (mut all, mut rules, mut routing) = (Map::new(), Map::new(), Map::new());
    for project in 0..projects {
        let members = (0..10.min(replicas - project * 10)).map(|member| replica(project, member));
        all.insert(name(project), Value::Object(members.collect()));
        rules.insert(
            format!("cdc-{}", name(project)),
            json!({ "source": name(project), "target": name((project + 1) % projects), "mode": "cdc",
                "collections": ["users", "orders", "products"], "conflictResolution": "source-wins", "enabled": true }),
        );
        routing.insert(name(project), ROUTING[project % ROUTING.len()].into());
    }
    json!({ "replicas": all, "rules": rules, "routing": routing })
}

fn name(project: usize) -> String {
    format!("project-{project:05}")
}

fn replica(project: usize, member: usize) -> (String, Value) {
    let dialect = DIALECTS[project % DIALECTS.len()];
    let (name, role) = match member {
        0 => ("master".to_owned(), "master"),
        _ => (format!("slave-{member}"), "slave"),
    };
    let uri = format!("{dialect}://app:secret@db-{project}-{member}.internal:5432/app");
    let replica = json!({ "role": role, "dialect": dialect, "uri": uri, "pool": { "min": 1, "max": 10 },
        "lagTolerance": 5000, "schemaStrategy": "none" });
    (name, replica)
}
