//! Alerts as a terminal shows them.

use super::{Alert, Answer, Channel, Condition, Silence};
use crate::words::{plain, rough, setting, time};
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

pub(super) fn write(answer: &Answer, all: bool, out: &mut dyn Write) -> io::Result<()> {
    let shown = answer
        .alerts
        .iter()
        .filter(|alert| all || alert.state != "resolved");
    let shown: Vec<&Alert> = shown.collect();
    for alert in &shown {
        one(alert, answer.now, out)?;
    }
    if shown.is_empty() {
        writeln!(out, "nothing is wrong")?;
    }
    for silence in &answer.silences {
        self::silence(silence, out)?;
    }
    for channel in answer
        .channels
        .iter()
        .filter(|channel| all || channel.state == "failing")
    {
        self::channel(channel, out)?;
    }
    if all {
        for condition in &answer.conditions {
            self::condition(condition, out)?;
        }
    }
    Ok(())
}

fn style(alert: &Alert) -> Style {
    let colour = |colour: AnsiColor| Style::new().bold().fg_color(Some(colour.into()));
    match (alert.state.as_str(), alert.severity.as_str()) {
        ("firing", "critical") => colour(AnsiColor::Red),
        ("firing", _) => colour(AnsiColor::Yellow),
        _ => Style::new().dimmed(),
    }
}

fn one(alert: &Alert, now: i64, out: &mut dyn Write) -> io::Result<()> {
    let style = style(alert);
    let age = |since: i64| rough(u64::try_from(now - since).unwrap_or_default());
    let when = match alert.resolved_at {
        Some(at) => format!("over since {}", age(at)),
        None => format!("for {}", age(alert.since)),
    };
    let word = match alert.state.as_str() {
        "firing" => alert.severity.to_uppercase(),
        state => state.to_owned(),
    };
    writeln!(out, "{style}{word}{style:#}  {}  ({when})", plain(&alert.summary))?;
    writeln!(out, "    {}", plain(&alert.id))?;
    if let Some(ack) = &alert.ack {
        writeln!(out, "    taken on by {}: {}", plain(&ack.by), plain(&ack.why))?;
    }
    if let Some(silence) = &alert.silence {
        let until = time(silence.until);
        writeln!(
            out,
            "    silenced by {} until {until}: {}",
            plain(&silence.by),
            plain(&silence.why)
        )?;
    }
    Ok(())
}

fn silence(silence: &Silence, out: &mut dyn Write) -> io::Result<()> {
    let named = [
        ("project", &silence.project),
        ("replica", &silence.replica),
        ("rule", &silence.rule),
        ("condition", &silence.condition),
    ];
    let named = named
        .iter()
        .filter_map(|(what, name)| Some(format!("{what} {}", plain(name.as_ref()?))));
    let covers = named.collect::<Vec<_>>().join(", ");
    let covers = if covers.is_empty() { "everything" } else { &covers };
    let word = if silence.maintenance {
        "maintenance"
    } else {
        "silence"
    };
    writeln!(
        out,
        "{word} {}  {covers}, until {}, by {}: {}",
        silence.id,
        time(silence.until),
        plain(&silence.by),
        plain(&silence.why)
    )
}

fn channel(channel: &Channel, out: &mut dyn Write) -> io::Result<()> {
    let Channel {
        name,
        kind,
        state,
        delivered,
        waiting,
        ..
    } = channel;
    let why = channel
        .why
        .as_ref()
        .map(|why| format!(": {}", plain(why)))
        .unwrap_or_default();
    let name = plain(name);
    writeln!(
        out,
        "channel {name} ({kind})  {state}, {delivered} delivered, {waiting} waiting{why}"
    )
}

fn condition(condition: &Condition, out: &mut dyn Write) -> io::Result<()> {
    let Condition {
        name,
        severity,
        about,
        ..
    } = condition;
    let after = if condition.off {
        "off".to_owned()
    } else {
        format!("after {}", setting(condition.after_ms))
    };
    writeln!(out, "condition {name}  {severity}, {after}. {about}")
}
