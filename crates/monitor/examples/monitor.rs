//! Serves a replica monitor from inside this project: `cargo run --example monitor` starts it, Ctrl-C ends it.
//!
//! It watches the tree file alone. Hand `start` a `Source` of your own to show what your application knows.

use replica_monitor::{Config, read_tree, start};
use std::io::{Write, stdout};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let source = read_tree(".mostajs/replicator-tree.json")?;
    let monitor = start(Config::default(), source).await?;
    writeln!(stdout(), "{}", monitor.url())?;
    tokio::signal::ctrl_c().await?;
    monitor.stop().await;
    Ok(())
}
