//! What is put into the stream is what a listener reads, from wherever it resumes.

use super::NEXT;
use super::client::{self, messages};
use crate::stream_log::{Batch, Cursor, StreamLog, Told};
use crate::wire::EventJson;
use replica_core::{Event, EventKind};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Separates the parts of an event; no text holds that, either.
const WITHIN: u8 = 0xFE;
/// The most events of one input; everything is read from the place of each of them.
const EVENTS: usize = 24;
/// The number before the first event.
const START: u64 = 1_700_000_000_000_000;
/// The size of a big event, the most of them, and how many the log lets go of none for.
const BIG: usize = 3 << 20;
const BIGS: usize = 4;
const KEPT_BIGS: usize = 2;

/// Input: events, each after a byte `0xFF` and each a type and then names and values, separated by `0xFE`. An empty one ends a
/// tick; `>` ends it and skips as many numbers; `~` is a big one.
pub fn sse_framing(data: &[u8]) {
    let mut story = Story {
        log: Arc::new(StreamLog::new(START)),
        batch: Batch::starting_at(START + 1),
        told: Vec::new(),
        bigs: 0,
    };
    for chunk in data.split(|byte| *byte == NEXT).take(4 * EVENTS) {
        match chunk {
            [] => story.end_tick(0),
            [b'>', more @ ..] => story.end_tick(more.len() as u64 + 1),
            b"~" => story.tell_big(),
            _ => story.tell(&event(chunk)),
        }
    }
    story.end_tick(0);
    story.is_read_from_everywhere();
}

/// The log, and what was put into it.
struct Story {
    log: Arc<StreamLog>,
    batch: Batch,
    /// Number and JSON of every event.
    told: Vec<(u64, String)>,
    bigs: usize,
}

impl Story {
    fn tell(&mut self, event: &Event) {
        let seq = self.batch.next_seq();
        let json = serde_json::to_string(&EventJson(event, seq)).expect("events serialise");
        client::read(&json).says(event, seq);
        self.push(json);
    }

    fn tell_big(&mut self) {
        if self.bigs < BIGS {
            self.bigs += 1;
            self.push("x".repeat(BIG));
        }
    }

    fn push(&mut self, json: String) {
        if self.told.len() < EVENTS {
            let seq = self.batch.next_seq();
            self.batch.push(json.as_bytes());
            self.told.push((seq, json));
        }
    }

    fn end_tick(&mut self, skipped: u64) {
        let next = Batch::starting_at(self.batch.next_seq() + skipped);
        self.log.append(std::mem::replace(&mut self.batch, next));
    }

    fn is_read_from_everywhere(&self) {
        let before = self.told.iter().map(|(seq, _)| seq - 1);
        let last = self.told.last().map_or(START, |(seq, _)| *seq);
        let mut whole: Option<Vec<u8>> = None;
        let mut bytes = Vec::new();
        for place in before.chain([last]) {
            if !read(&self.log, place, &mut bytes) {
                assert!(whole.is_none() && self.bigs > KEPT_BIGS, "a gap at {place}");
                continue;
            }
            let mut wanted = self.told.iter().filter(|(seq, _)| *seq > place);
            if let Some(whole) = &whole {
                // Who resumes later reads the end of the same.
                let start = wanted
                    .next()
                    .map_or(String::new(), |(seq, _)| format!("id: {seq}\n"));
                assert!(bytes.starts_with(start.as_bytes()), "after {place}");
                assert!(
                    whole.ends_with(&bytes) && bytes.is_empty() == start.is_empty(),
                    "after {place}"
                );
            } else {
                let wanted = wanted.map(|(seq, json)| (*seq, &**json));
                assert!(messages(&bytes).into_iter().eq(wanted), "after {place}");
                whole = Some(bytes.clone());
            }
        }
        assert!(whole.is_some(), "the newest place is gone");
    }
}

/// An event of a chunk of the input.
fn event(chunk: &[u8]) -> Event {
    let parts = chunk.split(|byte| *byte == WITHIN);
    let mut parts = parts.map(|part| String::from_utf8_lossy(part).into_owned());
    let kind = parts.next().unwrap_or_default();
    let mut fields = Map::new();
    while let (Some(name), Some(text)) = (parts.next(), parts.next()) {
        // Not as deep as a value can be read, since it is to be read as a part of another.
        let value: Result<[[Value; 1]; 1], _> = serde_json::from_str(&format!("[[{text}]]"));
        fields.insert(name, value.map_or(Value::String(text), |[[value]]| value));
    }
    let ts = i64::try_from(chunk.len()).unwrap_or_default() - 7;
    Event::new(ts, EventKind::Custom { kind, fields })
}

/// Puts what a listener after `seq` reads until it has to wait into `bytes`; or it is told of a gap.
fn read(log: &Arc<StreamLog>, seq: u64, bytes: &mut Vec<u8>) -> bool {
    let mut cursor = Cursor::new(log, seq);
    bytes.clear();
    loop {
        match cursor.poll_next(&Context::from_waker(Waker::noop())) {
            Poll::Ready(Told::Frames(frames)) => bytes.extend_from_slice(&frames),
            Poll::Ready(Told::Gap) if bytes.is_empty() => return false,
            Poll::Pending => return true,
            told => unreachable!("{told:?}"),
        }
    }
}
