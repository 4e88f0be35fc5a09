//! What `status` reads of `/api/snapshot`. Whatever else stands there is left alone; what is missing is not known.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) ts: i64,
    pub(super) source: Source,
    #[serde(default)]
    pub(super) problems: Vec<Problem>,
    pub(super) projects: Vec<Project>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    pub(super) live: bool,
    pub(super) stalled_since: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Problem {
    pub(super) message: String,
}

#[derive(Deserialize)]
pub(super) struct Project {
    pub(super) name: String,
    pub(super) routing: String,
    pub(super) replicas: Vec<Replica>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Replica {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) state: String,
    pub(super) lag: Option<u64>,
    pub(super) lag_verdict: String,
    pub(super) lag_reason: Option<String>,
    pub(super) lag_as_of: Option<i64>,
    pub(super) lag_tolerance: Option<u64>,
    pub(super) problem: Option<String>,
    #[serde(default)]
    pub(super) observed: Observed,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Observed {
    pub(super) reason: Option<String>,
    pub(super) links: Vec<Link>,
    pub(super) connections: Option<Connections>,
    pub(super) missing: Vec<Missing>,
    pub(super) drift: Vec<Drift>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) runway_verdict: String,
    pub(super) runway: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct Connections {
    pub(super) used: u32,
    pub(super) max: u32,
}

#[derive(Deserialize)]
pub(super) struct Missing {
    pub(super) what: String,
}

#[derive(Deserialize)]
pub(super) struct Drift {
    pub(super) kind: String,
    pub(super) message: String,
}
