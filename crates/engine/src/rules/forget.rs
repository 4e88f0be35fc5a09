//! Takes away what rules made for themselves in databases: places in logs, cursors.

use super::plan::{Direction, Plan};
use super::stopped::{Stopped, within};

/// What was taken away at one end.
pub struct Forgotten {
    /// Which, as `project / replica`.
    pub end: String,
    /// What was there, or why the end cannot be asked.
    pub gone: Result<Vec<String>, String>,
}

/// Takes it away, at both ends of each way of the rule. Rows stay where they are. Whoever keeps the rule going would make it anew.
pub async fn forget(plan: &Plan) -> Vec<Forgotten> {
    let mut all = Vec::new();
    for direction in &plan.directions {
        let reader = direction.reader(&plan.rule.name);
        let at_source = within("source", direction.from.forget_log(&reader)).await;
        all.push(told(direction.from.words(), at_source));
        all.push(told(direction.to.words(), cursor(direction, &reader).await));
    }
    all
}

async fn cursor(direction: &Direction, reader: &str) -> Result<Vec<String>, Stopped> {
    let mut target = within("target", direction.to.open()).await?;
    within("target", target.forget(reader)).await
}

fn told(end: String, gone: Result<Vec<String>, Stopped>) -> Forgotten {
    let gone = gone.map_err(|stopped| stopped.to_string());
    Forgotten { end, gone }
}
