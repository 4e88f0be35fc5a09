//! `GET /metrics`: what the snapshot says, rendered once, and what the monitor says of itself, at every scrape.

use super::Site;
use crate::body::{Body, Encoding};
use crate::metrics::{Format, Own, Process, of_monitor};
use crate::published::Published;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What is known now, for Prometheus.
#[utoipa::path(get, path = "/metrics", responses((status = 200, description = "Prometheus text 0.0.4, or OpenMetrics 1.0 where `accept` asks for it", content_type = "text/plain", body = String)))]
pub(super) async fn metrics(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let format = Format::of(text(header::ACCEPT));
    // A gzip file may be two, one behind the other, and unpacks to both texts; brotli knows nothing like it.
    let wanted = Encoding::gzip_at_best(text(header::ACCEPT_ENCODING));
    let now = site.hub.now();
    let (snapshot, encoding) = now.metrics(format).encoded(wanted);
    let own = Body::new(of_monitor(&Own::of(&site, &now), format).into()).packed(encoding);
    let mut response = (
        [
            (header::CONTENT_TYPE, format.content_type()),
            (header::VARY, "accept, accept-encoding"),
        ],
        [&snapshot[..], &own].concat(),
    )
        .into_response();
    if let Some(name) = encoding.header() {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

/// The whole text, for who sends it on; none before the source has answered.
pub(crate) fn whole_text(site: &Site) -> Option<String> {
    let now = site.hub.now();
    let format = Format::Plain;
    let (snapshot, _) = now
        .ready
        .then(|| now.metrics(format).encoded(Encoding::Identity))?;
    let own = of_monitor(&Own::of(site, &now), format);
    String::from_utf8([&snapshot[..], &own].concat()).ok()
}

impl Own {
    fn of(site: &Site, now: &Published) -> Self {
        Self {
            source_answers: now.ready && now.stalled_since.is_none(),
            changed_ms: now.at_ms,
            started_ms: site.started_ms,
            replicas: now.snapshot.replicas().count(),
            problems: now.snapshot.problems.len(),
            streams: site.streams.load(Relaxed),
            events: now.events,
            resynced: site.resynced.load(Relaxed),
            alerts: site.alerts.as_ref().map(|alerts| alerts.counts()),
            process: Process::now(),
            pushes: site.pushes.get().cloned().unwrap_or_default(),
        }
    }
}
