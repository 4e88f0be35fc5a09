//! The rows of a rule that its targets have not taken, as their cursors remember them.

use super::owed::Owed;
use super::plan::Plan;
use super::stopped::within;
use super::store::Rejected;

/// What one target has not taken.
pub struct Letters {
    /// Which, as `project / replica`.
    pub to: String,
    /// Its rows, or why it cannot be asked. None where the rule was never kept going.
    pub rows: Result<Option<Vec<Rejected>>, String>,
}

/// Reads them; nothing is changed. Whoever keeps the rule going tries them again by itself.
pub async fn dead_letters(plan: &Plan) -> Vec<Letters> {
    let mut all = Vec::new();
    for direction in &plan.directions {
        let reader = direction.reader(&plan.rule.name);
        let read = async {
            let mut target = within("target", direction.to.open()).await?;
            within("target", target.cursor(&reader)).await
        };
        let rows = match read.await {
            Ok(cursor) => {
                Ok(cursor.map(|cursor| Owed::all(cursor.owed.as_deref().unwrap_or_default()).shown()))
            }
            Err(stopped) => Err(stopped.to_string()),
        };
        let to = direction.to.words();
        all.push(Letters { to, rows });
    }
    all
}
