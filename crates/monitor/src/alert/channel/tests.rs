//! Every channel delivers to a local listener, and says so when it cannot.

use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Takes connections, answers each as it must be answered, and tells what was said.
pub(super) struct Listener {
    port: u16,
    /// Servers of mail speak first.
    mail: Arc<AtomicBool>,
    requests: mpsc::Receiver<String>,
}

impl Listener {
    /// Answers HTTP with these statuses, one a connection; the last one again and again.
    pub(super) fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, requests) = mpsc::channel();
        let statuses = statuses.to_vec();
        let mail = Arc::new(AtomicBool::new(false));
        let speaks_first = Arc::clone(&mail);
        std::thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let status = *statuses.get(at).or(statuses.last()).unwrap();
                if tell
                    .send(converse(
                        &stream.unwrap(),
                        status,
                        speaks_first.load(Ordering::SeqCst),
                    ))
                    .is_err()
                {
                    return;
                }
            }
        });
        Self { port, mail, requests }
    }

    /// The port, where it is a server of mail from now on.
    pub(super) fn mail_port(&self) -> u16 {
        self.mail.store(true, Ordering::SeqCst);
        self.port
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(super) fn request(&self) -> String {
        self.requests.recv_timeout(PATIENCE).unwrap()
    }
}

fn converse(stream: &TcpStream, status: u16, mail: bool) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    if mail {
        return receive_mail(stream, &mut reader);
    }
    // A program has no protocol.
    if reader.fill_buf().unwrap().starts_with(b"{") {
        let mut all = String::new();
        reader.read_to_string(&mut all).unwrap();
        return all;
    }
    http(stream, &mut reader, status)
}

fn http(mut stream: &TcpStream, reader: &mut impl BufRead, status: u16) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0);
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    head + &String::from_utf8(body).unwrap()
}

/// RFC 5321, as far as one mail needs it.
fn receive_mail(mut stream: &TcpStream, reader: &mut impl BufRead) -> String {
    let mut all = String::new();
    write!(stream, "220 test\r\n").unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let answer = match line.get(..4) {
            Some("DATA") => "354 go on",
            Some("QUIT") | None => return all,
            _ => "250 ok",
        };
        write!(stream, "{answer}\r\n").unwrap();
        if answer.starts_with("354") {
            while !all.ends_with("\r\n.\r\n") {
                reader.read_line(&mut all).unwrap();
            }
            write!(stream, "250 ok\r\n").unwrap();
        }
    }
}

/// A channel of that kind; `${KEY}` is `hunter2`.
pub(super) fn make(kind: &str, fields: Value) -> Result<Channel, String> {
    let env = |name: &str| (name == "KEY").then(|| "hunter2".to_owned());
    let secrets = Secrets {
        folder: Path::new(""),
        env: &env,
    };
    Channel::make(kind, fields, &secrets).map_err(|error| error.to_string())
}

#[test]
fn each_channel_delivers_what_happened() {
    for kind in CHANNELS {
        let listener = Listener::start(&[200]);
        let (fields, proof) = (kind.sample)(&listener);
        let channel = make(kind.name, fields).unwrap();
        channel
            .deliver(&Notice::sample(7))
            .unwrap_or_else(|undelivered| panic!("{}: {undelivered:?}", kind.name));
        let said = listener.request();
        assert!(said.contains(proof), "{}: {said}", kind.name);
        assert!(said.contains("p / r is down: no answer"), "{}: {said}", kind.name);
    }
}

#[test]
fn each_channel_refuses_fields_that_it_does_not_know() {
    for kind in CHANNELS {
        let (mut fields, _) = (kind.sample)(&Listener::start(&[200]));
        fields["colour"] = "green".into();
        let why = make(kind.name, fields).err().unwrap();
        assert!(why.contains("unknown field `colour`"), "{}: {why}", kind.name);
    }
}

#[test]
fn a_server_says_whether_to_come_again() {
    for (status, for_good) in [(500, false), (429, false), (404, true), (302, true)] {
        let listener = Listener::start(&[status]);
        let slack = make("slack", serde_json::json!({ "url": listener.url() })).unwrap();
        let undelivered = slack.deliver(&Notice::sample(0)).unwrap_err();
        assert_eq!(undelivered.for_good, for_good, "{status}");
        assert!(undelivered.why.contains(&status.to_string()));
    }
}

#[test]
fn what_is_told_of_a_failure_holds_no_secret() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let url = format!("http://user:${{KEY}}@127.0.0.1:{port}/${{KEY}}?key=${{KEY}}");
    let slack = make("slack", serde_json::json!({ "url": url })).unwrap();
    let undelivered = slack.deliver(&Notice::sample(0)).unwrap_err();
    assert!(
        !undelivered.for_good && !undelivered.why.contains("hunter2"),
        "{undelivered:?}"
    );
}
