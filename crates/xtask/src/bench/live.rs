//! What `--live` costs: a thousand entries of a tree, each with a connection of its own to one of six real servers.

use super::server::Server;
use super::{Options, built, folder, table};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long setting the scene, and then reaching every replica, may take.
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) fn bench(options: &Options) -> Result<()> {
    let secs = options.secs.unwrap_or(30);
    let (_lab, tree) = Lab::up("crowd")?;
    // With its history, as people run it, and an empty one.
    let state = folder().join("live");
    let _ = std::fs::remove_dir_all(&state);
    std::fs::create_dir_all(&state)?;
    let mut command = Command::new(built("replica-monitor"));
    command.args(["--live", "--port", "0", "--poll", "2000", "--tree", &tree]);
    command.arg("--state-dir").arg(&state);
    let server = Server::start(&mut command)?;
    let begin = Instant::now();
    let mut seen = Seen::of(&server)?;
    while seen.up < seen.all || seen.exact < seen.slaves {
        if begin.elapsed() > PATIENCE {
            eprintln!("not all are measured after {PATIENCE:?}: going on with those that are");
            break;
        }
        std::thread::park_timeout(Duration::from_millis(500));
        seen = Seen::of(&server)?;
    }
    let before = server.cpu_seconds()?;
    std::thread::park_timeout(Duration::from_secs(secs));
    let share = (server.cpu_seconds()? - before) * 100.0 / secs as f64;
    let seen = Seen::of(&server)?;
    table::head(&[
        "replicas",
        "up",
        "slaves with an exact lag",
        "CPU of one core (goal 25 %)",
        "RSS (goal 100 MB)",
    ]);
    table::row(&[
        table::whole(seen.all as f64),
        table::whole(seen.up as f64),
        format!("{} of {}", seen.exact, seen.slaves),
        format!("{share:.1} %"),
        format!("{:.0} MB", server.rss_mb()?),
    ]);
    Ok(())
}

/// How many of what the monitor shows.
struct Seen {
    all: usize,
    up: usize,
    slaves: usize,
    exact: usize,
}

impl Seen {
    fn of(server: &Server) -> Result<Self> {
        let told: Value = serde_json::from_slice(&server.get("/api/replicas")?)?;
        let projects = told.as_object().context("no projects")?.values();
        let replicas: Vec<&Value> = projects.filter_map(Value::as_array).flatten().collect();
        let count = |holds: &dyn Fn(&Value) -> bool| replicas.iter().filter(|replica| holds(replica)).count();
        Ok(Self {
            all: replicas.len(),
            up: count(&|replica| replica["state"] == "up"),
            slaves: count(&|replica| replica["role"] == "slave"),
            exact: count(&|replica| replica["role"] == "slave" && replica["lag"].is_u64()),
        })
    }
}

/// The lab in a process of its own, so that only the monitor is measured.
struct Lab {
    child: Child,
    /// Held, or its last words would end it.
    _out: BufReader<ChildStdout>,
}

impl Lab {
    /// Sets a scene; with the path of its tree file.
    fn up(scene: &str) -> Result<(Self, String)> {
        let mut child = Command::new(built("replica-lab"))
            .args(["up", scene])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().context("the lab has no output")?;
        let mut out = BufReader::new(out);
        let mut line = String::new();
        while !line.trim_end().ends_with(".json") {
            line.clear();
            if out.read_line(&mut line)? == 0 {
                bail!("the lab ended before its scene was set");
            }
        }
        let tree = line.trim().to_owned();
        Ok((Self { child, _out: out }, tree))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Asked, not killed: it ends its servers first.
        let _ = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        let _ = self.child.wait();
    }
}
