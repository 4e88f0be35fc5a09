//! PostgreSQL: a primary, its standbys and theirs, and logical subscribers.

use crate::client::{Client, Place};
use crate::daemon::{Daemon, run};
use crate::lab::{Lab, free_port};
use crate::program::{User, find, give, unprivileged};
use crate::wait::wait_for;
use crate::{ADMIN, PASSWORD, PLAIN, Proxy, WATCHER};
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::time::Duration;

const PACKAGE: &str = "postgresql";
const PATIENCE: Duration = Duration::from_secs(30);

/// What every server of the lab runs with: small, quick, and with the limits low enough to be reached.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
shared_buffers = 16MB
fsync = off
wal_level = logical
max_connections = 40
max_wal_senders = 10
max_replication_slots = 10
wal_retrieve_retry_interval = 300ms
wal_receiver_status_interval = 1s
hot_standby = on
logging_collector = off
";

/// A running server.
pub struct Postgres {
    name: String,
    port: u16,
    daemon: Daemon,
    user: Option<User>,
}

impl Postgres {
    /// A new primary with the lab's users and the table of the truth.
    pub async fn primary(lab: &Lab, name: &str) -> Result<Self> {
        let server = Self::made(lab, name, async |user, room: &Path| {
            let password = room.with_extension("pw");
            fs::write(&password, PASSWORD)?;
            give(&password, user)?;
            let arguments = [
                "--no-sync",
                "--auth=scram-sha-256",
                &format!("--username={ADMIN}"),
                &format!("--pwfile={}", password.display()),
                "-E",
                "UTF8",
                "-D",
                &room.display().to_string(),
            ];
            run(&find("initdb", PACKAGE)?, &arguments, user, room).await
        })
        .await?;
        server.configure("")?;
        server.start().await?;
        let mut client = server.client().await?;
        let users = format!(
            "CREATE TABLE truth (id bigint PRIMARY KEY);
             CREATE ROLE {WATCHER} LOGIN PASSWORD '{PASSWORD}'; GRANT pg_monitor TO {WATCHER};
             CREATE ROLE {PLAIN} LOGIN PASSWORD '{PASSWORD}';"
        );
        client.execute(&users).await?;
        Ok(server)
    }

    /// A streaming standby of this server, through `via` if there is one. It has a slot of its own.
    pub async fn standby(&self, lab: &Lab, name: &str, via: Option<&Proxy>) -> Result<Self> {
        let slot = name.replace('-', "_");
        let own = self.port.to_string();
        let standby = Self::made(lab, name, async |user, room: &Path| {
            let room_text = room.display().to_string();
            let from = ["-h", "127.0.0.1", "-p", &own, "-U", ADMIN, "-D", &room_text];
            let how = ["-X", "stream", "-c", "fast", "--no-sync", "-C", "-S", &slot];
            run(
                &find("pg_basebackup", PACKAGE)?,
                &[&from[..], &how[..]].concat(),
                user,
                room,
            )
            .await
        })
        .await?;
        let port = via.map_or(self.port, Proxy::port);
        standby.configure(&format!(
            "primary_conninfo = 'host=127.0.0.1 port={port} user={ADMIN} password={PASSWORD} application_name={name}'
             primary_slot_name = '{slot}'"
        ))?;
        fs::write(standby.daemon.room().join("standby.signal"), "")?;
        standby.start().await?;
        Ok(standby)
    }

    /// A logical copy of the table of the truth, on a server of its own.
    pub async fn subscriber(&self, lab: &Lab, name: &str, via: Option<&Proxy>) -> Result<Self> {
        let subscriber = Self::primary(lab, name).await?;
        let slot = name.replace('-', "_");
        let publish = "CREATE PUBLICATION lab FOR TABLE truth";
        self.client().await?.execute(publish).await?;
        let port = via.map_or(self.port, Proxy::port);
        let subscribe = format!(
            "CREATE SUBSCRIPTION {slot} CONNECTION 'host=127.0.0.1 port={port} user={ADMIN} password={PASSWORD} dbname=postgres' PUBLICATION lab"
        );
        subscriber.client().await?.execute(&subscribe).await?;
        Ok(subscriber)
    }

    async fn made(
        lab: &Lab,
        name: &str,
        make: impl AsyncFnOnce(Option<User>, &Path) -> Result<()>,
    ) -> Result<Self> {
        let program = find("postgres", PACKAGE)?;
        let user = unprivileged(&["postgres", "nobody"])?;
        let room = lab.room(name);
        fs::create_dir(&room)?;
        give(&room, user)?;
        fs::set_permissions(&room, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        make(user, &room).await?;
        Ok(Self {
            name: name.to_owned(),
            port: free_port()?,
            daemon: Daemon::new(program, &room, user, Signal::QUIT)
                .argument("-D")
                .argument(&room),
            user,
        })
    }

    fn configure(&self, more: &str) -> Result<()> {
        let room = self.daemon.room();
        let text = format!(
            "{SETTINGS}\nport = {}\nunix_socket_directories = '{}'\n{more}\n",
            self.port,
            room.display()
        );
        fs::write(room.join("postgresql.conf"), text)?;
        // A copied primary's settings must not override.
        fs::write(room.join("postgresql.auto.conf"), "")?;
        for file in ["postgresql.conf", "postgresql.auto.conf"] {
            give(&room.join(file), self.user)?;
        }
        let access = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n";
        fs::write(room.join("pg_hba.conf"), access)?;
        give(&room.join("pg_hba.conf"), self.user)
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
        format!("postgresql://{user}:{PASSWORD}@127.0.0.1:{port}/postgres")
    }

    /// Starts it and waits until it answers.
    pub async fn start(&self) -> Result<()> {
        self.daemon.spawn()?;
        let answers = async || self.client().await.is_ok();
        wait_for(&format!("{} to answer", self.name), PATIENCE, answers)
            .await
            .with_context(|| self.daemon.log())
    }

    /// Ends it properly (a fast shutdown).
    pub async fn stop(&self) -> Result<()> {
        self.daemon.stop(Signal::INT).await
    }

    pub(crate) fn place(&self) -> Place {
        Place::Postgres {
            port: self.port,
            user: ADMIN.to_owned(),
            database: "postgres".to_owned(),
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

    /// Stops replay; what is received waits.
    pub async fn pause_replay(&self) -> Result<()> {
        self.execute(&["SELECT pg_wal_replay_pause()"]).await
    }

    /// Lets replay go on.
    pub async fn resume_replay(&self) -> Result<()> {
        self.execute(&["SELECT pg_wal_replay_resume()"]).await
    }

    /// Holds every commit back by that long.
    pub async fn delay_apply(&self, delay: Duration) -> Result<()> {
        let set = format!(
            "ALTER SYSTEM SET recovery_min_apply_delay = '{}ms'",
            delay.as_millis()
        );
        self.execute(&[&set, "SELECT pg_reload_conf()"]).await
    }

    /// Makes a standby a primary, as somebody else might.
    pub async fn promote(&self) -> Result<()> {
        self.execute(&["SELECT pg_promote(true, 30)"]).await
    }

    /// Disables or enables its subscription.
    pub async fn subscribe(&self, enabled: bool) -> Result<()> {
        let slot = self.name.replace('-', "_");
        let word = if enabled { "ENABLE" } else { "DISABLE" };
        self.execute(&[&format!("ALTER SUBSCRIPTION {slot} {word}")])
            .await
    }

    /// Opens connections as the plain user until the server takes no more; they stay as long as they are held.
    pub async fn fill_connections(&self) -> Result<Vec<Client>> {
        let place = Place::Postgres {
            port: self.port,
            user: PLAIN.to_owned(),
            database: "postgres".to_owned(),
        };
        let mut held = Vec::new();
        while let Ok(client) = Client::open(&place).await {
            held.push(client);
            anyhow::ensure!(held.len() < 1000, "the server takes any number of connections");
        }
        Ok(held)
    }
}
