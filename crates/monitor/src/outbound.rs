//! How this process speaks to HTTP servers: whom it trusts, and what it calls itself.
//!
//! What is asked, and how long an answer may take, is the business of whoever asks.

use std::sync::Arc;
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;

/// The beginning of every client of `url`: it trusts the authorities of the system, and takes any status as an answer.
pub(crate) fn client(url: &str) -> ConfigBuilder<AgentScope> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("replica-monitor/", env!("CARGO_PKG_VERSION")));
    // Reading them takes a while, and nobody asks for them in the clear.
    match url.starts_with("https:") {
        true => config.tls_config(trusting(of_the_system())),
        false => config,
    }
}

/// TLS that trusts these authorities alone.
pub(crate) fn trusting(authorities: Vec<Certificate<'static>>) -> TlsConfig {
    let roots = RootCerts::Specific(Arc::new(authorities));
    TlsConfig::builder().root_certs(roots).build()
}

fn of_the_system() -> Vec<Certificate<'static>> {
    // Those that cannot be read are left out; without any, every TLS connection is refused with that reason.
    let found = rustls_native_certs::load_native_certs();
    let certificates = found.certs.iter();
    certificates
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect()
}
