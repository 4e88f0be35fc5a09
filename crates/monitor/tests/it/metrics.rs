//! `/metrics`, read by those that it is meant for: promtool and a Prometheus that scrapes a monitor of real servers.

use crate::support::{Monitor, TREE, with_servers};
use anyhow::{Result, ensure};
use flate2::read::MultiGzDecoder;
use replica_lab::prometheus::{Prometheus, check_metrics};
use replica_lab::{Lab, Redis, Truth, WATCHER, wait_for};
use std::io::Read;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn promtool_finds_nothing_to_say() {
    with_servers(async {
        let monitor = Monitor::start(TREE, &[]);
        let answer = monitor.get("/metrics");
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").unwrap().contains("version=0.0.4"));
        assert_eq!(check_metrics(&answer.body)?, "");
        Ok(())
    })
    .await;
}

#[test]
fn both_formats_come_packed_or_not() {
    let monitor = Monitor::start(TREE, &[]);
    let open = (
        "accept",
        "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
    );
    let text = monitor.request("GET", "/metrics", &[open], "");
    assert!(
        text.header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(text.text().ends_with("# EOF\n") && text.text().contains("# TYPE replica info\n"));
    let packed = monitor.request("GET", "/metrics", &[open, ("accept-encoding", "br, gzip")], "");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = String::new();
    MultiGzDecoder::new(&packed.body[..])
        .read_to_string(&mut unpacked)
        .unwrap();
    // What the monitor says of itself differs between two scrapes.
    let of_replicas = |text: &str| text.split("# HELP replica_monitor").next().unwrap().to_owned();
    assert_eq!(of_replicas(&unpacked), of_replicas(text.text()));
    assert!(unpacked.ends_with("# EOF\n"));
}

#[test]
fn servers_are_told_as_targets_without_their_passwords() {
    let monitor = Monitor::start(TREE, &[]);
    let answer = monitor.get("/api/sd");
    let targets = answer.json();
    let first = &targets[0];
    assert_eq!(first["targets"], serde_json::json!(["h:5432"]));
    assert_eq!(first["labels"]["__meta_replica_name"], "master");
    assert_eq!(
        targets.as_array().unwrap().len(),
        3,
        "a file is no target: {targets}"
    );
    assert!(!answer.text().contains("pw"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prometheus_scrapes_what_is_true() {
    with_servers(scraped()).await;
}

async fn scraped() -> Result<()> {
    let lab = Lab::new()?;
    let master = Redis::master(&lab, "master").await?;
    let replica = master.replica(&lab, "r1", None).await?;
    let truth = Truth::start(&master, 14.0).await?;
    let tree = serde_json::json!({ "replicas": { "shop": {
        "m": { "role": "master", "dialect": "redis", "uri": master.uri(WATCHER) },
        "r1": { "role": "slave", "dialect": "redis", "uri": replica.uri(WATCHER), "lagTolerance": 1000 },
        "gone": { "role": "slave", "dialect": "redis", "uri": "redis://127.0.0.1:1/" },
    } } });
    let arguments = ["--live", "--poll", "500", "--token", "s3cret"];
    let monitor = Monitor::start(&tree.to_string(), &arguments);
    let prometheus = Prometheus::scraping(&lab, monitor.port, Some("s3cret")).await?;

    let holds = async |query: &str| {
        let answer = prometheus.query(query).await;
        // A comparison that does not hold has no result.
        answer.is_ok_and(|answer| answer.contains("\"metric\""))
    };
    let soon = async |query: &str| wait_for(query, SOON, async || holds(query).await).await;
    soon("up{job=\"replicas\"} == 1").await?;
    soon("replica_lag_seconds{replica=\"r1\"} < 0.5").await?;
    soon("replica_state{replica=\"gone\",state=\"down\"} == 1").await?;
    soon("replica_lag_known{replica=\"gone\"} == 0").await?;
    ensure!(
        !holds("replica_lag_seconds{replica=\"gone\"}").await,
        "unknown became a figure"
    );
    ensure!(
        !holds("replica_lag_seconds{replica=\"m\"}").await,
        "a master has no lag"
    );

    replica.pause_writes(Duration::from_secs(5)).await?;
    soon("replica_lag_seconds{replica=\"r1\"} > 1.5").await?;
    ensure!(!truth.has_failed(), "the writer stopped");
    soon("replica_lag_seconds{replica=\"r1\"} > scalar(replica_lag_tolerance_seconds{replica=\"r1\"})").await
}
