//! The web page: files shipped exactly as written, under a policy that runs nothing else.

use super::Site;
use super::auth::{COOKIE, Identity};
use super::error;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};

/// No inline script, no other origin, no HTML from strings.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types hub";

/// Every file under `web/`, as written. Read from disk in debug builds, so that edit and reload works.
#[derive(rust_embed::Embed)]
#[folder = "web/"]
#[exclude = "package.json"]
struct Files;

/// Stands in `index.html` for the folder that the assets are served from.
const ASSETS: &str = "__ASSETS__";

/// Names this build: files below it never change, so browsers may keep them.
fn build() -> &'static str {
    static BUILD: LazyLock<String> = LazyLock::new(|| {
        let mut hasher = Sha256::new();
        for name in Files::iter() {
            hasher.update(name.as_bytes());
            hasher.update(
                Files::get(&name)
                    .map(|file| file.metadata.sha256_hash())
                    .unwrap_or_default(),
            );
        }
        hex::encode(&hasher.finalize()[..8])
    });
    &BUILD
}

/// The page. A token in its address is exchanged for a cookie that scripts cannot read.
pub(super) async fn index(State(site): State<Arc<Site>>, identity: Option<Extension<Identity>>) -> Response {
    let Some(file) = Files::get("index.html") else {
        return error(StatusCode::NOT_FOUND, "not found");
    };
    let page = String::from_utf8_lossy(&file.data).replace(ASSETS, &format!("a/{}", build()));
    let mut response = page.into_response();
    let cookie = identity.and_then(|identity| site.access.cookie(&identity));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
    let secure = if site.secure { "; Secure" } else { "" };
    let cookie = cookie
        .map(|value| format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800{secure}"));
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        headers.insert(header::SET_COOKIE, value);
    }
    response
}

/// A file of the page. Browsers that have it keep it; other builds have other addresses.
pub(super) async fn asset(Path((_, file)): Path<(String, String)>) -> Response {
    let Some(found) = Files::get(&file) else {
        return error(StatusCode::NOT_FOUND, "not found");
    };
    let headers = [
        (header::CONTENT_TYPE, kind(&file)),
        (
            header::CACHE_CONTROL,
            if cfg!(debug_assertions) {
                "no-cache"
            } else {
                "public, max-age=31536000, immutable"
            },
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, found.data.into_owned()).into_response()
}

fn kind(file: &str) -> &'static str {
    match file.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("html") => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    }
}
