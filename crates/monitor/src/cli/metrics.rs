//! `metrics`: every metric that `/metrics` tells, as the table of docs/METRICS.md.

use super::Failure;
use crate::metrics::METRICS;
use std::io::Write;

pub(super) fn run(out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(
        out,
        "| metric | type | labels | what it tells |\n|---|---|---|---|"
    )?;
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (metric.name, metric.kind.word(), labels.join(", "));
        writeln!(out, "| `{name}` | {kind} | {labels} | {} |", metric.help)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_about_metrics_holds_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METRICS.md");
        let page = std::fs::read_to_string(path).unwrap();
        let mut table = Vec::new();
        assert!(super::run(&mut table).is_ok());
        let table = String::from_utf8(table).unwrap();
        assert!(
            page.contains(&table),
            "docs/METRICS.md lacks what `replica-monitor metrics` prints"
        );
    }
}
