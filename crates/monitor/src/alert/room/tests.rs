//! What channels are handed, with a clock that the tests turn and nobody who delivers.

use super::*;
use crate::alert::channel::Secrets;
use crate::alert::condition::tests::{moment, slave};
use replica_core::State as Reach;
use std::path::{Path, PathBuf};

const SECOND: i64 = 1000;

fn settings(text: &str) -> AlertSettings {
    let secrets = Secrets {
        folder: Path::new(""),
        env: &|_| None,
    };
    AlertSettings::parse(text, &secrets).unwrap()
}

fn hook(more: &str) -> AlertSettings {
    settings(&format!(
        r#"{{ "channels": {{ "hook": {{ "kind": "slack", "url": "http://h/" {more} }} }} }}"#
    ))
}

/// So many replicas, of which so many are down, at that second.
fn down(second: i64, all: usize, down: usize) -> Moment {
    let replicas = (0..all).map(|at| {
        let mut replica = slave();
        replica.name = at.to_string().into();
        if at < down {
            replica.state = Reach::Down;
        }
        replica
    });
    let mut moment = moment(replicas.collect());
    moment.at_ms = second * SECOND;
    moment
}

/// How many alerts each notice tells of that waits for a channel.
fn waiting(alerts: &Alerts, channel: usize) -> Vec<usize> {
    let state = alerts.lock();
    let waiting = state.outboxes[channel].waiting.iter();
    waiting.map(|notice| notice.alerts.len()).collect()
}

#[test]
fn thirty_that_go_down_at_once_are_one_notice() {
    let alerts = Alerts::open(hook(""), 0);
    for second in 0..60 {
        // One after the other, within the time of gathering.
        alerts.judge(&down(second, 40, (second * 4).min(30) as usize));
    }
    assert_eq!(waiting(&alerts, 0), [30]);
}

#[test]
fn each_channel_gets_what_it_asked_for() {
    let channels = r#"{ "channels": {
        "all": { "kind": "slack", "url": "http://h/" },
        "night": { "kind": "slack", "url": "http://h/", "severities": ["warning"] },
        "other": { "kind": "slack", "url": "http://h/", "projects": ["q"] }
    } }"#;
    let alerts = Alerts::open(settings(channels), 0);
    for second in 0..60 {
        alerts.judge(&down(second, 1, 1));
    }
    let counts: Vec<usize> = (0..3).map(|channel| waiting(&alerts, channel).len()).collect();
    assert_eq!(counts, [1, 0, 0]);
}

#[test]
fn nobody_is_reminded_of_what_somebody_has_taken_on() {
    let alerts = Alerts::open(hook(r#", "repeat": "1h""#), 0);
    let hours = |from: i64, to: i64| {
        for minute in from * 60..to * 60 {
            alerts.judge(&down(minute * 60, 1, 1));
        }
    };
    hours(0, 2);
    let notices = waiting(&alerts, 0).len();
    assert_eq!(notices, 2, "one, and a reminder");
    alerts
        .acknowledge("down:p/0", "seen to", &"eve".into(), 7200 * SECOND)
        .unwrap();
    hours(2, 6);
    let state = alerts.lock();
    assert!(
        state.outboxes[0]
            .waiting
            .iter()
            .all(|notice| notice.at <= 7200 * SECOND)
    );
}

#[test]
fn a_restart_repeats_nothing_and_loses_no_notice_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("state/alerts.json");
    let open = || Alerts::open(hook("").kept_in(Some(path.clone())), 0);
    let before = open();
    for second in 0..60 {
        before.judge(&down(second, 1, 1));
    }
    before.save();
    let after = open();
    assert_eq!(waiting(&after, 0), [1]);
    for second in 60..600 {
        after.judge(&down(second, 1, 1));
    }
    assert_eq!(waiting(&after, 0), [1]);
    let notice = after.next_notice(0, &|| false).unwrap();
    after.delivered(0, &notice, Ok(()), 0);
    assert_eq!(waiting(&after, 0), [0usize; 0]);
}

#[test]
fn a_channel_that_fails_keeps_its_notice_and_says_so_once() {
    let alerts = Alerts::open(hook(""), 0);
    for second in 0..60 {
        alerts.judge(&down(second, 1, 1));
    }
    let notice = alerts.next_notice(0, &|| false).unwrap();
    let later = Undelivered {
        why: "no answer".to_owned(),
        for_good: false,
    };
    for now in 0..3 {
        alerts.delivered(0, &notice, Err(&later), now);
    }
    let said = |alerts: &Alerts| alerts.said().len();
    assert_eq!((said(&alerts), waiting(&alerts, 0)), (1, vec![1]));
    let refused = Undelivered {
        why: "404".to_owned(),
        for_good: true,
    };
    alerts.delivered(0, &notice, Err(&refused), 4);
    assert_eq!((said(&alerts), waiting(&alerts, 0)), (0, vec![]));
}
