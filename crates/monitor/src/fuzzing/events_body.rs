//! Any body of `POST /api/events` is answered; what is accepted goes out as it came.

use super::client::{self, messages};
use super::house::{self, House, OPERATOR, RING, request};
use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::{Method, StatusCode, Uri};
use http_body::Body as _;
use replica_core::{Event, EventKind};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Input: the body.
pub fn events_body(data: &[u8]) {
    house::visit(|house| {
        let before = house.hub.now().seq;
        let bearer = format!("Bearer {OPERATOR}");
        let headers = [(AUTHORIZATION, bearer.as_bytes())];
        let answer = house.ask(&house.open, request(Method::POST, &events_path(), &headers, data));
        let status = answer.status();
        let said: Value = serde_json::from_slice(&house.read(answer)).expect("JSON");
        match acceptable(data) {
            Some(events) => {
                assert_eq!(
                    (status, &said),
                    (StatusCode::ACCEPTED, &json!({"accepted": events.len()}))
                );
                house.settle(before + events.len() as u64 + 1);
                passed_on(house, before, events);
            }
            None => {
                assert_eq!(status, StatusCode::BAD_REQUEST, "{said}");
                assert!(
                    said["error"].as_str().is_some_and(|why| !why.is_empty()),
                    "{said}"
                );
            }
        }
    });
}

fn events_path() -> Uri {
    Uri::from_static("/api/events")
}

/// The events of a body that the API takes, as it documents itself.
fn acceptable(body: &[u8]) -> Option<Vec<Map<String, Value>>> {
    let items = match serde_json::from_slice(body).ok()? {
        Value::Array(items) => items,
        one => vec![one],
    };
    // A JSON text of more than 127 levels is not read: so these leave 64 for the event.
    let around = ["[", "]"].map(|bracket| bracket.repeat(63));
    let is_deep = |item: &Value| serde_json::from_str::<Value>(&around.join(&item.to_string())).is_err();
    let event = |item| match item {
        item if is_deep(&item) => None,
        Value::Object(fields) => is_event(&fields).then_some(fields),
        _ => None,
    };
    let events: Vec<_> = items.into_iter().map(event).collect::<Option<_>>()?;
    (1..=1000).contains(&events.len()).then_some(events)
}

fn is_event(fields: &Map<String, Value>) -> bool {
    let kind = fields.get("type").and_then(Value::as_str);
    let ts = fields.get("ts").unwrap_or(&Value::Null);
    kind.is_some_and(|kind| (1..=100).contains(&kind.len())) && (ts.is_null() || ts.is_i64())
}

/// The listeners and the log of activity hear of the events after `before` and then of who told them, in order.
fn passed_on(house: &House, before: u64, events: Vec<Map<String, Value>>) {
    let bytes = stream(house, before);
    let told = messages(&bytes);
    let count = events.len() as u64;
    assert!(
        told.iter()
            .map(|(seq, _)| *seq)
            .eq(before + 1..=before + count + 1)
    );
    for ((seq, json), mut fields) in told.iter().zip(events) {
        let read = client::read(json);
        let ts = fields.get("ts").and_then(Value::as_i64).unwrap_or(read.ts);
        let kind = fields
            .remove("type")
            .and_then(|kind| kind.as_str().map(str::to_owned));
        let kind = kind.expect("a type");
        read.says(&Event::new(ts, EventKind::Custom { kind, fields }), *seq);
    }
    let audit = client::read(told.last().expect("the audit").1);
    assert_eq!(
        (&*audit.kind, &audit.fields["who"]),
        ("audit", &json!("operator"))
    );
    assert_eq!(audit.fields["detail"], format!("told {count} event(s)"));
    let recent = house.read(house.ask(&house.open, request(Method::GET, &events_path(), &[], b"")));
    serde_json::from_slice::<Value>(&recent).expect("JSON that can be read whole");
    let recent: Vec<&RawValue> = serde_json::from_slice(&recent).expect("a list");
    let (recent, told) = (
        recent.iter().rev().map(|json| json.get()),
        told.iter().rev().map(|(_, json)| *json),
    );
    assert!(recent.len() <= RING && recent.zip(told).all(|(recent, told)| recent == told));
}

/// What a listener that resumes after `seq` reads until it has to wait.
fn stream(house: &House, seq: u64) -> Vec<u8> {
    let id = seq.to_string();
    let headers = [(HeaderName::from_static("last-event-id"), id.as_bytes())];
    let uri = Uri::from_static("/api/stream");
    let answer = house.ask(&house.open, request(Method::GET, &uri, &headers, b""));
    assert_eq!(answer.status(), StatusCode::OK);
    let (mut body, mut bytes) = (answer.into_body(), Vec::new());
    while let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        let frame = frame.expect("a stream goes on").expect("a stream does not fail");
        bytes.extend(frame.into_data().expect("no trailers"));
    }
    bytes
}
