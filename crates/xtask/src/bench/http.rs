//! `/api/replicas` on kept connections, beside nginx with one worker serving the same bytes as a file.

use super::server::{Server, get};
use super::{Options, built, folder, table, tree};
use crate::debian::{self, Program};
use crate::run::output;
use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAMS: &[Program] = &[
    Program {
        name: "wrk",
        packages: &["wrk"],
    },
    Program {
        name: "nginx",
        packages: &["nginx-light"],
    },
];

/// What the program that we replace answered a second, on the same kind of machine.
const ORIGINAL: [(usize, f64); 2] = [(1_000, 1_700.0), (10_000, 130.0)];

pub(super) fn bench(options: &Options) -> Result<()> {
    debian::ensure(PROGRAMS)?;
    let secs = options.secs.unwrap_or(10);
    table::head(&[
        "replicas",
        "bytes",
        "ours, requests/s",
        "nginx",
        "ratio (goal 0.8)",
        "× the original (goal 15)",
    ]);
    for (replicas, original) in ORIGINAL {
        let tree = tree::file(replicas)?;
        let ours = Server::start(
            Command::new(built("replica-monitor"))
                .args(["--port", "0", "--tree"])
                .arg(&tree),
        )?;
        let body = ours.get("/api/replicas")?;
        let nginx = nginx(&body)?;
        // Turn by turn, so that a change of the machine's mood strikes both.
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            mine.push(requests_a_second(ours.at, "/api/replicas", secs)?);
            theirs.push(requests_a_second(nginx.at, "/replicas", secs)?);
        }
        let (mine, theirs) = (table::median(&mut mine), table::median(&mut theirs));
        table::row(&[
            table::whole(replicas as f64),
            table::whole(body.len() as f64),
            table::whole(mine),
            table::whole(theirs),
            format!("{:.2}", mine / theirs),
            format!("{:.1}", mine / original),
        ]);
    }
    Ok(())
}

fn requests_a_second(at: SocketAddr, path: &str, secs: u64) -> Result<f64> {
    let (secs, url) = (format!("-d{secs}"), format!("http://{at}{path}"));
    let told = output(Command::new("wrk").args(["-t1", "-c16", &secs, &url]))?;
    if told.contains("Non-2xx") || told.contains("Socket errors") {
        bail!("wrk met errors:\n{told}");
    }
    let line = told.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    line.and_then(|figure| figure.trim().parse().ok())
        .with_context(|| format!("no figure in:\n{told}"))
}

/// One worker that serves `body` as a file.
fn nginx(body: &[u8]) -> Result<Server> {
    let place = folder().join("nginx");
    std::fs::create_dir_all(&place)?;
    std::fs::write(place.join("replicas"), body)?;
    let at = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let settings = place.join("nginx.conf");
    std::fs::write(&settings, configuration(&place, at))?;
    let mut command = Command::new("nginx");
    command
        .arg("-c")
        .arg(&settings)
        .arg("-p")
        .arg(&place)
        .args(["-e", "stderr"]);
    let server = Server::started(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?, at);
    let deadline = Instant::now() + Duration::from_secs(10);
    while get(at, "/replicas").ok().as_deref() != Some(body) {
        if Instant::now() > deadline {
            bail!(
                "nginx does not serve the bytes at {at}; its settings: {}",
                settings.display()
            );
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(server)
}

fn configuration(place: &Path, at: SocketAddr) -> String {
    let place = place.display();
    format!(
        "daemon off;\nmaster_process off;\nworker_processes 1;\npid {place}/pid;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  keepalive_requests 100000000;\n  open_file_cache max=10;\n\
         default_type application/json;\n  server {{ listen {at}; root {place}; }}\n}}\n"
    )
}
