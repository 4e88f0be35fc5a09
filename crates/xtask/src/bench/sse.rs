//! Fan-out: a made-up fleet behind the real monitor, beside a bare writer of events of the same size.

use super::server::{Server, figure, json};
use super::{Options, built, table};
use anyhow::Result;
use serde_json::Value;
use std::process::Command;

/// About a hundred events a tick: some of the replicas that move are masters or down, whose lag is none.
const FLEET: [&str; 6] = ["--replicas", "1000", "--change", "117", "--every", "100"];
const CLIENTS: [u64; 2] = [1_000, 5_000];
const ROUNDS: usize = 3;

pub(super) fn bench(options: &Options) -> Result<()> {
    let secs = options.secs.unwrap_or(10);
    table::head(&[
        "clients",
        "ours, deliveries/s",
        "bare",
        "ratio (goal 0.7)",
        "CPU a delivery, ours, ns",
        "bare",
        "ratio (goal 1.5)",
        "lost",
        "doubled",
        "ended",
        "RSS MB",
    ]);
    for clients in CLIENTS {
        // Turn by turn, so that a change of the machine's mood strikes both.
        let (mut ours, mut bare) = (Rounds::default(), Rounds::default());
        for _ in 0..ROUNDS {
            let fleet = Server::start(Command::new(built("examples/fleet")).args(FLEET))?;
            let size = frame_size(&fleet)?.to_string();
            ours.add(&listen(&fleet, clients, secs)?)?;
            drop(fleet);
            let raw = Server::start(Command::new(built("loadgen")).args(["raw", "--size", &size]))?;
            bare.add(&listen(&raw, clients, secs)?)?;
        }
        let (rate, least_rate) = (table::median(&mut ours.rates), table::median(&mut bare.rates));
        let (cost, least_cost) = (table::median(&mut ours.costs), table::median(&mut bare.costs));
        table::row(&[
            table::whole(clients as f64),
            table::whole(rate),
            table::whole(least_rate),
            format!("{:.2}", rate / least_rate),
            format!("{cost:.0}"),
            format!("{least_cost:.0}"),
            format!("{:.2}", cost / least_cost),
            table::whole(ours.lost),
            table::whole(ours.doubled),
            table::whole(ours.ended + bare.ended),
            format!("{:.0}", ours.most_kib * 1024.0 / 1e6),
        ]);
    }
    Ok(())
}

/// What came of each round.
#[derive(Default)]
struct Rounds {
    /// Deliveries a second.
    rates: Vec<f64>,
    /// Nanoseconds of CPU a delivery.
    costs: Vec<f64>,
    lost: f64,
    doubled: f64,
    /// Clients whose stream the server ended.
    ended: f64,
    most_kib: f64,
}

impl Rounds {
    fn add(&mut self, told: &Value) -> Result<()> {
        let events = figure(told, "events")?;
        self.rates.push(events / figure(told, "secs")?);
        self.costs.push(figure(told, "cpuSecs")? * 1e9 / events);
        self.lost += figure(told, "lost")?;
        self.doubled += figure(told, "doubled")?;
        self.ended += figure(told, "ended")?;
        self.most_kib = self.most_kib.max(figure(told, "rssKib")?);
        Ok(())
    }
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
