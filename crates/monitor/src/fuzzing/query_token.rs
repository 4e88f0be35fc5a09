//! Whoever shows the right token is let in, however it is written; nobody else is.

use super::house::{self, Header, House, OPERATOR};
use crate::server::auth::Access;
use crate::server::token::{Token, TokenRole};
use axum::Router;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use std::net::IpAddr;

/// A token that no input holds.
const UNTOLD: &str = "the viewer's own, long and never in an input";

/// Input: lines with a token, the address of a request, and its `Authorization`, `Cookie`, `Host` and `Origin`.
pub fn query_token(data: &[u8]) {
    let mut lines = data.splitn(6, |byte| *byte == b'\n');
    let [token, uri, authorization, cookie, host, origin] =
        std::array::from_fn(|_| lines.next().unwrap_or_default());
    let token = String::from_utf8_lossy(token);
    token_file(&token, data);
    house::visit(|house| {
        let headers = [
            (header::AUTHORIZATION, authorization),
            (header::COOKIE, cookie),
            (header::HOST, host),
        ];
        stranger(house, uri, &headers);
        foreign_name(house, host);
        foreign_page(house, host, origin);
        let door = house.closed(&token);
        by_address(house, &door, &token, uri);
        by_header(house, &door, &token);
        by_cookie(house, &door, &token, cookie);
    });
}

/// A file of tokens is read or refused, and a token is the one that its line says.
fn token_file(secret: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    if let Err(error) = Token::read_all(&text) {
        assert!((1..=text.lines().count().max(1)).contains(&error.line), "{error}");
    }
    let is_word =
        !secret.is_empty() && !secret.contains(char::is_whitespace) && !secret.starts_with("sha256:");
    if is_word {
        let tokens = Token::read_all(&format!("# who may\n\tmaya operator {secret}\r\n")).expect("a token");
        let found = Access::new(tokens, false)
            .token(secret, false)
            .expect("its own token");
        assert_eq!((&*found.name, found.role), ("maya", TokenRole::Operator));
    }
}

/// Who has not been told the token gets nothing, whatever the request.
fn stranger(house: &House, uri: &[u8], headers: &[Header<'_>]) {
    let Ok(uri) = Uri::try_from(uri) else { return };
    if !matches!(uri.path(), "/healthz" | "/readyz") {
        let status = house.status(&house.closed(UNTOLD), Method::GET, &uri, headers);
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{uri}");
    }
}

/// The token in the address reads, and never writes. `style` chooses how it is encoded.
fn by_address(house: &House, door: &Router, token: &str, style: &[u8]) {
    let [name, right, wrong] = ["token", token, &format!("{token}x")].map(|text| encoded(text, style));
    let ask = |method, path: &str, value: &str| {
        let uri = format!("{path}?tokens=1&{name}={value}&token=other");
        house.status(door, method, &uri.parse().expect("an encoded address"), &[])
    };
    assert_eq!(ask(Method::GET, "/api/health", &right), StatusCode::OK, "{right}");
    assert_eq!(
        ask(Method::GET, "/api/health", &wrong),
        StatusCode::UNAUTHORIZED,
        "{wrong}"
    );
    assert_eq!(
        ask(Method::POST, "/api/events", &right),
        StatusCode::FORBIDDEN,
        "{right}"
    );
    let operator = encoded(OPERATOR, style);
    assert_eq!(ask(Method::POST, "/api/events", &operator), StatusCode::FORBIDDEN);
}

/// `text` for a query; `style` chooses for each byte whether it is escaped where it need not be, and how.
fn encoded(text: &str, style: &[u8]) -> String {
    let styles = style.iter().copied().chain([0]).cycle();
    let bytes = text.bytes().zip(styles);
    let encoded = bytes.map(|(byte, style)| match byte {
        b' ' if style & 1 == 0 => "+".to_owned(),
        _ if style & 2 == 0 && byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ if style & 4 == 0 => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// The token as a bearer, wherever it can be sent as one.
fn by_header(house: &House, door: &Router, token: &str) {
    let ask = |token: &str| {
        let bearer = format!("bEARER {token}");
        let headers = [(header::AUTHORIZATION, bearer.as_bytes())];
        house.status(door, Method::GET, &Uri::from_static("/api/health"), &headers)
    };
    let sendable = HeaderValue::from_str(token).is_ok_and(|value| value.to_str().is_ok());
    if sendable && token.trim() == token {
        assert_eq!(ask(token), StatusCode::OK, "{token:?}");
        assert_eq!(ask(&format!("{token}x")), StatusCode::UNAUTHORIZED, "{token:?}");
    }
}

/// The cookie that stands for the token, among `others`; and not when one character of it is another.
fn by_cookie(house: &House, door: &Router, token: &str, others: &[u8]) {
    let ask = |cookie: &str| {
        let headers = [(header::COOKIE, cookie.as_bytes())];
        house.status(door, Method::GET, &Uri::from_static("/api/health"), &headers)
    };
    let access = Access::new(vec![house::token("viewer", TokenRole::Viewer, token)], false);
    let identity = access.token(token, true).expect("its own token");
    let cookie = access.cookie(&identity).expect("its own cookie");
    let mut others = String::from_utf8_lossy(others).into_owned();
    others.retain(|c| c.is_ascii_graphic() && !matches!(c, ';' | '='));
    let right = format!("{others}=1; replica_monitor={cookie}; {others}");
    assert_eq!(ask(&right), StatusCode::OK, "{right}");
    let at = others.len() % cookie.len();
    let other = if cookie[at..].starts_with('0') { "1" } else { "0" };
    let forged = format!("replica_monitor={}{other}{}", &cookie[..at], &cookie[at + 1..]);
    assert_eq!(ask(&forged), StatusCode::UNAUTHORIZED, "{forged}");
}

/// A name that a stranger can point at this machine reads nothing, even from an open monitor.
fn foreign_name(house: &House, host: &[u8]) {
    let headers = [(header::HOST, host)];
    let status = house.status(
        &house.open,
        Method::GET,
        &Uri::from_static("/api/health"),
        &headers,
    );
    // What a browser would make of it.
    let authority = std::str::from_utf8(host)
        .ok()
        .and_then(|host| host.parse::<Authority>().ok());
    if let Some(authority) = authority {
        let name = authority.host().to_ascii_lowercase();
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let is_known = is_address || matches!(&*name, "localhost" | "monitor.example");
        assert!(
            is_known || status == StatusCode::FORBIDDEN,
            "{authority} was let in: {status}"
        );
    }
}

/// A page of another origin writes nothing, not even with the operator's token.
fn foreign_page(house: &House, host: &[u8], origin: &[u8]) {
    let bearer = format!("Bearer {OPERATOR}");
    let headers = [
        (header::AUTHORIZATION, bearer.as_bytes()),
        (header::HOST, host),
        (header::ORIGIN, origin),
    ];
    let status = house.status(
        &house.open,
        Method::POST,
        &Uri::from_static("/api/events"),
        &headers,
    );
    let is_sent = HeaderValue::from_bytes(origin).is_ok();
    let is_own = origin.ends_with(&[b"://", host].concat());
    match is_sent && !is_own {
        true => assert_eq!(status, StatusCode::FORBIDDEN, "{host:?} {origin:?}"),
        // Without an event an operator is told that there is none.
        false => assert!(
            matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN),
            "{status}"
        ),
    }
}
