//! The test file of the rules, for `promtool test rules`: each alert fires on its sample and keeps quiet on the other, and each slave of
//! the tree has its own limit.

use super::alert::{About, Alert, Series};
use super::alerts::ALERTS;
use super::rules::{Slave, seconds};
use super::yaml::{mapping, quoted};
use super::{HEADER, RULES_FILE};
use crate::metrics::{bounded, label};

/// When everything that is held for a while has been held for long enough.
const LATE: &str = "15m";
/// Slaves beyond are like those before: the file stays readable, and promtool quick.
const SLAVES: usize = 200;

type Labels = Vec<(&'static str, String)>;

/// The whole file.
pub(super) fn render(slaves: &[Slave], job: &str) -> String {
    let mut out = format!("{HEADER}rule_files: [{RULES_FILE}]\nevaluation_interval: 1m\ntests:\n");
    let made_up = Slave {
        project: "shop".to_owned(),
        replica: "slave-1".to_owned(),
        limit_ms: 5000,
    };
    let of = slaves.first().unwrap_or(&made_up);
    for alert in ALERTS {
        let labels = about(alert.about, of);
        let fires = series(alert.fires.series, &labels, job);
        test(&mut out, alert, &fires, &[expected(alert, &labels)]);
        test(&mut out, alert, &series(alert.quiet, &labels, job), &[]);
    }
    if !slaves.is_empty()
        && let Some(lag) = ALERTS.iter().find(|alert| alert.name == "ReplicaLagAboveLimit")
    {
        own_limits(&mut out, lag, slaves);
    }
    out
}

/// Each above its own limit: all fire. Each at its limit: none does.
fn own_limits(out: &mut String, lag: &Alert, slaves: &[Slave]) {
    let (mut above, mut at, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for slave in slaves.iter().take(SLAVES) {
        let labels = about(About::Replica, slave);
        let series = selector("replica_lag_seconds", &labels);
        // Whole days, so that what the template makes of them is plain.
        let days = slave.limit_ms / 86_400_000 + 1;
        above.push((series.clone(), format!("{}+0x40", days * 86_400)));
        at.push((series, format!("{}+0x40", seconds(slave.limit_ms))));
        let annotations = annotations(lag, &labels, &format!("{days}d 0h 0m 0s"));
        told.push((with_severity(lag, &labels), annotations));
    }
    test(out, lag, &above, &told);
    test(out, lag, &at, &[]);
}

fn about(about: About, slave: &Slave) -> Labels {
    let project = ("project", slave.project.clone());
    match about {
        About::Replica => vec![project, ("replica", slave.replica.clone())],
        // Its series are of replicas; what it says is of the project.
        About::Project => vec![project],
        About::Rule => vec![("rule", "copy".to_owned())],
        About::Monitor => Vec::new(),
    }
}

fn series(all: &[Series], labels: &Labels, job: &str) -> Vec<(String, String)> {
    let one = |(name, more, values): &Series| {
        let more = more
            .iter()
            .map(|(name, value)| (*name, value.replace("JOB", job)));
        let labels: Labels = labels.iter().cloned().chain(more).collect();
        (selector(name, &labels), (*values).to_owned())
    };
    all.iter().map(one).collect()
}

fn selector(name: &str, labels: &Labels) -> String {
    let labels: Vec<String> = labels.iter().map(|(name, value)| label(name, value)).collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// What an alert then carries: Prometheus knows no empty labels.
fn with_severity(alert: &Alert, labels: &Labels) -> Labels {
    let told = labels.iter().filter(|(_, value)| !value.is_empty());
    let told = told.map(|(name, value)| (*name, bounded(value).into_owned()));
    told.chain([("severity", alert.severity.to_owned())]).collect()
}

fn expected(alert: &Alert, labels: &Labels) -> (Labels, Labels) {
    let more = alert
        .fires
        .labels
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    let labels: Labels = labels.iter().cloned().chain(more).collect();
    let annotations = annotations(alert, &labels, alert.fires.value);
    (with_severity(alert, &labels), annotations)
}

/// What Prometheus makes of the templates.
fn annotations(alert: &Alert, labels: &Labels, value: &str) -> Labels {
    let expand = |template: &str| {
        let mut parts = template.split("{{ ");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (asked, rest) = part.split_once(" }}").unwrap_or((part, ""));
            let label = asked.strip_prefix("$labels.");
            let label = label.and_then(|name| labels.iter().find(|(known, _)| *known == name));
            text.push_str(&label.map_or(value.into(), |(_, value)| bounded(value)));
            text.push_str(rest);
        }
        text
    };
    vec![
        ("summary", expand(alert.summary)),
        ("description", expand(alert.description)),
    ]
}

fn test(out: &mut String, alert: &Alert, series: &[(String, String)], fires: &[(Labels, Labels)]) {
    let what = if fires.is_empty() { "keeps quiet" } else { "fires" };
    let name = alert.name;
    out.push_str(&format!("  - name: {name} {what}\n    interval: 1m\n"));
    if !series.is_empty() {
        out.push_str("    input_series:\n");
    }
    for (series, values) in series {
        out.push_str(&format!(
            "      - series: {}\n        values: {}\n",
            quoted(series),
            quoted(values)
        ));
    }
    out.push_str(&format!(
        "    alert_rule_test:\n      - eval_time: {LATE}\n        alertname: {name}\n"
    ));
    if !fires.is_empty() {
        out.push_str("        exp_alerts:\n");
    }
    for (labels, annotations) in fires {
        let (labels, annotations) = (mapping(labels.clone()), mapping(annotations.clone()));
        out.push_str(&format!(
            "          - exp_labels: {labels}\n            exp_annotations: {annotations}\n"
        ));
    }
}
