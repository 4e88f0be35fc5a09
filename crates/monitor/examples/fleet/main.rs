//! A made-up fleet behind the real monitor: what an application's own source looks like, and what the
//! browser tests and benches follow. Every figure in it is invented; nothing of it is in the product.
//!
//! `fleet --replicas 1000 --change 100 --every 100 [--hostile | --familiar] [--observed] [--token T] [--port P] [--hang-at POLL]`

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks to whoever started it"
)]

mod observed;

use replica_monitor::{
    Config, Dialect, Lag, PoolUsage, Project, Replica, ReplicaKey, Role, Rule, RuleMode, Snapshot, State,
    SyncStats, start,
};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Names that a careless page would run, break or lose.
const HOSTILE: [&str; 6] = [
    "<img src=x onerror=globalThis.__pwned=1>",
    "<script>globalThis.__pwned=1</script>",
    "__proto__",
    "a/b \"quoted\" & 'single'",
    "🦀 ünïcode \u{202e}reversed",
    "javascript:globalThis.__pwned=1",
];
/// Names as people give them, for pictures of the page.
const PROJECTS: [&str; 8] = [
    "billing",
    "catalog",
    "identity",
    "orders",
    "search",
    "shipping",
    "telemetry",
    "web",
];
const MEMBERS: [&str; 10] = [
    "primary", "eu-1", "eu-2", "us-1", "us-2", "ap-1", "bi", "dr", "edge", "standby",
];
const DIALECTS: [&str; 5] = ["postgres", "mariadb", "mongodb", "redis", "sqlite"];

struct Options {
    replicas: usize,
    change: usize,
    every_ms: u64,
    hostile: bool,
    familiar: bool,
    /// Whether the servers speak for themselves.
    observed: bool,
    token: Option<String>,
    port: u16,
    /// The poll that is never answered.
    hang_at: Option<u64>,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        replicas: 100,
        change: 10,
        every_ms: 1000,
        hostile: false,
        familiar: false,
        observed: false,
        token: None,
        port: 0,
        hang_at: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--replicas" => options.replicas = value()?.parse()?,
            "--change" => options.change = value()?.parse()?,
            "--every" => options.every_ms = value()?.parse()?,
            "--port" => options.port = value()?.parse()?,
            "--hang-at" => options.hang_at = Some(value()?.parse()?),
            "--token" => options.token = Some(value()?),
            "--hostile" => options.hostile = true,
            "--familiar" => options.familiar = true,
            "--observed" => options.observed = true,
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    Ok(options)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Options {
        replicas,
        change,
        every_ms,
        hostile,
        familiar,
        observed,
        token,
        port,
        hang_at,
    } = options()?;
    let poll = AtomicU64::new(0);
    let names = match familiar {
        true => familiar_names(replicas),
        false => names(replicas, hostile),
    };
    let source = move || {
        let poll = poll.fetch_add(1, Ordering::Relaxed);
        while hang_at.is_some_and(|at| poll >= at) {
            std::thread::park();
        }
        let plain = fleet(&names, change, poll);
        if observed { speaking(plain, poll) } else { plain }
    };
    let config = Config {
        port,
        poll: Duration::from_millis(every_ms),
        token: token.map(Into::into),
        ..Config::default()
    };
    // Many listeners are many open files; where it is refused, the system's own limit holds.
    let _ = rlimit::increase_nofile_limit(65_536);
    let monitor = start(config, source).await?;
    println!("URL {}/", monitor.url());
    tokio::signal::ctrl_c().await?;
    monitor.stop().await;
    Ok(())
}

/// Ten replicas a project; the first is its master.
fn names(replicas: usize, hostile: bool) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
    let projects = replicas.div_ceil(10);
    let name = |plain: String, at: usize| -> Arc<str> {
        match hostile && at < HOSTILE.len() {
            true => HOSTILE[at].into(),
            false => plain.into(),
        }
    };
    let project = |p: usize| {
        let members = (0..10.min(replicas - p * 10)).map(|r| name(format!("replica-{p}-{r}"), r));
        (name(format!("project-{p:05}"), p), members.collect())
    };
    (0..projects).map(project).collect()
}

/// As many of the familiar projects as the replicas fill.
fn familiar_names(replicas: usize) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
    let members = |project: &str| -> Vec<Arc<str>> {
        let names = MEMBERS.iter().map(|member| format!("{project}-{member}").into());
        names.collect()
    };
    let projects = PROJECTS.iter().take(replicas.div_ceil(MEMBERS.len()));
    projects
        .map(|project| ((*project).into(), members(project)))
        .collect()
}

/// The whole fleet at its `poll`-th poll: a window of `change` replicas wanders through it.
fn fleet(names: &[(Arc<str>, Vec<Arc<str>>)], change: usize, poll: u64) -> Snapshot {
    let total: usize = names.iter().map(|(_, members)| members.len()).sum();
    let moved = |place: usize| {
        // How often the window has passed over this place.
        let steps = poll * change as u64;
        (steps + total as u64 - 1 - place as u64) / total.max(1) as u64
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis() as i64;
    let mut place = 0;
    let mut snapshot = Snapshot::named("made-up fleet");
    for (p, (project, members)) in names.iter().enumerate() {
        let replica = |(r, name): (usize, &Arc<str>)| {
            let place = place + r;
            let lag_ms = (moved(place) * 137 + place as u64 * 31) % 4_000;
            replica(name, place, r == 0, lag_ms, p, now)
        };
        let replicas: Vec<Replica> = members.iter().enumerate().map(replica).collect();
        place += replicas.len();
        snapshot = snapshot.with_project(Project::new(Arc::clone(project), replicas));
    }
    snapshot.rules = rules(names, poll, change);
    snapshot
}

/// The same fleet, with what its servers say.
fn speaking(plain: Snapshot, poll: u64) -> Snapshot {
    let key = |project: &Project, r: usize| {
        let replica = project.replicas.get(r)?;
        Some(ReplicaKey::new(project.name.clone(), replica.name.clone()))
    };
    let masters: Vec<Option<ReplicaKey>> = plain.projects.iter().map(|project| key(project, 0)).collect();
    let mut projects = plain.projects.clone();
    for (p, project) in projects.iter_mut().enumerate() {
        let (own, next) = (&masters[p], &masters[(p + 1) % masters.len()]);
        let (Some(own), Some(next), sibling) = (own, next, key(project, 5)) else {
            continue;
        };
        for (r, replica) in Arc::make_mut(project).replicas.iter_mut().enumerate() {
            replica.observed = observed::observed(r, poll, [own, next], sibling.as_ref());
        }
    }
    Snapshot { projects, ..plain }
}

fn replica(name: &Arc<str>, place: usize, master: bool, lag_ms: u64, project: usize, now: i64) -> Replica {
    let role = if master { Role::Master } else { Role::Slave };
    let plain = Replica {
        dialect: Some(Dialect::new(DIALECTS[project % DIALECTS.len()])),
        lag_tolerance_ms: Some(5000),
        ..Replica::new(Arc::clone(name), role)
    };
    match place % 97 {
        7 => Replica {
            state: State::Down,
            lag: Lag::unknown("connection refused"),
            ..plain
        },
        17 => Replica {
            state: State::Connecting,
            lag: Lag::unknown("connecting"),
            ..plain
        },
        27 => plain,
        _ if master => Replica {
            state: State::Up,
            lag: Lag::not_applicable("a master has nothing to lag behind"),
            pool_usage: Some(PoolUsage { idle: 8, borrowed: 2 }),
            last_ping_ms: Some(now - now % 10_000),
            ..plain
        },
        slow => Replica {
            state: State::Up,
            lag: Lag::exact(if slow == 37 { lag_ms + 5_001 } else { lag_ms }),
            pool_usage: Some(PoolUsage {
                idle: 4,
                borrowed: (place % 5) as u32,
            }),
            last_ping_ms: Some(now - now % 10_000),
            ..plain
        },
    }
}

/// One rule between each project and the next, at most a hundred.
fn rules(names: &[(Arc<str>, Vec<Arc<str>>)], poll: u64, change: usize) -> Vec<Rule> {
    let pairs = names
        .iter()
        .zip(names.iter().cycle().skip(1))
        .take(100)
        .enumerate();
    pairs
        .map(|(n, ((source, _), (target, _)))| Rule {
            collections: vec!["users".into(), "orders".into()],
            last_stats: (n % 3 != 2)
                .then(|| Arc::new(stats(n as u64, if change == 0 { 0 } else { poll / 50 }))),
            ..Rule::new(
                format!("rule-{n}"),
                Arc::clone(source),
                Arc::clone(target),
                RuleMode::Cdc,
            )
        })
        .collect()
}

fn stats(rule: u64, run: u64) -> SyncStats {
    SyncStats {
        inserted: Some(run * 3 + rule),
        updated: Some(run),
        deleted: Some(0),
        failed: Some(u64::from(rule == 4)),
        duration_ms: Some(400 + rule),
        ..SyncStats::default()
    }
}
