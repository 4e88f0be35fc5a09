//! `GET /api/sd`: the watched servers as targets for Prometheus's `http_sd`, for exporters that run beside them.
//!
//! Host and port are told, never the rest of an address.

use super::{Site, api};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// One server.
#[derive(Serialize, ToSchema)]
pub(super) struct Target {
    /// `host:port`, alone.
    targets: [String; 1],
    /// `__meta_replica_project`, `__meta_replica_name`, `__meta_replica_role`, `__meta_replica_dialect`.
    labels: BTreeMap<&'static str, String>,
}

/// The watched servers.
#[utoipa::path(get, path = "/api/sd", responses((status = 200, description = "In the form of Prometheus's HTTP service discovery", body = Vec<Target>)))]
pub(super) async fn discovery(State(site): State<Arc<Site>>) -> Response {
    let now = site.hub.now();
    let known = site.hub.addresses().await;
    let target = |(key, address)| {
        // One that has just left the tree is no target any more.
        let replica = now.snapshot.replica(&key)?;
        let dialect = replica.dialect.as_ref().map_or("", |dialect| dialect.name());
        let labels = BTreeMap::from([
            ("__meta_replica_project", key.project.to_string()),
            ("__meta_replica_name", key.replica.to_string()),
            ("__meta_replica_role", replica.role.word().to_owned()),
            ("__meta_replica_dialect", dialect.to_owned()),
        ]);
        Some(Target {
            targets: [address],
            labels,
        })
    };
    let targets: Vec<Target> = known.into_iter().filter_map(target).collect();
    let body = serde_json::to_vec(&targets).unwrap_or_default();
    ([(header::CONTENT_TYPE, api::JSON)], body).into_response()
}
