//! `GET /api/stream`: events as they happen; `GET /api/live`: what the page follows.
//!
//! Each listener is a cursor in the one log. It reads the latest state, replays the last events up to it and goes on from
//! there: no gap, no double. One that falls out of the log is told to start again.

use super::auth::Identity;
use super::{Site, error};
use crate::clock::now_ms;
use crate::published::Published;
use crate::stream_log::{Cursor, StreamLog, Told, put_frame};
use crate::wire::EventInfo;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body::Frame;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

/// How many events a new listener gets to see.
const REPLAY: usize = 20;

/// What the two streams differ in.
struct Flavour {
    log: fn(&Site) -> &Arc<StreamLog>,
    /// How a silent stream says that it is alive.
    ping: fn() -> Bytes,
    /// What every listener is told first.
    greet: fn(&Published) -> Bytes,
    /// What a listener is told that starts, or (`true`) that missed something.
    start: fn(&Published, bool) -> Bytes,
}

static EVENTS: Flavour = Flavour {
    log: |site| &site.hub.log,
    ping: || Bytes::from_static(b":ping\n\n"),
    greet: |_| Bytes::new(),
    start: last_events,
};

static LIVE: Flavour = Flavour {
    log: |site| &site.hub.live,
    ping: || format!("event: ping\ndata: {{\"t\":{}}}\n\n", now_ms()).into(),
    greet: hello,
    start: reload,
};

/// The last events; who missed some is told so by name, which `onmessage` clients do not see.
fn last_events(now: &Published, missed: bool) -> Bytes {
    let mut bytes = BytesMut::new();
    if missed {
        bytes.extend_from_slice(format!("event: resync\ndata: {{\"seq\":{}}}\n\n", now.seq).as_bytes());
    }
    for event in &now.recent[now.recent.len().saturating_sub(REPLAY)..] {
        put_frame(&mut bytes, event.seq, &event.json);
    }
    bytes.freeze()
}

fn hello(now: &Published) -> Bytes {
    let (seq, t, version) = (now.seq, now_ms(), env!("CARGO_PKG_VERSION"));
    format!("event: hello\ndata: {{\"seq\":{seq},\"t\":{t},\"version\":\"{version}\"}}\n\n").into()
}

/// A page that missed something loads its snapshot again; one that starts has just loaded it.
fn reload(now: &Published, missed: bool) -> Bytes {
    let seq = now.seq;
    let told = missed.then(|| format!("event: reload\nid: {seq}\ndata: {{\"seq\":{seq}}}\n\n"));
    told.unwrap_or_default().into()
}

/// Events as they happen.
#[utoipa::path(get, path = "/api/stream",
    responses((status = 200, description = "`id: <seq>` and `data: <event>`", content_type = "text/event-stream", body = EventInfo)))]
pub(super) async fn stream(
    State(site): State<Arc<Site>>,
    who: Option<Extension<Identity>>,
    headers: HeaderMap,
) -> Response {
    open(&EVENTS, &site, who, last_event_id(&headers))
}

/// What the page follows. `?after=SEQ` continues from a snapshot; a reconnecting browser's `Last-Event-ID` wins.
#[utoipa::path(get, path = "/api/live", params(("after" = Option<u64>, Query, description = "The `seq` of a snapshot")),
    responses((status = 200, description = "Named events: hello, delta, stats, log, reload, ping", content_type = "text/event-stream", body = String)))]
pub(super) async fn live(
    State(site): State<Arc<Site>>,
    who: Option<Extension<Identity>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let mut query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let after = query
        .find(|(name, _)| name == "after")
        .and_then(|(_, seq)| seq.parse().ok());
    open(&LIVE, &site, who, last_event_id(&headers).or(after))
}

fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.trim().parse().ok())
}

fn open(
    flavour: &'static Flavour,
    site: &Arc<Site>,
    who: Option<Extension<Identity>>,
    resume: Option<u64>,
) -> Response {
    let Some(place) = Place::take(site, who.map(|who| who.0)) else {
        return error(StatusCode::SERVICE_UNAVAILABLE, "too many event streams are open");
    };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::new(Listener::new(flavour, place, resume))).into_response()
}

/// One of the streams that may be open; given back when dropped.
struct Place {
    site: Arc<Site>,
    /// Who listens.
    who: Option<Identity>,
}

impl Place {
    fn take(site: &Arc<Site>, who: Option<Identity>) -> Option<Self> {
        let before = site.streams.fetch_add(1, Relaxed);
        let site = Arc::clone(site);
        let place = Self { site, who };
        (before < place.site.max_streams).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.site.streams.fetch_sub(1, Relaxed);
    }
}

/// The body of one stream.
struct Listener {
    flavour: &'static Flavour,
    cursor: Cursor,
    /// What is to be said before the cursor goes on.
    first: VecDeque<Bytes>,
    place: Place,
}

impl Listener {
    fn new(flavour: &'static Flavour, place: Place, resume: Option<u64>) -> Self {
        let now = place.site.hub.now();
        let mut listener = Self {
            flavour,
            cursor: Cursor::new((flavour.log)(&place.site), now.seq),
            first: VecDeque::new(),
            place,
        };
        listener.say((flavour.greet)(&now));
        match resume {
            Some(seq) if seq <= now.seq => listener.cursor.seq = seq,
            // A number beyond what there is belongs to another run.
            _ => listener.start(resume.is_some()),
        }
        listener
    }

    fn start(&mut self, missed: bool) {
        let now = self.place.site.hub.now();
        self.say((self.flavour.start)(&now, missed));
        self.cursor.seq = now.seq;
    }

    fn say(&mut self, bytes: Bytes) {
        // An empty chunk would end the body.
        if !bytes.is_empty() {
            self.first.push_back(bytes);
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
        // A stream may outlive the token that opened it.
        if !self.place.site.access.may_stay(self.place.who.as_ref()) {
            return Poll::Ready(None);
        }
        let bytes = loop {
            if let Some(bytes) = self.first.pop_front() {
                break bytes;
            }
            match ready!(self.cursor.poll_next(cx)) {
                Told::Frames(bytes) => break bytes,
                Told::Gap => {
                    self.place.site.resynced.fetch_add(1, Relaxed);
                    self.start(true);
                }
                Told::Silence => break (self.flavour.ping)(),
                Told::End => return Poll::Ready(None),
            }
        };
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Hub;
    use crate::server::auth::Access;
    use http_body::Body;
    use replica_core::Snapshot;
    use std::future::poll_fn;
    use std::time::Duration;
    use tokio::sync::watch;
    use tokio::time::Instant;

    fn site(stop: watch::Receiver<bool>) -> Arc<Site> {
        let source = Arc::new(|| Snapshot::named("t"));
        let hub = Hub::start(source, Duration::from_secs(2), 200, None, None, stop);
        Arc::new(Site {
            max_streams: 1,
            ..Site::new(hub, Access::new(Vec::new(), true))
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_says_that_it_lives() {
        for (flavour, patience, ping) in [(&EVENTS, 20, ":ping\n\n"), (&LIVE, 5, "event: ping\n")] {
            let (_stop, stopping) = watch::channel(false);
            let site = site(stopping);
            site.hub.first().await;
            let begin = Instant::now();
            let mut listener = Listener::new(flavour, Place::take(&site, None).unwrap(), None);
            assert!(Place::take(&site, None).is_none(), "one stream is the most");
            loop {
                let frame = poll_fn(|cx| Pin::new(&mut listener).poll_frame(cx)).await;
                if frame
                    .unwrap()
                    .unwrap()
                    .data_ref()
                    .unwrap()
                    .starts_with(ping.as_bytes())
                {
                    break;
                }
            }
            assert_eq!(begin.elapsed().as_secs(), patience);
        }
    }
}
