//! HTTP: the site on one page, from the paths down to the connections.
//!
//! Nothing is computed here: answers are bodies that the hub has, or will have, rendered once.

mod agent;
mod alerts;
mod api;
pub(crate) mod auth;
mod balance;
mod connection;
mod discovery;
mod events;
mod followed;
mod guard;
mod hand_out;
mod history;
mod me;
mod metrics;
mod openapi;
mod page;
mod stream;
mod tls;
pub(crate) mod token;
mod token_file;

pub(crate) use agent::serve_agents;
pub(crate) use connection::{Limits, serve};
pub(crate) use history::Shelf;
pub(crate) use metrics::whole_text;
pub(crate) use tls::Tls;
pub use tls::{TlsError, TlsFiles};
pub(crate) use token_file::TokenFile;

use crate::alert::Alerts;
use crate::clock::now_ms;
use crate::hub::Hub;
use crate::push::Counts;
use auth::Access;
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What every answer may need.
pub(crate) struct Site {
    pub(crate) hub: Hub,
    pub(crate) access: Access,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) streams: AtomicUsize,
    pub(crate) max_streams: usize,
    /// How often a listener was too slow and began anew.
    pub(crate) resynced: AtomicU64,
    /// The history, where one is kept.
    pub(crate) shelf: Option<Arc<Shelf>>,
    /// What is wrong, where that is watched.
    pub(crate) alerts: Option<Arc<Alerts>>,
    pub(crate) started_ms: i64,
    /// How sending the metrics goes, where they are sent.
    pub(crate) pushes: OnceLock<Vec<Arc<Counts>>>,
    /// Applications that are told to wait, whatever the lag.
    pub(crate) denied_apps: Vec<String>,
    /// Whether browsers reach it over TLS; then the cookie says so.
    pub(crate) secure: bool,
}

impl Site {
    /// A site without limits of its own, reached in the clear.
    pub(crate) fn new(hub: Hub, access: Access) -> Self {
        Self {
            hub,
            access,
            allow_hosts: Vec::new(),
            streams: AtomicUsize::new(0),
            max_streams: usize::MAX,
            resynced: AtomicU64::new(0),
            shelf: None,
            alerts: None,
            started_ms: now_ms(),
            pushes: OnceLock::new(),
            denied_apps: Vec::new(),
            secure: false,
        }
    }
}

/// Every path.
pub(crate) fn router(site: Arc<Site>) -> Router {
    let (documented, _) = paths().split_for_parts();
    let guarded = documented
        .route("/", get(page::index))
        .route("/a/{build}/{*file}", get(page::asset))
        .method_not_allowed_fallback(async || error(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"))
        .fallback(async || error(StatusCode::NOT_FOUND, "not found"))
        .layer(from_fn_with_state(Arc::clone(&site), guard::guard));
    let (open, _) = probes().split_for_parts();
    guarded.merge(open).with_state(site)
}

/// `/metrics` alone, for a port that only Prometheus can reach; whoever asks is judged as everywhere.
pub(crate) fn metrics_router(site: Arc<Site>) -> Router {
    let (documented, _) = OpenApiRouter::new()
        .routes(routes!(metrics::metrics))
        .split_for_parts();
    documented
        .method_not_allowed_fallback(async || error(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"))
        .fallback(async || error(StatusCode::NOT_FOUND, "not found"))
        .layer(from_fn_with_state(Arc::clone(&site), guard::guard))
        .with_state(site)
}

/// The API, with its documentation.
fn paths() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(api::health))
        .routes(routes!(api::replicas))
        .routes(routes!(api::replica))
        .routes(routes!(api::rules))
        .routes(routes!(api::routing))
        .routes(routes!(api::snapshot))
        .routes(routes!(api::events, events::tell))
        .routes(routes!(stream::stream))
        .routes(routes!(stream::live))
        .routes(routes!(balance::primary))
        .routes(routes!(balance::is_primary))
        .routes(routes!(balance::replica))
        .routes(routes!(balance::read_only))
        .routes(routes!(balance::is_readable))
        .routes(routes!(balance::route))
        .routes(routes!(balance::check))
        .routes(routes!(history::history))
        .routes(routes!(history::at))
        .routes(routes!(me::me))
        .routes(routes!(alerts::alerts))
        .routes(routes!(alerts::ack))
        .routes(routes!(alerts::silence))
        .routes(routes!(alerts::unsilence))
        .routes(routes!(metrics::metrics))
        .routes(routes!(discovery::discovery))
        .routes(routes!(openapi::openapi))
}

/// Whoever starts and restarts the monitor has no token; these tell nothing but "it works".
fn probes() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(api::alive))
        .routes(routes!(api::ready))
}

/// `{"error":"…"}`.
pub(crate) fn error(status: StatusCode, message: &str) -> Response {
    let body = serde_json::to_vec(&api::ErrorInfo { error: message }).unwrap_or_default();
    (status, [("content-type", api::JSON)], body).into_response()
}
