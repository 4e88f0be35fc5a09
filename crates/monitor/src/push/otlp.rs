//! OpenTelemetry's OTLP 1.x: its messages of metrics, as far as they are used here, and their packed form.
//!
//! The numbers are those of `opentelemetry/proto/{collector/metrics,metrics,resource,common}/v1/*.proto` in
//! <https://github.com/open-telemetry/opentelemetry-proto>; a test reads what is sent with OpenTelemetry's own types. Names and labels are those
//! of `/metrics`, so a receiver that turns them back into Prometheus's shows the same series.

use super::series::{Batch, Sample, Series};
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::{Message, Oneof};
use std::collections::BTreeMap;
use std::io::Write;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: i32 = 2;
/// `DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`: what the end of a series is.
const NO_VALUE: u32 = 1;
/// What the monitor calls itself.
const OURS: &str = "replica-monitor";

/// `ExportMetricsServiceRequest`.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_metrics: Vec<ResourceMetrics>,
}

/// `ResourceMetrics`.
#[derive(Clone, PartialEq, Message)]
struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_metrics: Vec<ScopeMetrics>,
}

/// `Resource`: what all of it is told of.
#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

/// `ScopeMetrics`.
#[derive(Clone, PartialEq, Message)]
struct ScopeMetrics {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    metrics: Vec<Metric>,
}

/// `InstrumentationScope`: who tells it.
#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

/// `Metric`.
#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    description: String,
    #[prost(oneof = "Data", tags = "5, 7")]
    data: Option<Data>,
}

/// `Metric.data`, of which we have two.
#[derive(Clone, PartialEq, Oneof)]
enum Data {
    #[prost(message, tag = "5")]
    Gauge(Gauge),
    #[prost(message, tag = "7")]
    Sum(Sum),
}

/// `Gauge`.
#[derive(Clone, PartialEq, Message)]
struct Gauge {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<Point>,
}

/// `Sum`.
#[derive(Clone, PartialEq, Message)]
struct Sum {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<Point>,
    #[prost(int32, tag = "2")]
    aggregation_temporality: i32,
    #[prost(bool, tag = "3")]
    is_monotonic: bool,
}

/// `NumberDataPoint`; `as_double` is one of its two values.
#[derive(Clone, PartialEq, Message)]
struct Point {
    #[prost(fixed64, tag = "2")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    time_unix_nano: u64,
    #[prost(double, optional, tag = "4")]
    as_double: Option<f64>,
    #[prost(message, repeated, tag = "7")]
    attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "8")]
    flags: u32,
}

/// `KeyValue`.
#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

/// `AnyValue`, of which we have texts.
#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    string_value: Option<String>,
}

/// `ExportMetricsServiceResponse`.
#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `ExportMetricsPartialSuccess`.
#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_data_points: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// The body of a request: every receiver must be able to unpack gzip.
pub(super) fn pack(batch: &Batch<'_>) -> Option<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&request(batch).encode_to_vec()).ok()?;
    packed.finish().ok()
}

/// What a receiver says of the points that it did not take.
pub(super) fn rejected(answer: &[u8]) -> Option<String> {
    let partial = Response::decode(answer).ok()?.partial_success?;
    let some = partial.rejected_data_points > 0 || !partial.error_message.is_empty();
    some.then(|| {
        format!(
            "{} points rejected: {}",
            partial.rejected_data_points, partial.error_message
        )
    })
}

fn request(batch: &Batch<'_>) -> Request {
    let mut points: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
    for sample in batch.samples {
        points
            .entry(&sample.0.name)
            .or_default()
            .push(point(batch, sample));
    }
    let metrics = points
        .into_iter()
        .map(|(name, points)| metric(batch, name, points));
    Request {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: batch
                    .common
                    .iter()
                    .map(|(name, value)| attribute(of_resource(name), value))
                    .collect(),
            }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(Scope {
                    name: OURS.to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                }),
                metrics: metrics.collect(),
            }],
        }],
    }
}

/// Prometheus's two names for who tells something are OpenTelemetry's, too:
/// <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#resource-attributes>.
fn of_resource(label: &str) -> &str {
    match label {
        "job" => "service.name",
        "instance" => "service.instance.id",
        other => other,
    }
}

fn metric(batch: &Batch<'_>, name: &str, data_points: Vec<Point>) -> Metric {
    let data = match batch.is_counter(name) {
        true => Data::Sum(Sum {
            data_points,
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        false => Data::Gauge(Gauge { data_points }),
    };
    Metric {
        name: name.to_owned(),
        description: batch
            .families
            .get(name)
            .map_or(String::new(), |family| family.help.clone()),
        data: Some(data),
    }
}

fn point(batch: &Batch<'_>, (Series { name, labels }, value): &Sample) -> Point {
    Point {
        start_time_unix_nano: batch.counts_since_ms(name).map_or(0, nanos),
        time_unix_nano: nanos(batch.at_ms),
        as_double: *value,
        attributes: labels
            .iter()
            .map(|(name, value)| attribute(name, value))
            .collect(),
        flags: if value.is_none() { NO_VALUE } else { 0 },
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            string_value: Some(value.to_owned()),
        }),
    }
}

/// 0 is OTLP's own word for a time that is not known.
fn nanos(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or_default().saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_what_was_not_taken() {
        let answer = |rejected_data_points, error_message: &str| {
            let partial_success = Some(PartialSuccess {
                rejected_data_points,
                error_message: error_message.to_owned(),
            });
            rejected(&Response { partial_success }.encode_to_vec())
        };
        assert_eq!(answer(0, ""), None);
        assert_eq!(
            answer(2, "too old").as_deref(),
            Some("2 points rejected: too old")
        );
        assert_eq!(rejected(b""), None);
        assert_eq!(
            rejected(b"<html>"),
            None,
            "what is no answer of OTLP says nothing"
        );
    }
}
