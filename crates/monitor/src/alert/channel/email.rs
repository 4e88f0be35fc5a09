//! Mail, by SMTP.

use super::{DEADLINE, Deliver, Kind, Made, Secrets, Undelivered, fields};
use crate::alert::notice::Notice;
use crate::alert::settings::AlertSettingsError;
use lettre::address::Envelope;
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use replica_core::Secret;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

pub(super) static EMAIL: Kind = Kind {
    name: "email",
    repeat: None,
    make,
    #[cfg(test)]
    sample,
};

/// How the connection is kept from listeners.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Security {
    /// The server is asked for TLS after it has greeted, and must have it.
    #[default]
    Starttls,
    /// From the first byte.
    Tls,
    /// None.
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// Its name, and a port if it is not the usual one.
    server: String,
    #[serde(default)]
    security: Security,
    user: Option<String>,
    password: Option<String>,
    from: String,
    to: Vec<String>,
}

struct Email {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<(Secret<String>, Secret<String>)>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

fn make(given: Value, secrets: &Secrets<'_>) -> Made {
    let given: Fields = fields(given)?;
    let (host, port) = server(&given.server, given.security)?;
    let credentials = match (given.user, given.password) {
        (Some(user), Some(password)) => Some((secrets.find(&user)?, secrets.find(&password)?)),
        (None, None) => None,
        _ => return Err(AlertSettingsError::new("user and password go together")),
    };
    if credentials.is_some() && matches!(given.security, Security::None) {
        return Err(AlertSettingsError::new(
            "a password is not sent in the clear: use security starttls or tls",
        ));
    }
    let to: Result<Vec<Mailbox>, _> = given.to.iter().map(|to| mailbox("to", to)).collect();
    let to = to?;
    if to.is_empty() {
        return Err(AlertSettingsError::new("to: name a recipient"));
    }
    Ok(Arc::new(Email {
        host,
        port,
        security: given.security,
        credentials,
        from: mailbox("from", &given.from)?,
        to,
    }))
}

fn server(text: &str, security: Security) -> Result<(String, u16), AlertSettingsError> {
    let usual = match security {
        Security::Starttls => 587,
        Security::Tls => 465,
        Security::None => 25,
    };
    let wrong = || AlertSettingsError::new(format!("server: {text:?} is no HOST or HOST:PORT"));
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => Ok((host.to_owned(), port.parse().map_err(|_| wrong())?)),
        None if !text.is_empty() => Ok((text.to_owned(), usual)),
        _ => Err(wrong()),
    }
}

fn mailbox(field: &str, text: &str) -> Result<Mailbox, AlertSettingsError> {
    text.parse()
        .map_err(|error| AlertSettingsError::new(format!("{field}: {text:?} is no mail address: {error}")))
}

impl Email {
    fn transport(&self) -> Result<SmtpTransport, Undelivered> {
        let trust = || TlsParameters::new(self.host.clone()).map_err(Undelivered::later);
        let tls = match self.security {
            Security::Starttls => Tls::Required(trust()?),
            Security::Tls => Tls::Wrapper(trust()?),
            Security::None => Tls::None,
        };
        let mut builder = SmtpTransport::builder_dangerous(&self.host)
            .port(self.port)
            .tls(tls)
            .timeout(Some(DEADLINE));
        if let Some((user, password)) = &self.credentials {
            let credentials = Credentials::new(user.expose().clone(), password.expose().clone());
            builder = builder.credentials(credentials);
        }
        Ok(builder.build())
    }

    fn message(&self, notice: &Notice) -> Result<Message, lettre::error::Error> {
        // The name of the notice names the mail too: a mail that comes twice is the same one to most readers.
        let id = format!("<{}@replica-monitor>", notice.id);
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(notice.title())
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        builder.body(notice.text())
    }
}

impl Deliver for Email {
    fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        let message = self.message(notice).map_err(Undelivered::for_good)?;
        let to = self.to.iter().map(|to| to.email.clone()).collect();
        let envelope = Envelope::new(Some(self.from.email.clone()), to).map_err(Undelivered::for_good)?;
        let sent = self.transport()?.send_raw(&envelope, &message.formatted());
        // 5yz: RFC 5321 section 4.2.1, the same mail will be refused again.
        sent.map(drop).map_err(|error| Undelivered {
            why: error.to_string(),
            for_good: error.is_permanent(),
        })
    }
}

#[cfg(test)]
fn sample(listener: &super::tests::Listener) -> (Value, &'static str) {
    let server = format!("127.0.0.1:{}", listener.mail_port());
    let given = serde_json::json!({
        "server": server, "security": "none", "from": "monitor@example.org", "to": ["Ops <ops@example.org>"],
    });
    (given, "Subject: CRITICAL: p / r is down: no answer")
}

#[cfg(test)]
mod tests {
    use crate::alert::channel::tests::make;
    use serde_json::{Value, json};

    #[test]
    fn what_cannot_work_is_refused_at_once() {
        let with = |change: &[(&str, Value)]| {
            let mut given =
                json!({ "server": "smtp.example.org", "from": "a@example.org", "to": ["b@example.org"] });
            for (name, value) in change {
                given[*name] = value.clone();
            }
            make("email", given).err().unwrap_or_default()
        };
        assert_eq!(with(&[]), "");
        for (change, wants) in [
            (vec![("server", json!("smtp:x"))], "server"),
            (vec![("from", json!("nobody"))], "from: \"nobody\""),
            (vec![("to", json!([]))], "to: name"),
            (vec![("user", json!("u"))], "go together"),
            (
                vec![
                    ("user", json!("u")),
                    ("password", json!("${KEY}")),
                    ("security", json!("none")),
                ],
                "in the clear",
            ),
        ] {
            let why = with(&change);
            assert!(why.contains(wants), "{why}");
        }
    }
}
