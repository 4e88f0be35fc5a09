//! Where requests go, and with which `authorization`: what a URL says, with the name and password taken out of it.

use super::{Push, PushError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use replica_core::Secret;
use ureq::http::Uri;

/// The receiver.
pub(super) struct Address {
    /// Without name and password.
    pub(super) uri: Uri,
    /// The whole header.
    pub(super) authorization: Option<Secret<String>>,
}

impl Address {
    pub(super) fn of(settings: &Push) -> Result<Self, PushError> {
        let wrong = |why: &str| PushError::Url(why.to_owned());
        let whole: Uri = settings
            .url
            .expose()
            .parse()
            .map_err(|_| wrong("cannot be read"))?;
        let scheme = whole
            .scheme_str()
            .filter(|scheme| matches!(*scheme, "http" | "https"));
        let (Some(scheme), Some(authority)) = (scheme, whole.authority()) else {
            return Err(wrong("must begin with http:// or https://"));
        };
        let (named, host) = match authority.as_str().rsplit_once('@') {
            Some((named, host)) => (Some(named), host),
            None => (None, authority.as_str()),
        };
        let path = match whole.path_and_query().map_or("/", |path| path.as_str()) {
            "/" => settings.protocol.default_path(),
            path => path,
        };
        let uri = format!("{scheme}://{host}{path}").parse();
        let bearer = settings
            .token
            .as_ref()
            .map(|token| format!("Bearer {}", token.expose()));
        Ok(Self {
            uri: uri.map_err(|_| wrong("cannot be read"))?,
            authorization: bearer.or_else(|| named.map(basic)).map(Secret::new),
        })
    }
}

/// RFC 7617. In a URL both parts are percent-encoded (RFC 3986, section 3.2.1), in the header they are not.
fn basic(named: &str) -> String {
    let (user, password) = named.split_once(':').unwrap_or((named, ""));
    let mut pair: Vec<u8> = percent_decode_str(user).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(password));
    format!("Basic {}", STANDARD.encode(pair))
}
