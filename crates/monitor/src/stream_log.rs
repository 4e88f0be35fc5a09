//! One log of framed events, each listener a cursor in it.
//!
//! A tick's events are framed once; every listener is handed the same bytes. The log is bounded in bytes; a
//! listener that falls behind its start is told so and starts again from the last events. Sockets are
//! the server's business.

use bytes::{BufMut, Bytes, BytesMut};
use slab::Slab;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

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

    /// The frames of this batch after `seq`.
    fn after(&self, seq: u64) -> Bytes {
        let seen = (seq + 1).saturating_sub(self.first) as usize;
        let end_of_seen = seen.checked_sub(1).and_then(|at| self.ends.get(at));
        self.bytes.slice(end_of_seen.map_or(0, |end| *end as usize)..)
    }
}

struct Kept {
    batches: VecDeque<Sealed>,
    bytes: usize,
    /// The newest sequence number that was let go of.
    floor: u64,
    /// Whom to wake when there is more. A listener keeps its slot; it is empty while the listener is awake.
    listeners: Slab<Option<Waker>>,
    /// When there was last something to hear.
    spoke: Instant,
    /// How often the log has been silent for long.
    silences: u64,
    ended: bool,
}

impl Kept {
    /// Frees the oldest batches beyond the bound.
    fn shrink(&mut self) {
        while self.bytes > MAX_BYTES && self.batches.len() > 1 {
            let Some(gone) = self.batches.pop_front() else {
                break;
            };
            self.bytes -= gone.bytes.len();
            self.floor = gone.last();
        }
    }

    /// Everyone who waits.
    fn waiting(&mut self) -> Vec<Waker> {
        let slots = self.listeners.iter_mut();
        slots.filter_map(|(_, waker)| waker.take()).collect()
    }

    /// The oldest batch with something after `seq`.
    fn after(&self, seq: u64) -> Option<&Sealed> {
        let at = self.batches.partition_point(|batch| batch.last() <= seq);
        self.batches.get(at)
    }
}

/// The log.
pub(crate) struct StreamLog {
    kept: Mutex<Kept>,
}

impl StreamLog {
    /// An empty log whose next event comes after `seq`.
    pub(crate) fn new(seq: u64) -> Self {
        let kept = Kept {
            batches: VecDeque::new(),
            bytes: 0,
            floor: seq,
            listeners: Slab::new(),
            spoke: Instant::now(),
            silences: 0,
            ended: false,
        };
        Self {
            kept: Mutex::new(kept),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.tell(|kept| {
            kept.bytes += batch.bytes.len();
            kept.batches.push_back(batch);
            kept.shrink();
        });
    }

    /// Nothing more will come: every listener is told.
    pub(crate) fn end(&self) {
        self.tell(|kept| kept.ended = true);
    }

    /// Tells the listeners of every `patience` of silence, until the log has ended. Since all of them hear the same, one timer
    /// does for all.
    pub(crate) async fn tell_of_silence(self: Arc<Self>, patience: Duration) {
        loop {
            let (due, ended) = {
                let kept = self.kept();
                (kept.spoke + patience, kept.ended)
            };
            if ended {
                return;
            }
            if due <= Instant::now() {
                self.tell(|kept| kept.silences += 1);
            } else {
                tokio::time::sleep_until(due).await;
            }
        }
    }

    /// Makes a change that the listeners hear of.
    fn tell(&self, change: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept();
        change(&mut kept);
        kept.spoke = Instant::now();
        let waiting = kept.waiting();
        // Whoever is woken wants the lock.
        drop(kept);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// What a listener is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The frames that come next; there may be more.
    Frames(Bytes),
    /// The listener's place is no longer in the log; it chooses another.
    Gap,
    /// There was nothing to hear for long.
    Silence,
    /// Nothing more will come.
    End,
}

/// A listener's place in the log: it stands after the event `seq`.
pub(crate) struct Cursor {
    log: Arc<StreamLog>,
    slot: usize,
    silences: u64,
    pub(crate) seq: u64,
}

impl Cursor {
    /// A place after `seq`.
    pub(crate) fn new(log: &Arc<StreamLog>, seq: u64) -> Self {
        let mut kept = log.kept();
        Self {
            slot: kept.listeners.insert(None),
            silences: kept.silences,
            log: Arc::clone(log),
            seq,
        }
    }

    /// Says what is beyond this place and moves on, or waits for more.
    pub(crate) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Told> {
        let mut kept = self.log.kept();
        if self.seq < kept.floor {
            return Poll::Ready(Told::Gap);
        }
        if let Some(batch) = kept.after(self.seq) {
            let frames = batch.after(self.seq);
            self.seq = batch.last();
            return Poll::Ready(Told::Frames(frames));
        }
        if self.silences != kept.silences {
            self.silences = kept.silences;
            return Poll::Ready(Told::Silence);
        }
        if kept.ended {
            return Poll::Ready(Told::End);
        }
        if let Some(slot) = kept.listeners.get_mut(self.slot) {
            // A listener that its socket has woken most often holds the same waker.
            match slot {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *slot = Some(cx.waker().clone()),
            }
        }
        Poll::Pending
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.log.kept().listeners.try_remove(self.slot);
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
pub(crate) mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;
    use std::task::Wake;

    fn batch(first: u64, events: &[&str]) -> Batch {
        let mut batch = Batch::starting_at(first);
        events.iter().for_each(|json| batch.push(json.as_bytes()));
        batch
    }

    /// How a listener after `seq` fares: what it is told last, the frames before that, and where it stands then.
    pub(crate) fn read(log: &Arc<StreamLog>, seq: u64) -> (Poll<Told>, String, u64) {
        let (mut cursor, mut all) = (Cursor::new(log, seq), Vec::new());
        loop {
            match cursor.poll_next(&Context::from_waker(Waker::noop())) {
                Poll::Ready(Told::Frames(frames)) => all.extend_from_slice(&frames),
                told => return (told, String::from_utf8(all).unwrap(), cursor.seq),
            }
        }
    }

    #[test]
    fn a_listener_resumes_in_the_middle_of_a_tick() {
        let log = Arc::new(StreamLog::new(10));
        log.append(batch(11, &["{1}", "{2}"]));
        log.append(batch(14, &["{3}"]));
        let all = "id: 11\ndata: {1}\n\nid: 12\ndata: {2}\n\nid: 14\ndata: {3}\n\n";
        let frames = |text: &str| (Poll::Pending, text.to_owned(), 14);
        assert_eq!(read(&log, 10), frames(all));
        assert_eq!(read(&log, 11), frames(&all[all.find("id: 12").unwrap()..]));
        assert_eq!(read(&log, 12), frames("id: 14\ndata: {3}\n\n"));
        assert_eq!(read(&log, 13), frames("id: 14\ndata: {3}\n\n"));
        assert_eq!(read(&log, 14), frames(""));
    }

    #[test]
    fn the_log_is_bounded_and_says_so() {
        let log = Arc::new(StreamLog::new(0));
        let big = "x".repeat(MAX_BYTES / 4);
        for seq in 1..=10 {
            log.append(batch(seq, &[&big]));
        }
        assert_eq!(read(&log, 0).0, Poll::Ready(Told::Gap));
        assert_eq!(read(&log, 9).2, 10);
        assert!(log.kept().bytes <= MAX_BYTES);
    }

    #[test]
    fn who_left_is_forgotten() {
        let log = Arc::new(StreamLog::new(0));
        for _ in 0..100 {
            assert_eq!(read(&log, 0).0, Poll::Pending);
        }
        assert_eq!(log.kept().listeners.len(), 0);
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Alarm(AtomicUsize);

    impl Wake for Alarm {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn who_waits_is_woken_once_for_what_comes_and_once_for_the_end() {
        let (log, alarm) = (Arc::new(StreamLog::new(0)), Arc::new(Alarm::default()));
        let waker = Waker::from(Arc::clone(&alarm));
        let mut cursor = Cursor::new(&log, 0);
        let mut next = || cursor.poll_next(&Context::from_waker(&waker));
        let frame = |seq: u64| Poll::Ready(Told::Frames(format!("id: {seq}\ndata: {{}}\n\n").into()));
        assert_eq!((next(), next()), (Poll::Pending, Poll::Pending));
        log.append(batch(1, &["{}"]));
        log.append(batch(2, &["{}"]));
        assert_eq!(alarm.0.load(Relaxed), 1);
        assert_eq!((next(), next(), next()), (frame(1), frame(2), Poll::Pending));
        log.append(batch(3, &["{}"]));
        log.end();
        assert_eq!(alarm.0.load(Relaxed), 2, "it has not looked since");
        assert_eq!((next(), next()), (frame(3), Poll::Ready(Told::End)));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_told_of_once_a_patience_and_only_when_nothing_was_said() {
        let log = Arc::new(StreamLog::new(0));
        let patience = Duration::from_secs(20);
        let telling = tokio::spawn(Arc::clone(&log).tell_of_silence(patience));
        let (started, mut cursor) = (Instant::now(), Cursor::new(&log, 0));
        tokio::time::sleep(Duration::from_secs(15)).await;
        log.append(batch(1, &["{}"]));
        let mut told = Vec::new();
        while told.len() < 3 {
            let next = poll_fn(|cx| cursor.poll_next(cx)).await;
            told.push((next == Told::Silence, started.elapsed().as_secs()));
        }
        assert_eq!(told, [(false, 15), (true, 35), (true, 55)]);
        log.end();
        telling.await.unwrap();
    }
}
