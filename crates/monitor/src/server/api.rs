//! The read-only answers: each hands out a body that was rendered once.

use super::{Site, error};
use crate::body::{Body, Encoding};
use crate::clock::now_ms;
use crate::wire::{EventInfo, ReplicaBrief, RuleInfo, SnapshotInfo};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use utoipa::ToSchema;

pub(super) const JSON: &str = "application/json; charset=utf-8";

/// The process answers.
#[derive(serde::Serialize, ToSchema)]
struct Health {
    ok: bool,
    /// Its clock, in milliseconds since 1970.
    ts: i64,
}

/// What went wrong, in words.
#[derive(serde::Serialize, ToSchema)]
pub(super) struct ErrorInfo<'a> {
    pub(super) error: &'a str,
}

type TheSite = State<Arc<Site>>;

/// Whether the process lives. Needs no token.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "ok", body = String)))]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether the process answers.
#[utoipa::path(get, path = "/api/health", responses((status = 200, description = "It does", body = Health)))]
pub(super) async fn health() -> Response {
    let body = serde_json::to_vec(&Health {
        ok: true,
        ts: now_ms(),
    })
    .unwrap_or_default();
    ([(header::CONTENT_TYPE, JSON)], body).into_response()
}

/// Whether the source has answered, and still does. Needs no token.
#[utoipa::path(get, path = "/readyz", responses((status = 200, description = "Ready"), (status = 503, description = "Not ready, and why", body = ErrorInfo)))]
pub(super) async fn ready(State(site): TheSite) -> Response {
    let now = site.hub.now();
    match (now.ready, now.stalled_since) {
        (true, None) => ([(header::CONTENT_TYPE, JSON)], "{\"ready\":true}").into_response(),
        (false, _) => error(StatusCode::SERVICE_UNAVAILABLE, "the source has not answered yet"),
        (true, Some(_)) => error(StatusCode::SERVICE_UNAVAILABLE, "the source no longer answers"),
    }
}

/// Every replica, project by project.
#[utoipa::path(get, path = "/api/replicas", responses((status = 200, description = "In the source's order", body = HashMap<String, Vec<ReplicaBrief>>)))]
pub(super) async fn replicas(State(site): TheSite, headers: HeaderMap) -> Response {
    answer(site.hub.now().replicas(), &headers)
}

/// Every rule.
#[utoipa::path(get, path = "/api/rules", responses((status = 200, description = "In the source's order", body = Vec<RuleInfo>)))]
pub(super) async fn rules(State(site): TheSite, headers: HeaderMap) -> Response {
    answer(site.hub.now().rules(), &headers)
}

/// How reads of each project are spread.
#[utoipa::path(get, path = "/api/routing", responses((status = 200, description = "Project to strategy", body = HashMap<String, String>)))]
pub(super) async fn routing(State(site): TheSite, headers: HeaderMap) -> Response {
    answer(site.hub.now().routing(), &headers)
}

/// Everything at once.
#[utoipa::path(get, path = "/api/snapshot", responses((status = 200, description = "All that is known", body = SnapshotInfo)))]
pub(super) async fn snapshot(State(site): TheSite, headers: HeaderMap) -> Response {
    answer(site.hub.now().whole(), &headers)
}

/// The last events, oldest first.
#[utoipa::path(get, path = "/api/events", responses((status = 200, description = "At most 200", body = Vec<EventInfo>)))]
pub(super) async fn events(State(site): TheSite, headers: HeaderMap) -> Response {
    answer(site.hub.now().events(), &headers)
}

/// The body, packed as the client likes it, or 304 when it has it already.
pub(super) fn answer(body: &Body, headers: &HeaderMap) -> Response {
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
