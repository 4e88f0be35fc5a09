//! The Prometheus exporters that people run, beside the lab's servers: what they say of a lag, to be held against the truth.

use crate::daemon::Daemon;
use crate::http;
use crate::lab::{Lab, free_port};
use crate::program::find;
use crate::wait::wait_for;
use crate::{ADMIN, MariaDb, PASSWORD, Postgres, Redis};
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running exporter.
pub struct Exporter {
    port: u16,
    metric: &'static str,
    _daemon: Daemon,
}

impl Exporter {
    /// `prometheus-postgres-exporter` beside a standby.
    pub async fn of_postgres(lab: &Lab, standby: &Postgres) -> Result<Self> {
        let source = format!(
            "postgresql://{ADMIN}:{PASSWORD}@127.0.0.1:{}/postgres?sslmode=disable",
            standby.port()
        );
        let name = "prometheus-postgres-exporter";
        // Its lag comes with the queries that the package brings as an example.
        let queries = format!("--extend.query-path=/usr/share/doc/{name}/examples/queries.yaml");
        Self::start(lab, (name, name), &source, &[&queries], "pg_replication_lag").await
    }

    /// `prometheus-mysqld-exporter` beside a replica.
    pub async fn of_mariadb(lab: &Lab, replica: &MariaDb) -> Result<Self> {
        let source = format!("{ADMIN}:{PASSWORD}@(127.0.0.1:{})/", replica.port());
        let name = "prometheus-mysqld-exporter";
        let metric = "mysql_slave_status_seconds_behind_master";
        Self::start(
            lab,
            (name, name),
            &source,
            &["--no-collect.info_schema.innodb_cmp"],
            metric,
        )
        .await
    }

    /// `prometheus-redis-exporter` beside a master: only there is a lag of its replicas told.
    pub async fn of_redis(lab: &Lab, master: &Redis) -> Result<Self> {
        let address = format!("redis://127.0.0.1:{}", master.port());
        let arguments = ["-redis.addr", &address, "-redis.password", PASSWORD];
        let name = "prometheus-redis-exporter";
        Self::start(
            lab,
            (name, name),
            "",
            &arguments,
            "redis_connected_slave_lag_seconds",
        )
        .await
    }

    async fn start(
        lab: &Lab,
        (program, package): (&'static str, &'static str),
        source: &str,
        arguments: &[&str],
        metric: &'static str,
    ) -> Result<Self> {
        let port = free_port()?;
        let mut daemon = Daemon::new(find(program, package)?, &lab.room(program), None, Signal::TERM)
            .variable("DATA_SOURCE_NAME", source)
            .argument(format!("--web.listen-address=127.0.0.1:{port}"));
        for argument in arguments {
            daemon = daemon.argument(*argument);
        }
        daemon.spawn()?;
        let exporter = Self {
            port,
            metric,
            _daemon: daemon,
        };
        let answers = async || http::get(port, "/metrics").await.is_ok();
        wait_for(&format!("{program} to answer"), PATIENCE, answers)
            .await
            .with_context(|| exporter._daemon.log())?;
        Ok(exporter)
    }

    /// The name of the figure that it tells.
    pub fn metric(&self) -> &'static str {
        self.metric
    }

    /// The lag that it tells now; none where the figure is absent or no number.
    pub async fn lag(&self) -> Result<Option<f64>> {
        let text = http::get(self.port, "/metrics").await?;
        let line = text.lines().find(|line| {
            line.strip_prefix(self.metric)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(value.filter(|value| value.is_finite()))
    }
}
