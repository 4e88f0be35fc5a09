//! Events told by another process: `POST /api/events`.
//!
//! They are recorded and passed on; they change nothing else. Everyone who tells is named in the audit.

use super::api::ErrorInfo;
use super::auth::Identity;
use super::{Site, error, guard};
use crate::clock::now_ms;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use replica_core::{Event, EventKind};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The most events in one request; the body's size is bounded by the server.
const MAX_EVENTS: usize = 1000;
/// The longest `type`.
const MAX_TYPE: usize = 100;
/// The deepest nesting of one event. Readers have limits, too, and an answer holds events in lists.
const MAX_DEPTH: usize = 64;

/// Tells one event, or a list of up to 1 000: `{"type": "…", …}`. Needs the operator's token.
#[utoipa::path(post, path = "/api/events",
    request_body(description = "An object with a `type`, or a list of them", content = Value),
    responses((status = 202, description = "Taken"), (status = 400, description = "What is wrong, by event and field", body = ErrorInfo),
        (status = 403, description = "Not an operator", body = ErrorInfo), (status = 503, description = "Too busy", body = ErrorInfo)))]
pub(super) async fn tell(
    State(site): State<Arc<Site>>,
    identity: Option<Extension<Identity>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let who = match guard::operator(identity.as_deref(), &method, &headers) {
        Ok(identity) => identity.name.clone(),
        Err(refusal) => return error(StatusCode::FORBIDDEN, refusal),
    };
    let mut events = match parse(&body, now_ms()) {
        Ok(events) => events,
        Err(why) => return error(StatusCode::BAD_REQUEST, &why),
    };
    let accepted = events.len();
    let detail = format!("told {accepted} event(s)");
    let audit = EventKind::Audit {
        who,
        action: "events.tell".to_owned(),
        detail,
    };
    events.push(Event::new(now_ms(), audit));
    match site.hub.tell(events) {
        Ok(()) => (
            StatusCode::ACCEPTED,
            [("content-type", super::api::JSON)],
            format!("{{\"accepted\":{accepted}}}"),
        )
            .into_response(),
        Err(busy) => error(StatusCode::SERVICE_UNAVAILABLE, &busy.to_string()),
    }
}

/// One event object, or a list of them.
fn parse(body: &[u8], now: i64) -> Result<Vec<Event>, String> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let items = match value {
        Value::Array(items) => items,
        one => vec![one],
    };
    if items.is_empty() || items.len() > MAX_EVENTS {
        return Err(format!("send 1 to {MAX_EVENTS} events"));
    }
    let event = |(at, item): (usize, Value)| match item {
        item if depth(&item) > MAX_DEPTH => {
            Err(format!("event {at}: is nested more than {MAX_DEPTH} levels deep"))
        }
        Value::Object(fields) => one(fields, now).map_err(|why| format!("event {at}: {why}")),
        _ => Err(format!("event {at}: must be an object")),
    };
    items.into_iter().enumerate().map(event).collect()
}

/// How deep lists and objects nest. The parser has bounded that, so recursion is safe.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn one(mut fields: Map<String, Value>, now: i64) -> Result<Event, String> {
    let kind = match fields.remove("type") {
        Some(Value::String(kind)) if !kind.is_empty() && kind.len() <= MAX_TYPE => kind,
        _ => return Err(format!("`type` must be a text of 1 to {MAX_TYPE} characters")),
    };
    let ts = match fields.remove("ts") {
        None | Some(Value::Null) => now,
        Some(ts) => ts.as_i64().ok_or("`ts` must be whole milliseconds since 1970")?,
    };
    Ok(Event::new(ts, EventKind::Custom { kind, fields }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_the_event_and_the_field() {
        for (body, want) in [
            ("{", "the body is not JSON"),
            ("[]", "send 1 to 1000 events"),
            ("5", "event 0: must be an object"),
            (r#"[{"type":"a"},{"type":""}]"#, "event 1: `type` must be"),
            (r#"{"type":"a","ts":"now"}"#, "event 0: `ts` must be"),
        ] {
            let why = parse(body.as_bytes(), 7).unwrap_err();
            assert!(why.starts_with(want), "{why}");
        }
        let nested = |levels| {
            format!(
                r#"{{"type":"a","x":{}1{}}}"#,
                "[".repeat(levels),
                "]".repeat(levels)
            )
        };
        assert!(parse(nested(MAX_DEPTH - 1).as_bytes(), 7).is_ok());
        let why = parse(nested(MAX_DEPTH).as_bytes(), 7).unwrap_err();
        assert_eq!(why, "event 0: is nested more than 64 levels deep");
        let told = parse(br#"{"type":"deploy","version":"1.2"}"#, 7).unwrap();
        assert_eq!(told[0].ts, 7);
    }
}
