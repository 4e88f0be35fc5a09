//! The least HTTP there can be, for asking the lab's own servers.

use anyhow::{Context, Result, ensure};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server on this machine that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(3);

/// The body of a good answer to a GET.
pub(crate) async fn get(port: u16, path: &str) -> Result<String> {
    let whole = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = timeout(PATIENCE, whole).await.context("no answer in time")??;
    let (head, body) = answer.split_once("\r\n\r\n").context("no whole answer")?;
    ensure!(
        head.split(' ').nth(1) == Some("200"),
        "{path}: {}",
        head.lines().next().unwrap_or_default()
    );
    Ok(body.to_owned())
}

/// The result of an instant query, as JSON, of whatever answers like Prometheus.
pub(crate) async fn query(port: u16, query: &str) -> Result<String> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    get(port, &format!("/api/v1/query?query={encoded}")).await
}
