//! MariaDB: a primary and its GTID replicas, of one source or several.

use crate::client::{Client, Place};
use crate::daemon::{Daemon, run};
use crate::lab::{Lab, free_port};
use crate::program::{User, find, give, unprivileged};
use crate::wait::wait_for;
use crate::{ADMIN, PASSWORD, PLAIN, Proxy, WATCHER};
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const PACKAGE: &str = "mariadb-server";
const PATIENCE: Duration = Duration::from_secs(60);
/// Server ids and domains are given out in turn, unique within the process.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A running server.
pub struct MariaDb {
    name: String,
    port: u16,
    daemon: Daemon,
}

impl MariaDb {
    /// A new primary with the lab's users and the table of the truth, writing to a domain of its own.
    pub async fn primary(lab: &Lab, name: &str) -> Result<Self> {
        let server = Self::empty(lab, name).await?;
        server.execute(&SCHEMA).await?;
        Ok(server)
    }

    /// A replica of `self` that follows it by GTID, through `via` if there is one.
    pub async fn replica(&self, lab: &Lab, name: &str, via: Option<&Proxy>) -> Result<Self> {
        let replica = Self::empty(lab, name).await?;
        replica.execute(&["SET GLOBAL read_only=1"]).await?;
        replica.follow(self, "", via).await?;
        Ok(replica)
    }

    /// Adds a link of that name (empty for the usual one) to `upstream`.
    pub async fn follow(&self, upstream: &Self, link: &str, via: Option<&Proxy>) -> Result<()> {
        let port = via.map_or(upstream.port, Proxy::port);
        let change = format!(
            "CHANGE MASTER '{link}' TO master_host='127.0.0.1', master_port={port}, master_user='{ADMIN}', master_password='{PASSWORD}', master_use_gtid=slave_pos, master_connect_retry=1"
        );
        self.execute(&[&change, &format!("START SLAVE '{link}'")]).await
    }

    async fn empty(lab: &Lab, name: &str) -> Result<Self> {
        let program = find("mariadbd", PACKAGE)?;
        let user = unprivileged(&["mysql", "nobody"])?;
        let room = lab.room(name);
        fs::create_dir(&room)?;
        give(&room, user)?;
        // Of its own: a server that starts removes what it takes for its leftovers, which may be another's tables.
        let temporary = room.join("tmp");
        fs::create_dir(&temporary)?;
        give(&temporary, user)?;
        install(&room, &temporary, user).await?;
        let (port, id) = (free_port()?, NEXT.fetch_add(1, Ordering::Relaxed));
        let mut daemon = Daemon::new(program, &room, user, Signal::KILL).argument("--no-defaults");
        let room_text = room.display();
        for argument in [
            format!("--datadir={room_text}"),
            format!("--socket={room_text}/s"),
            format!("--tmpdir={}", temporary.display()),
            format!("--pid-file={room_text}/pid"),
            format!("--port={port}"),
            format!("--server-id={id}"),
            format!("--gtid-domain-id={id}"),
            format!("--report-port={port}"),
            "--bind-address=127.0.0.1".into(),
            "--report-host=127.0.0.1".into(),
            "--log-bin=binlog".into(),
            "--log-slave-updates=1".into(),
            "--binlog-format=ROW".into(),
            "--binlog-row-metadata=FULL".into(),
            "--innodb-flush-log-at-trx-commit=0".into(),
            "--innodb-buffer-pool-size=16M".into(),
            "--innodb-log-file-size=8M".into(),
            "--skip-name-resolve".into(),
            "--slave-net-timeout=30".into(),
            "--max-connections=30".into(),
            "--expire-logs-days=3".into(),
            format!("--init-file={}", init_file(&room, user)?),
        ] {
            daemon = daemon.argument(argument);
        }
        let server = Self {
            name: name.to_owned(),
            port,
            daemon,
        };
        server.start().await?;
        Ok(server)
    }

    /// Its name in the lab.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Its address for one of the lab's users.
    pub fn uri(&self, user: &str) -> String {
        self.uri_through(user, self.port)
    }

    /// Its address for one of the lab's users, at another port that leads to it.
    pub fn uri_through(&self, user: &str, port: u16) -> String {
        format!("mysql://{user}:{PASSWORD}@127.0.0.1:{port}/lab")
    }

    /// Starts it and waits until it answers.
    pub async fn start(&self) -> Result<()> {
        self.daemon.spawn()?;
        let answers = async || self.client().await.is_ok();
        wait_for(&format!("{} to answer", self.name), PATIENCE, answers)
            .await
            .with_context(|| self.daemon.log())
    }

    /// Ends it properly.
    pub async fn stop(&self) -> Result<()> {
        self.daemon.stop(Signal::TERM).await
    }

    pub(crate) fn place(&self) -> Place {
        Place::MariaDb {
            port: self.port,
            user: ADMIN.to_owned(),
        }
    }

    /// A connection as the admin.
    pub async fn client(&self) -> Result<Client> {
        Client::open(&self.place()).await
    }

    /// Runs statements as the admin, each on its own.
    pub async fn execute(&self, statements: &[&str]) -> Result<()> {
        let mut client = self.client().await?;
        for statement in statements {
            client.execute(statement).await?;
        }
        Ok(())
    }

    /// Stops applying; receiving goes on.
    pub async fn stop_sql_thread(&self) -> Result<()> {
        self.execute(&["STOP SLAVE SQL_THREAD"]).await
    }

    /// Stops receiving; what was received is applied.
    pub async fn stop_io_thread(&self) -> Result<()> {
        self.execute(&["STOP SLAVE IO_THREAD"]).await
    }

    /// Starts both again.
    pub async fn start_threads(&self) -> Result<()> {
        self.execute(&["START SLAVE"]).await
    }

    /// Holds every event back by that many seconds.
    pub async fn delay_apply(&self, seconds: u32) -> Result<()> {
        let change = format!("CHANGE MASTER TO master_delay={seconds}");
        self.execute(&["STOP SLAVE", &change, "START SLAVE"]).await
    }

    /// Puts a row in the way of the next one from the primary.
    pub async fn break_with_duplicate_key(&self, number: u64) -> Result<()> {
        let insert = format!("INSERT INTO lab.truth VALUES ({number})");
        self.execute(&["SET sql_log_bin=0", &insert]).await
    }

    /// Holds a lock that applying waits for, and readers do not, until the connection is dropped.
    pub async fn lock_table(&self) -> Result<Client> {
        let mut client = self.client().await?;
        client.execute("LOCK TABLES lab.truth READ").await?;
        Ok(client)
    }

    /// Opens connections as the plain user until the server takes no more; they stay as long as they are held.
    pub async fn fill_connections(&self) -> Result<Vec<Client>> {
        let place = Place::MariaDb {
            port: self.port,
            user: PLAIN.to_owned(),
        };
        let mut held = Vec::new();
        while let Ok(client) = Client::open(&place).await {
            held.push(client);
            anyhow::ensure!(held.len() < 1000, "the server takes any number of connections");
        }
        Ok(held)
    }
}

const SCHEMA: [&str; 2] = [
    "CREATE DATABASE lab",
    "CREATE TABLE lab.truth (id bigint PRIMARY KEY) ENGINE=InnoDB",
];

/// The users exist on every server without having been replicated there: they are no part of anybody's history.
fn init_file(room: &std::path::Path, user: Option<User>) -> Result<String> {
    let path = room.with_extension("sql");
    let text = format!(
        "SET sql_log_bin=0;
CREATE OR REPLACE USER {ADMIN}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO {ADMIN}@'127.0.0.1' WITH GRANT OPTION;
CREATE OR REPLACE USER {WATCHER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
GRANT SLAVE MONITOR, BINLOG MONITOR, REPLICATION MASTER ADMIN ON *.* TO {WATCHER}@'127.0.0.1';
CREATE OR REPLACE USER {PLAIN}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
"
    );
    fs::write(&path, text)?;
    give(&path, user)?;
    Ok(path.display().to_string())
}

async fn install(room: &std::path::Path, temporary: &std::path::Path, user: Option<User>) -> Result<()> {
    let datadir = format!("--datadir={}", room.display());
    let tmpdir = format!("--tmpdir={}", temporary.display());
    let arguments = [
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
        &datadir,
        &tmpdir,
    ];
    run(&find("mariadb-install-db", PACKAGE)?, &arguments, user, room).await
}
