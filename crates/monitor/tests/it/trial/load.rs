//! What a fleet of load balancers asks: questions at a steady rate over kept connections, sent when they are due whatever the answers take.

use anyhow::{Context, Result};
use axum::body::{Body, Bytes, to_bytes};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};

/// Connections that are kept.
const CONNECTIONS: u32 = 20;
/// No answer is longer.
const LONGEST: usize = 64 << 10;

/// What is asked of project `p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Primary,
    Lame,
    Steady,
    ReadOnly,
    Route,
    Check,
}

impl Question {
    pub(crate) const ALL: [Self; 6] = [
        Self::Primary,
        Self::Lame,
        Self::Steady,
        Self::ReadOnly,
        Self::Route,
        Self::Check,
    ];

    fn request(self) -> (Method, &'static str) {
        match self {
            Self::Primary => (Method::GET, "/lb/p/primary"),
            Self::Lame => (Method::GET, "/lb/p/replica/r?lag=500ms"),
            Self::Steady => (Method::GET, "/lb/p/replica/s?lag=500ms"),
            Self::ReadOnly => (Method::GET, "/lb/p/read-only"),
            Self::Route => (Method::GET, "/api/route/p"),
            Self::Check => (Method::HEAD, "/check/app/p"),
        }
    }
}

/// A question and its answer.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) question: Question,
    pub(crate) sent: Instant,
    pub(crate) heard: Instant,
    /// From when it was due, so that a question that waits for the answer to another is not excused.
    pub(crate) took: Duration,
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Asks `rate` questions a second until told to stop. One that gets no answer is an error.
pub(crate) async fn ask(port: u16, rate: u32, stop: watch::Receiver<bool>) -> Result<Vec<Told>> {
    let begin = Instant::now();
    let every = Duration::from_secs(1) * CONNECTIONS / rate;
    let mut askers = JoinSet::new();
    for number in 0..CONNECTIONS {
        let from = begin + every * number / CONNECTIONS;
        askers.spawn(one(port, number as usize, from, every, stop.clone()));
    }
    let mut told = Vec::new();
    while let Some(one) = askers.join_next().await {
        told.extend(one??);
    }
    told.sort_by_key(|told| told.sent);
    Ok(told)
}

/// One connection's questions, in turn.
async fn one(
    port: u16,
    first: usize,
    from: Instant,
    every: Duration,
    stop: watch::Receiver<bool>,
) -> Result<Vec<Told>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut due = interval_at(from, every);
    let mut told = Vec::new();
    for question in Question::ALL.into_iter().cycle().skip(first) {
        let due = due.tick().await;
        if *stop.borrow() {
            break;
        }
        let answer = answer(&mut sender, question, due).await;
        told.push(answer.with_context(|| format!("no answer to {question:?}"))?);
    }
    Ok(told)
}

async fn answer(sender: &mut SendRequest<Body>, question: Question, due: Instant) -> Result<Told> {
    let (method, path) = question.request();
    let request = Request::builder().method(method).uri(path);
    let request = request.header("host", "localhost").body(Body::empty())?;
    let sent = Instant::now();
    sender.ready().await?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = to_bytes(Body::new(body), LONGEST).await?;
    let heard = Instant::now();
    Ok(Told {
        question,
        sent,
        heard,
        took: heard - due,
        status: head.status.as_u16(),
        body,
    })
}
