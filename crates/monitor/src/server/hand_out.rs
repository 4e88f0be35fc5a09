//! A body goes out: packed as the client likes it, or 304 when it has it already.

use crate::body::{Body, Encoding};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// `kind` is the content type; `cache` tells browsers how long they may keep it unasked.
pub(super) fn hand_out(body: &Body, kind: &'static str, cache: &'static str, asked: &HeaderMap) -> Response {
    let text = |name| {
        let value = asked.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    let common = [
        (header::ETAG, body.etag()),
        (header::VARY, "accept-encoding"),
        (header::CACHE_CONTROL, cache),
    ];
    let mut known = text(header::IF_NONE_MATCH).split(',').map(str::trim);
    if known.any(|tag| tag == "*" || tag == body.etag()) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let (bytes, encoding) = body.encoded(Encoding::of(text(header::ACCEPT_ENCODING)));
    let mut response = ([(header::CONTENT_TYPE, kind)], common, bytes).into_response();
    if let Some(name) = encoding.header() {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}
