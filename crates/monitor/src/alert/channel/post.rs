//! Posts a body to an HTTP server, and tells what the answer means.

use super::{DEADLINE, Undelivered};
use crate::outbound;
use replica_core::Secret;
use std::sync::OnceLock;
use ureq::Agent;

/// A place to post to. Its address may hold a secret, and is never told.
pub(super) struct Post {
    url: Secret<String>,
    /// Made at the first delivery: reading the authorities of the system takes a while.
    agent: OnceLock<Agent>,
}

impl Post {
    pub(super) fn to(url: Secret<String>) -> Self {
        Self {
            url,
            agent: OnceLock::new(),
        }
    }

    fn agent(&self) -> &Agent {
        self.agent.get_or_init(|| {
            // Following a redirect would hand the alert to somebody who is not in the settings.
            let config = outbound::client(self.url.expose())
                .timeout_global(Some(DEADLINE))
                .max_redirects(0)
                .max_redirects_will_error(false);
            config.build().new_agent()
        })
    }

    /// A 2xx is an answer that it was taken; 408, 429 and 5xx ask to come again.
    pub(super) fn send(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<(), Undelivered> {
        let mut request = self.agent().post(self.url.expose());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match request.send(body) {
            Ok(answer) => match answer.status().as_u16() {
                200..300 => Ok(()),
                status @ (408 | 429 | 500..) => Err(Undelivered::later(format!("it answers {status}"))),
                status => Err(Undelivered::for_good(format!(
                    "it refuses the notice with {status}"
                ))),
            },
            Err(ureq::Error::Timeout(_)) => Err(Undelivered::later("no answer within 10 s")),
            Err(ureq::Error::Io(error)) => Err(Undelivered::later(error.kind())),
            Err(ureq::Error::HostNotFound) => Err(Undelivered::later("the host has no address")),
            // Others may quote the address.
            Err(_) => Err(Undelivered::later("it cannot be reached")),
        }
    }

    pub(super) fn json(&self, body: &serde_json::Value) -> Result<(), Undelivered> {
        self.send(
            &[("content-type", "application/json")],
            body.to_string().as_bytes(),
        )
    }
}
