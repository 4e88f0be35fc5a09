//! The web page: files shipped exactly as written, under a policy that runs nothing else.

use super::Site;
use super::auth::{COOKIE, Identity};
use super::error;
use super::hand_out::hand_out;
use crate::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
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

const INDEX: &str = "index.html";

/// Stands in [`INDEX`] for the folder that the assets are served from.
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

/// Each file as it goes out, packed at most once; `index.html` with the place of the others.
static FILES: LazyLock<HashMap<String, Arc<Body>>> = LazyLock::new(|| {
    let files = Files::iter().filter_map(|name| Some((name.to_string(), read(&name)?)));
    files.collect()
});

/// A file as it goes out. In debug builds it is read anew each time.
fn file(name: &str) -> Option<Arc<Body>> {
    match cfg!(debug_assertions) {
        true => read(name),
        false => FILES.get(name).cloned(),
    }
}

fn read(name: &str) -> Option<Arc<Body>> {
    let bytes = match Files::get(name)?.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let bytes = match name {
        INDEX => String::from_utf8_lossy(&bytes)
            .replace(ASSETS, &format!("a/{}", build()))
            .into(),
        _ => bytes,
    };
    Some(Arc::new(Body::new(bytes)))
}

/// The page. A token in its address is exchanged for a cookie that scripts cannot read.
pub(super) async fn index(
    State(site): State<Arc<Site>>,
    identity: Option<Extension<Identity>>,
    asked: HeaderMap,
) -> Response {
    let Some(page) = file(INDEX) else {
        return error(StatusCode::NOT_FOUND, "not found");
    };
    let mut response = hand_out(&page, kind(INDEX), "no-cache", &asked);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let secure = if site.secure { "; Secure" } else { "" };
    let cookie = identity.and_then(|identity| site.access.cookie(&identity));
    let cookie = cookie
        .map(|value| format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800{secure}"));
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        headers.insert(header::SET_COOKIE, value);
    }
    response
}

/// A file of the page. Browsers that have it keep it; other builds have other addresses.
pub(super) async fn asset(Path((_, name)): Path<(String, String)>, asked: HeaderMap) -> Response {
    let Some(found) = file(&name) else {
        return error(StatusCode::NOT_FOUND, "not found");
    };
    let cache = match cfg!(debug_assertions) {
        true => "no-cache",
        false => "public, max-age=31536000, immutable",
    };
    let mut response = hand_out(&found, kind(&name), cache, &asked);
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
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
