//! Garbage on the socket: whatever comes, the monitor lives, answers others, and holds no more memory than before.
//!
//! By default a short burst; `RM_GARBAGE_SECS=60` makes it a minute. See `docs/guides/fuzzing.md`.

use crate::support::{Monitor, TREE};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How many throw at the same time.
const THROWERS: u64 = 4;
/// What the monitor may hold in the end, in KiB: its two logs of 8 MiB and what a small monitor needs.
const MAX_RSS: u64 = 96 << 10;

/// Requests to spoil; the last ones are allowed to write.
const REQUESTS: [&str; 7] = [
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /api/health?token=x%20y HTTP/1.1\r\nHost: localhost\r\nCookie: a=b; replica_monitor=1.2.3\r\n\r\n",
    "GET /api/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 5\r\n\r\n",
    "GET /api/replicas HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, br\r\nIf-None-Match: W/\"1\"\r\n\r\n",
    "HEAD /a/x/main.js HTTP/1.0\r\n\r\n",
    "POST /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer operate\r\nContent-Length: 21\r\n\r\n[{\"type\":\"a\",\"ts\":5}]",
    "POST /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer operate\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{\"type\":\"a\"}\r\n0\r\n\r\n",
];

/// Numbers that no program expects; the same for every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 29)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    fn bytes(&mut self, at_most: usize) -> Vec<u8> {
        (0..self.below(at_most)).map(|_| self.roll() as u8).collect()
    }

    fn request(&mut self) -> Vec<u8> {
        self.one_of(&REQUESTS).into()
    }
}

/// Everything that is thrown.
const KINDS: [fn(&mut Dice) -> Vec<u8>; 9] = [
    |dice| dice.bytes(2000),
    half_a_request,
    spoilt_request,
    bad_chunks,
    bad_length,
    huge_headers,
    nuls,
    tls_hello,
    pipelined,
];

fn half_a_request(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.request();
    bytes.truncate(dice.below(bytes.len()));
    bytes
}

fn spoilt_request(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.request();
    for _ in 0..=dice.below(5) {
        let at = dice.below(bytes.len());
        match dice.below(4) {
            0 => bytes[at] = dice.roll() as u8,
            1 => bytes.insert(at, dice.one_of(b"\r\n\0 :%/?\xff")),
            2 => drop(bytes.remove(at)),
            _ => bytes.extend_from_within(at..),
        }
    }
    bytes
}

fn bad_chunks(dice: &mut Dice) -> Vec<u8> {
    let head = REQUESTS[6].split_inclusive("\r\n\r\n").next().unwrap_or_default();
    let sizes = [
        "ffffffffffffffff",
        "-1",
        "5;x=\"",
        "0x5",
        "",
        "zz",
        "fffffff",
        "3",
        " 3 ",
    ];
    let mut bytes = head.as_bytes().to_vec();
    for _ in 0..=dice.below(4) {
        bytes.extend_from_slice(dice.one_of(&sizes).as_bytes());
        bytes.extend_from_slice(dice.one_of(&["\r\n", "\n", "\r", "\r\n\r\n"]).as_bytes());
        bytes.append(&mut dice.bytes(40));
    }
    bytes
}

fn bad_length(dice: &mut Dice) -> Vec<u8> {
    let lengths = [
        "99999999999999999999",
        "-1",
        "1e3",
        "5\r\nContent-Length: 6",
        "5\r\nTransfer-Encoding: chunked",
        "4000000000",
    ];
    let length = dice.one_of(&lengths);
    let mut bytes = REQUESTS[5]
        .replace("Content-Length: 21", &format!("Content-Length: {length}"))
        .into_bytes();
    bytes.append(&mut dice.bytes(4000));
    bytes
}

fn huge_headers(dice: &mut Dice) -> Vec<u8> {
    let (name, value) = ("n".repeat(dice.below(3000) + 1), "v".repeat(dice.below(60_000)));
    let line = dice.one_of(&["x: y\r\n", "Cookie: a=b; replica_monitor=1.2.3\r\n", ":\r\n"]);
    format!(
        "GET / HTTP/1.1\r\n{name}: {value}\r\n{}\r\n",
        line.repeat(dice.below(3000))
    )
    .into_bytes()
}

fn nuls(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.request();
    let at = dice.below(bytes.len());
    bytes.splice(at..at, vec![0; dice.below(70_000)]);
    bytes
}

fn tls_hello(dice: &mut Dice) -> Vec<u8> {
    let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    hello.append(&mut dice.bytes(600));
    hello
}

fn pipelined(dice: &mut Dice) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..dice.below(50)).flat_map(|_| dice.request()).collect();
    bytes.append(&mut spoilt_request(dice));
    bytes
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures of a long run are worth reading")]
fn garbage_ends_nothing_but_its_own_connection() {
    let seconds = std::env::var("RM_GARBAGE_SECS").map_or(1, |seconds| seconds.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let monitor = Monitor::start_with(TREE, &[], &[("MONITOR_OPERATOR_TOKEN", "operate")]);
    let (thrown, start) = (AtomicU64::new(0), rss(&monitor));
    std::thread::scope(|scope| {
        for seed in 0..THROWERS {
            let (monitor, thrown) = (&monitor, &thrown);
            scope.spawn(move || throw_until(end, monitor, Dice(seed), thrown));
        }
    });
    assert_eq!(monitor.get("/healthz").status, 200);
    let (thrown, rss) = (thrown.into_inner(), rss(&monitor));
    println!("{thrown} connections in {seconds} s; resident: {start:?} KiB before, {rss:?} KiB after");
    assert!(thrown > 0 && rss.is_none_or(|rss| rss < MAX_RSS), "{rss:?} KiB");
    let (code, took) = monitor.terminate("TERM");
    assert_eq!(code, Some(0), "{took:?}");
}

fn throw_until(end: Instant, monitor: &Monitor, mut dice: Dice, thrown: &AtomicU64) {
    while Instant::now() < end {
        let garbage = dice.one_of(&KINDS)(&mut dice);
        throw(monitor, &mut dice, &garbage);
        if thrown.fetch_add(1, Relaxed).is_multiple_of(50) {
            let shown = garbage[..garbage.len().min(300)].escape_ascii();
            assert_eq!(monitor.get("/healthz").status, 200, "after {shown}");
        }
    }
}

/// Sends `garbage`, in one piece or two, and goes away in one of three ways.
fn throw(monitor: &Monitor, dice: &mut Dice, garbage: &[u8]) {
    let (first, second) = garbage.split_at(dice.below(garbage.len()));
    let mut stream = monitor.raw(first);
    // The monitor may have closed already; so with everything that can fail here.
    let _ = stream.write_all(second);
    match dice.below(3) {
        0 => {}
        1 => reset(&stream),
        // Who only sends no more may still listen.
        _ if garbage.windows(11).any(|path| path == b"/api/stream") => {}
        _ => ends(&mut stream, garbage),
    }
}

/// Waits a moment for an answer: to leave it unread resets the connection.
fn reset(stream: &TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
    let _ = stream.peek(&mut [0]);
}

/// Whoever sends no more gets an answer or the end of the connection, and is not told of a failure inside.
fn ends(stream: &mut TcpStream, garbage: &[u8]) {
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let late = stream.read_to_end(&mut answer).is_err_and(|error| {
        // A reset is an end, too.
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
    });
    let shown = garbage[..garbage.len().min(300)].escape_ascii();
    assert!(!late, "never ended: {shown}");
    let failed = answer.windows(12).any(|status| status == b"HTTP/1.1 500");
    let foreign = !answer.is_empty() && !answer.starts_with(b"HTTP/1.");
    assert!(!failed && !foreign, "{}: {shown}", answer.escape_ascii());
}

/// The memory that the monitor holds, in KiB, where the system tells.
fn rss(monitor: &Monitor) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", monitor.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
