//! A server that greets, encrypts and refuses, as the protocol's document describes it.

use super::super::connect::open;
use super::*;
use replica_core::Dialect;
use replica_core::tree::Uri;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::TLS12;
use tokio_rustls::rustls::{ServerConfig, pki_types::PrivateKeyDer};

const ANSWER: u8 = 4;
const LOGIN: u8 = 16;

fn target(port: u16, options: &str) -> Target {
    let dialect = Dialect::new("mssql");
    let uri = format!("mssql://bob:s3cret@127.0.0.1:{port}/shop{options}");
    Target::new(Uri::parse(&uri, Some(&dialect)).unwrap(), dialect, Some(1433)).unwrap()
}

/// Up to TLS 1.2, as SQL Server does over this protocol.
fn acceptor() -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["db.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn heard(stream: &mut (impl AsyncRead + Unpin)) -> (u8, Vec<u8>) {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await.unwrap();
    let mut payload = vec![0; payload_of(header).unwrap()];
    stream.read_exact(&mut payload).await.unwrap();
    (header[0], payload)
}

/// Error 18456 with a message that must not be shown, and the end of the answer.
fn refused() -> Vec<u8> {
    let message: Vec<u8> = "Login failed for s3cret"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut body = Vec::new();
    body.extend(18_456_u32.to_le_bytes());
    body.extend([1, 14]);
    body.extend((u16::try_from(message.len()).unwrap() / 2).to_le_bytes());
    body.extend(message);
    body.extend([0, 0]);
    body.extend(1_u32.to_le_bytes());
    let mut tokens = vec![0xaa];
    tokens.extend(u16::try_from(body.len()).unwrap().to_le_bytes());
    tokens.extend(body);
    tokens.extend([0xfd, 2, 0, 0, 0]);
    tokens.extend(0_u64.to_le_bytes());
    packet(ANSWER, &tokens)
}

async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Vec<u8> {
    let (kind, login) = heard(&mut stream).await;
    assert_eq!(kind, LOGIN);
    stream.write_all(&refused()).await.unwrap();
    stream.flush().await.unwrap();
    login
}

/// Serves one connection; what the client asked of encryption, and its login.
async fn serve(listener: TcpListener, says: u8) -> (Option<u8>, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (kind, greeting) = heard(&mut stream).await;
    assert_eq!(kind, PRELOGIN);
    stream.write_all(&packet(ANSWER, &prelogin(says))).await.unwrap();
    let asked = encryption_of(&greeting);
    if says == level::NOT_SUPPORTED || asked == Some(level::NOT_SUPPORTED) {
        return (asked, refuse(stream).await);
    }
    let mut tls = acceptor().accept(Wrapped::new(stream)).await.unwrap();
    tls.get_mut().0.unwrap_from_now();
    (asked, refuse(tls).await)
}

async fn begin(says: u8) -> (u16, tokio::task::JoinHandle<(Option<u8>, Vec<u8>)>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, tokio::spawn(serve(listener, says)))
}

#[tokio::test]
async fn the_driver_logs_in_through_our_encryption() {
    let (port, server) = begin(level::ON).await;
    let fault = open(&target(port, ""), "master").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Misconfigured);
    assert!(fault.message.contains("18456") && !fault.message.contains("s3cret"));
    let (asked, login) = server.await.unwrap();
    assert_eq!(asked, Some(level::ON));
    let master: Vec<u8> = "master".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(login.windows(master.len()).any(|window| window == master));
}

#[tokio::test]
async fn a_server_that_cannot_encrypt_is_used_only_where_that_is_no_matter() {
    let (port, server) = begin(level::NOT_SUPPORTED).await;
    let fault = open(&target(port, "?encrypt=false"), "master").await.unwrap_err();
    assert!(fault.message.contains("18456"), "{fault}");
    server.await.unwrap();

    let (port, server) = begin(level::NOT_SUPPORTED).await;
    let fault = open(&target(port, "?encrypt=true"), "master").await.unwrap_err();
    assert!(fault.message.contains("cannot encrypt"), "{fault}");
    server.abort();
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_where_it_is_asked_for() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        heard(&mut stream).await;
        stream
            .write_all(&packet(ANSWER, &prelogin(level::ON)))
            .await
            .unwrap();
        acceptor().accept(Wrapped::new(stream)).await.is_err()
    });
    let fault = open(&target(port, "?encrypt=true"), "master").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Misconfigured, "{fault}");
    assert!(server.await.unwrap());
}

#[test]
fn a_greeting_reads_back() {
    let says = prelogin(level::ON);
    assert_eq!(encryption_of(&says), Some(level::ON));
    assert_eq!(encryption_of(&[END]), None);
    assert_eq!(payload_of([4, 1, 0, 7, 0, 0, 0, 0]), None);
}

#[test]
fn the_words_are_those_of_sql_servers_drivers() {
    let wish = |options: &str| wish(&target(1, options));
    assert_eq!(wish(""), Ok(TlsWish::Prefer));
    assert_eq!(
        wish("?encrypt=true&trustServerCertificate=true"),
        Ok(TlsWish::Require)
    );
    assert!(matches!(
        wish("?encrypt=true"),
        Ok(TlsWish::Verify { hostname: true, .. })
    ));
    assert_eq!(wish("?sslmode=disable"), Ok(TlsWish::Off));
    assert!(wish("?encrypt=strict").is_err());
}
