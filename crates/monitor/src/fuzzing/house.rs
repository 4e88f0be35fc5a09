//! A monitor without sockets: the real paths before the real hub, all on the thread that asks.

use crate::hub::Hub;
use crate::server::auth::Access;
use crate::server::token::{Token, TokenRole};
use crate::server::{Site, router};
use axum::Router;
use axum::body::Body;
use axum::http::header::HeaderName;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use replica_core::Snapshot;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tower::ServiceExt;

/// The operator's token.
pub(super) const OPERATOR: &str = "the operator's own, long and never in an input";
/// How many events `GET /api/events` shows at most.
pub(super) const RING: usize = 200;
/// How long the hub may take for what it was told.
const DEADLINE: Duration = Duration::from_secs(10);

/// The hub and its runtime. One for all inputs: to start it takes longer than to try one.
pub(super) struct House {
    runtime: Runtime,
    pub(super) hub: Hub,
    /// Whoever comes may read.
    pub(super) open: Router,
    _stop: watch::Sender<bool>,
}

static HOUSE: LazyLock<Mutex<House>> = LazyLock::new(|| Mutex::new(House::new()));

/// Calls `visit` with the house to itself.
pub(super) fn visit<T>(visit: impl FnOnce(&House) -> T) -> T {
    visit(&HOUSE.lock().unwrap_or_else(PoisonError::into_inner))
}

impl House {
    fn new() -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().expect("a runtime");
        let (stop, stopping) = watch::channel(false);
        let entered = runtime.enter();
        // Polled once: what happens later happens because of an input.
        let seldom = Duration::from_secs(1_000_000);
        let hub = Hub::start(
            Arc::new(|| Snapshot::named("fuzz")),
            seldom,
            RING,
            None,
            None,
            stopping,
        );
        drop(entered);
        runtime.block_on(hub.first());
        let operator = token("operator", TokenRole::Operator, OPERATOR);
        Self {
            open: door(&hub, Access::new(vec![operator], true)),
            runtime,
            hub,
            _stop: stop,
        }
    }

    /// A monitor that knows `secret` as a viewer's.
    pub(super) fn closed(&self, secret: &str) -> Router {
        let operator = token("operator", TokenRole::Operator, OPERATOR);
        let viewer = token("viewer", TokenRole::Viewer, secret);
        door(&self.hub, Access::new(vec![operator, viewer], false))
    }

    /// What `door` answers.
    pub(super) fn ask(&self, door: &Router, request: Request<Body>) -> Response<Body> {
        let Ok(answer) = self.runtime.block_on(door.clone().oneshot(request));
        answer
    }

    /// How `door` answers a request without a body.
    pub(super) fn status(
        &self,
        door: &Router,
        method: Method,
        uri: &Uri,
        headers: &[Header<'_>],
    ) -> StatusCode {
        self.ask(door, request(method, uri, headers, b"")).status()
    }

    /// The body of an answer that ends.
    pub(super) fn read(&self, answer: Response<Body>) -> Vec<u8> {
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX);
        self.runtime.block_on(body).expect("a body").into()
    }

    /// Waits until the hub has dealt with everything up to event `seq`.
    pub(super) fn settle(&self, seq: u64) {
        let end = Instant::now() + DEADLINE;
        self.runtime.block_on(async {
            while self.hub.now().seq < seq {
                assert!(Instant::now() < end, "the hub never got to event {seq}");
                tokio::task::yield_now().await;
            }
        });
    }
}

/// Somebody's token.
pub(super) fn token(name: &str, role: TokenRole, secret: &str) -> Token {
    Token::new(name, role, &secret.to_owned().into())
}

fn door(hub: &Hub, access: Access) -> Router {
    router(Arc::new(Site {
        allow_hosts: vec!["monitor.example".to_owned()],
        max_streams: 8,
        ..Site::new(hub.clone(), access)
    }))
}

/// The name of a header and what it says.
pub(super) type Header<'a> = (HeaderName, &'a [u8]);

/// A request as the parser of the connection would hand it on.
pub(super) fn request(method: Method, uri: &Uri, headers: &[Header<'_>], body: &[u8]) -> Request<Body> {
    let mut request = Request::new(Body::from(body.to_vec()));
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    for (name, value) in headers {
        // What is no header value never gets past that parser.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request.headers_mut().append(name, value);
        }
    }
    request
}
