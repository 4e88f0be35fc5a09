//! Redis: a master and its replicas.

use crate::client::{Client, Place};
use crate::daemon::Daemon;
use crate::lab::{Lab, free_port};
use crate::program::{find, give, unprivileged};
use crate::wait::wait_for;
use crate::{PASSWORD, PLAIN, Proxy, WATCHER};
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::fs;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub struct Redis {
    name: String,
    port: u16,
    daemon: Daemon,
}

impl Redis {
    /// A new master with the lab's users.
    pub async fn master(lab: &Lab, name: &str) -> Result<Self> {
        let program = find("redis-server", "redis-server")?;
        let user = unprivileged(&["redis", "nobody"])?;
        let room = lab.room(name);
        fs::create_dir(&room)?;
        give(&room, user)?;
        let port = free_port()?;
        let mut daemon = Daemon::new(program, &room, user, Signal::KILL);
        let room_text = room.display().to_string();
        let port_text = port.to_string();
        let settings = [
            ["--port", &port_text],
            ["--bind", "127.0.0.1"],
            ["--dir", &room_text],
            ["--save", ""],
            ["--requirepass", PASSWORD],
            ["--masterauth", PASSWORD],
            ["--maxclients", "40"],
            ["--repl-timeout", "20"],
            ["--repl-diskless-sync-delay", "0"],
            ["--repl-backlog-size", "1mb"],
            ["--enable-debug-command", "local"],
        ];
        for argument in settings.concat() {
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

    /// A replica of this server, through `via` if there is one.
    pub async fn replica(&self, lab: &Lab, name: &str, via: Option<&Proxy>) -> Result<Self> {
        let replica = Self::master(lab, name).await?;
        replica.follow(via.map_or(self.port, Proxy::port)).await?;
        Ok(replica)
    }

    /// Follows what listens at that port.
    pub async fn follow(&self, port: u16) -> Result<()> {
        self.execute(&[&format!("REPLICAOF 127.0.0.1 {port}")]).await
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

    /// Its address for one of the lab's users; the admin is Redis's own default user.
    pub fn uri(&self, user: &str) -> String {
        self.uri_through(user, self.port)
    }

    /// Its address for one of the lab's users, at another port that leads to it.
    pub fn uri_through(&self, user: &str, port: u16) -> String {
        let user = if user == crate::ADMIN { "" } else { user };
        format!("redis://{user}:{PASSWORD}@127.0.0.1:{port}/0")
    }

    /// Starts it and waits until it answers; users do not outlive a restart, so they are made anew.
    pub async fn start(&self) -> Result<()> {
        self.daemon.spawn()?;
        let answers = async || self.client().await.is_ok();
        wait_for(&format!("{} to answer", self.name), PATIENCE, answers)
            .await
            .with_context(|| self.daemon.log())?;
        let watcher = format!("ACL SETUSER {WATCHER} on >{PASSWORD} -@all +info +ping +role");
        let plain = format!("ACL SETUSER {PLAIN} on >{PASSWORD} -@all +ping");
        self.execute(&[&watcher, &plain]).await
    }

    /// Ends it properly.
    pub async fn stop(&self) -> Result<()> {
        self.daemon.stop(Signal::TERM).await
    }

    pub(crate) fn place(&self) -> Place {
        Place::Redis { port: self.port }
    }

    /// A connection as the admin.
    pub async fn client(&self) -> Result<Client> {
        Client::open(&self.place()).await
    }

    /// Runs commands as the admin.
    pub async fn execute(&self, commands: &[&str]) -> Result<()> {
        let mut client = self.client().await?;
        for command in commands {
            client.execute(command).await?;
        }
        Ok(())
    }

    /// On a replica: what comes from the master waits, reads go on.
    pub async fn pause_writes(&self, pause: Duration) -> Result<()> {
        self.execute(&[&format!("CLIENT PAUSE {} WRITE", pause.as_millis())])
            .await
    }

    /// Everything waits.
    pub async fn pause_all(&self, pause: Duration) -> Result<()> {
        self.execute(&[&format!("CLIENT PAUSE {} ALL", pause.as_millis())])
            .await
    }

    /// Writes more than the backlog holds: who is not connected must load everything anew.
    pub async fn overrun_backlog(&self) -> Result<()> {
        let value = "x".repeat(64 << 10);
        let mut client = self.client().await?;
        for _ in 0..20 {
            client.execute(&format!("SET filler {value}")).await?;
        }
        Ok(())
    }

    /// Makes a replica a master, as somebody else might.
    pub async fn promote(&self) -> Result<()> {
        self.execute(&["REPLICAOF NO ONE"]).await
    }

    /// Opens connections until the server takes no more; they stay as long as they are held.
    pub async fn fill_connections(&self) -> Result<Vec<Client>> {
        let mut held = Vec::new();
        while let Ok(client) = self.client().await {
            held.push(client);
            anyhow::ensure!(held.len() < 1000, "the server takes any number of connections");
        }
        Ok(held)
    }
}
