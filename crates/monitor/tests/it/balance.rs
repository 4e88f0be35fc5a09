//! What load balancers, agents and throttling programs are told, while a real replica falls behind, dies and comes back.

use crate::support::{DEADLINE, Monitor, TREE, with_servers};
use crate::trial::act::Act;
use crate::trial::judge::Verdict;
use crate::trial::load::{Question, Told};
use crate::trial::{Outcome, Trial};
use anyhow::Result;
use replica_lab::lab::free_port;
use replica_lab::{Lab, Redis, Truth, WATCHER, wait_for};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One line in, one line out.
fn agent(port: u16, line: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_follows_the_truth() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "master").await?;
        let replica = master.replica(&lab, "r", None).await?;
        let _truth = Truth::start(&master, 14.0).await?;
        let tree = json!({ "replicas": { "a/b": {
            "m": { "role": "master", "dialect": "redis", "uri": master.uri(WATCHER) },
            "r": { "role": "slave", "dialect": "redis", "uri": replica.uri(WATCHER), "lagTolerance": 1000 },
        } } });
        let port = free_port()?.to_string();
        let arguments = ["--live", "--poll", "300", "--agent-port", &port];
        let monitor = Monitor::start(&tree.to_string(), &arguments);
        let agents: u16 = port.parse()?;
        let status = |path: &str| monitor.get(path).status;
        let until = async |path: &str, wanted: u16| {
            let what = format!("{path} to be {wanted}");
            wait_for(&what, DEADLINE, async || status(path) == wanted).await
        };

        until("/lb/a%2Fb/replica/r", 200).await?;
        until("/lb/a%2Fb/primary", 200).await?;
        assert_eq!(status("/lb/a%2Fb/primary/m"), 200);
        assert_eq!(status("/lb/a%2Fb/primary/r"), 503);
        assert_eq!(status("/lb/a%2Fb/replica/m"), 503, "the primary is no replica");
        assert_eq!(status("/lb/a%2Fb/read-only/m"), 200, "and may be read");
        for method in ["HEAD", "OPTIONS"] {
            let answer = monitor.request(method, "/lb/a%2Fb/replica/r", &[], "");
            assert_eq!(answer.status, 200, "{method}");
        }
        assert_eq!(agent(agents, "replica/a%2Fb/r?lag=2s")?, "up\n");
        assert_eq!(agent(agents, "primary/a%2Fb/r")?, "down #m is the primary\n");
        until("/check/app/a%2Fb", 200).await?;

        replica.pause_writes(Duration::from_secs(6)).await?;
        until("/lb/a%2Fb/replica/r", 503).await?;
        assert_eq!(
            status("/lb/a%2Fb/replica/r?lag=1h"),
            200,
            "fit for who is patient"
        );
        assert_eq!(status("/lb/a%2Fb/replica/r?lag=1GB"), 200);
        assert!(agent(agents, "replica/a%2Fb/r")?.starts_with("down #its lag of "));
        until("/check/app/a%2Fb", 429).await?;
        let read = |monitor: &Monitor| monitor.json("/api/route/a%2Fb")["read"].clone();
        assert_eq!(read(&monitor), json!(["m"]), "nobody else is fit");
        until("/lb/a%2Fb/replica/r", 200).await?;
        let route = monitor.wait("/api/route/a%2Fb", |route| {
            (route["read"] == json!(["r"])).then(|| route.clone())
        });
        assert_eq!(route["write"], "m");

        replica.daemon().kill().await?;
        until("/lb/a%2Fb/replica/r", 503).await?;
        until("/check/app/a%2Fb", 500).await?;
        replica.start().await?;
        replica.follow(master.port()).await?;
        until("/lb/a%2Fb/replica/r", 200).await?;

        master.daemon().freeze();
        until("/lb/a%2Fb/primary", 503).await?;
        until("/lb/a%2Fb/replica/r", 503).await?;
        master.daemon().thaw();
        until("/lb/a%2Fb/read-only", 200).await
    })
    .await;
}

/// A short form of `cargo x bench balance`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_contradicts_the_truth() {
    with_servers(async {
        let trial = Trial {
            poll: Duration::from_millis(500),
            rate: 100,
            act: Duration::from_millis(3500),
            acts: &[Act::Lag, Act::Heal, Act::Kill],
            // Other tests run on the same machine, and a look may have to be made twice.
            slack: Duration::from_secs(1),
        };
        let Outcome { told, judge, .. } = trial.run().await?;
        let verdicts: Vec<(&Told, Verdict)> = told.iter().map(|told| (told, judge.of(told))).collect();
        let wrong = verdicts
            .iter()
            .find(|(_, verdict)| matches!(verdict, Verdict::Contradicts(_)));
        assert!(wrong.is_none(), "{wrong:?}");
        for status in [200, 503] {
            let right = verdicts.iter().filter(|(told, verdict)| {
                told.question == Question::Lame && told.status == status && *verdict == Verdict::Agrees
            });
            assert!(right.count() > 0, "no {status} could be judged");
        }
        Ok(())
    })
    .await;
}

#[test]
fn without_connections_nobody_is_fit() {
    let monitor = Monitor::start(TREE, &["--deny-app", "greedy"]);
    let answer = monitor.get("/lb/shop/replica/slave-1");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["reason"], "not connected: start with --live");
    assert_eq!(monitor.get("/lb/shop/read-only").status, 503);
    assert_eq!(monitor.get("/lb/nobody/primary").status, 404);
    assert_eq!(monitor.get("/lb/shop/replica/nobody").status, 404);
    assert_eq!(monitor.get("/lb/shop/replica/slave-1?lag=soon").status, 400);
    assert_eq!(monitor.get("/check/app/shop").status, 500);
    assert_eq!(monitor.get("/check/greedy/shop").status, 417);
    let route: Value = monitor.json("/api/route/shop");
    assert_eq!((&route["read"], &route["write"]), (&json!([]), &Value::Null));
    assert_eq!(monitor.request("POST", "/lb/shop/primary", &[], "").status, 405);
}
