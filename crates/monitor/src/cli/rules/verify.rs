//! `rules verify`: whether both ends of a rule hold the same rows.

use crate::cli::Failure;
use crate::cli::history::spinner;
use crate::cli::settings::tree_path;
use crate::cli::tree;
use crate::words::plain;
use replica_core::RuleMode;
use replica_engine::rules::{Differs, Direction, Plan, Progress, Verification};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Keys that are told of each table; `--json` tells all that are remembered.
const SHOWN: usize = 10;

/// Compare both ends of a rule row by row, while both are written to; tell which rows differ.
///
/// A row that differs is looked at three times within --patience, and counts only if it differs each time in the same way: what is merely on its way does not.
/// Exit code 0: all rows are the same, or were healed. 1: some are not, or a table cannot be compared.
#[derive(clap::Args)]
pub(super) struct Verify {
    /// The rule
    #[arg(value_name = "RULE")]
    rule: String,
    /// The tree file [default: .mostajs/replicator-tree.json] [env: MONITOR_TREE]
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    /// Write what differs to the target
    #[arg(long)]
    heal: bool,
    /// How long a difference must last; longer than the rule takes to bring a change
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    patience: Duration,
    /// One JSON object on standard output instead of lines
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let tree = tree::read(&tree_path(self.tree.as_deref())?)?;
        let plan = Plan::of(&tree, &self.rule).map_err(|error| Failure::Usage(error.to_string()))?;
        if plan.rule.mode == RuleMode::Bidirectional && self.heal {
            return Err(Failure::Usage(format!(
                "the rule {:?} is bidirectional: healing would write one way what may have to go the other",
                self.rule
            )));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (mut well, mut told) = (true, Vec::new());
        for direction in plan.compared() {
            let found = runtime.block_on(self.compare(&plan, direction));
            well &= found["ok"] == true;
            match self.json {
                true => told.push(found),
                false => tell(&found, out)?,
            }
        }
        runtime.shutdown_background();
        if self.json {
            let all = json!({ "ok": well, "rule": self.rule, "directions": told });
            writeln!(out, "{all}")?;
        }
        match well {
            true => Ok(()),
            false => Err(Failure::Told(1)),
        }
    }

    async fn compare(&self, plan: &Plan, direction: &Direction) -> Value {
        let (from, to) = (direction.from.words(), direction.to.words());
        let ends = match direction.ends().await {
            Ok(ends) => ends,
            Err(stopped) => {
                return json!({ "ok": false, "from": from, "to": to, "stopped": stopped.to_string() });
            }
        };
        let bar = spinner();
        let told = |now: &Progress| {
            let (done, all) = now.tables;
            bar.set_message(format!(
                "{} ({} of {all} tables), {} rows",
                plain(&now.table),
                done + 1,
                now.rows
            ));
            bar.tick();
        };
        let verification = Verification::new(ends, self.patience, self.heal, &told, &|| false);
        let mut verification = verification.named(plan.names());
        let ended = verification.run(&plan.rule.collections).await;
        bar.finish_and_clear();
        let stopped = ended.err().map(|stopped| stopped.to_string());
        let is_well = verification.tables.iter().all(|table| {
            !table.and_more && table.unhealed.is_empty() && (self.heal || table.differences.is_empty())
        });
        let tables = verification.tables.iter().map(|table| {
            let differences = table.differences.iter();
            let differences =
                differences.map(|(key, differs)| json!({ "key": key, "differs": word(*differs) }));
            json!({
                "table": table.table, "rows": table.rows, "differences": differences.collect::<Vec<_>>(),
                "andMore": table.and_more, "healed": table.healed, "unhealed": table.unhealed,
            })
        });
        json!({
            "ok": is_well && stopped.is_none() && verification.refused.is_empty(), "from": from, "to": to,
            "tables": tables.collect::<Vec<_>>(), "refused": verification.refused, "stopped": stopped,
        })
    }
}

fn word(differs: Differs) -> &'static str {
    match differs {
        Differs::Missing => "missing",
        Differs::Changed => "changed",
        Differs::Extra => "extra",
    }
}

fn text(value: &Value) -> String {
    plain(value.as_str().unwrap_or_default())
}

fn tell(found: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{} → {}", text(&found["from"]), text(&found["to"]))?;
    for table in found["tables"].as_array().into_iter().flatten() {
        let differences = table["differences"].as_array().map_or(&[][..], Vec::as_slice);
        let (name, rows, count) = (text(&table["table"]), &table["rows"], differences.len());
        let more = if table["andMore"] == true {
            "more than "
        } else {
            ""
        };
        match count {
            0 => writeln!(out, "    {name}: {rows} rows, all the same")?,
            _ => writeln!(
                out,
                "    {name}: {rows} rows, {more}{count} differ, {} healed",
                table["healed"]
            )?,
        }
        for difference in differences.iter().take(SHOWN) {
            writeln!(
                out,
                "        {}: {}",
                text(&difference["key"]),
                text(&difference["differs"])
            )?;
        }
        if count > SHOWN {
            writeln!(out, "        and {} more; --json tells all", count - SHOWN)?;
        }
        for why in table["unhealed"].as_array().into_iter().flatten().take(SHOWN) {
            writeln!(out, "        not healed: {}", text(why))?;
        }
    }
    for (table, why) in found["refused"].as_object().into_iter().flatten() {
        writeln!(out, "    {}: not compared: {}", plain(table), text(why))?;
    }
    if let Some(why) = found["stopped"].as_str() {
        writeln!(out, "    ended early: {}", plain(why))?;
    }
    Ok(())
}
