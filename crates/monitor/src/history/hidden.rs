//! The names of machines, hidden: each becomes a hash, the same one for the same machine throughout a file, and another one in the next file.
//!
//! What is hidden: hosts that are known, addresses of the internet protocols, and names of three or more parts (`db-1.eu.example`). Ports, names of
//! replicas and projects, and this machine (`localhost`, `127.0.0.1`) stay. A machine that words call by another name than the tree's stays too.

use super::HistoryError;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Fields whose text is words, in which a machine may be named. The others are names, kinds and numbers of ours.
const WORDS: [&str; 16] = [
    "reason",
    "lagReason",
    "runwayReason",
    "upstream",
    "seenAs",
    "entry",
    "message",
    "says",
    "disagree",
    "identity",
    "position",
    "error",
    "lastError",
    "context",
    "why",
    "label",
];

/// Hides machines.
pub struct Hide {
    salt: [u8; 16],
    known: BTreeSet<String>,
}

impl Hide {
    /// Hides these hosts, and whatever looks like one.
    pub fn new(known: impl IntoIterator<Item = String>) -> Result<Self, HistoryError> {
        let mut salt = [0; 16];
        // Without chance a hash could be looked up.
        getrandom::fill(&mut salt).map_err(std::io::Error::other)?;
        let known = known.into_iter().map(|host| host.to_lowercase());
        Ok(Self {
            salt,
            known: known.collect(),
        })
    }

    /// The text with machines hidden.
    pub fn text(&self, text: &str) -> String {
        let of_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(from) = rest.find(of_name) {
            let (before, word) = rest.split_at(from);
            let to = word.find(|c| !of_name(c)).unwrap_or(word.len());
            out.push_str(before);
            out.push_str(&self.word(&word[..to]));
            rest = &word[to..];
        }
        out.push_str(rest);
        out
    }

    /// A host, with or without a port, perhaps at the end of a sentence.
    fn word(&self, word: &str) -> String {
        let bare = word.trim_end_matches(['.', ':']);
        let end = &word[bare.len()..];
        if self.is_host(bare) {
            return self.hashed(bare) + end;
        }
        match bare.rsplit_once(':') {
            Some((host, port)) if self.is_host(host) => format!("{}:{port}{end}", self.hashed(host)),
            _ => word.to_owned(),
        }
    }

    fn is_host(&self, word: &str) -> bool {
        if let Ok(address) = word.parse::<IpAddr>() {
            return !address.is_loopback() && !address.is_unspecified();
        }
        let mut parts = word.split('.');
        let looks_like_one = parts.clone().count() >= 3
            && parts
                .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
            && word.chars().any(|c| c.is_ascii_alphabetic());
        looks_like_one || self.known.contains(&word.to_lowercase())
    }

    fn hashed(&self, host: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.salt);
        hash.update(host.to_lowercase());
        format!("host-{}", hex::encode(&hash.finalize()[..6]))
    }

    /// The JSON with machines hidden in the fields that hold words.
    pub(super) fn json(&self, json: &[u8]) -> Result<Vec<u8>, HistoryError> {
        let mut value: Value =
            serde_json::from_slice(json).map_err(|_| HistoryError::Damaged("what should be JSON is none"))?;
        self.walk(&mut value, false);
        serde_json::to_vec(&value).map_err(|_| HistoryError::Damaged("what should be JSON is none"))
    }

    fn walk(&self, value: &mut Value, words: bool) {
        match value {
            Value::String(text) if words => *text = self.text(text),
            Value::Array(list) => list.iter_mut().for_each(|item| self.walk(item, words)),
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.walk(field, words || WORDS.contains(&name.as_str()));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_hidden_and_nothing_else() {
        let hide = Hide::new(["DB1".to_owned()]).unwrap();
        let db1 = hide.hashed("db1");
        let ip = hide.hashed("10.0.0.7");
        for (text, wants) in [
            ("no answer from db1.", format!("no answer from {db1}.")),
            ("db1:5432 refused it", format!("{db1}:5432 refused it")),
            ("10.0.0.7:3306: refused", format!("{ip}:3306: refused")),
            ("(10.0.0.7)", format!("({ip})")),
            ("fe80::1 is far", format!("{} is far", hide.hashed("fe80::1"))),
            ("a.b.example", hide.hashed("a.b.example")),
            (
                "127.0.0.1:5432 and localhost",
                "127.0.0.1:5432 and localhost".to_owned(),
            ),
            (
                "lag 3.5 s at 0/16B3748, t.json, 10.11.2",
                "lag 3.5 s at 0/16B3748, t.json, 10.11.2".to_owned(),
            ),
            ("", String::new()),
        ] {
            assert_eq!(hide.text(text), wants, "{text}");
        }
        assert_ne!(
            Hide::new([]).unwrap().hashed("db1"),
            db1,
            "another file, another hash"
        );
    }

    #[test]
    fn names_of_ours_stay() {
        let hide = Hide::new(["shop".to_owned()]).unwrap();
        let hidden = hide
            .json(br#"{"name":"shop","observed":{"links":[{"name":"shop","upstream":"shop:1"}]}}"#)
            .unwrap();
        let hash = hide.hashed("shop");
        let wants =
            format!(r#"{{"name":"shop","observed":{{"links":[{{"name":"shop","upstream":"{hash}:1"}}]}}}}"#);
        assert_eq!(String::from_utf8(hidden).unwrap(), wants);
    }
}
