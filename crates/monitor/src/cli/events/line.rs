//! One event as one line: when, what kind, of whom, and what.

use crate::words::{duration, plain, time};
use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value};
use std::io::{self, Write};

/// Fields that stand in the line in a place of their own.
const PLACED: [&str; 6] = ["type", "ts", "seq", "project", "replica", "rule"];

pub(super) fn write(event: &Value, out: &mut dyn Write) -> io::Result<()> {
    let kind = text(event, "type").unwrap_or("?");
    let when = event["ts"].as_i64().map_or_else(|| "?".to_owned(), time);
    let style = style(kind, event);
    let line = [subject(event), what(kind, event)];
    let line: Vec<String> = line.into_iter().filter(|part| !part.is_empty()).collect();
    let (kind, line) = (plain(kind), plain(&line.join(": ")));
    writeln!(out, "{when}  {style}{kind:<16}{style:#}  {line}")
}

fn text<'e>(event: &'e Value, field: &str) -> Option<&'e str> {
    event[field].as_str()
}

fn style(kind: &str, event: &Value) -> Style {
    const BAD: Style = AnsiColor::Red.on_default().bold();
    const GOOD: Style = AnsiColor::Green.on_default();
    const WARN: Style = AnsiColor::Yellow.on_default();
    match (kind, text(event, "state")) {
        ("error", _) | (_, Some("down" | "broken" | "diverged")) => BAD,
        ("problem.cleared", _) | (_, Some("up" | "streaming")) => GOOD,
        ("replica.drift" | "replica.promoted" | "replica.removed", _) => WARN,
        _ => Style::new(),
    }
}

/// Whom it concerns.
fn subject(event: &Value) -> String {
    let parts = ["project", "replica", "rule"].into_iter();
    let parts: Vec<&str> = parts.filter_map(|field| text(event, field)).collect();
    parts.join(" / ")
}

fn what(kind: &str, event: &Value) -> String {
    match kind {
        "replica.added" => joined([text(event, "role").map(str::to_owned), state(event)], ", "),
        "replica.removed" => "is no longer declared".to_owned(),
        "replica.promoted" => joined([Some("is master now".to_owned()), state(event)], ", "),
        "replica.state" => joined(
            [
                text(event, "role").map(|role| format!("is {role} now")),
                state(event),
                text(event, "reason").map(str::to_owned),
            ],
            ", ",
        ),
        "replica.link" => {
            let name = text(event, "link").filter(|name| !name.is_empty());
            let link = [Some("link"), name, text(event, "state")];
            let link = joined(link.map(|part| part.map(str::to_owned)), " ");
            joined([Some(link), text(event, "reason").map(str::to_owned)], ": ")
        }
        "replica.drift" => drift(event),
        "error" | "problem.cleared" => {
            let context = text(event, "context").map(|context| format!("({context})"));
            joined([text(event, "message").map(str::to_owned), context], " ")
        }
        "audit" => joined(
            ["who", "action", "detail"].map(|field| text(event, field).map(str::to_owned)),
            " ",
        ),
        _ => rest(event),
    }
}

/// What there is of some parts.
fn joined(parts: impl IntoIterator<Item = Option<String>>, between: &str) -> String {
    let there: Vec<String> = parts.into_iter().flatten().collect();
    there.join(between)
}

/// The state with its lag, and what that is worth.
fn state(event: &Value) -> Option<String> {
    let sign = match text(event, "lagVerdict") {
        Some("at_least") => "≥ ",
        Some("at_most") => "≤ ",
        _ => "",
    };
    let lag = match (event["lag"].as_u64(), event["lagAsOf"].as_i64()) {
        // A master has none.
        (None, _) if text(event, "lagVerdict") == Some("not_applicable") => None,
        (None, _) => text(event, "lagReason").map(|why| format!("lag unknown ({why})")),
        (Some(ms), None) => Some(format!("lag {sign}{}", duration(ms))),
        (Some(ms), Some(since)) => Some(format!("lag {sign}{} as of {}", duration(ms), time(since))),
    };
    let state = text(event, "state").map(str::to_owned);
    let told = joined([state, lag], ", ");
    (!told.is_empty()).then_some(told)
}

fn drift(event: &Value) -> String {
    let all = event["drift"].as_array();
    let all: Vec<&str> = all.into_iter().flatten().filter_map(Value::as_str).collect();
    match all.is_empty() {
        true => "agrees with its tree again".to_owned(),
        false => all.join("; "),
    }
}

/// Whatever else an event says: those of applications, and the figures of a run.
fn rest(event: &Value) -> String {
    let empty = Map::new();
    let fields = event.as_object().unwrap_or(&empty).iter();
    let fields = fields.filter(|(name, _)| !PLACED.contains(&name.as_str()));
    let told: Vec<String> = fields
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect();
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_line_says_all_and_steers_no_terminal() {
        let of_replica = |kind: &str, more: Value| {
            let mut event = json!({ "type": kind, "ts": 0, "seq": 1, "project": "shop", "replica": "s1" });
            let fields = event.as_object_mut().unwrap();
            fields.extend(more.as_object().unwrap().clone());
            event
        };
        for (event, want) in [
            (
                of_replica(
                    "replica.state",
                    json!({ "state": "down", "reason": "connection refused" }),
                ),
                "replica.state     shop / s1: down, connection refused",
            ),
            (
                of_replica(
                    "replica.state",
                    json!({ "state": "up", "lag": 2100, "lagVerdict": "at_least" }),
                ),
                "replica.state     shop / s1: up, lag ≥ 2.10 s",
            ),
            (
                of_replica(
                    "replica.link",
                    json!({ "link": "", "state": "broken", "reason": "error 1062" }),
                ),
                "replica.link      shop / s1: link broken: error 1062",
            ),
            (
                of_replica("replica.drift", json!({ "drift": [] })),
                "replica.drift     shop / s1: agrees with its tree again",
            ),
            (
                json!({ "type": "audit", "ts": 0, "who": "ops", "action": "events.tell", "detail": "told 1 event(s)" }),
                "audit             ops events.tell told 1 event(s)",
            ),
            (
                json!({ "type": "deploy", "ts": 0, "seq": 2, "version": "1.2\u{1b}[2J", "ok": true }),
                "deploy            ok=true version=1.2\\u{1b}[2J",
            ),
            (
                json!({ "type": "rule.sync.done", "ts": 0, "rule": "copy", "stats": { "inserted": 3 } }),
                "rule.sync.done    copy: stats={\"inserted\":3}",
            ),
        ] {
            let mut out = Vec::new();
            write(&event, &mut out).unwrap();
            let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
            let mut parts = text.trim_end().splitn(2, "  ");
            assert_eq!(parts.next(), Some("1970-01-01T00:00:00.000Z"));
            assert_eq!(parts.next(), Some(want));
        }
    }
}
