//! A server that answers as a secondary does, over the real protocol: what the driver makes of our settings.

use super::*;
use crate::fault::FaultKind;
use ::mongodb::bson::{DateTime, Timestamp};
use replica_core::tree::Uri;
use replica_core::{Dialect, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The operation that asks and answers.
const MESSAGE: i32 = 2013;

fn hello() -> Document {
    doc! {
        "helloOk": true, "isWritablePrimary": false, "ismaster": false, "secondary": true, "setName": "rs0", "setVersion": 1,
        "hosts": ["db.example:27017"], "me": "db.example:27017", "localTime": DateTime::from_millis(1_764_121_000_000),
        "lastWrite": { "opTime": { "ts": Timestamp { time: 9, increment: 2 }, "t": 1_i64 }, "lastWriteDate": DateTime::from_millis(9_000) },
        "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
        "minWireVersion": 0, "maxWireVersion": 21, "readOnly": false, "ok": 1.0,
    }
}

fn answer(command: &str) -> Document {
    match command {
        "hello" | "isMaster" | "ismaster" => hello(),
        "buildInfo" => doc! { "version": "7.0.14", "ok": 1.0 },
        "endSessions" => doc! { "ok": 1.0 },
        _ => doc! { "ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authorized: s3cret" },
    }
}

/// Answers everything that one connection asks.
async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        let length = stream.read_i32_le().await?;
        let (id, _, code) = (
            stream.read_i32_le().await?,
            stream.read_i32_le().await?,
            stream.read_i32_le().await?,
        );
        let mut body = vec![0; usize::try_from(length).unwrap() - 16];
        stream.read_exact(&mut body).await?;
        assert_eq!(code, MESSAGE);
        // Flags, and the kind of the only section.
        let document = &body[5..];
        let asked = Document::from_reader(document).unwrap();
        let answer = answer(asked.keys().next().unwrap()).to_vec().unwrap();
        let head = vec![0; 5];
        let whole = i32::try_from(16 + head.len() + answer.len()).unwrap();
        for number in [whole, 0, id, MESSAGE] {
            stream.write_i32_le(number).await?;
        }
        stream.write_all(&[head, answer].concat()).await?;
    }
}

fn target(port: u16) -> Target {
    let dialect = Dialect::new("mongodb");
    let uri = Uri::parse(&format!("mongodb://127.0.0.1:{port}"), Some(&dialect)).unwrap();
    Target::new(uri, dialect, Some(27_017)).unwrap()
}

#[tokio::test]
async fn a_secondary_is_asked_itself_and_a_missing_right_is_no_failure() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    let mut session = Session::start(&target(port)).await.unwrap();
    for _ in 0..2 {
        let look = session.look().await.unwrap();
        assert_eq!(look.role, Some(Role::Slave));
        assert_eq!(look.version.as_deref(), Some("MongoDB 7.0.14"));
        assert_eq!(look.position_text.as_deref(), Some("9:2, term 1"));
        assert_eq!(look.missing, [MONITOR]);
    }
    server.abort();
}

#[tokio::test]
async fn one_that_listens_and_says_nothing_is_given_up_soon() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let begun = Instant::now();
    let fault = Session::start(&target(port)).await.err().unwrap();
    assert_eq!(fault.kind, FaultKind::TimedOut, "{fault}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}
