//! One log of framed events, each listener a cursor in it.
//!
//! A tick's events are framed once; every listener is handed the same bytes. The log is bounded in bytes; a
//! listener that falls behind its start is told so and starts again from the last events. Sockets are
//! the server's business.

use bytes::{BufMut, Bytes, BytesMut};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// How many bytes of frames are kept for listeners that resume; the newest batch is always kept.
const MAX_BYTES: usize = 8 << 20;

/// The frames of one tick, numbered without gaps.
pub(crate) struct Batch {
    first: u64,
    bytes: BytesMut,
    /// Where the frame of each event ends.
    ends: Vec<u32>,
}

impl Batch {
    /// An empty batch whose first event will be `first`.
    pub(crate) fn starting_at(first: u64) -> Self {
        Self {
            first,
            bytes: BytesMut::new(),
            ends: Vec::new(),
        }
    }

    /// The number of the next event.
    pub(crate) fn next_seq(&self) -> u64 {
        self.first + self.ends.len() as u64
    }

    /// Frames one event.
    pub(crate) fn push(&mut self, json: &[u8]) {
        let seq = self.next_seq();
        put_frame(&mut self.bytes, seq, json);
        self.ends.push(end(&self.bytes));
    }
}

fn end(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// A batch that no longer changes.
struct Sealed {
    first: u64,
    bytes: Bytes,
    ends: Box<[u32]>,
}

impl Sealed {
    fn last(&self) -> u64 {
        self.first + self.ends.len() as u64 - 1
    }
}

#[derive(Default)]
struct Kept {
    batches: VecDeque<Sealed>,
    bytes: usize,
    /// The newest sequence number that was let go of.
    floor: u64,
}

/// The log.
pub(crate) struct StreamLog {
    kept: Mutex<Kept>,
    newest: watch::Sender<u64>,
}

/// The listener's place is no longer in the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gap;

impl StreamLog {
    /// An empty log whose next event comes after `seq`.
    pub(crate) fn new(seq: u64) -> Self {
        let kept = Kept {
            floor: seq,
            ..Kept::default()
        };
        Self {
            kept: Mutex::new(kept),
            newest: watch::Sender::new(seq),
        }
    }

    /// Appends the events of one tick.
    pub(crate) fn append(&self, batch: Batch) {
        if !batch.ends.is_empty() {
            // A copy of the right size: what grew by doubling would hold up to twice as much.
            let bytes = Bytes::copy_from_slice(&batch.bytes);
            self.keep(Sealed {
                first: batch.first,
                bytes,
                ends: batch.ends.into(),
            });
        }
    }

    /// Appends one frame that stands for everything up to `seq`.
    pub(crate) fn append_framed(&self, seq: u64, bytes: Bytes) {
        let ends = Box::new([end(&bytes)]);
        self.keep(Sealed {
            first: seq,
            bytes,
            ends,
        });
    }

    fn keep(&self, batch: Sealed) {
        let last = batch.last();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += batch.bytes.len();
        kept.batches.push_back(batch);
        while kept.bytes > MAX_BYTES && kept.batches.len() > 1 {
            let Some(gone) = kept.batches.pop_front() else {
                break;
            };
            kept.bytes -= gone.bytes.len();
            kept.floor = gone.last();
        }
        drop(kept);
        self.newest.send_replace(last);
    }

    /// Tells of the newest number, for listeners that wait.
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// The frames after `seq` and the number of the last of them.
    pub(crate) fn after(&self, seq: u64) -> Result<(Vec<Bytes>, u64), Gap> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if seq < kept.floor {
            return Err(Gap);
        }
        let start = kept.batches.partition_point(|batch| batch.last() <= seq);
        let mut last = seq;
        let frames = kept.batches.iter().skip(start).map(|batch| {
            last = batch.last();
            let seen = (seq + 1).saturating_sub(batch.first) as usize;
            let from = seen
                .checked_sub(1)
                .and_then(|at| batch.ends.get(at))
                .copied()
                .unwrap_or(0);
            batch.bytes.slice(from as usize..)
        });
        let frames = frames.collect();
        Ok((frames, last))
    }
}

/// `id: <seq>\ndata: <json>\n\n`. JSON never holds a raw line end, so one `data:` line is enough.
pub(crate) fn put_frame(to: &mut BytesMut, seq: u64, json: &[u8]) {
    to.put_slice(b"id: ");
    to.put_slice(seq.to_string().as_bytes());
    to.put_slice(b"\ndata: ");
    to.put_slice(json);
    to.put_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(first: u64, events: &[&str]) -> Batch {
        let mut batch = Batch::starting_at(first);
        events.iter().for_each(|json| batch.push(json.as_bytes()));
        batch
    }

    fn text(log: &StreamLog, seq: u64) -> Result<(String, u64), Gap> {
        let (frames, last) = log.after(seq)?;
        let all: Vec<u8> = frames.iter().flat_map(|frame| frame.to_vec()).collect();
        Ok((String::from_utf8(all).unwrap(), last))
    }

    #[test]
    fn a_listener_resumes_in_the_middle_of_a_tick() {
        let log = StreamLog::new(10);
        log.append(batch(11, &["{1}", "{2}"]));
        log.append(batch(14, &["{3}"]));
        let all = "id: 11\ndata: {1}\n\nid: 12\ndata: {2}\n\nid: 14\ndata: {3}\n\n";
        assert_eq!(text(&log, 10).unwrap(), (all.to_owned(), 14));
        assert_eq!(text(&log, 11).unwrap().0, all[all.find("id: 12").unwrap()..]);
        assert_eq!(text(&log, 12).unwrap().0, "id: 14\ndata: {3}\n\n");
        assert_eq!(text(&log, 13).unwrap().0, "id: 14\ndata: {3}\n\n");
        assert_eq!(text(&log, 14).unwrap(), (String::new(), 14));
    }

    #[test]
    fn the_log_is_bounded_and_says_so() {
        let log = StreamLog::new(0);
        let big = "x".repeat(MAX_BYTES / 4);
        for seq in 1..=10 {
            log.append(batch(seq, &[&big]));
        }
        assert_eq!(log.after(0), Err(Gap));
        assert_eq!(log.after(9).unwrap().1, 10);
        assert!(log.kept.lock().unwrap().bytes <= MAX_BYTES);
    }
}
