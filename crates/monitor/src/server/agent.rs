//! What HAProxy's `agent-check` asks over plain TCP: one line in, one line out.
//!
//! It sends what its `agent-send` says, here a path of `/lb` without the front, `replica/shop/slave-1?lag=500ms` for example. The answer
//! is `up` or `down #reason`: <https://docs.haproxy.org/2.8/configuration.html#5.2-agent-check>. There is no token, so nothing but that is
//! ever told.

use crate::balance::{Limit, Refusal};
use crate::hub::Hub;
use percent_encoding::percent_decode_str;
use replica_core::ReplicaKey;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

/// How many may ask at one time.
const ASKERS: usize = 256;
/// How long one may take for its line.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest line.
const LONGEST: u64 = 4096;

/// Answers until `stop` turns true.
pub(crate) async fn serve_agents(listener: TcpListener, hub: Hub, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(ASKERS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        // Too many at once, or out of files: who asks tries again.
        let (Ok((stream, _)), Ok(place)) = (accepted, Arc::clone(&places).try_acquire_owned()) else {
            tokio::task::yield_now().await;
            continue;
        };
        let hub = hub.clone();
        tokio::spawn(async move {
            // One that does not speak, or does not listen, is let go of.
            let _ = timeout(PATIENCE, converse(stream, &hub)).await;
            drop(place);
        });
    }
}

async fn converse(mut stream: TcpStream, hub: &Hub) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    BufReader::new(read.take(LONGEST)).read_line(&mut line).await?;
    write.write_all(answer(hub, line.trim()).as_bytes()).await?;
    write.shutdown().await
}

fn answer(hub: &Hub, line: &str) -> String {
    match judge(hub, line) {
        Ok(_) => "up\n".to_owned(),
        Err(Refusal::NoSuch(why)) => format!("down #{why}\n"),
        // A name may hold anything, and a line break would end the answer.
        Err(Refusal::Not(why)) => format!("down #{}\n", why.replace(char::is_control, " ")),
    }
}

fn judge(hub: &Hub, line: &str) -> Result<Arc<str>, Refusal> {
    let (path, query) = line.split_once('?').unwrap_or((line, ""));
    let parts: Vec<String> = path
        .trim_start_matches('/')
        .split('/')
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let limit = match query.strip_prefix("lag=") {
        Some(text) => Some(Limit::parse(text).ok_or(Refusal::NoSuch("lag must be a time or a size"))?),
        None => None,
    };
    let [kind, project, replica] = &parts[..] else {
        return Err(Refusal::NoSuch(
            "agent-send must be primary/, replica/ or read-only/PROJECT/REPLICA",
        ));
    };
    let (lately, key) = (hub.lately(), ReplicaKey::new(&**project, &**replica));
    match &**kind {
        "primary" => lately.is_primary(&key),
        "replica" => lately.is_replica(&key, limit),
        "read-only" => lately.is_readable(&key, limit),
        _ => Err(Refusal::NoSuch(
            "agent-send must begin with primary/, replica/ or read-only/",
        )),
    }
}
