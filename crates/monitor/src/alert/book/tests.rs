//! An alert's life, with a clock that the tests turn.

use super::*;
use crate::alert::condition::tests::{moment, slave};
use crate::alert::settings::AlertSettings;
use replica_core::{Lag, ReplicaKey, State};

const SECOND: i64 = 1000;

/// A book, and what was told so far: `+` for a beginning, `-` for an end.
struct Life {
    book: Book,
    tuning: Tuning,
    told: String,
}

impl Life {
    fn begin() -> Self {
        Self {
            book: Book::default(),
            tuning: AlertSettings::default().tuning,
            told: String::new(),
        }
    }

    fn see(&mut self, moment: &Moment) {
        let turns = self.book.judge(moment, &self.tuning);
        for id in self.book.untold(moment.at_ms) {
            self.told.push(match self.book.alerts[&id].phase {
                Phase::Resolved => '-',
                _ => '+',
            });
            self.book.tell(&[id]);
        }
        // Whoever is told is told of a turn.
        assert!(turns.iter().all(|(id, _)| self.book.alerts.contains_key(id)));
    }

    /// The lag at that second.
    fn lag(&mut self, second: i64, ms: u64) {
        let mut replica = slave();
        replica.lag = Lag::exact(ms);
        let mut moment = moment(vec![replica]);
        moment.at_ms = second * SECOND;
        self.see(&moment);
    }

    fn phase(&self, id: &str) -> Option<Phase> {
        self.book.alerts.get(id).map(|alert| alert.phase)
    }
}

#[test]
fn what_is_over_soon_is_told_to_nobody() {
    let mut life = Life::begin();
    life.lag(0, 9000);
    life.lag(59, 9000);
    assert_eq!(life.phase("lag:p/r"), Some(Phase::Pending));
    life.lag(60, 10);
    assert_eq!((life.phase("lag:p/r"), &*life.told), (None, ""));
}

#[test]
fn what_lasts_is_told_once_and_its_end_once() {
    let mut life = Life::begin();
    for second in 0..200 {
        life.lag(second, 9000);
    }
    for second in 200..400 {
        life.lag(second, 10);
    }
    assert_eq!(
        (life.phase("lag:p/r"), &*life.told),
        (Some(Phase::Resolved), "+-")
    );
    life.lag(4000, 10);
    assert_eq!(life.phase("lag:p/r"), None, "it was shown for an hour");
}

#[test]
fn what_comes_and_goes_is_one_alert() {
    let mut life = Life::begin();
    for second in 0..600 {
        // Well for 20 of 30 seconds, which is less than it takes to be over.
        let well = second > 60 && second % 30 < 20;
        life.lag(second, if well { 10 } else { 9000 });
    }
    assert_eq!((life.phase("lag:p/r"), &*life.told), (Some(Phase::Firing), "+"));
}

#[test]
fn one_that_catches_up_is_given_time() {
    let mut life = Life::begin();
    let see = |life: &mut Life, second: i64, falling: bool| {
        let mut replica = slave();
        replica.lag = Lag::exact(600_000);
        let mut moment = moment(vec![replica]);
        moment.at_ms = second * SECOND;
        let key = ReplicaKey::new("p", "r");
        moment.falling.extend(falling.then_some(key));
        life.see(&moment);
    };
    see(&mut life, 0, true);
    see(&mut life, 14 * 60, true);
    assert_eq!(life.told, "");
    see(&mut life, 14 * 60 + 1, false);
    assert_eq!(life.told, "+", "it does not catch up any more");
}

#[test]
fn nobody_s_knowledge_begins_and_ends_nothing() {
    let mut life = Life::begin();
    for second in 0..100 {
        life.lag(second, 9000);
    }
    for second in 100..1000 {
        let mut replica = slave();
        replica.state = State::Connecting;
        let mut moment = moment(vec![replica]);
        moment.at_ms = second * SECOND;
        life.see(&moment);
    }
    assert_eq!((life.phase("lag:p/r"), &*life.told), (Some(Phase::Firing), "+"));
}

#[test]
fn while_the_source_is_silent_all_stays_as_it_was() {
    let mut life = Life::begin();
    for second in 0..100 {
        life.lag(second, 9000);
    }
    let mut silent = moment(Vec::new());
    silent.stalled_since = Some(100 * SECOND);
    for second in 100..200 {
        silent.at_ms = second * SECOND;
        life.see(&silent);
    }
    assert_eq!(life.phase("lag:p/r"), Some(Phase::Firing));
    assert_eq!(life.phase("source"), Some(Phase::Firing));
    assert_eq!(life.told, "++");
}

#[test]
fn one_that_is_taken_off_the_tree_is_over() {
    let mut life = Life::begin();
    for second in 0..100 {
        life.lag(second, 9000);
    }
    for second in 100..131 {
        let mut moment = moment(Vec::new());
        moment.at_ms = second * SECOND;
        life.see(&moment);
    }
    assert_eq!(life.told, "+-");
}

#[test]
fn a_silence_mutes_and_hides_nothing() {
    let mut life = Life::begin();
    life.book.mutes.push(Mute {
        id: "1".to_owned(),
        by: "eve".to_owned(),
        why: "moving house".to_owned(),
        at: 0,
        until: 300 * SECOND,
        maintenance: true,
        condition: None,
        subject: Subject::project(&"p".into()),
    });
    for second in 0..300 {
        life.lag(second, 9000);
    }
    assert_eq!((life.phase("lag:p/r"), &*life.told), (Some(Phase::Firing), ""));
    life.lag(300, 9000);
    assert_eq!(life.told, "+", "it lasts longer than the silence");
    assert!(life.book.mutes.is_empty());
}

#[test]
fn the_end_of_what_was_told_is_told_in_a_silence_too() {
    let mut life = Life::begin();
    for second in 0..100 {
        life.lag(second, 9000);
    }
    life.book.mutes.push(Mute {
        id: "1".to_owned(),
        by: "eve".to_owned(),
        why: "seen to".to_owned(),
        at: 0,
        until: i64::MAX,
        maintenance: false,
        condition: Some("lag".to_owned()),
        subject: Subject::MONITOR,
    });
    for second in 100..140 {
        life.lag(second, 10);
    }
    assert_eq!(life.told, "+-");
}

#[test]
fn a_book_is_bounded_and_says_what_it_left_out() {
    let replicas = (0..MOST + 5).map(|at| {
        let mut replica = slave();
        replica.name = at.to_string().into();
        replica.lag = Lag::exact(9000);
        replica
    });
    let mut book = Book::default();
    book.judge(&moment(replicas.collect()), &AlertSettings::default().tuning);
    assert_eq!((book.alerts.len(), book.beyond), (MOST, 5));
}

#[test]
fn a_restart_forgets_nothing_and_repeats_nothing() {
    let mut life = Life::begin();
    for second in 0..100 {
        life.lag(second, 9000);
    }
    let kept = serde_json::to_string(&life.book.alerts).unwrap();
    life.book = Book {
        alerts: serde_json::from_str(&kept).unwrap(),
        ..Book::default()
    };
    for second in 100..200 {
        life.lag(second, 9000);
    }
    assert_eq!(life.told, "+");
    for second in 200..240 {
        life.lag(second, 10);
    }
    assert_eq!(life.told, "+-");
}
