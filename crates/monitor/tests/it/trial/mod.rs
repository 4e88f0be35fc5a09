//! A load balancer's trial: questions at a steady rate while real servers are broken and mended, and each answer held against the truth.
//!
//! Read in this order: [`record`] (what was true when), [`load`] (the questions), [`act`] (the faults), [`judge`] (who was right).

pub(crate) mod act;
pub(crate) mod judge;
pub(crate) mod load;
pub(crate) mod record;

use crate::support::{DEADLINE, Monitor};
use act::{Act, Phase};
use anyhow::{Context, Result, ensure};
use judge::Judge;
use load::Told;
use record::Witness;
use replica_lab::{Lab, Proxy, Redis, Truth, WATCHER, wait_for};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Rows a second that the truth is written with.
const ROWS: f64 = 50.0;
/// How far behind a replica may be, in the tree and in what is asked.
pub(crate) const LIMIT: Duration = Duration::from_millis(500);

/// What a trial is.
pub(crate) struct Trial {
    /// The monitor's poll period.
    pub(crate) poll: Duration,
    /// Questions a second.
    pub(crate) rate: u32,
    /// How long each act lasts.
    pub(crate) act: Duration,
    pub(crate) acts: &'static [Act],
    /// What an answer may come later than a tick and the hysteresis.
    pub(crate) slack: Duration,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) phases: Vec<Phase>,
    /// In the order in which they were sent.
    pub(crate) told: Vec<Told>,
    pub(crate) judge: Judge,
}

impl Trial {
    pub(crate) async fn run(&self) -> Result<Outcome> {
        let scene = Scene::set(self.poll).await?;
        let (stop, stopped) = watch::channel(false);
        let asking = tokio::spawn(load::ask(scene.monitor.port, self.rate, stopped));
        let mut phases = Vec::new();
        for act in self.acts {
            let phase = act.play(&scene, self.act).await;
            phases.push(phase.with_context(|| act.name())?);
        }
        stop.send_replace(true);
        let told = asking.await??;
        ensure!(
            !scene.truth.has_failed(),
            "nobody wrote to the end: the truth is not known"
        );
        let judge = Judge {
            primary: scene.m.witness.record(),
            lame: scene.r.witness.record(),
            steady: scene.s.witness.record(),
            // A tick to be noticed in, and as long again until one that recovered is let back in.
            budget: self.poll * 2 + self.slack,
        };
        Ok(Outcome { phases, told, judge })
    }
}

/// A server and who watches it.
pub(crate) struct Watched {
    pub(crate) server: Arc<Redis>,
    pub(crate) witness: Witness,
}

impl Watched {
    fn new(server: Redis, truth: &Arc<Truth>) -> Self {
        let server = Arc::new(server);
        let witness = Witness::of(Arc::clone(&server), Arc::clone(truth));
        Self { server, witness }
    }
}

/// A primary `m`, a replica `s` that is left alone, and a replica `r` that is not. What is used by others ends last.
pub(crate) struct Scene {
    monitor: Monitor,
    pub(crate) r: Watched,
    pub(crate) s: Watched,
    pub(crate) m: Watched,
    /// Between `m` and `r`.
    pub(crate) proxy: Proxy,
    truth: Arc<Truth>,
    _lab: Lab,
}

impl Scene {
    /// A writer whose row is on its way to a primary that is frozen gives up for good.
    pub(crate) async fn stop_writing(&self) -> Result<()> {
        self.truth.pause();
        let mut before = None;
        let rests = async || before.replace(self.truth.last()) == Some(self.truth.last());
        wait_for("the writer to rest", DEADLINE, rests).await
    }

    pub(crate) fn go_on_writing(&self) {
        self.truth.set_rate(ROWS);
    }

    /// Sets everything up, and waits until the monitor lets traffic go everywhere.
    async fn set(poll: Duration) -> Result<Self> {
        let lab = Lab::new()?;
        let m = Redis::master(&lab, "m").await?;
        let proxy = Proxy::to(m.port()).await?;
        let r = m.replica(&lab, "r", Some(&proxy)).await?;
        let s = m.replica(&lab, "s", None).await?;
        let truth = Arc::new(Truth::start(&m, ROWS).await?);
        let slave = |server: &Redis| json!({ "role": "slave", "dialect": "redis", "uri": server.uri(WATCHER), "lagTolerance": LIMIT.as_millis() });
        let tree = json!({ "replicas": { "p": {
            "m": { "role": "master", "dialect": "redis", "uri": m.uri(WATCHER) }, "r": slave(&r), "s": slave(&s),
        } } });
        let monitor = Monitor::start(
            &tree.to_string(),
            &["--live", "--poll", &poll.as_millis().to_string()],
        );
        for path in ["/lb/p/replica/r", "/lb/p/replica/s", "/lb/p/primary"] {
            let fit = async || monitor.get(path).status == 200;
            wait_for(&format!("{path} to be 200"), DEADLINE, fit).await?;
        }
        Ok(Self {
            monitor,
            r: Watched::new(r, &truth),
            s: Watched::new(s, &truth),
            m: Watched::new(m, &truth),
            proxy,
            truth,
            _lab: lab,
        })
    }
}
