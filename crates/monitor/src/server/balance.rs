//! `/lb/…`, `/check/…` and `/api/route/…`: answers for load balancers and for programs that throttle themselves.
//!
//! The grammar of `/lb` is Patroni's, that of `/check` freno's.

use super::{Site, api};
use crate::balance::{Lately, Limit, Refusal};
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use replica_core::ReplicaKey;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

type TheSite = State<Arc<Site>>;

/// Whether traffic may go there.
#[derive(Serialize, ToSchema)]
pub(super) struct Fitness {
    ok: bool,
    /// Who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<String>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Where traffic of a project should go now.
#[derive(Serialize, ToSchema)]
pub(super) struct Route {
    project: String,
    /// Reads, best first; the primary if no replica is fit, nobody if it is not either.
    read: Vec<String>,
    /// Writes; null if there is not exactly one server that takes them.
    write: Option<String>,
    /// Why nobody takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What freno says.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Check {
    status_code: u16,
    /// The worst lag, in seconds; null while unknown.
    value: Option<f64>,
    /// In seconds.
    threshold: Option<f64>,
    message: String,
}

/// Whether exactly one server of the project leads, is up and takes writes.
#[utoipa::path(method(get, head, options), path = "/lb/{project}/primary", params(("project" = String, Path, description = "Percent-encoded")), responses((status = 200, description = "It does, and who", body = Fitness), (status = 503, description = "It does not, and why", body = Fitness), (status = 404, description = "No such project", body = Fitness)))]
pub(super) async fn primary(State(site): TheSite, Path(project): Path<String>) -> Response {
    fitness(site.hub.lately().primary(&project))
}

/// Whether that one is the primary.
#[utoipa::path(method(get, head, options), path = "/lb/{project}/primary/{replica}", params(("project" = String, Path, description = "Percent-encoded"), ("replica" = String, Path, description = "Percent-encoded")), responses((status = 200, description = "It is", body = Fitness), (status = 503, description = "It is not, and why", body = Fitness), (status = 404, description = "No such replica", body = Fitness)))]
pub(super) async fn is_primary(State(site): TheSite, Path(key): Path<(String, String)>) -> Response {
    fitness(site.hub.lately().is_primary(&key_of(key)))
}

/// Whether that one follows, and within `?lag=500ms` or `?lag=10MB` (otherwise within its own tolerance).
#[utoipa::path(method(get, head, options), path = "/lb/{project}/replica/{replica}", params(("project" = String, Path, description = "Percent-encoded"), ("replica" = String, Path, description = "Percent-encoded"), ("lag" = Option<String>, Query, description = "A time or a size")), responses((status = 200, description = "It does", body = Fitness), (status = 503, description = "It does not, and why", body = Fitness), (status = 404, description = "No such replica", body = Fitness)))]
pub(super) async fn replica(
    State(site): TheSite,
    Path(key): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    limited(query.as_deref(), |limit| {
        fitness(site.hub.lately().is_replica(&key_of(key), limit))
    })
}

/// Whether reads of the project may go anywhere, and where best.
#[utoipa::path(method(get, head, options), path = "/lb/{project}/read-only", params(("project" = String, Path, description = "Percent-encoded"), ("lag" = Option<String>, Query, description = "A time or a size")), responses((status = 200, description = "They may, and the best one", body = Fitness), (status = 503, description = "They may not, and why", body = Fitness), (status = 404, description = "No such project", body = Fitness)))]
pub(super) async fn read_only(
    State(site): TheSite,
    Path(project): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    limited(query.as_deref(), |limit| {
        let readers = site.hub.lately().readers(&project, limit);
        fitness(readers.map(|readers| readers.first().cloned().unwrap_or_default()))
    })
}

/// Whether reads may go to that one: a replica within its limit, or the primary.
#[utoipa::path(method(get, head, options), path = "/lb/{project}/read-only/{replica}", params(("project" = String, Path, description = "Percent-encoded"), ("replica" = String, Path, description = "Percent-encoded"), ("lag" = Option<String>, Query, description = "A time or a size")), responses((status = 200, description = "They may", body = Fitness), (status = 503, description = "They may not, and why", body = Fitness), (status = 404, description = "No such replica", body = Fitness)))]
pub(super) async fn is_readable(
    State(site): TheSite,
    Path(key): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    limited(query.as_deref(), |limit| {
        fitness(site.hub.lately().is_readable(&key_of(key), limit))
    })
}

/// Where traffic of the project should go now.
#[utoipa::path(get, path = "/api/route/{project}", params(("project" = String, Path, description = "Percent-encoded"), ("lag" = Option<String>, Query, description = "A time or a size")), responses((status = 200, description = "Names, best first", body = Route), (status = 404, description = "No such project", body = Fitness)))]
pub(super) async fn route(
    State(site): TheSite,
    Path(project): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    limited(query.as_deref(), |limit| {
        let lately = site.hub.lately();
        let primary = lately.primary(&project);
        if let Err(Refusal::NoSuch(_)) = primary {
            return fitness(primary);
        }
        let read = lately.readers(&project, limit).unwrap_or_default();
        json(
            StatusCode::OK,
            &Route {
                project,
                read: read.iter().map(|name| name.to_string()).collect(),
                write: primary.as_ref().ok().map(|name| name.to_string()),
                reason: match primary {
                    Err(Refusal::Not(why)) => Some(why),
                    _ => None,
                },
            },
        )
    })
}

/// May the application go on writing to the project? 200 yes; 429 no, its replicas are too far behind; 500 nobody can tell.
#[utoipa::path(method(get, head), path = "/check/{app}/{project}", params(("app" = String, Path, description = "Who asks, for the logs of whoever reads them"), ("project" = String, Path, description = "Percent-encoded"), ("lag" = Option<String>, Query, description = "A time; otherwise the least tolerance of its replicas")), responses((status = 200, description = "Yes", body = Check), (status = 404, description = "No such project", body = Check), (status = 417, description = "This application is told to wait", body = Check), (status = 429, description = "No", body = Check), (status = 500, description = "Unknown", body = Check)))]
pub(super) async fn check(
    State(site): TheSite,
    Path((app, project)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    limited(query.as_deref(), |limit| {
        let check = match site.denied_apps.contains(&app) {
            true => Check::refused(StatusCode::EXPECTATION_FAILED, "this application is told to wait"),
            false => Check::of(&site.hub.lately(), &project, limit),
        };
        let status = StatusCode::from_u16(check.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        json(status, &check)
    })
}

impl Check {
    fn of(lately: &Lately, project: &str, limit: Option<Limit>) -> Self {
        let (worst, tolerance) = match lately.worst_lag(project) {
            Ok(known) => known,
            Err(Refusal::NoSuch(why)) => return Self::refused(StatusCode::NOT_FOUND, why),
            Err(Refusal::Not(why)) => return Self::refused(StatusCode::INTERNAL_SERVER_ERROR, &why),
        };
        let threshold = match limit {
            Some(Limit::Time(ms)) => Some(ms),
            Some(Limit::Bytes(_)) => {
                return Self::refused(StatusCode::INTERNAL_SERVER_ERROR, "the limit must be a time");
            }
            None => tolerance,
        };
        let Some(threshold) = threshold else {
            let why = "no replica of it declares a lagTolerance: ask with ?lag=500ms";
            return Self::refused(StatusCode::INTERNAL_SERVER_ERROR, why);
        };
        let (status, message) = match worst > threshold {
            true => (StatusCode::TOO_MANY_REQUESTS, "Threshold exceeded"),
            false => (StatusCode::OK, ""),
        };
        Self {
            status_code: status.as_u16(),
            value: Some(worst as f64 / 1000.0),
            threshold: Some(threshold as f64 / 1000.0),
            message: message.to_owned(),
        }
    }

    fn refused(status: StatusCode, why: &str) -> Self {
        Self {
            status_code: status.as_u16(),
            value: None,
            threshold: None,
            message: why.to_owned(),
        }
    }
}

fn key_of((project, replica): (String, String)) -> ReplicaKey {
    ReplicaKey::new(project, replica)
}

/// Reads `?lag=`. One that cannot be read lets nobody in.
fn limited(query: Option<&str>, answer: impl FnOnce(Option<Limit>) -> Response) -> Response {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let Some((_, text)) = pairs.find(|(name, _)| name == "lag") else {
        return answer(None);
    };
    match Limit::parse(&text) {
        Some(limit) => answer(Some(limit)),
        None => super::error(
            StatusCode::BAD_REQUEST,
            "lag must be a time or a size, such as 500ms, 2s or 10MB",
        ),
    }
}

fn fitness(answer: Result<Arc<str>, Refusal>) -> Response {
    let (status, replica, reason) = match answer {
        Ok(replica) => (StatusCode::OK, Some(replica.to_string()), None),
        Err(Refusal::NoSuch(why)) => (StatusCode::NOT_FOUND, None, Some(why.to_owned())),
        Err(Refusal::Not(why)) => (StatusCode::SERVICE_UNAVAILABLE, None, Some(why)),
    };
    let ok = status == StatusCode::OK;
    json(status, &Fitness { ok, replica, reason })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, api::JSON),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}
