//! `cargo x lab up SCENE`: real servers to try things with, until Ctrl-C.

use crate::run::{command, run};
use anyhow::Result;

pub(crate) fn lab(words: &[String]) -> Result<()> {
    let mut lab = command("cargo", &["run", "--quiet", "--package", "replica-lab", "--"]);
    run(lab.args(words))
}
