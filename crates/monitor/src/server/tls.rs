//! Optional TLS: a certificate and its key, loaded again when their files change.
//!
//! A new pair that cannot be used is reported and the old one stays, as with everything else that is
//! read again.

use super::followed::Followed;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where the certificate chain and its private key are, both PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain, the server's certificate first.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Why a pair cannot be used, and which file to look at.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// Takes connections in with the newest usable pair.
#[derive(Clone)]
pub(crate) struct Tls(watch::Receiver<TlsAcceptor>);

impl Tls {
    /// Loads the pair, and keeps looking at its files until `stop`.
    pub(crate) fn start(files: TlsFiles, stop: watch::Receiver<bool>) -> Result<Self, TlsError> {
        let followed = Followed::new(vec![files.cert.clone(), files.key.clone()], stop);
        let (newest, acceptor) = watch::channel(load(&files)?);
        tokio::spawn(follow(files, followed, newest));
        Ok(Self(acceptor))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.0.borrow().clone()
    }
}

async fn follow(files: TlsFiles, mut followed: Followed, newest: watch::Sender<TlsAcceptor>) {
    while followed.changed().await {
        match load(&files) {
            Ok(acceptor) => {
                tracing::info!(cert = %files.cert.display(), "certificate loaded again");
                newest.send_replace(acceptor);
            }
            Err(error) => {
                tracing::error!(%error, "the certificate changed but cannot be used; the old one stays")
            }
        }
    }
}

fn load(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let cannot = |path: &Path, why: &dyn fmt::Display| TlsError(format!("{}: {why}", path.display()));
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| cannot(&files.cert, &error))?;
    if chain.is_empty() {
        return Err(cannot(&files.cert, &"there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| cannot(&files.key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| cannot(&files.cert, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
