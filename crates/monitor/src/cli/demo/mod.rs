//! `demo`: everything at once on SQLite files, without a server: a shop that is written to, slaves and an analytics database that rules feed, and the page.

mod shop;

use super::Failure;
use super::serve;
use super::settings::{LogFormat, Settings};
use crate::{AlertSettings, Config};
use serde_json::json;
use shop::{SALE_EVERY, Shop};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Rows a second that the slow slave is given.
const SLOWLY: u32 = 40;
const POLL: Duration = Duration::from_secs(1);
/// Between two mirrors of the catalogue.
const MIRRORS: Duration = Duration::from_secs(30);

/// Show everything on a made-up shop of SQLite files: no server is needed.
///
/// A writer takes orders; rules feed two slaves, one of them slowly, and an analytics database; the monitor measures all of it. Ctrl-C ends it.
#[derive(clap::Args)]
pub(super) struct Demo {
    /// The port to serve at; 0 lets the system choose
    #[arg(long, default_value_t = 14499)]
    port: u16,
    /// Make the files in this new folder, and keep them [default: a temporary folder, removed in the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Demo {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let temporary = tempfile::Builder::new()
            .prefix("replica-monitor-demo-")
            .tempdir()?;
        let folder = match &self.dir {
            None => temporary.path(),
            Some(dir) => {
                std::fs::create_dir(dir)
                    .map_err(|error| Failure::Failed(format!("--dir {}: {error}", dir.display())))?;
                dir
            }
        };
        let shop = Shop::open(folder).map_err(|error| Failure::Failed(format!("the shop: {error}")))?;
        let tree = folder.join("replicator-tree.json");
        std::fs::write(&tree, declared(folder))?;
        let every = SALE_EVERY.as_secs();
        writeln!(
            out,
            "A shop of SQLite files in {}: a writer takes orders, rules feed two slaves and an analytics database.
shop / slow is given {SLOWLY} rows a second: watch it fall behind at each sale, every {every} s, and catch up.
Ctrl-C ends it.",
            folder.display()
        )?;
        out.flush()?;
        let open = shop.open_doors();
        let served = serve::watch(self.settings(folder, tree), LogFormat::Text);
        open.close();
        served
    }

    fn settings(&self, folder: &Path, tree: PathBuf) -> Settings {
        let alerts = AlertSettings::default().kept_in(Some(folder.join("alerts.json")));
        Settings {
            config: Config {
                port: self.port,
                poll: POLL,
                history: Some(folder.join("history.db")),
                alerts: Some(alerts),
                ..Config::default()
            },
            tree,
            watch: true,
            live: true,
            heartbeat: None,
            verify_rules: Some(Duration::from_secs(60)),
            rules: Some(MIRRORS),
        }
    }
}

/// The tree of the demo, as anybody would write it.
fn declared(folder: &Path) -> String {
    let uri = |name: &str| json!(folder.join(name).display().to_string());
    let (main, fast, slow, warehouse) = (
        uri(shop::MAIN),
        uri(shop::FAST),
        uri(shop::SLOW),
        uri(shop::WAREHOUSE),
    );
    format!(
        r#"{{
  "replicas": {{
    "shop": {{
      "main": {{ "role": "master", "dialect": "sqlite", "uri": {main} }},
      "fast": {{ "role": "slave", "dialect": "sqlite", "uri": {fast}, "lagTolerance": 1000 }},
      "slow": {{ "role": "slave", "dialect": "sqlite", "uri": {slow}, "lagTolerance": 10000,
                "throttle": {{ "rowsPerSecond": {SLOWLY} }} }}
    }},
    "analytics": {{
      "warehouse": {{ "role": "master", "dialect": "sqlite", "uri": {warehouse} }}
    }}
  }},
  "rules": {{
    "feed-slaves": {{ "source": "shop", "target": "shop", "mode": "cdc", "collections": ["*"] }},
    "orders": {{ "source": "shop", "target": "analytics", "mode": "cdc", "collections": ["orders", "customers"] }},
    "catalogue": {{ "source": "shop", "target": "analytics", "mode": "snapshot", "collections": ["products"] }}
  }},
  "routing": {{ "shop": "least-lag" }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_the_demo_is_right() {
        let parsed = replica_core::tree::parse(declared(Path::new("/demo")).as_bytes(), "t.json");
        assert_eq!(parsed.problems, []);
        let tree = parsed.tree.unwrap();
        let plans = tree
            .rules
            .iter()
            .map(|rule| replica_engine::rules::Plan::of(&tree, &rule.name));
        let ways: Vec<usize> = plans.map(|plan| plan.unwrap().directions.len()).collect();
        assert_eq!(ways, [2, 1, 1]);
    }
}
