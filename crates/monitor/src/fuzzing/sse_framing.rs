//! What is put into the stream is what a listener reads, from wherever it resumes.

use super::NEXT;
use crate::stream_log::{Batch, Cursor, StreamLog, Told};
use crate::wire::EventJson;
use replica_core::{Event, EventKind};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Separates the parts of an event; no text holds that, either.
const WITHIN: u8 = 0xFE;
/// How many bytes of frames the log keeps.
const KEPT: usize = 8 << 20;
/// The most events of one input; everything is read from the place of each of them.
const EVENTS: usize = 24;
/// A big event: a few of them fill the log.
const BIG: usize = 3 << 20;
/// The most big events of one input.
const BIGS: usize = 4;
/// What a frame may need beside the JSON of its event.
const FRAME: usize = 64;
/// The number before the first event.
const START: u64 = 1_700_000_000_000_000;

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
        match chunk.first() {
            None => story.end_tick(0),
            Some(b'>') => story.end_tick(chunk.len() as u64),
            Some(b'~') if chunk.len() == 1 => story.tell_big(),
            Some(_) => story.tell(&event(chunk)),
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
        OnTheWire::read(&json).says(event, seq);
        self.push(json);
    }

    fn tell_big(&mut self) {
        self.bigs += 1;
        if self.bigs <= BIGS {
            self.push(format!("\"{}\"", "x".repeat(BIG)));
        }
    }

    fn push(&mut self, json: String) {
        if self.told.len() < EVENTS {
            self.told.push((self.batch.next_seq(), json));
            self.batch
                .push(self.told.last().map_or(b"", |(_, json)| json.as_bytes()));
        }
    }

    fn end_tick(&mut self, skipped: u64) {
        let next = Batch::starting_at(self.batch.next_seq() + skipped);
        self.log.append(std::mem::replace(&mut self.batch, next));
    }

    fn is_read_from_everywhere(&self) {
        let before = self.told.iter().map(|(seq, _)| seq - 1);
        let places = before.chain(self.told.last().map(|(seq, _)| *seq));
        let (mut whole, mut bytes): (Option<Vec<u8>>, Vec<u8>) = (None, Vec::new());
        for place in places {
            let wanted = || self.told.iter().filter(|(seq, _)| *seq > place);
            match (read(&self.log, place, &mut bytes), &whole) {
                (false, whole) => assert!(whole.is_none() && self.is_too_much(), "a gap at {place}"),
                (true, None) => {
                    let wanted = wanted().map(|(seq, json)| (*seq, &**json));
                    assert!(messages(&bytes).into_iter().eq(wanted), "after {place}");
                    whole = Some(bytes.clone());
                }
                // Who resumes later reads the end of the same.
                (true, Some(whole)) => {
                    let start = wanted()
                        .next()
                        .map_or(String::new(), |(seq, _)| format!("id: {seq}\n"));
                    assert!(
                        whole.ends_with(&bytes) && bytes.starts_with(start.as_bytes()),
                        "after {place}"
                    );
                    assert_eq!(bytes.is_empty(), start.is_empty(), "after {place}");
                }
            }
        }
        assert!(
            whole.is_some() || self.told.is_empty(),
            "the newest place is gone"
        );
    }

    /// Whether the log had to let go of something.
    fn is_too_much(&self) -> bool {
        self.told
            .iter()
            .map(|(_, json)| json.len() + FRAME)
            .sum::<usize>()
            > KEPT
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

/// An event as a client reads it. A name that stands twice is refused.
#[derive(Debug, Deserialize)]
pub(super) struct OnTheWire {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) ts: i64,
    pub(super) seq: u64,
    #[serde(flatten)]
    pub(super) fields: Map<String, Value>,
}

impl OnTheWire {
    pub(super) fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_else(|error| unreachable!("{error}: {json}"))
    }

    /// It is `event`, an application's own, as number `seq`.
    pub(super) fn says(&self, event: &Event, seq: u64) {
        let EventKind::Custom { kind, fields } = &event.kind else {
            unreachable!("{event:?}")
        };
        assert_eq!((&self.kind, self.ts, self.seq), (kind, event.ts, seq));
        // Through text, as a client gets it: a float may lose its last bit on the way, and that is not the stream's doing.
        let text = serde_json::to_string(fields).expect("JSON");
        let mut fields: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        fields.retain(|name, _| !matches!(&**name, "type" | "ts" | "seq"));
        assert_eq!(self.fields, fields);
    }
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

/// Number and data of the messages of an event stream, which are all of one form.
pub(super) fn messages(bytes: &[u8]) -> Vec<(u64, &str)> {
    let text = std::str::from_utf8(bytes).expect("a stream is UTF-8");
    assert!(!text.contains('\r'), "that ends a line, too");
    let messages = text.split_terminator("\n\n").map(|message| {
        let message = message.strip_prefix("id: ").expect("a number");
        let (id, data) = message.split_once("\ndata: ").expect("data");
        assert!(!data.contains('\n'), "more than one line of data");
        (id.parse().expect("a number"), data)
    });
    assert!(
        text.is_empty() || text.ends_with("\n\n"),
        "the last message is whole"
    );
    messages.collect()
}
