//! What existing clients rely on: paths, bodies, events, the stream.

use crate::support::{Monitor, TREE};
use serde_json::{Value, json};

#[test]
fn every_path_answers_as_promised() {
    let monitor = Monitor::start(TREE, &[]);
    let page = monitor.get("/");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let health = monitor.get("/api/health");
    assert_eq!(
        health.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(health.json()["ok"], true);
    assert!(health.json()["ts"].as_i64().unwrap() > 1_700_000_000_000);
    let shop = &monitor.json("/api/replicas")["shop"];
    assert_eq!(shop[0]["name"], "master");
    assert_eq!(
        (&shop[1]["role"], &shop[1]["dialect"]),
        (&json!("slave"), &json!("postgres"))
    );
    assert_eq!(
        (&shop[1]["lag"], &shop[1]["state"]),
        (&Value::Null, &json!("unknown"))
    );
    assert!(shop[1].get("poolUsage").is_none() && shop[1].get("lastPing").is_none());
    let rule = &monitor.json("/api/rules")[0];
    let want = json!({ "name": "copy", "source": "shop", "target": "10", "mode": "cdc", "collections": ["users"],
        "conflictResolution": "source-wins", "enabled": true });
    assert_eq!(rule, &want);
    assert_eq!(monitor.json("/api/routing")["shop"], "least-lag");
    assert_eq!(monitor.json("/api/routing")["9"], "round-robin");
}

#[test]
fn the_file_s_order_is_kept_also_for_names_that_look_like_numbers() {
    let text = Monitor::start(TREE, &[]).get("/api/replicas").text().to_owned();
    let places: Vec<_> = ["\"shop\":", "\"10\":", "\"9\":"]
        .iter()
        .map(|name| text.find(name).unwrap())
        .collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn other_paths_and_methods_are_refused() {
    let monitor = Monitor::start(TREE, &[]);
    for path in [
        "/nope",
        "/api/replicas/",
        "/API/replicas",
        "/api",
        "/api/replicas/x",
        "//api/replicas",
        "/..%2f",
    ] {
        let answer = monitor.get(path);
        assert_eq!(
            (answer.status, answer.text()),
            (404, r#"{"error":"not found"}"#),
            "{path}"
        );
    }
    let answer = monitor.request("DELETE", "/api/replicas", &[], "");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
    assert_eq!(monitor.get("/api/health?x=1&y").status, 200);
}

#[test]
fn head_answers_without_a_body() {
    let monitor = Monitor::start(TREE, &[]);
    let (get, head) = (
        monitor.get("/api/replicas"),
        monitor.request("HEAD", "/api/replicas", &[], ""),
    );
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    let stream = monitor.request("HEAD", "/api/stream", &[], "");
    assert_eq!(
        (stream.status, stream.header("content-type")),
        (200, Some("text/event-stream"))
    );
}

#[test]
fn what_a_client_has_already_is_not_sent_again() {
    let monitor = Monitor::start(TREE, &[]);
    let etag = monitor.get("/api/replicas").header("etag").unwrap().to_owned();
    let again = monitor.request("GET", "/api/replicas", &[("If-None-Match", &etag)], "");
    assert_eq!((again.status, again.body.len()), (304, 0));
    let packed = monitor.request("GET", "/api/snapshot", &[("Accept-Encoding", "gzip")], "");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]));
    let page = monitor.get("/");
    let style = page
        .text()
        .split('"')
        .find(|part| part.ends_with("app.css"))
        .unwrap();
    let (plain, packed) = (
        monitor.get(&format!("/{style}")),
        monitor.request(
            "GET",
            &format!("/{style}"),
            &[("Accept-Encoding", "br, gzip")],
            "",
        ),
    );
    assert_eq!(packed.header("content-encoding"), Some("br"));
    assert!(plain.header("content-encoding").is_none() && packed.body.len() * 2 < plain.body.len());
}

#[test]
fn the_first_events_tell_what_is_there() {
    let events = Monitor::start(TREE, &[]).json("/api/events");
    let types: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    let added = ["replica.added"; 4];
    assert_eq!(types, [&added[..], &["rule.added", "replica.state"]].concat());
    let last = &events[5];
    assert_eq!(
        (&last["project"], &last["replica"], &last["state"]),
        (&json!("_monitor_"), &json!("server"), &json!("up"))
    );
    assert!(last.get("lag").is_none());
}

#[test]
fn the_keys_of_an_event_stand_in_the_original_s_order() {
    let text = Monitor::start(TREE, &[]).get("/api/events").text().to_owned();
    let first = &text[1..text.find('}').unwrap()];
    let keys: Vec<_> = first
        .trim_start_matches('{')
        .split(',')
        .map(|pair| pair.split(':').next().unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "\"type\"",
            "\"project\"",
            "\"replica\"",
            "\"role\"",
            "\"ts\"",
            "\"seq\""
        ]
    );
}

#[test]
fn the_stream_replays_the_last_20_and_goes_on() {
    let replicas: Vec<String> = (0..30)
        .map(|n| format!("\"r{n}\":{{\"role\":\"slave\"}}"))
        .collect();
    let tree = |rules: &str| {
        format!(
            "{{\"replicas\":{{\"p\":{{{}}}}},\"rules\":{{{rules}}}}}",
            replicas.join(",")
        )
    };
    let monitor = Monitor::start(&tree(""), &[]);
    let mut stream = monitor.stream("");
    for header in [
        "content-type: text/event-stream",
        "cache-control: no-cache",
        "x-accel-buffering: no",
    ] {
        assert!(stream.head.contains(header), "{}", stream.head);
    }
    let all = monitor.json("/api/events");
    let all = all.as_array().unwrap();
    for event in &all[all.len() - 20..] {
        assert_eq!(&stream.event(), event);
    }
    monitor.write_tree(&tree(r#""late":{"source":"p","target":"p","mode":"cdc"}"#));
    let added = stream.event();
    assert_eq!(
        (&added["type"], &added["rule"]),
        (&json!("rule.added"), &json!("late"))
    );
}

#[test]
fn a_listener_that_comes_back_misses_nothing_and_sees_nothing_twice() {
    let monitor = Monitor::start(TREE, &[]);
    let mut stream = monitor.stream("");
    let seen: Vec<u64> = (0..3).map(|_| stream.next().unwrap().id.unwrap()).collect();
    drop(stream);
    let mut again = monitor.stream(&format!("Last-Event-ID: {}\r\n", seen[2]));
    let next: Vec<u64> = (0..3).map(|_| again.next().unwrap().id.unwrap()).collect();
    assert_eq!(next, [seen[2] + 1, seen[2] + 2, seen[2] + 3]);
    // A number from another run is too old: told so by name, then the last events.
    let mut stranger = monitor.stream("Last-Event-ID: 5\r\n");
    assert_eq!(stranger.next().unwrap().event.as_deref(), Some("resync"));
    assert_eq!(stranger.next().unwrap().id, Some(seen[0]));
}

/// What the original's page does: the token in every address, three lists every two seconds, `onmessage` and a reconnect.
#[test]
fn a_client_of_the_original_works_unchanged() {
    let monitor = Monitor::start(TREE, &["--token", "s3cret"]);
    assert_eq!(monitor.get("/?token=s3cret").status, 200);
    let poll = |path: &str| monitor.json(&format!("{path}?token=s3cret"));
    assert_eq!(poll("/api/replicas").as_object().unwrap().len(), 3);
    assert!(poll("/api/rules").is_array() && poll("/api/events").is_array());
    let mut messages = Vec::new();
    for _ in 0..2 {
        let mut stream = monitor.stream_at("/api/stream?token=s3cret", "");
        // `onmessage` hears what has no name of its own, and shows any type as it is.
        let unnamed = std::iter::from_fn(|| stream.next()).filter(|message| message.event.is_none());
        let events = unnamed.map(|message| serde_json::from_str::<Value>(&message.data).unwrap());
        messages.extend(events.take(6));
    }
    for event in &messages {
        assert!(event["type"].is_string() && event["ts"].is_i64(), "{event}");
    }
    assert_eq!(messages[..6], messages[6..], "each connection replays");
}

#[test]
fn a_promotion_tells_both_sides() {
    let monitor = Monitor::start(TREE, &[]);
    let mut stream = monitor.stream("");
    while stream.event()["project"] != "_monitor_" {}
    let swapped = TREE
        .replace(r#""role": "slave""#, r#""role": "x""#)
        .replacen(r#""role": "master""#, r#""role": "slave""#, 1)
        .replace(r#""role": "x""#, r#""role": "master""#);
    monitor.write_tree(&swapped);
    let (demoted, promoted) = (stream.event(), stream.event());
    assert_eq!(
        (&demoted["type"], &demoted["replica"], &demoted["role"]),
        (&json!("replica.state"), &json!("master"), &json!("slave"))
    );
    assert_eq!(
        (&promoted["type"], &promoted["replica"]),
        (&json!("replica.promoted"), &json!("slave-1"))
    );
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_streams_and_the_process_in_time() {
    for signal in ["TERM", "INT"] {
        let monitor = Monitor::start(TREE, &[]);
        let mut stream = monitor.stream("");
        let stuck = monitor.raw(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let half = monitor.raw(b"GET /api/he");
        stream.event();
        let (code, took) = monitor.terminate(signal);
        assert_eq!(code, Some(0), "{signal}");
        assert!(took.as_secs() < 2, "{signal} took {took:?}");
        while stream.next().is_some() {}
        drop((stuck, half));
    }
}

#[test]
fn the_whole_snapshot_names_its_number_and_what_can_be_done() {
    let whole = Monitor::start(TREE, &[]).json("/api/snapshot");
    assert!(whole["seq"].as_u64().unwrap() > 0);
    assert_eq!(
        whole["capabilities"],
        json!({ "measuresLag": false, "commands": [] })
    );
    assert_eq!(whole["source"]["live"], false);
    assert_eq!(whole["projects"][1]["name"], "10");
    assert_eq!(whole["problems"], json!([]));
    assert!(
        whole["projects"][0]["replicas"][1]["lagReason"]
            .as_str()
            .unwrap()
            .contains("not measured")
    );
}

#[test]
fn the_page_s_stream_continues_from_its_snapshot() {
    let monitor = Monitor::start(TREE, &[]);
    let seq = monitor.json("/api/snapshot")["seq"].as_u64().unwrap();
    let mut live = monitor.stream_at(&format!("/api/live?after={seq}"), "");
    let hello = live.next().unwrap();
    assert_eq!(hello.event.as_deref(), Some("hello"));
    monitor.write_tree(&TREE.replace("\"copy\"", "\"moved\""));
    // Its snapshot holds the first events already; only what came later is told.
    let (reload, log) = (live.next().unwrap(), live.next().unwrap());
    assert_eq!(reload.event.as_deref(), Some("reload"), "{reload:?}");
    assert_eq!(log.event.as_deref(), Some("log"), "{log:?}");
    assert!(log.data.contains("\"rule.added\"") && reload.id > Some(seq));
    let mut stranger = monitor.stream_at("/api/live?after=5", "");
    let words = [stranger.next().unwrap().event, stranger.next().unwrap().event];
    assert_eq!(words, [Some("hello".to_owned()), Some("reload".to_owned())]);
}

#[test]
fn the_api_documents_itself_from_its_code() {
    let monitor = Monitor::start(TREE, &[]);
    let document = monitor.json("/api/openapi.json");
    let paths: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for path in [
        "/api/health",
        "/api/replicas",
        "/api/rules",
        "/api/routing",
        "/api/snapshot",
        "/api/events",
        "/api/stream",
        "/api/live",
        "/api/openapi.json",
        "/healthz",
        "/readyz",
    ] {
        assert!(paths.contains(&path), "{path} is not among {paths:?}");
        assert!(
            document["paths"][path]["get"]["responses"]["200"]["description"].is_string(),
            "{path}"
        );
    }
    assert!(document["paths"]["/api/events"]["post"].is_object());
    let schemas = &document["components"]["schemas"];
    let documented = fields(schemas, &schemas["ReplicaBrief"]);
    let told = monitor.json("/api/replicas");
    for name in told["shop"][1].as_object().unwrap().keys() {
        assert!(documented.contains(name), "{name} is not among {documented:?}");
    }
}

/// The names of the fields of `schema`, those of the schemas that it is made of included.
fn fields(schemas: &Value, schema: &Value) -> Vec<String> {
    let own = schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys().cloned());
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let named = schema["$ref"]
        .as_str()
        .and_then(|name| name.strip_prefix("#/components/schemas/"));
    let others = parts.chain(named.map(|name| &schemas[name]));
    own.chain(others.flat_map(|part| fields(schemas, part))).collect()
}
