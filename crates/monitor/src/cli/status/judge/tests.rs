//! One replica of each kind, and what is made of it.

use super::*;
use serde_json::{Value, json};

const NOW: i64 = 1_000_000;

fn grade(more: Value) -> (Grade, String) {
    let mut whole = json!({ "name": "r", "role": "slave", "state": "up", "lag": 20, "lagVerdict": "exact", "lagTolerance": 1000 });
    let (Some(whole_fields), Value::Object(more)) = (whole.as_object_mut(), more) else {
        panic!("objects")
    };
    whole_fields.extend(more);
    let notes = replica(&serde_json::from_value(whole).unwrap(), true, NOW);
    let first = notes.first().map(|note| note.text.clone());
    (worst(&notes), first.unwrap_or_default())
}

fn link_of(fields: Value) -> Value {
    let mut link =
        json!({ "name": "", "state": "streaming", "lagVerdict": "exact", "runwayVerdict": "unbounded" });
    link.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    json!({ "observed": { "links": [link] } })
}

#[test]
fn what_is_certain_is_bad_and_what_is_not_known_is_not_fine() {
    use Grade::*;
    for (more, want, says) in [
        (json!({}), Ok, ""),
        (
            json!({ "role": "master", "lag": null, "lagVerdict": "not_applicable" }),
            Ok,
            "",
        ),
        (json!({ "lag": 7100 }), Warning, "lag 7.10 s above 1 s"),
        (json!({ "lag": 4000, "lagTolerance": null }), Ok, ""),
        (
            json!({ "lag": 6000, "lagTolerance": null }),
            Warning,
            "lag 6.00 s above 5 s",
        ),
        (
            json!({ "lag": 2000, "lagVerdict": "at_least" }),
            Warning,
            "lag 2.00 s",
        ),
        (
            json!({ "lag": 2000, "lagVerdict": "at_most" }),
            Unknown,
            "lag at most",
        ),
        (json!({ "lag": 300, "lagVerdict": "at_most" }), Ok, ""),
        (
            json!({ "lag": 300, "lagAsOf": NOW - 14_000 }),
            Unknown,
            "lag unknown for 14 s",
        ),
        (
            json!({ "lag": null, "lagVerdict": "unknown", "lagReason": "no grant" }),
            Unknown,
            "lag unknown: no grant",
        ),
        (
            json!({ "state": "down", "lag": null, "lagVerdict": "unknown", "observed": { "reason": "connection refused" } }),
            Critical,
            "down: connection refused",
        ),
        (
            json!({ "state": "connecting", "lag": null, "lagVerdict": "unknown" }),
            Unknown,
            "connecting",
        ),
        (json!({ "problem": "no address" }), Warning, "tree: no address"),
        (
            link_of(json!({ "state": "broken", "reason": "error 1062" })),
            Critical,
            "link broken: error 1062",
        ),
        (
            link_of(json!({ "state": "diverged", "name": "eu" })),
            Critical,
            "link eu diverged",
        ),
        (link_of(json!({ "state": "paused" })), Warning, "link paused"),
        (link_of(json!({ "state": "delayed" })), Ok, ""),
        (
            link_of(json!({ "runwayVerdict": "known", "runway": 3000 })),
            Ok,
            "",
        ),
        (
            link_of(json!({ "state": "connecting", "runwayVerdict": "known", "runway": 3000 })),
            Warning,
            "link connecting",
        ),
        (
            link_of(json!({ "state": "stopped", "runwayVerdict": "known", "runway": 500 })),
            Critical,
            "link: 8 m 20 s",
        ),
        (
            link_of(json!({ "runwayVerdict": "over" })),
            Critical,
            "link: what it needs",
        ),
        (
            json!({ "observed": { "drift": [{ "kind": "two_masters", "message": "both take writes" }] } }),
            Critical,
            "drift: both take writes",
        ),
        (
            json!({ "observed": { "drift": [{ "kind": "stranger", "message": "10.0.0.9 follows" }] } }),
            Warning,
            "drift: 10.0.0.9",
        ),
        (
            json!({ "observed": { "missing": [{ "what": "its links", "grant": "…" }] } }),
            Warning,
            "cannot read its links",
        ),
        (
            json!({ "observed": { "connections": { "used": 91, "max": 100 } } }),
            Warning,
            "91 of 100",
        ),
        (
            json!({ "observed": { "connections": { "used": 90, "max": 100 } } }),
            Ok,
            "",
        ),
    ] {
        let (found, first) = grade(more.clone());
        assert!(
            found == want && first.starts_with(says),
            "{more}: {found:?} {first:?}"
        );
    }
}

#[test]
fn what_is_certainly_bad_outweighs_what_nobody_knows() {
    assert_eq!(Grade::Unknown.or_worse(Grade::Warning), Grade::Warning);
    assert_eq!(Grade::Unknown.or_worse(Grade::Ok), Grade::Unknown);
    assert_eq!(Grade::Warning.or_worse(Grade::Critical), Grade::Critical);
}
