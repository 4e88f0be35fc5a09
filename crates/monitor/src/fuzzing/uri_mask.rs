//! No password is shown, whatever surrounds it.

use replica_core::Dialect;
use replica_core::tree::uri::mask;
use replica_core::tree::{TreeReplica, Uri, parse};
use serde_json::json;

/// Addresses up to where the value of a secret option begins.
const OPTIONS: [&str; 6] = [
    "postgres://h:5432/db?x=1&password=",
    "libsql://h?authToken=",
    "jdbc:sqlserver://h:1433;databaseName=d;Password=",
    "Server=h;Pwd=",
    "mysql://u@h/db?pass%77ord=",
    "host=h user=u password = ",
];

/// Input: lines with the secret, the user, what stands before and after the secret, and the rest of the address.
pub fn uri_mask(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    shown(&text);
    let mut lines = text.splitn(5, '\n');
    let [secret, user, before, after, rest] = std::array::from_fn(|_| lines.next().unwrap_or_default());
    let secret: String = secret
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect();
    // What no message says.
    let secret = format!("9Q7{secret}");
    let login = format!("{user}:{before}{secret}{after}@host{rest}");
    hidden(&secret, &format!("postgresql://{login}"));
    // Without a scheme, a path is shown as it is.
    let like_a_path = login.contains(":/") || login.contains(":\\");
    if user.starts_with(char::is_alphanumeric) && !like_a_path {
        hidden(&secret, &login);
    }
    // These may begin another option, or quote no more than a part.
    let before: String = before.chars().filter(|c| !is_ambiguous(*c)).collect();
    for start in OPTIONS {
        hidden(&secret, &format!("{start}{before}{secret}{after}{rest}"));
    }
}

fn is_ambiguous(c: char) -> bool {
    matches!(c, '&' | ';' | '\'' | '"' | '{') || c.is_whitespace()
}

/// Every way to show `text`.
fn shown(text: &str) -> String {
    let mut all = mask(text);
    for dialect in [None, Some(Dialect::new("postgres")), Some(Dialect::new("sqlite"))] {
        all.push_str(&match Uri::parse(text, dialect.as_ref()) {
            Ok(uri) => format!("\n{uri}\n{uri:?}\n{uri:#?}"),
            Err(error) => format!("\n{error}\n{error:?}"),
        });
    }
    all
}

/// Neither the address nor a tree that holds it shows `secret`.
fn hidden(secret: &str, address: &str) {
    // What stands elsewhere in the address, too, is no secret.
    if address.matches(secret).count() > 1 {
        return;
    }
    let seen = shown(address);
    assert!(!seen.contains(secret), "{address:?} is shown as {seen}");
    let tree = json!({"replicas": {"p": {"r": {"uri": address, "dialect": "postgres"}}}}).to_string();
    let parsed = parse(tree.as_bytes(), "t");
    let replicas = parsed.tree.iter().flat_map(|tree| &tree.projects[0].replicas);
    let addresses: Vec<_> = replicas.map(TreeReplica::address).collect();
    let seen = format!("{parsed:?} {addresses:?}");
    assert!(!seen.contains(secret), "{address:?} in a tree is shown as {seen}");
}
