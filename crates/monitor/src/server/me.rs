//! `/api/me`: who asks, what that allows, and what this monitor has to offer: so that nobody is offered what would be refused.

use super::auth::Identity;
use super::{Site, api};
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Who asks, and what there is for them.
#[derive(Serialize, ToSchema)]
struct MeInfo {
    /// The name of the token that was shown; null where none was.
    name: Option<String>,
    /// `operator` (may write), `viewer`, or null: nobody in particular.
    role: Option<&'static str>,
    /// Whether anybody can be an operator here: whether such a token was set.
    operators: bool,
    /// Whether alerts are watched for (`/api/alerts`).
    alerts: bool,
    /// Whether a history is kept (`/api/history`, `/api/at`).
    history: bool,
}

/// Who asks, and what this monitor has to offer.
#[utoipa::path(get, path = "/api/me", responses((status = 200, description = "By the token or the cookie that was shown", body = MeInfo)))]
pub(super) async fn me(State(site): State<Arc<Site>>, who: Option<Extension<Identity>>) -> Response {
    let who = who.as_deref();
    let body = serde_json::to_vec(&MeInfo {
        name: who.map(|who| who.name.to_string()),
        role: who.map(|who| who.role.word()),
        operators: site.access.has_operators(),
        alerts: site.alerts.is_some(),
        history: site.shelf.is_some(),
    })
    .unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, api::JSON),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}
