//! Metrics sent to a time-series cluster: all of them, in order, also those of a time when it was away.

use crate::support::{Monitor, TREE, with_servers};
use anyhow::{Context, Result, ensure};
use replica_lab::prometheus::Prometheus;
use replica_lab::victoria::Victoria;
use replica_lab::{Lab, wait_for};
use serde_json::Value;
use std::io::Read;
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// Told of every monitor, at every turn.
const SERIES: &str = "replica_monitor_replicas";

fn monitor(port: u16, path: &str) -> Monitor {
    let url = format!("http://127.0.0.1:{port}{path}");
    Monitor::start(TREE, &["--remote-write", &url, "--push-every", "1"])
}

/// When samples of that series were made, in seconds, as the receiver has them.
fn times(answer: &str) -> Result<Vec<f64>> {
    let answer: Value = serde_json::from_str(answer)?;
    let values = answer["data"]["result"][0]["values"].as_array();
    let times = values
        .context("no samples")?
        .iter()
        .filter_map(|pair| pair[0].as_f64());
    Ok(times.collect())
}

/// Whether there is one for every second, each once.
fn without_gaps(times: &[f64]) -> Result<()> {
    for pair in times.windows(2) {
        let step = pair[1] - pair[0];
        ensure!(
            (0.4..1.8).contains(&step),
            "a step of {step} s between samples: {times:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_prometheus_is_away() {
    with_servers(async {
        let lab = Lab::new()?;
        let prometheus = Prometheus::start(&lab, "global: {}\n").await?;
        let monitor = monitor(prometheus.port(), "/api/v1/write");
        let samples = async || {
            let answer = prometheus.query(&format!("{SERIES}[10m]")).await;
            answer.and_then(|answer| times(&answer))
        };
        let count = async |wanted: usize| {
            let what = format!("{wanted} samples");
            wait_for(&what, SOON, async || {
                samples().await.is_ok_and(|times| times.len() >= wanted)
            })
            .await
        };
        count(3).await?;
        prometheus.daemon().kill().await?;
        let waiting = |least: f64| {
            let metrics = monitor.get("/metrics");
            let name = "replica_monitor_push_waiting_bytes{protocol=\"remote_write\"} ";
            let line = metrics
                .text()
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::to_owned);
            line.and_then(|line| line.parse::<f64>().ok())
                .is_some_and(|bytes| bytes > least)
        };
        // A request of this tree is some 1 500 bytes, so these are five or more.
        wait_for("some requests to wait", SOON, async || waiting(6000.0)).await?;
        prometheus.start_again().await?;
        count(12).await?;
        without_gaps(&samples().await?)?;
        let known = prometheus
            .query("replica_lag_known{job=\"replica-monitor\",replica=\"slave-1\"} == 0")
            .await?;
        ensure!(known.contains("\"metric\""), "{known}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victoria_metrics_takes_them_too() {
    with_servers(async {
        let lab = Lab::new()?;
        let victoria = Victoria::start(&lab).await?;
        let _monitor = monitor(victoria.port(), "/api/v1/write");
        let samples = async || {
            let answer = victoria.query(&format!("{SERIES}[10m]")).await;
            answer.and_then(|answer| times(&answer))
        };
        wait_for("samples", SOON, async || {
            samples().await.is_ok_and(|times| times.len() >= 4)
        })
        .await?;
        without_gaps(&samples().await?)
    })
    .await;
}

#[test]
fn the_first_request_goes_out_at_once_with_the_name_and_password_of_the_url() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://us%40r:p%3Aw@{}/write", receiver.local_addr().unwrap());
    // Long enough that a delivery which waits for its turn is not seen by the end of the test.
    let _monitor = Monitor::start(TREE, &["--remote-write", &url, "--push-every", "3600"]);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(head_of(&receiver)));
    let head = told.recv_timeout(SOON).unwrap();
    let head = head.to_lowercase();
    assert!(head.starts_with("post /write http/1.1\r\n"), "{head}");
    // base64("us@r:p:w"), in lower case.
    assert!(head.contains("authorization: basic dxnacjpwonc="), "{head}");
    assert!(head.contains("content-encoding: snappy"), "{head}");
}

/// The head of the next request.
fn head_of(receiver: &TcpListener) -> String {
    let (mut stream, _) = receiver.accept().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}
