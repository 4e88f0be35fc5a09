//! Where all that alerts are about is kept: judged by the watcher, told by the couriers, changed by operators, read by everyone.

use super::book::{Ack, Alert, Book, Phase, Turn};
use super::channel::Undelivered;
use super::condition::Moment;
use super::mute::{LONGEST_WHY, Mute, NewMute, Refusal};
use super::notice::{Line, Notice};
use super::outbox::Outbox;
use super::saved;
use super::settings::{AlertSettings, Route};
use replica_core::{Event, EventKind, Name};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Couriers look up that often whether it is time to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// The room.
pub(crate) struct Alerts {
    pub(super) settings: AlertSettings,
    state: Mutex<State>,
    /// Held while the file is written, so that nothing older comes after something newer.
    writing: Mutex<()>,
    /// A notice was written.
    filled: Condvar,
}

/// What is in it. Times are milliseconds since 1970.
pub(super) struct State {
    pub(super) book: Book,
    /// One for each channel of the settings.
    pub(super) outboxes: Vec<Outbox>,
    /// Since when a channel fails, and why.
    pub(super) failing: Vec<Option<(i64, String)>>,
    /// Since when there is something that nobody was told.
    gathering: Option<i64>,
    /// What is said when the next moment is judged.
    said: Vec<Event>,
    /// Whether it differs from what is saved.
    changed: bool,
}

impl Alerts {
    /// The room as it was left, or a new one; what is wrong with what was left is told as an event.
    pub(crate) fn open(settings: AlertSettings, now: i64) -> Self {
        let (book, mut boxes, problem) = match &settings.state {
            None => (Book::default(), BTreeMap::new(), None),
            Some(path) => saved::load(path, now),
        };
        let channels = settings.channels.len();
        let outboxes = settings.channels.iter();
        let outboxes = outboxes.map(|route| boxes.remove(&route.name).unwrap_or_default());
        let state = State {
            book,
            outboxes: outboxes.collect(),
            failing: vec![None; channels],
            gathering: None,
            said: problem.map(|why| error(now, why)).into_iter().collect(),
            changed: false,
        };
        Self {
            settings,
            state: Mutex::new(state),
            writing: Mutex::default(),
            filled: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges a moment, and writes the notices that are due; the events are to be told.
    pub(super) fn judge(&self, moment: &Moment) -> Vec<Event> {
        let mut state = self.lock();
        let before = state.book.standing();
        let turns = state.book.judge(moment, &self.settings.tuning);
        let mut events = std::mem::take(&mut state.said);
        events.extend(
            turns
                .iter()
                .filter_map(|(id, turn)| Some(event(moment.at_ms, *turn, state.book.alerts.get(id)?))),
        );
        self.write(&mut state, moment.at_ms);
        state.changed |= before != state.book.standing();
        events
    }

    /// Hands changes to the channels once they were gathered for long enough, and reminders when they are due.
    fn write(&self, state: &mut State, now: i64) {
        let untold = state.book.untold(now);
        match state.gathering {
            _ if untold.is_empty() => state.gathering = None,
            None => state.gathering = Some(now),
            Some(_) => {}
        }
        // The clock may have been set back.
        let gathered = |since: i64| now < since || now - since >= self.settings.gather_ms;
        if state.gathering.is_some_and(gathered) {
            self.hand_out(state, &untold);
            state.gathering = None;
        }
        let waiting = |state: &State| {
            state
                .outboxes
                .iter()
                .map(|outbox| outbox.waiting.len())
                .sum::<usize>()
        };
        let before = waiting(state);
        for (channel, route) in self.settings.channels.iter().enumerate() {
            state.outboxes[channel].write(channel, self.settings.at_most, now);
            if state.outboxes[channel].wants_reminder(route.repeat_ms, now) {
                let lines = reminders(&state.book, route, now);
                state.outboxes[channel].remind(channel, lines, now);
            }
        }
        if waiting(state) > before {
            state.changed = true;
            self.filled.notify_all();
        }
    }

    fn hand_out(&self, state: &mut State, untold: &[String]) {
        let State { book, outboxes, .. } = state;
        for alert in untold.iter().filter_map(|id| book.alerts.get(id)) {
            for (outbox, route) in outboxes.iter_mut().zip(&self.settings.channels) {
                if route.takes(alert.severity, alert.subject.project.as_deref()) {
                    outbox.hold(Line::of(alert));
                }
            }
        }
        book.tell(untold);
        state.changed = true;
    }

    /// The oldest notice of a channel, as soon as there is one; none when it is time to stop.
    pub(super) fn next_notice(&self, channel: usize, stopped: &dyn Fn() -> bool) -> Option<Notice> {
        let mut state = self.lock();
        while !stopped() {
            if let Some(notice) = state.outboxes[channel].waiting.front() {
                return Some(notice.clone());
            }
            let waited = self.filled.wait_timeout(state, GLANCE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    /// Notes what became of a notice.
    pub(super) fn delivered(
        &self,
        channel: usize,
        notice: &Notice,
        result: Result<(), &Undelivered>,
        now: i64,
    ) {
        let mut state = self.lock();
        let name = &self.settings.channels[channel].name;
        let said = match (result, &state.failing[channel]) {
            (Ok(()), Some(_)) => Some(mended(now, format!("the channel {name} takes notices again"))),
            (Err(undelivered), None) => Some(error(
                now,
                format!("the channel {name} fails: {}", undelivered.why),
            )),
            _ => None,
        };
        state.said.extend(said);
        let outbox = &mut state.outboxes[channel];
        let mut take_out = || {
            // It may have been given up meanwhile, or replaced by a newer reminder.
            outbox.waiting.retain(|waiting| waiting.id != notice.id);
        };
        match result {
            Ok(()) => {
                take_out();
                outbox.delivered += 1;
                state.failing[channel] = None;
            }
            Err(undelivered) => {
                if undelivered.for_good {
                    take_out();
                    outbox.given_up += 1;
                }
                outbox.failed += 1;
                let since = state.failing[channel].as_ref().map_or(now, |(since, _)| *since);
                state.failing[channel] = Some((since, undelivered.why.clone()));
            }
        }
        state.changed = true;
    }

    /// Somebody takes an alert on: it is shown as theirs, and nobody is reminded of it.
    pub(crate) fn acknowledge(&self, id: &str, why: &str, by: &Name, now: i64) -> Result<(), Refusal> {
        if why.trim().is_empty() || why.len() > LONGEST_WHY {
            return Err(Refusal::Wrong("say why, in at most 1000 bytes".to_owned()));
        }
        let mut state = self.lock();
        let alert = state.book.alerts.get_mut(id);
        let Some(alert) = alert.filter(|alert| alert.phase != Phase::Resolved) else {
            return Err(Refusal::Gone(format!("no alert {id:?} is pending or firing")));
        };
        alert.ack = Some(Ack {
            by: by.to_string(),
            why: why.to_owned(),
            at: now,
        });
        let action = audit(now, by, "alerts.ack", format!("{id}: {why}"));
        state.said.push(action);
        state.changed = true;
        Ok(())
    }

    /// Begins a silence.
    pub(crate) fn silence(&self, wanted: NewMute, by: &Name, now: i64) -> Result<Mute, Refusal> {
        let mut state = self.lock();
        let mute = wanted.begin(by, now, state.book.mutes.len())?;
        let detail = format!("{} ({}): {}", mute.id, mute.words(), mute.why);
        state.said.push(audit(now, by, "alerts.silence", detail));
        state.book.mutes.push(mute.clone());
        state.changed = true;
        Ok(mute)
    }

    /// Ends a silence before its time.
    pub(crate) fn unsilence(&self, id: &str, by: &Name, now: i64) -> Result<(), Refusal> {
        let mut state = self.lock();
        let before = state.book.mutes.len();
        state.book.mutes.retain(|mute| mute.id != id);
        if state.book.mutes.len() == before {
            return Err(Refusal::Gone(format!("there is no silence {id:?}")));
        }
        state.said.push(audit(now, by, "alerts.unsilence", id.to_owned()));
        state.changed = true;
        Ok(())
    }

    /// Writes what must survive a restart, if it changed. Blocks.
    pub(crate) fn save(&self) {
        let Some(path) = &self.settings.state else { return };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let text = {
            let mut state = self.lock();
            if !std::mem::take(&mut state.changed) {
                return;
            }
            let names = self.settings.channels.iter().map(|route| route.name.as_str());
            saved::text(&state.book, names.zip(&state.outboxes).collect())
        };
        if let Err(error) = saved::write(path, &text) {
            tracing::warn!(path = %path.display(), %error, "alerts cannot be kept over a restart");
            self.lock().changed = true;
        }
    }

    /// What was said by the couriers and by operators since the last moment.
    pub(super) fn said(&self) -> Vec<Event> {
        std::mem::take(&mut self.lock().said)
    }
}

fn reminders(book: &Book, route: &Route, now: i64) -> Vec<Line> {
    let told = book.alerts.values().filter(|alert| {
        alert.is_told()
            && route.takes(alert.severity, alert.subject.project.as_deref())
            && (alert.ack.is_none() || route.forgets())
            && book.mute_of(alert, now).is_none()
    });
    told.map(Line::of).collect()
}

fn event(now: i64, turn: Turn, alert: &Alert) -> Event {
    let kind = match turn {
        Turn::Fired => "alert.firing",
        Turn::Resolved => "alert.resolved",
    };
    let mut fields = match serde_json::to_value(&alert.subject) {
        Ok(Value::Object(subject)) => subject,
        _ => Map::new(),
    };
    fields.insert("id".to_owned(), alert.id().into());
    fields.insert("condition".to_owned(), alert.condition.clone().into());
    fields.insert("severity".to_owned(), alert.severity.word().into());
    fields.insert("message".to_owned(), alert.summary.clone().into());
    let kind = kind.to_owned();
    Event::new(now, EventKind::Custom { kind, fields })
}

fn audit(now: i64, who: &Name, action: &str, detail: String) -> Event {
    let (who, action) = (who.clone(), action.to_owned());
    Event::new(now, EventKind::Audit { who, action, detail })
}

fn error(now: i64, message: String) -> Event {
    let context = Some("alerts".to_owned());
    Event::new(now, EventKind::Error { message, context })
}

fn mended(now: i64, message: String) -> Event {
    Event::new(now, EventKind::ProblemCleared { message })
}

#[cfg(test)]
mod tests;
