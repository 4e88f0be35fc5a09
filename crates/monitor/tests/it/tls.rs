//! TLS: served, renewed without a restart, and refused when it cannot work.

use crate::support::{DEADLINE, Monitor, TREE, binary};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring};

/// Writes a new pair into `folder` and returns the certificate.
fn new_pair(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    cert.der().clone()
}

/// What the monitor answers to a client that trusts only `cert`; `None` if the handshake fails.
fn ask(port: u16, cert: &CertificateDer<'static>, path: &str) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(cert.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut stream = StreamOwned::new(client, socket);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    // The end without a goodbye is no error for a test.
    let _ = stream.read_to_string(&mut answer);
    Some(answer)
}

fn serve(token: &[(&str, &str)]) -> (Monitor, CertificateDer<'static>) {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let cert = new_pair(folder.path());
    let tree = folder.path().join("t.json");
    fs::write(&tree, TREE).unwrap();
    (
        Monitor::start_on(
            folder,
            tree,
            &["--tls-cert", "cert.pem", "--tls-key", "key.pem"],
            token,
        ),
        cert,
    )
}

#[test]
fn the_api_and_the_cookie_are_served_over_tls() {
    let (monitor, cert) = serve(&[("MONITOR_TOKEN", "t")]);
    assert!(
        ask(monitor.port, &cert, "/api/health?token=t")
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    assert!(
        ask(monitor.port, &cert, "/?token=t")
            .unwrap()
            .contains("; Secure")
    );
    // Plain HTTP to the same port is not answered, and harms nobody.
    let mut plain = monitor.raw(b"GET / HTTP/1.1\r\n\r\n");
    let mut bytes = Vec::new();
    let _ = plain.read_to_end(&mut bytes);
    assert!(!bytes.starts_with(b"HTTP"));
    assert!(ask(monitor.port, &cert, "/healthz").unwrap().ends_with("ok\n"));
}

#[test]
fn a_renewed_certificate_is_taken_over_and_a_broken_one_is_not() {
    let (monitor, first) = serve(&[]);
    fs::write(monitor.folder.path().join("cert.pem"), "broken").unwrap();
    assert!(ask(monitor.port, &first, "/healthz").is_some());
    let second = new_pair(monitor.folder.path());
    let end = Instant::now() + DEADLINE;
    while ask(monitor.port, &second, "/healthz").is_none() {
        assert!(Instant::now() < end, "the new certificate was never served");
    }
    assert!(ask(monitor.port, &first, "/healthz").is_none());
}

#[test]
fn a_pair_that_cannot_work_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    new_pair(folder.path());
    fs::write(folder.path().join("t.json"), TREE).unwrap();
    let run = |arguments: &[&str]| {
        let output = binary()
            .current_dir(folder.path())
            .args(["--tree", "t.json"])
            .args(arguments)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&["--tls-cert", "cert.pem"]);
    assert!(code == Some(2) && said.contains("--tls-key"), "{said}");
    let (code, said) = run(&["--tls-cert", "none.pem", "--tls-key", "key.pem", "--port", "0"]);
    assert!(code == Some(2) && said.contains("none.pem"), "{said}");
    let (code, said) = run(&["--tls-cert", "cert.pem", "--tls-key", "cert.pem", "--port", "0"]);
    assert!(code == Some(2) && said.contains("cert.pem"), "{said}");
}
