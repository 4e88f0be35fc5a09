//! `/api/alerts`: what is wrong, and the doors by which operators take it on or silence it.

use super::api::ErrorInfo;
use super::auth::Identity;
use super::{Site, api, error, guard};
use crate::alert::{Alerts, AlertsShown, NewMute, Refusal, SilenceShown};
use crate::clock::now_ms;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use replica_core::Name;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

type TheSite = State<Arc<Site>>;
type Asker = Option<Extension<Identity>>;

/// Somebody takes an alert on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAck {
    /// The `id` of the alert.
    id: String,
    /// Why, for whoever comes next.
    why: String,
}

/// One silence.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneSilence {
    id: String,
}

/// Every alert, silence, channel and condition.
#[utoipa::path(get, path = "/api/alerts", responses((status = 200, description = "The most urgent first", body = AlertsShown), (status = 404, description = "Alerts are off", body = ErrorInfo)))]
pub(super) async fn alerts(State(site): TheSite) -> Response {
    match &site.alerts {
        Some(alerts) => json(&alerts.shown(now_ms())),
        None => off(),
    }
}

/// Takes an alert on: it is shown who has, and nobody is reminded of it. Needs the operator's token.
#[utoipa::path(post, path = "/api/alerts/ack", request_body = NewAck, responses((status = 200, description = "Every alert, after it", body = AlertsShown), (status = 400, description = "What is wrong", body = ErrorInfo), (status = 403, description = "Not an operator", body = ErrorInfo), (status = 404, description = "No such alert, or alerts are off", body = ErrorInfo)))]
pub(super) async fn ack(
    State(site): TheSite,
    who: Asker,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change(
        &site,
        who,
        &method,
        &headers,
        &body,
        |alerts, by, NewAck { id, why }| {
            alerts.acknowledge(&id, &why, by, now_ms())?;
            Ok(json(&alerts.shown(now_ms())))
        },
    )
    .await
}

/// Silences alerts for a while; they are shown all the same. Needs the operator's token.
#[utoipa::path(post, path = "/api/alerts/silence", request_body = NewMute, responses((status = 200, description = "The silence", body = SilenceShown), (status = 400, description = "What is wrong", body = ErrorInfo), (status = 403, description = "Not an operator", body = ErrorInfo), (status = 404, description = "Alerts are off", body = ErrorInfo)))]
pub(super) async fn silence(
    State(site): TheSite,
    who: Asker,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change(
        &site,
        who,
        &method,
        &headers,
        &body,
        |alerts, by, wanted: NewMute| {
            let mute = alerts.silence(wanted, by, now_ms())?;
            Ok(json(&SilenceShown::of(&mute)))
        },
    )
    .await
}

/// Ends a silence before its time. Needs the operator's token.
#[utoipa::path(post, path = "/api/alerts/unsilence", request_body = OneSilence, responses((status = 200, description = "Every alert, after it", body = AlertsShown), (status = 400, description = "What is wrong", body = ErrorInfo), (status = 403, description = "Not an operator", body = ErrorInfo), (status = 404, description = "No such silence, or alerts are off", body = ErrorInfo)))]
pub(super) async fn unsilence(
    State(site): TheSite,
    who: Asker,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change(
        &site,
        who,
        &method,
        &headers,
        &body,
        |alerts, by, OneSilence { id }| {
            alerts.unsilence(&id, by, now_ms())?;
            Ok(json(&alerts.shown(now_ms())))
        },
    )
    .await
}

/// Lets an operator, and nobody else, do something with the alerts.
async fn change<T: DeserializeOwned>(
    site: &Site,
    who: Asker,
    method: &Method,
    headers: &HeaderMap,
    body: &[u8],
    act: impl FnOnce(&Alerts, &Name, T) -> Result<Response, Refusal>,
) -> Response {
    let by = match guard::operator(who.as_deref(), method, headers) {
        Ok(identity) => &identity.name,
        Err(refusal) => return error(StatusCode::FORBIDDEN, refusal),
    };
    let Some(alerts) = &site.alerts else { return off() };
    let wanted = match serde_json::from_slice(body) {
        Ok(wanted) => wanted,
        Err(why) => return error(StatusCode::BAD_REQUEST, &format!("the body: {why}")),
    };
    match act(alerts, by, wanted) {
        Ok(done) => {
            let alerts = Arc::clone(alerts);
            // What was answered must survive. A panic there was reported already.
            let _ = tokio::task::spawn_blocking(move || alerts.save()).await;
            done
        }
        Err(Refusal::Wrong(why)) => error(StatusCode::BAD_REQUEST, &why),
        Err(Refusal::Gone(why)) => error(StatusCode::NOT_FOUND, &why),
    }
}

fn off() -> Response {
    error(
        StatusCode::NOT_FOUND,
        "alerts are off: start without --alerts off",
    )
}

fn json(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, api::JSON),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}
