//! One replica, as old clients read it and as the page does.

use super::ObservedInfo;
use replica_core::{PoolLimits, PoolUsage, Replica, Verdict};
use utoipa::ToSchema;

/// What both say. Times are milliseconds since 1970, durations milliseconds; what is not known is null or absent.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReplicaBasics<'a> {
    /// Unique within its project.
    name: &'a str,
    /// `master` or `slave`.
    role: &'a str,
    /// The database family, as the tree names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    dialect: Option<&'a str>,
    /// How far behind its master; null when there is no figure.
    lag: Option<u64>,
    /// `up`, `down`, `connecting` or `unknown`.
    state: &'a str,
    /// Connections of the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_usage: Option<PoolUsageInfo>,
    /// When it last answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ping: Option<i64>,
}

impl<'a> From<&'a Replica> for ReplicaBasics<'a> {
    fn from(replica: &'a Replica) -> Self {
        Self {
            name: &replica.name,
            role: replica.role.word(),
            dialect: replica.dialect.as_ref().map(|dialect| dialect.name()),
            lag: replica.lag.ms(),
            state: replica.state.word(),
            pool_usage: replica.pool_usage.map(PoolUsageInfo::from),
            last_ping: replica.last_ping_ms,
        }
    }
}

/// One replica, as existing clients read it; `/api/snapshot` tells more.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicaBrief<'a> {
    #[serde(flatten)]
    basics: ReplicaBasics<'a>,
    /// `at_least` or `at_most`, when `lag` is only a bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_verdict: Option<&'a str>,
    /// The figure is frozen: it was true then.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_as_of: Option<i64>,
}

impl<'a> From<&'a Replica> for ReplicaBrief<'a> {
    fn from(replica: &'a Replica) -> Self {
        let bound = matches!(replica.lag.verdict, Verdict::AtLeast(_) | Verdict::AtMost(_));
        Self {
            basics: replica.into(),
            lag_verdict: bound.then(|| replica.lag.verdict.word()),
            lag_as_of: replica.lag.as_of_ms,
        }
    }
}

/// One replica with all that is known of it.
#[derive(serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicaInfo<'a> {
    #[serde(flatten)]
    basics: ReplicaBasics<'a>,
    /// What `lag` is worth: `exact`, `at_least`, `at_most`, `unknown` or `not_applicable`.
    lag_verdict: &'a str,
    /// Why there is no figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_reason: Option<&'a str>,
    /// The figure is frozen: it was true then.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_as_of: Option<i64>,
    /// The lag that its owner tolerates.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_tolerance: Option<u64>,
    /// The declared pool sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<PoolLimitsInfo>,
    /// What is wrong with its entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
    /// What its server says; absent where nobody asks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<ObservedInfo<'a>>,
}

impl<'a> From<&'a Replica> for ReplicaInfo<'a> {
    fn from(replica: &'a Replica) -> Self {
        Self {
            basics: replica.into(),
            lag_verdict: replica.lag.verdict.word(),
            lag_reason: replica.lag.reason(),
            lag_as_of: replica.lag.as_of_ms,
            lag_tolerance: replica.lag_tolerance_ms,
            pool: replica.pool.map(PoolLimitsInfo::from),
            problem: replica.problem.as_deref(),
            observed: replica.observed.as_deref().map(ObservedInfo::from),
        }
    }
}

/// Connections of a pool, now.
#[derive(serde::Serialize, ToSchema)]
struct PoolUsageInfo {
    /// Idle in the pool.
    #[serde(rename = "in")]
    idle: u32,
    /// Checked out.
    #[serde(rename = "out")]
    borrowed: u32,
}

impl From<PoolUsage> for PoolUsageInfo {
    fn from(usage: PoolUsage) -> Self {
        Self {
            idle: usage.idle,
            borrowed: usage.borrowed,
        }
    }
}

/// Declared pool sizes.
#[derive(serde::Serialize, ToSchema)]
struct PoolLimitsInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<u32>,
}

impl From<PoolLimits> for PoolLimitsInfo {
    fn from(limits: PoolLimits) -> Self {
        Self {
            min: limits.min,
            max: limits.max,
        }
    }
}
