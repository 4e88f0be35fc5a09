//! Stands before every path but the probes: who asks, and under which name.
//!
//! 401 comes before 404, so that a stranger cannot learn which paths there are.

use super::auth::{COOKIE, Identity};
use super::token::TokenRole;
use super::{Site, error};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// How long a request that writes may take, its body included.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The other end of the connection.
#[derive(Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// What a request shows to prove who it is.
enum Shown {
    Nothing,
    /// A token, and whether it stands in the address.
    Token(String, bool),
    Cookie(String),
}

pub(super) async fn guard(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<Peer>()
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0);
    let identity = match shown(request.headers(), request.uri()) {
        Shown::Nothing => None,
        Shown::Cookie(value) => site.access.cookie_holder(&value),
        Shown::Token(..) if site.access.is_locked_out(peer) => {
            return error(
                StatusCode::TOO_MANY_REQUESTS,
                "too many wrong tokens from this address; wait a minute",
            );
        }
        Shown::Token(token, by_query) => {
            let identity = site.access.token(&token, by_query);
            if identity.is_none() && !site.access.reads_open {
                site.access.failed(peer);
            }
            identity
        }
    };
    match identity {
        Some(identity) => {
            request.extensions_mut().insert(identity);
        }
        None if !site.access.reads_open => return unauthorized(request.headers()),
        // Only an open monitor can be reached by rebinding a name: a page on another site holds no token.
        None => {
            if let Some(refusal) = foreign_host(&site, request.headers()) {
                return refusal;
            }
        }
    }
    match request.method().is_safe() {
        true => next.run(request).await,
        false => within(BODY_TIMEOUT, next.run(request)).await,
    }
}

/// A body that trickles in must not hold its place for ever.
async fn within(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    let late = || error(StatusCode::REQUEST_TIMEOUT, "the body took too long");
    tokio::time::timeout(limit, answer)
        .await
        .unwrap_or_else(|_| late())
}

/// Programs get the one word that they know; a person who opens the page is told what to do.
fn unauthorized(asked: &HeaderMap) -> Response {
    let opened = asked.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
    let text = match opened {
        true => {
            "unauthorized: this monitor needs a token. Open its address once with ?token=YOUR-TOKEN at the end."
        }
        false => "unauthorized",
    };
    let headers = [
        (header::WWW_AUTHENTICATE, "Bearer"),
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
    ];
    (StatusCode::UNAUTHORIZED, headers, text).into_response()
}

fn shown(headers: &HeaderMap, uri: &Uri) -> Shown {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(token) = text(header::AUTHORIZATION).and_then(bearer) {
        return Shown::Token(token.to_owned(), false);
    }
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    if let Some((_, token)) = query.into_iter().find(|(name, _)| name == "token") {
        return Shown::Token(token.into_owned(), true);
    }
    let cookies = text(header::COOKIE).unwrap_or_default().split(';');
    let own = cookies
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE);
    own.map_or(Shown::Nothing, |(_, value)| Shown::Cookie(value.to_owned()))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn foreign_host(site: &Site, headers: &HeaderMap) -> Option<Response> {
    let host = headers.get(header::HOST)?;
    let name = host.to_str().ok().and_then(host_name);
    let known = name.is_some_and(|name| {
        let listed = site
            .allow_hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(name));
        listed || name.eq_ignore_ascii_case("localhost") || is_address(name)
    });
    let refusal = "this Host is not allowed without a token; start with --allow-host NAME to allow it";
    (!known).then(|| error(StatusCode::FORBIDDEN, refusal))
}

/// An address cannot be rebound.
fn is_address(name: &str) -> bool {
    name.trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
        .is_ok()
}

/// The name in a `Host` or `Origin` authority, without its port.
fn host_name(host: &str) -> Option<&str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => {
            port.parse::<u16>().ok()?;
            name
        }
        _ => host,
    };
    (!name.is_empty()).then_some(name)
}

/// Who may write: an operator, not by an address that ends up in logs, and not from another site's page. Else why not.
pub(super) fn operator<'r>(
    identity: Option<&'r Identity>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<&'r Identity, &'static str> {
    let refuse = Err;
    debug_assert!(!method.is_safe(), "a GET never writes");
    if headers.contains_key(header::ORIGIN) && !is_own_origin(headers) {
        return refuse("requests from another origin may not write");
    }
    match identity {
        None => refuse("this needs the operator role: send the operator token as Authorization: Bearer"),
        Some(identity) if identity.by_query => {
            refuse("a token in the address may only read; send it as Authorization: Bearer")
        }
        Some(identity) if identity.role < TokenRole::Operator => refuse("this needs the operator role"),
        Some(identity) => Ok(identity),
    }
}

/// Whether the page that asks came from here. An origin that cannot be read did not.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let authority = text(header::ORIGIN).and_then(|origin| origin.split_once("://"));
    authority.is_some_and(|(_, authority)| Some(authority) == text(header::HOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_origin_is_the_own_origin() {
        let is_own = |origin: &[u8]| {
            let headers = [(header::HOST, &b"h:80"[..]), (header::ORIGIN, origin)];
            is_own_origin(
                &headers
                    .map(|(name, value)| (name, value.try_into().unwrap()))
                    .into_iter()
                    .collect(),
            )
        };
        assert!(is_own(b"http://h:80"));
        for other in [
            &b"null"[..],
            b"",
            b"http://h",
            b"http://evil.example",
            b"http\xff://h:80",
        ] {
            assert!(!is_own(other), "{other:?}");
        }
    }

    #[test]
    fn hosts_are_taken_apart() {
        assert_eq!(host_name("localhost:14499"), Some("localhost"));
        assert_eq!(host_name("[::1]:80"), Some("[::1]"));
        assert_eq!(host_name("x:99999"), None);
        assert_eq!(host_name(""), None);
        assert!(is_address("[::1]") && is_address("127.0.0.1") && !is_address("["));
    }

    #[test]
    fn tokens_are_found_where_the_contract_puts_them() {
        let none = HeaderMap::new();
        let by_query = |uri: &str| match shown(&none, &uri.parse().unwrap()) {
            Shown::Token(token, true) => Some(token),
            _ => None,
        };
        assert_eq!(by_query("/api/health?token=a%20b+c"), Some("a b c".to_owned()));
        assert_eq!(by_query("/api/health?x=1&token=t&token=u"), Some("t".to_owned()));
        assert_eq!(by_query("/api/health?tokens=t"), None);
        assert_eq!(bearer("bearer  t "), Some("t"));
        assert_eq!(bearer("Basic t"), None);
    }
}
