//! HTTP: the site on one page, from the paths down to the connections.
//!
//! Nothing is computed here: answers are bodies that the hub has, or will have, rendered once.

mod api;
pub(crate) mod auth;
mod connection;
mod events;
mod guard;
mod page;
mod stream;
mod tls;
pub(crate) mod token;

pub(crate) use connection::{Limits, serve};
pub(crate) use tls::Tls;
pub use tls::{TlsError, TlsFiles};

use crate::hub::Hub;
use auth::Access;
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::watch;

/// What every answer may need.
pub(crate) struct Site {
    pub(crate) hub: Hub,
    pub(crate) access: Access,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) streams: AtomicUsize,
    pub(crate) max_streams: usize,
    /// Whether browsers reach it over TLS; then the cookie says so.
    pub(crate) secure: bool,
    /// Turns true when the monitor is stopping.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Every path.
pub(crate) fn router(site: Arc<Site>) -> Router {
    let reading = Router::new()
        .route("/", get(page::index))
        .route("/a/{build}/{*file}", get(page::asset))
        .route("/api/health", get(api::health))
        .route("/api/replicas", get(api::replicas))
        .route("/api/rules", get(api::rules))
        .route("/api/routing", get(api::routing))
        .route("/api/snapshot", get(api::snapshot))
        .route("/api/events", get(api::events).merge(post(events::tell)))
        .route("/api/stream", get(stream::stream))
        .route("/api/live", get(stream::live))
        .method_not_allowed_fallback(async || error(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"))
        .fallback(async || error(StatusCode::NOT_FOUND, "not found"))
        .layer(from_fn_with_state(Arc::clone(&site), guard::guard));
    // Whoever starts and restarts the monitor has no token; these tell nothing but "it works".
    let open = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(api::ready));
    reading.merge(open).with_state(site)
}

/// `{"error":"…"}`.
pub(crate) fn error(status: StatusCode, message: &str) -> Response {
    let body = serde_json::json!({ "error": message }).to_string();
    (status, [("content-type", api::JSON)], body).into_response()
}
