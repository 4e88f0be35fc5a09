//! `GET /api/stream`: events as they happen.
//!
//! Each listener is a cursor in the one log. It subscribes, reads the latest state, replays the last events up to it
//! and goes on from there: no gap, no double. One that falls out of the log is told to start again.

use super::{Site, error};
use crate::stream_log::put_frame;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body::Frame;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;

/// How many events a new listener gets to see.
const REPLAY: usize = 20;
/// A silent stream says this often that it is alive.
const PING_AFTER: Duration = Duration::from_secs(20);

pub(super) async fn stream(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Some(place) = Place::take(&site) else {
        return error(StatusCode::SERVICE_UNAVAILABLE, "too many event streams are open");
    };
    let resume = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::new(Listener::new(site, place, resume))).into_response()
}

/// One of the streams that may be open; given back when dropped.
struct Place(Arc<Site>);

impl Place {
    fn take(site: &Arc<Site>) -> Option<Self> {
        let before = site.streams.fetch_add(1, Relaxed);
        let place = Self(Arc::clone(site));
        (before < site.max_streams).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Relaxed);
    }
}

/// Waits for the log to grow, for silence, or for the end.
type Waiting = Pin<Box<dyn Future<Output = Woken> + Send>>;

enum Woken {
    Grown(watch::Receiver<u64>),
    Silent(watch::Receiver<u64>),
    Stopping,
}

/// The body of one stream.
struct Listener {
    site: Arc<Site>,
    cursor: u64,
    ready: VecDeque<Bytes>,
    waiting: Option<Waiting>,
    _place: Place,
}

impl Listener {
    fn new(site: Arc<Site>, place: Place, resume: Option<u64>) -> Self {
        let newest = site.hub.log.listen();
        let waiting: Option<Waiting> = Some(Box::pin(wait(newest, site.stop.clone())));
        let mut listener = Self {
            site,
            cursor: 0,
            ready: VecDeque::new(),
            waiting,
            _place: place,
        };
        let now = listener.site.hub.now().seq;
        match resume
            .filter(|seq| *seq <= now)
            .map(|seq| listener.site.hub.log.after(seq))
        {
            Some(Ok((frames, last))) => {
                listener.ready.extend(frames);
                listener.cursor = last.max(resume.unwrap_or(last));
            }
            Some(Err(_)) => listener.start_again(true),
            None => listener.start_again(false),
        }
        listener
    }

    /// The last events, and everything after them.
    fn start_again(&mut self, missed: bool) {
        let now = self.site.hub.now();
        let mut bytes = BytesMut::new();
        if missed {
            // Named, so that `onmessage` clients do not see it; ours reload what they show.
            bytes.extend_from_slice(format!("event: resync\ndata: {{\"seq\":{}}}\n\n", now.seq).as_bytes());
        }
        let from = now.recent.len().saturating_sub(REPLAY);
        for event in &now.recent[from..] {
            put_frame(&mut bytes, event.seq, &event.json);
        }
        if !bytes.is_empty() {
            self.ready.push_back(bytes.freeze());
        }
        self.cursor = now.seq;
    }

    /// Takes what the log has beyond the cursor.
    fn fetch(&mut self) {
        match self.site.hub.log.after(self.cursor) {
            Ok((frames, last)) => {
                self.ready.extend(frames);
                self.cursor = last;
            }
            Err(_) => self.start_again(true),
        }
    }
}

impl http_body::Body for Listener {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            let Some(waiting) = &mut self.waiting else {
                return Poll::Ready(None);
            };
            let woken = match waiting.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(woken) => woken,
            };
            let newest = match woken {
                Woken::Stopping => {
                    self.waiting = None;
                    continue;
                }
                Woken::Silent(newest) => {
                    self.ready.push_back(Bytes::from_static(b":ping\n\n"));
                    newest
                }
                Woken::Grown(newest) => {
                    self.fetch();
                    newest
                }
            };
            self.waiting = Some(Box::pin(wait(newest, self.site.stop.clone())));
        }
    }
}

async fn wait(mut newest: watch::Receiver<u64>, mut stop: watch::Receiver<bool>) -> Woken {
    tokio::select! {
        changed = newest.changed() => match changed {
            Ok(()) => Woken::Grown(newest),
            Err(_) => Woken::Stopping,
        },
        () = tokio::time::sleep(PING_AFTER) => Woken::Silent(newest),
        _ = stop.wait_for(|stop| *stop) => Woken::Stopping,
    }
}
