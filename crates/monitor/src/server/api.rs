//! The read-only answers: each hands out a body that was rendered once.

use super::{Site, error};
use crate::body::{Body, Encoding};
use crate::clock::now_ms;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

pub(super) const JSON: &str = "application/json; charset=utf-8";

type TheSite = State<Arc<Site>>;

pub(super) async fn health() -> Response {
    let body = format!("{{\"ok\":true,\"ts\":{}}}", now_ms());
    ([(header::CONTENT_TYPE, JSON)], body).into_response()
}

/// Ready: the source has answered, and still does.
pub(super) async fn ready(State(site): TheSite) -> Response {
    let now = site.hub.now();
    match (now.ready, now.stalled_since) {
        (true, None) => ([(header::CONTENT_TYPE, JSON)], "{\"ready\":true}").into_response(),
        (false, _) => error(StatusCode::SERVICE_UNAVAILABLE, "the source has not answered yet"),
        (true, Some(_)) => error(StatusCode::SERVICE_UNAVAILABLE, "the source no longer answers"),
    }
}

pub(super) async fn replicas(State(site): TheSite, headers: HeaderMap) -> Response {
    answer(site.hub.now().replicas(), &headers)
}

pub(super) async fn rules(State(site): TheSite, headers: HeaderMap) -> Response {
    answer(site.hub.now().rules(), &headers)
}

pub(super) async fn routing(State(site): TheSite, headers: HeaderMap) -> Response {
    answer(site.hub.now().routing(), &headers)
}

pub(super) async fn snapshot(State(site): TheSite, headers: HeaderMap) -> Response {
    answer(site.hub.now().whole(), &headers)
}

pub(super) async fn events(State(site): TheSite, headers: HeaderMap) -> Response {
    answer(site.hub.now().events(), &headers)
}

/// The body, packed as the client likes it, or 304 when it has it already.
fn answer(body: &Body, headers: &HeaderMap) -> Response {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let known = text(header::IF_NONE_MATCH);
    let common = [
        (header::ETAG, body.etag()),
        (header::VARY, "accept-encoding"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    if known
        .split(',')
        .any(|tag| matches!(tag.trim(), "*") || tag.trim() == body.etag())
    {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let (bytes, encoding) = body.encoded(Encoding::of(text(header::ACCEPT_ENCODING)));
    let mut response = ([(header::CONTENT_TYPE, JSON)], common, bytes).into_response();
    if let Some(name) = encoding.header() {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, header::HeaderValue::from_static(name));
    }
    response
}
