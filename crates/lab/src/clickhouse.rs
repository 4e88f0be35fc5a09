//! ClickHouse: one server, without Keeper and so without replicated tables.

use crate::daemon::Daemon;
use crate::lab::{Lab, free_port};
use crate::program::{find, give, unprivileged};
use crate::wait::wait_for;
use crate::{PASSWORD, WATCHER};
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::fs;
use std::time::Duration;
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub struct ClickHouse {
    name: String,
    port: u16,
    daemon: Daemon,
}

impl ClickHouse {
    /// A new server with the lab's watcher.
    pub async fn start(lab: &Lab, name: &str) -> Result<Self> {
        let program = find("clickhouse-server", "clickhouse-server")?;
        let user = unprivileged(&["clickhouse", "nobody"])?;
        let room = lab.room(name);
        fs::create_dir(&room)?;
        let port = free_port()?;
        let folder = room.display().to_string();
        let files = [("config.xml", config(&folder, port)), ("users.xml", users())];
        for (file, text) in files {
            fs::write(room.join(file), text)?;
        }
        give(&room, user)?;
        let daemon = Daemon::new(program, &room, user, Signal::TERM)
            .argument(format!("--config-file={folder}/config.xml"));
        let server = Self {
            name: name.to_owned(),
            port,
            daemon,
        };
        server.daemon.spawn()?;
        let listens = async || TcpStream::connect(("127.0.0.1", port)).await.is_ok();
        wait_for(&format!("{} to listen", server.name), PATIENCE, listens)
            .await
            .with_context(|| server.daemon.log())?;
        Ok(server)
    }

    /// Its name in the lab.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens for HTTP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Its address for the lab's watcher.
    pub fn uri(&self) -> String {
        self.uri_through(self.port)
    }

    /// The same, at another port that leads to it.
    pub fn uri_through(&self, port: u16) -> String {
        format!("clickhouse://{WATCHER}:{PASSWORD}@127.0.0.1:{port}/default")
    }
}

fn config(folder: &str, port: u16) -> String {
    format!(
        "<yandex>
 <logger><level>information</level><console>1</console></logger>
 <http_port>{port}</http_port>
 <listen_host>127.0.0.1</listen_host>
 <path>{folder}/data/</path>
 <tmp_path>{folder}/tmp/</tmp_path>
 <users_config>{folder}/users.xml</users_config>
 <mark_cache_size>1048576</mark_cache_size>
 <default_profile>default</default_profile>
 <default_database>default</default_database>
</yandex>
"
    )
}

fn users() -> String {
    format!(
        "<yandex>
 <profiles><default/><readonly><readonly>1</readonly></readonly></profiles>
 <quotas><default/></quotas>
 <users>
  <default><password>{PASSWORD}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
  <{WATCHER}><password>{PASSWORD}</password><networks><ip>127.0.0.1</ip></networks><profile>readonly</profile><quota>default</quota></{WATCHER}>
 </users>
</yandex>
"
    )
}
