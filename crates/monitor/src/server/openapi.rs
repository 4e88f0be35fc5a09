//! `GET /api/openapi.json`: derived from the handlers and the wire types when the first client asks.

use crate::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::LazyLock;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(info(
    title = "replica-monitor",
    description = "Whether database replicas and cross-database flows keep up."
))]
struct Document;

static BODY: LazyLock<Body> = LazyLock::new(|| {
    let mut document = Document::openapi();
    for router in [super::paths(), super::probes()] {
        document.merge(router.into_openapi());
    }
    Body::json(&document)
});

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", responses((status = 200, description = "The OpenAPI document")))]
pub(super) async fn openapi(headers: HeaderMap) -> Response {
    super::api::answer(&BODY, &headers)
}
