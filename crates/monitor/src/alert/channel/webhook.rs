//! A JSON document, or what a template makes of it, posted to any address and signed.

use super::post::Post;
use super::{Deliver, Kind, Made, Secrets, Undelivered, fields};
use crate::alert::notice::Notice;
use crate::alert::settings::AlertSettingsError;
use hmac::{Hmac, KeyInit, Mac};
use minijinja::Environment;
use minijinja::value::Serde;
use replica_core::Secret;
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) static WEBHOOK: Kind = Kind {
    name: "webhook",
    repeat: None,
    make,
    #[cfg(test)]
    sample,
};

/// The name of the only template.
const TEMPLATE: &str = "template";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    url: String,
    /// What the body is signed with.
    secret: Option<String>,
    /// Jinja, over the fields of a notice and `title` and `text`.
    template: Option<String>,
    #[serde(default = "json")]
    content_type: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn json() -> String {
    "application/json".to_owned()
}

struct Webhook {
    post: Post,
    secret: Option<Secret<String>>,
    template: Option<Environment<'static>>,
    headers: Vec<(String, Secret<String>)>,
}

fn make(given: Value, secrets: &Secrets<'_>) -> Made {
    let given: Fields = fields(given)?;
    let mut headers = vec![("content-type".to_owned(), Secret::new(given.content_type))];
    for (name, value) in given.headers {
        headers.push((name, secrets.find(&value)?));
    }
    let secret = given.secret.map(|secret| secrets.find(&secret)).transpose()?;
    let template = given.template.map(compile).transpose()?;
    Ok(Arc::new(Webhook {
        post: Post::to(secrets.url(&given.url)?),
        secret,
        template,
        headers,
    }))
}

fn compile(source: String) -> Result<Environment<'static>, AlertSettingsError> {
    let wrong = |error: minijinja::Error| AlertSettingsError::new(format!("template: {error:#}"));
    let mut environment = Environment::new();
    // A field that is misspelt is found here, and not at the first alert.
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.add_template_owned(TEMPLATE, source).map_err(wrong)?;
    render(&environment, &Notice::sample(0)).map_err(wrong)?;
    Ok(environment)
}

fn render(environment: &Environment<'_>, notice: &Notice) -> Result<String, minijinja::Error> {
    environment
        .get_template(TEMPLATE)?
        .render(Serde(notice.document()))
}

impl Deliver for Webhook {
    fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        let body = match &self.template {
            None => notice.document().to_string(),
            Some(template) => render(template, notice)
                .map_err(|error| Undelivered::for_good(format!("the template fails: {error:#}")))?,
        };
        let mut headers: Vec<(&str, &str)> = vec![("x-replica-monitor-notice", &notice.id)];
        let own = self.headers.iter();
        headers.extend(own.map(|(name, value)| (name.as_str(), value.expose().as_str())));
        let signature = self.secret.as_ref().and_then(|secret| sign(secret, &body));
        if let Some(signature) = &signature {
            headers.push(("x-replica-monitor-signature", signature));
        }
        self.post.send(&headers, body.as_bytes())
    }
}

/// `sha256=` and the HMAC-SHA256 of the body in hexadecimal: the form that GitHub's webhooks have.
fn sign(secret: &Secret<String>, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
    mac.update(body.as_bytes());
    Some(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
fn sample(listener: &super::tests::Listener) -> (Value, &'static str) {
    (serde_json::json!({ "url": listener.url() }), "\"replica\":\"r\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::channel::tests::{Listener, make};
    use serde_json::json;

    #[test]
    fn the_body_is_the_template_s_and_signed() {
        let listener = Listener::start(&[200]);
        let webhook = make(
            "webhook",
            json!({
                "url": listener.url(), "secret": "${KEY}", "contentType": "text/plain",
                "template": "{{ title }}|{% for a in alerts %}{{ a.condition }} {{ a.project }}/{{ a.replica }}{% endfor %}",
                "headers": { "x-key": "${KEY}" },
            }),
        )
        .unwrap();
        webhook.deliver(&Notice::sample(7)).unwrap();
        let request = listener.request();
        assert!(
            request.ends_with("CRITICAL: p / r is down: no answer|down p/r"),
            "{request}"
        );
        assert!(request.contains("x-key: hunter2\r\n"));
        // From `printf '%s' BODY | openssl dgst -sha256 -hmac hunter2`.
        let body = request.split("\r\n\r\n").nth(1).unwrap();
        let signature = sign(&Secret::new("hunter2".to_owned()), body).unwrap();
        assert_eq!(
            signature,
            "sha256=313ce13018cb8756574f4ef24bc69d77d93d8a48e549a9d4a4323cacb55a34ab"
        );
        assert!(request.contains(&format!("x-replica-monitor-signature: {signature}\r\n")));
    }

    #[test]
    fn a_template_that_cannot_work_is_refused_at_once() {
        for (template, wants) in [("{{ tilte }}", "undefined"), ("{% for %}", "syntax error")] {
            let why = make("webhook", json!({ "url": "http://h/", "template": template }))
                .err()
                .unwrap();
            assert!(why.contains("template") && why.contains(wants), "{why}");
        }
    }
}
