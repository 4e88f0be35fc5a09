//! What an address wishes of its encryption → a rustls configuration.
//!
//! Nothing is negotiated here.

use crate::fault::{Fault, FaultKind};
use crate::target::TlsWish;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// The configuration for that wish; none where no encryption is wished for.
pub fn config(wish: &TlsWish) -> Result<Option<ClientConfig>, Fault> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?;
    Ok(Some(match wish {
        TlsWish::Off => return Ok(None),
        TlsWish::Prefer | TlsWish::Require => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Lenient::anybody(&provider)))
            .with_no_client_auth(),
        TlsWish::Verify {
            authorities,
            hostname: true,
        } => builder
            .with_root_certificates(roots(authorities.as_deref())?)
            .with_no_client_auth(),
        TlsWish::Verify {
            authorities,
            hostname: false,
        } => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Lenient::any_name(
                &provider,
                roots(authorities.as_deref())?,
            )?))
            .with_no_client_auth(),
    }))
}

fn unusable(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(
        FaultKind::NotAsked,
        format!("its TLS settings cannot be used: {error}"),
    )
}

fn roots(file: Option<&Path>) -> Result<Arc<RootCertStore>, Fault> {
    let Some(file) = file else {
        // Reading the system's takes milliseconds, and they are the same for every server.
        static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
        return Ok(Arc::clone(SYSTEM.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Arc::new(roots)
        })));
    };
    let mut roots = RootCertStore::empty();
    let read = CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))?;
    for certificate in read {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    match roots.is_empty() {
        true => Err(unusable(&"the file of authorities holds no certificate")),
        false => Ok(Arc::new(roots)),
    }
}

/// Asks less of a certificate than TLS usually does, because the address says so.
#[derive(Debug)]
struct Lenient {
    /// Checks the chain but not the name; none takes any certificate.
    chain: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Lenient {
    fn anybody(provider: &CryptoProvider) -> Self {
        Self {
            chain: None,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn any_name(provider: &Arc<CryptoProvider>, roots: Arc<RootCertStore>) -> Result<Self, Fault> {
        let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
        Ok(Self {
            chain: Some(chain.map_err(|error| unusable(&error))?),
            algorithms: provider.signature_verification_algorithms,
        })
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
