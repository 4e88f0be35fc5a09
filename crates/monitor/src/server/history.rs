//! `/api/history`, `/api/at` and the events of before: what was, read from the history's file.
//!
//! Reading blocks, so it is done on threads that may, and only so many at one time: whoever asks for much waits, and nobody else does.

use super::{Site, api, error};
use crate::history::{
    Columns, EventQuery, Health, History, HistoryError, MOST_BUCKETS, Metric, Reader, SeriesKey, Subject,
};
use crate::wire::past;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use replica_core::{ReplicaKey, Snapshot};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// Readers at one time.
const READERS: usize = 4;
/// Series in one answer.
const MOST_SERIES: usize = 200;
/// Events in one answer.
const MOST_EVENTS: usize = 1000;

/// Why there is no answer.
struct Refused {
    status: StatusCode,
    why: String,
}

impl Refused {
    fn of(status: StatusCode, why: &str) -> Self {
        Self {
            status,
            why: why.to_owned(),
        }
    }

    fn into_response(self) -> Response {
        error(self.status, &self.why)
    }
}

/// The history, as those who read it share it.
pub(crate) struct Shelf {
    pub(crate) history: History,
    places: Semaphore,
    /// Readers that nobody uses.
    idle: Mutex<Vec<Reader>>,
}

impl Shelf {
    pub(crate) fn new(history: History) -> Arc<Self> {
        Arc::new(Self {
            history,
            places: Semaphore::new(READERS),
            idle: Mutex::default(),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads on a thread that may block.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Reader) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, Refused> {
        let unavailable = |why: &str| Refused::of(StatusCode::SERVICE_UNAVAILABLE, why);
        // It is never closed.
        let _place = self.places.acquire().await.ok();
        let shelf = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let kept = shelf.idle().pop();
            let reader = kept.map_or_else(|| shelf.history.reader(), Ok)?;
            let answer = read(&reader)?;
            // One that failed is not kept: its file may have been moved aside.
            shelf.idle().push(reader);
            Ok::<T, HistoryError>(answer)
        });
        match done.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failed)) => Err(unavailable(&format!("the history cannot be read: {failed}"))),
            Err(_) => Err(unavailable("the history cannot be read")),
        }
    }
}

/// What some series came to, bucket by bucket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HistoryInfo {
    /// How long a bucket is, in milliseconds.
    width: i64,
    /// When each begins.
    ts: Vec<i64>,
    series: Vec<SeriesInfo>,
    health: HealthInfo,
}

/// One series; null where there is no figure.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SeriesInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// With its unit.
    metric: &'static str,
    min: Vec<Option<i64>>,
    avg: Vec<Option<f64>>,
    max: Vec<Option<i64>>,
    last: Vec<Option<i64>>,
    /// Which share of the samples was unknown; null where nothing was sampled.
    unknown: Vec<Option<f64>>,
}

/// Whether the history is written.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthInfo {
    /// `writing`, `stopped` (and tried again) or `off`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    dropped_samples: u64,
    dropped_events: u64,
}

impl HealthInfo {
    fn of(history: &History) -> Self {
        let status = history.status();
        let (state, since, why) = match status.health {
            Health::Writing => ("writing", None, None),
            Health::Stopped { since_ms, why } => ("stopped", Some(since_ms), Some(why)),
            Health::Off { why } => ("off", None, Some(why)),
        };
        Self {
            state,
            since,
            why,
            dropped_samples: status.dropped_samples,
            dropped_events: status.dropped_events,
        }
    }
}

/// The parts of a query string.
struct Query<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Query<'q> {
    fn of(text: Option<&'q str>) -> Self {
        Self(form_urlencoded::parse(text.unwrap_or_default().as_bytes()).collect())
    }

    fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| &**value)
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| &**value)
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, Refused> {
        let wrong = || Refused::of(StatusCode::BAD_REQUEST, &format!("{name} must be a whole number"));
        self.one(name)
            .map(|text| text.parse().map_err(|_| wrong()))
            .transpose()
    }
}

fn shelf(site: &Site) -> Result<&Arc<Shelf>, Refused> {
    let why = "no history is kept: start with --live, or name a file with --history";
    site.shelf
        .as_ref()
        .ok_or_else(|| Refused::of(StatusCode::NOT_FOUND, why))
}

fn json(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    ([(header::CONTENT_TYPE, api::JSON)], body).into_response()
}

/// What figures came to over a time, in at most 720 buckets: of a project's replicas (all, or those that are named), or of a rule.
#[utoipa::path(get, path = "/api/history", params(("project" = Option<String>, Query, description = "Of which project"), ("replica" = Option<String>, Query, description = "Only that one; may be repeated"), ("rule" = Option<String>, Query, description = "Of a rule instead"), ("metric" = Option<String>, Query, description = "`lag_ms` if left out; may be repeated"), ("from" = Option<i64>, Query, description = "Milliseconds since 1970; an hour ago if left out"), ("to" = Option<i64>, Query, description = "Now if left out"), ("buckets" = Option<usize>, Query, description = "At most 720, which is what is left out")), responses((status = 200, description = "Columns, with nulls for gaps", body = HistoryInfo), (status = 400, description = "What is wrong with the query", body = api::ErrorInfo), (status = 404, description = "No history is kept", body = api::ErrorInfo)))]
pub(super) async fn history(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Response {
    let answer = async {
        let shelf = shelf(&site)?;
        let query = Query::of(query.as_deref());
        let keys = series(&query, &site.hub.now().snapshot)?;
        let now = crate::clock::now_ms();
        let to = query.number("to")?.unwrap_or(now);
        let from = query.number("from")?.unwrap_or(to.saturating_sub(3_600_000));
        if from >= to {
            return Err(Refused::of(StatusCode::BAD_REQUEST, "from must be before to"));
        }
        let buckets = query
            .number("buckets")?
            .unwrap_or(MOST_BUCKETS)
            .clamp(1, MOST_BUCKETS);
        let asked = keys.clone();
        let columns = shelf
            .read(move |reader| reader.query(&asked, from, to, buckets))
            .await?;
        let first = columns.first();
        Ok(json(&HistoryInfo {
            width: first.map_or(0, |columns| columns.width_ms),
            ts: first.map(|columns| columns.ts.clone()).unwrap_or_default(),
            series: keys.into_iter().zip(columns).map(SeriesInfo::from).collect(),
            health: HealthInfo::of(&shelf.history),
        }))
    };
    answer.await.unwrap_or_else(Refused::into_response)
}

impl From<(SeriesKey, Columns)> for SeriesInfo {
    fn from((key, columns): (SeriesKey, Columns)) -> Self {
        let (project, replica, rule) = match key.subject {
            Subject::Monitor => (None, None, None),
            Subject::Replica(key) => (Some(key.project.to_string()), Some(key.replica.to_string()), None),
            Subject::Rule(rule) => (None, None, Some(rule.to_string())),
        };
        Self {
            project,
            replica,
            rule,
            metric: key.metric.word(),
            min: columns.min,
            avg: columns.avg,
            max: columns.max,
            last: columns.last,
            unknown: columns.unknown_share,
        }
    }
}

/// The series that a query means.
fn series(query: &Query<'_>, snapshot: &Snapshot) -> Result<Vec<SeriesKey>, Refused> {
    let bad = |why: &str| Refused::of(StatusCode::BAD_REQUEST, why);
    let mut metrics = Vec::new();
    for word in query.all("metric") {
        let metric = Metric::from_word(word).ok_or_else(|| bad(&format!("there is no metric {word:?}")))?;
        metrics.push(metric);
    }
    if metrics.is_empty() {
        metrics.push(Metric::LagMs);
    }
    let subjects: Vec<Subject> = match (query.one("project"), query.one("rule")) {
        (Some(project), _) => {
            let mut names: Vec<String> = query.all("replica").map(str::to_owned).collect();
            if names.is_empty() {
                let known = snapshot.projects.iter().find(|known| &*known.name == project);
                let replicas = known.into_iter().flat_map(|known| &known.replicas);
                names = replicas.map(|replica| replica.name.to_string()).collect();
            }
            names
                .into_iter()
                .map(|name| Subject::Replica(ReplicaKey::new(project, name)))
                .collect()
        }
        (None, Some(rule)) => vec![Subject::Rule(rule.into())],
        (None, None) => return Err(bad("name a project or a rule")),
    };
    if subjects.len() * metrics.len() > MOST_SERIES {
        return Err(bad("that is more than 200 series: name replicas"));
    }
    let keys = subjects.iter().flat_map(|subject| {
        metrics.iter().map(|metric| SeriesKey {
            subject: subject.clone(),
            metric: *metric,
        })
    });
    Ok(keys.collect())
}

/// How everything stood at a second: `/api/snapshot` of then, with `at`, the tick that was sampled.
#[utoipa::path(get, path = "/api/at", params(("ts" = i64, Query, description = "Milliseconds since 1970")), responses((status = 200, description = "As `/api/snapshot`", body = crate::wire::SnapshotInfo), (status = 400, description = "No time is named", body = api::ErrorInfo), (status = 404, description = "That time is not kept", body = api::ErrorInfo)))]
pub(super) async fn at(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Response {
    let answer = async {
        let shelf = shelf(&site)?;
        let query = Query::of(query.as_deref());
        let missing = || {
            Refused::of(
                StatusCode::BAD_REQUEST,
                "ts must be named, in milliseconds since 1970",
            )
        };
        let ts = query.number::<i64>("ts")?.ok_or_else(missing)?;
        let found = shelf.read(move |reader| reader.at(ts)).await?;
        let gone = || Refused::of(StatusCode::NOT_FOUND, "that time is not kept");
        let snapshot = found.and_then(past::snapshot).ok_or_else(gone)?;
        Ok(json(&snapshot))
    };
    answer.await.unwrap_or_else(Refused::into_response)
}

/// Events of before, oldest first, if that is what a query asks for: from the history, or else from the ring.
pub(super) async fn events(site: &Site, query: &str) -> Option<Response> {
    let query = Query::of(Some(query));
    let asked = ["before", "type", "project", "limit", "from", "to"];
    asked.iter().any(|name| query.one(name).is_some()).then_some(())?;
    let answer = async {
        let wanted = wanted(&query)?;
        let texts = match &site.shelf {
            Some(shelf) => kept(shelf, wanted).await?,
            None => recent(site, &wanted),
        };
        let body = format!("[{}]", texts.join(","));
        Ok(([(header::CONTENT_TYPE, api::JSON)], body).into_response())
    };
    Some(answer.await.unwrap_or_else(Refused::into_response))
}

fn wanted(query: &Query<'_>) -> Result<EventQuery, Refused> {
    Ok(EventQuery {
        before: query.number("before")?,
        from_ms: query.number("from")?,
        until_ms: query.number("to")?,
        kind: query.one("type").map(str::to_owned),
        project: query.one("project").map(str::to_owned),
        limit: query.number("limit")?.unwrap_or(200).clamp(1, MOST_EVENTS),
    })
}

async fn kept(shelf: &Arc<Shelf>, wanted: EventQuery) -> Result<Vec<String>, Refused> {
    let kept = shelf.read(move |reader| reader.events(&wanted)).await?;
    Ok(kept.into_iter().rev().map(|event| event.json).collect())
}

fn recent(site: &Site, wanted: &EventQuery) -> Vec<String> {
    let now = site.hub.now();
    let newest_first = now.recent.iter().rev();
    let admitted = newest_first.filter(|event| wanted.admits(&event.json));
    let mut found: Vec<String> = admitted
        .take(wanted.limit)
        .map(|event| String::from_utf8_lossy(&event.json).into_owned())
        .collect();
    found.reverse();
    found
}
