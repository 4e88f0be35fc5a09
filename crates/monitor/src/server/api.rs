//! The read-only answers: each hands out a body that was rendered once.

use super::hand_out::hand_out;
use super::{Site, error};
use crate::body::Body;
use crate::clock::now_ms;
use crate::wire::{EventInfo, ReplicaBrief, ReplicaInfo, RuleInfo, SnapshotInfo};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use replica_core::ReplicaKey;
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

/// One replica with all that is known of it: what its server says, its links, the evidence.
#[utoipa::path(get, path = "/api/replicas/{project}/{replica}", params(("project" = String, Path, description = "Percent-encoded"), ("replica" = String, Path, description = "Percent-encoded")), responses((status = 200, description = "As in the snapshot", body = ReplicaInfo), (status = 404, description = "No such replica", body = ErrorInfo)))]
pub(super) async fn replica(
    State(site): TheSite,
    Path((project, replica)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    match site
        .hub
        .now()
        .snapshot
        .replica(&ReplicaKey::new(project, replica))
    {
        Some(replica) => answer(&Body::json(&ReplicaInfo::from(replica)), &headers),
        None => error(StatusCode::NOT_FOUND, "no such replica"),
    }
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

/// The last events, oldest first; with any of the parameters, those of the history, for as long as they are kept, or of the last ones where none is kept.
#[utoipa::path(get, path = "/api/events", params(("before" = Option<u64>, Query, description = "Only those with a smaller `seq`"), ("type" = Option<String>, Query, description = "Only those of that type"), ("project" = Option<String>, Query, description = "Only those of that project"), ("from" = Option<i64>, Query, description = "Not before that time, in milliseconds since 1970"), ("to" = Option<i64>, Query, description = "Before that time"), ("limit" = Option<usize>, Query, description = "The newest so many, at most 1 000; 200 if left out")), responses((status = 200, description = "At most 200, or `limit`", body = Vec<EventInfo>), (status = 400, description = "What is wrong with the query", body = ErrorInfo)))]
pub(super) async fn events(State(site): TheSite, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    match super::history::events(&site, query.as_deref().unwrap_or_default()).await {
        Some(kept) => kept,
        None => answer(site.hub.now().events(), &headers),
    }
}

/// JSON of the moment: browsers ask each time whether it is still true.
pub(super) fn answer(body: &Body, headers: &HeaderMap) -> Response {
    hand_out(body, JSON, "no-cache", headers)
}
