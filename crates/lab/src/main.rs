//! `replica-lab up SCENE`: real servers to try things with, until Ctrl-C.

use anyhow::{Result, bail};
use replica_lab::scene::{SCENES, Stage};
use std::io::{Write, stdout};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["up", scene] => up(scene).await,
        _ => bail!("usage: replica-lab up SCENE\n{}", scenes()),
    }
}

async fn up(scene: &str) -> Result<()> {
    let stage = Stage::set(scene).await?;
    let tree = stage.write_tree()?;
    let mut out = stdout();
    writeln!(
        out,
        "The scene is set; a writer commits five rows a second. Its tree file, passwords included:"
    )?;
    writeln!(out, "  {}", tree.display())?;
    writeln!(out, "Watch it:")?;
    writeln!(
        out,
        "  cargo run --release -p replica-monitor -- --live --tree {}",
        tree.display()
    )?;
    writeln!(out, "Ctrl-C ends the servers.")?;
    out.flush()?;
    tokio::signal::ctrl_c().await?;
    writeln!(out, "Ending them.")?;
    drop(stage);
    Ok(())
}

fn scenes() -> String {
    let lines = SCENES
        .iter()
        .map(|scene| format!("  {:<10} {}", scene.name, scene.about));
    let lines: Vec<String> = lines.collect();
    format!("scenes:\n{}\n  {:<10} all of them", lines.join("\n"), "all")
}
