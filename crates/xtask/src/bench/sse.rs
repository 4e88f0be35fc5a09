//! Fan-out: a made-up fleet behind the real monitor, beside a bare writer of events of the same size.

use super::server::{Server, figure, json};
use super::{Options, built, table};
use anyhow::Result;
use serde_json::Value;
use std::process::Command;

/// About a hundred events a tick: some of the replicas that move are masters or down, whose lag is none.
const FLEET: [&str; 6] = ["--replicas", "1000", "--change", "117", "--every", "100"];
const CLIENTS: [u64; 2] = [1_000, 5_000];

pub(super) fn bench(options: &Options) -> Result<()> {
    let secs = options.secs.unwrap_or(10);
    table::head(&[
        "clients",
        "ours, deliveries/s",
        "bare",
        "ratio (goal 0.7)",
        "CPU µs/1000, ours",
        "bare",
        "ratio (goal 1.5)",
        "lost",
        "doubled",
        "RSS MB",
    ]);
    for clients in CLIENTS {
        let ours = Server::start(Command::new(built("examples/fleet")).args(FLEET))?;
        let size = frame_size(&ours)?.to_string();
        let mine = listen(&ours, clients, secs)?;
        drop(ours);
        let bare = Server::start(Command::new(built("loadgen")).args(["raw", "--size", &size]))?;
        let least = listen(&bare, clients, secs)?;
        let rate = |told: &Value| Ok::<_, anyhow::Error>(figure(told, "events")? / figure(told, "secs")?);
        let cost =
            |told: &Value| Ok::<_, anyhow::Error>(figure(told, "cpuSecs")? * 1e9 / figure(told, "events")?);
        table::row(&[
            table::whole(clients as f64),
            table::whole(rate(&mine)?),
            table::whole(rate(&least)?),
            format!("{:.2}", rate(&mine)? / rate(&least)?),
            format!("{:.0}", cost(&mine)?),
            format!("{:.0}", cost(&least)?),
            format!("{:.2}", cost(&mine)? / cost(&least)?),
            mine["lost"].to_string(),
            mine["doubled"].to_string(),
            format!("{:.0}", figure(&mine, "rssKib")? * 1024.0 / 1e6),
        ]);
    }
    Ok(())
}

fn listen(server: &Server, clients: u64, secs: u64) -> Result<Value> {
    let (at, pid) = (server.at.to_string(), server.id().to_string());
    let (clients, secs) = (clients.to_string(), secs.to_string());
    let arguments = [
        "listen",
        "--at",
        &at,
        "--clients",
        &clients,
        "--secs",
        &secs,
        "--pid",
        &pid,
    ];
    json(Command::new(built("loadgen")).args(arguments))
}

/// The size of an event of the fleet with its frame, so that the bare writer sends as much.
fn frame_size(server: &Server) -> Result<usize> {
    let events: Vec<Value> = serde_json::from_slice(&server.get("/api/events")?)?;
    let moved: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "replica.state")
        .collect();
    let bytes: usize = moved
        .iter()
        .map(|event| format!("id: {}\ndata: {event}\n\n", event["seq"]).len())
        .sum();
    Ok(bytes / moved.len().max(1))
}
