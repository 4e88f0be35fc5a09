//! Metrics sent by OTLP, read with OpenTelemetry's own types: what is in them, and what becomes of a request that is not taken.

use crate::support::{Monitor, TREE};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use prost::Message;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

/// A receiver that answers with those statuses, one after the other and then the last for ever; and what it was sent.
struct Receiver {
    url: String,
    told: mpsc::Receiver<Sent>,
}

/// A request.
struct Sent {
    head: String,
    body: Vec<u8>,
}

impl Receiver {
    fn answering(statuses: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, told) = mpsc::channel();
        let mut left = statuses.iter();
        let mut status = "200 OK";
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                status = left.next().unwrap_or(&status);
                if tell.send(take(stream, status)).is_err() {
                    return;
                }
            }
        });
        Self { url, told }
    }

    fn next(&self) -> Sent {
        self.told.recv_timeout(SOON).unwrap()
    }
}

/// Reads a request and answers it; a good one as somebody who took it in part.
fn take(stream: TcpStream, status: &str) -> Sent {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "cut off: {head}");
    }
    let head = head.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let answer = ExportMetricsServiceResponse {
        partial_success: Some(ExportMetricsPartialSuccess {
            rejected_data_points: 3,
            error_message: "three too many".to_owned(),
        }),
    };
    let answer = answer.encode_to_vec();
    let mut stream = reader.into_inner();
    let length = answer.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream.write_all(&answer).unwrap();
    Sent { head, body }
}

impl Sent {
    fn request(&self) -> ExportMetricsServiceRequest {
        let mut plain = Vec::new();
        GzDecoder::new(&*self.body).read_to_end(&mut plain).unwrap();
        ExportMetricsServiceRequest::decode(&*plain).unwrap()
    }
}

/// Its only resource, and its metrics by name.
fn parts(request: &ExportMetricsServiceRequest) -> (BTreeMap<&str, &str>, BTreeMap<&str, &Metric>) {
    let [all] = &request.resource_metrics[..] else {
        panic!("{request:?}");
    };
    let [scope] = &all.scope_metrics[..] else {
        panic!("{all:?}");
    };
    assert_eq!(scope.scope.as_ref().unwrap().name, "replica-monitor");
    let metrics = scope.metrics.iter().map(|metric| (&*metric.name, metric));
    (
        pairs(&all.resource.as_ref().unwrap().attributes),
        metrics.collect(),
    )
}

fn pairs(attributes: &[KeyValue]) -> BTreeMap<&str, &str> {
    let pair = |attribute| {
        let KeyValue { key, value, .. }: &KeyValue = attribute;
        match value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(value)) => (&**key, &**value),
            other => panic!("{key}: {other:?}"),
        }
    };
    attributes.iter().map(pair).collect()
}

#[test]
fn opentelemetry_reads_what_metrics_tell() {
    let receiver = Receiver::answering(&[]);
    let monitor = Monitor::start(TREE, &["--otlp", &receiver.url, "--push-every", "1"]);
    let sent = receiver.next();
    assert!(
        sent.head.starts_with("post /v1/metrics http/1.1\r\n"),
        "{}",
        sent.head
    );
    assert!(
        sent.head.contains("content-type: application/x-protobuf"),
        "{}",
        sent.head
    );
    let request = sent.request();
    let (resource, metrics) = parts(&request);
    assert_eq!(resource["service.name"], "replica-monitor");
    assert!(resource.contains_key("service.instance.id"));

    let Some(Data::Gauge(known)) = &metrics["replica_lag_known"].data else {
        panic!("{:?}", metrics["replica_lag_known"]);
    };
    assert!(metrics["replica_lag_known"].description.starts_with("1 while "));
    let point = &known.data_points[0];
    let wanted = BTreeMap::from([("project", "shop"), ("replica", "slave-1")]);
    assert_eq!(pairs(&point.attributes), wanted);
    assert_eq!(point.value, Some(number_data_point::Value::AsDouble(0.0)));
    assert!(
        !metrics.contains_key("replica_lag_seconds"),
        "what is unknown is absent"
    );

    let Some(Data::Sum(events)) = &metrics["replica_monitor_events_total"].data else {
        panic!("{:?}", metrics["replica_monitor_events_total"]);
    };
    assert!(events.is_monotonic);
    let point = &events.data_points[0];
    assert!(point.start_time_unix_nano > 0 && point.start_time_unix_nano <= point.time_unix_nano);

    // What is gone is ended, with the flag that says so and no value.
    monitor.write_tree(&TREE.replace("slave-1", "slave-2"));
    let ended = (0..60).find_map(|_| {
        let request = receiver.next().request();
        let (_, metrics) = parts(&request);
        let Some(Data::Gauge(known)) = &metrics["replica_lag_known"].data else {
            panic!("{:?}", metrics["replica_lag_known"]);
        };
        let of = |name: &str| {
            let mut points = known.data_points.iter();
            points.find(|point| pairs(&point.attributes)["replica"] == name)
        };
        of("slave-2")?;
        of("slave-1").map(|point| (point.value, point.flags))
    });
    assert_eq!(ended, Some((None, 1)));
}

#[test]
fn what_may_be_taken_later_comes_again_and_nothing_else_does() {
    let receiver = Receiver::answering(&["503 Later\r\nRetry-After: 2", "500 Never", "200 OK"]);
    let url = format!("{}/otlp/v1/metrics", receiver.url);
    let monitor = Monitor::start_with(
        TREE,
        &["--push-every", "1"],
        &[("MONITOR_OTLP", &*url), ("MONITOR_OTLP_TOKEN", "let-me-in")],
    );
    let first = receiver.next();
    let refused = Instant::now();
    let [again, other] = [receiver.next(), receiver.next()];
    let waited = refused.elapsed();
    assert!(
        waited > Duration::from_millis(1500),
        "two seconds were wanted, not {waited:?}"
    );
    assert!(
        first.head.starts_with("post /otlp/v1/metrics http/1.1\r\n"),
        "{}",
        first.head
    );
    assert!(
        first.head.contains("authorization: bearer let-me-in"),
        "{}",
        first.head
    );
    assert_eq!(first.body, again.body);
    assert_ne!(again.body, other.body, "500 is for good");
    let metrics = monitor.get("/metrics");
    for told in [
        "replica_monitor_push_failures_total{protocol=\"otlp\"} 1\n",
        "replica_monitor_push_dropped_total{protocol=\"otlp\"} 1\n",
    ] {
        assert!(metrics.text().contains(told), "no {told:?}");
    }
}
