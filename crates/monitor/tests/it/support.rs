//! Starts the binary on a free port and speaks HTTP to it over plain sockets.
//!
//! Nothing here sleeps: whoever waits, waits for a condition with a deadline.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long enough for a busy machine; nothing waits this long when all is well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) const TREE: &str = r#"{
  "replicas": {
    "shop": {
      "master": { "role": "master", "dialect": "postgres", "uri": "postgresql://app:pw@h/shop" },
      "slave-1": { "role": "slave", "dialect": "postgres", "uri": "postgresql://app:pw@h2/shop", "lagTolerance": 5000 }
    },
    "10": { "m": { "role": "master", "dialect": "sqlite", "uri": "./x.db" } },
    "9": { "m": { "role": "master", "dialect": "redis", "uri": "redis://h" } }
  },
  "rules": { "copy": { "source": "shop", "target": "10", "mode": "cdc", "collections": ["users"] } },
  "routing": { "shop": "least-lag" }
}"#;

/// Runs a test that needs a server; without it the test is skipped loudly, or fails where `CI` is set.
#[allow(clippy::print_stderr, reason = "a skipped test must be seen")]
pub(crate) async fn with_servers(test: impl Future<Output = anyhow::Result<()>>) {
    match test.await {
        Err(error) if replica_lab::program::is_missing(&error) && std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: {error}");
        }
        Err(error) => panic!("{error:?}"),
        Ok(()) => {}
    }
}

pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_replica-monitor"));
    // The settings of whoever runs the tests must not leak in.
    command.env_clear().stdin(Stdio::null());
    command
}

/// Runs in a folder where there is nothing but the tree `t.json`; with the exit code, and what it said.
pub(crate) fn run(arguments: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    run_on(TREE, arguments, env)
}

/// The same with another tree.
pub(crate) fn run_on(tree: &str, arguments: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.json"), tree).unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = binary()
        .current_dir(folder.path())
        .args(arguments)
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code(), said)
}

/// A running monitor on a tree of its own; what it is asked goes through its [`Client`].
pub(crate) struct Monitor {
    child: Child,
    client: Client,
    pub(crate) tree: PathBuf,
    pub(crate) folder: TempDir,
}

impl Deref for Monitor {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Asks a monitor on this machine.
pub(crate) struct Client {
    pub(crate) port: u16,
}

impl Monitor {
    pub(crate) fn start(tree: &str, arguments: &[&str]) -> Self {
        Self::start_with(tree, arguments, &[])
    }

    pub(crate) fn start_with(tree: &str, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("replicator-tree.json");
        std::fs::write(&path, tree).unwrap();
        Self::start_on(folder, path, arguments, env)
    }

    pub(crate) fn start_on(folder: TempDir, tree: PathBuf, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = binary();
        command
            .current_dir(folder.path())
            .args(["--port", "0", "--tree"])
            .arg(&tree)
            .args(arguments)
            .envs(env.iter().copied());
        Self::spawned(command, folder, tree)
    }

    /// One that is started in its own way, and tells its address.
    pub(crate) fn spawned(mut command: Command, folder: TempDir, tree: PathBuf) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let line = lines.map(Result::unwrap).find(|line| line.contains(" at http"));
        let line = line.unwrap();
        Self {
            child,
            client: Client::at(line.trim_end_matches('/')),
            tree,
            folder,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn write_tree(&self, text: &str) {
        std::fs::write(&self.tree, text).unwrap();
    }

    /// Asks it to stop, and tells the exit code and how long that took.
    pub(crate) fn terminate(mut self, signal: &str) -> (Option<i32>, Duration) {
        let begin = Instant::now();
        let sent = Command::new("kill")
            .args([format!("-{signal}"), self.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let code = self.child.wait().unwrap().code();
        (code, begin.elapsed())
    }
}

impl Client {
    /// The one that a text which ends in `:PORT` speaks of.
    pub(crate) fn at(url: &str) -> Self {
        let port = url.rsplit(':').next().unwrap().parse();
        Self {
            port: port.unwrap_or_else(|_| panic!("no port in {url:?}")),
        }
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str("Host: localhost\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        Answer::read(self.raw(format!("{head}\r\n{body}").as_bytes()))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "")
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        self.get(path).json()
    }

    /// A connection on which `bytes` were sent.
    pub(crate) fn raw(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        // The server may have closed already; what it answered is still there to read.
        let _ = stream.write_all(bytes);
        stream
    }

    /// The event stream, ready to be read message by message.
    pub(crate) fn stream(&self, headers: &str) -> Stream {
        self.stream_at("/api/stream", headers)
    }

    pub(crate) fn stream_at(&self, path: &str, headers: &str) -> Stream {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        let mut reader = BufReader::new(self.raw(request.as_bytes()));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(
                reader.read_line(&mut head).unwrap() > 0,
                "the stream ended in its head"
            );
        }
        Stream {
            head: head.to_ascii_lowercase(),
            reader,
        }
    }

    /// Asks until `wanted` says yes.
    pub(crate) fn wait<T>(&self, path: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            let value = self.json(path);
            if let Some(found) = wanted(&value) {
                return found;
            }
            assert!(
                Instant::now() < end,
                "{path} never became what was wanted: {value}"
            );
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One message of an event stream.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Message {
    pub(crate) id: Option<u64>,
    pub(crate) event: Option<String>,
    pub(crate) data: String,
}

pub(crate) struct Stream {
    pub(crate) head: String,
    reader: BufReader<TcpStream>,
}

impl Stream {
    /// The next message but pings; `None` at the proper end of the body.
    pub(crate) fn next(&mut self) -> Option<Message> {
        let end = Instant::now() + DEADLINE;
        loop {
            let message = self.any()?;
            if message.event.as_deref() != Some("ping") {
                return Some(message);
            }
            assert!(Instant::now() < end, "nothing but pings");
        }
    }

    fn any(&mut self) -> Option<Message> {
        let mut message = Message::default();
        loop {
            let mut line = String::new();
            assert!(
                self.reader.read_line(&mut line).unwrap() > 0,
                "cut off without the last chunk"
            );
            let line = line.trim_end_matches(['\r', '\n']);
            match line.split_once(": ") {
                Some(("id", id)) => message.id = id.parse().ok(),
                Some(("event", event)) => message.event = Some(event.to_owned()),
                Some(("data", data)) => message.data = data.to_owned(),
                _ if line.is_empty() && !message.data.is_empty() => return Some(message),
                // The sizes of chunks stand between the messages; the last one is 0.
                _ if line == "0" => return None,
                _ => {}
            }
        }
    }

    /// The next message as JSON.
    pub(crate) fn event(&mut self) -> Value {
        serde_json::from_str(&self.next().unwrap().data).unwrap()
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A reset after the answer does not take the answer back.
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
}

/// Puts `text` at `path` by writing beside it and renaming over it.
pub(crate) fn rename_over(path: &Path, text: &str) {
    let beside = path.with_extension("tmp");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}
