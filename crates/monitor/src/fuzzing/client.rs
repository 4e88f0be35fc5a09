//! What a client makes of the bytes of an event stream.

use replica_core::{Event, EventKind};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Number and data of the messages, which are all of one form.
pub(super) fn messages(bytes: &[u8]) -> Vec<(u64, &str)> {
    let text = std::str::from_utf8(bytes).expect("a stream is UTF-8");
    assert!(!text.contains('\r'), "that ends a line, too");
    let lines: Vec<&str> = text.split_terminator('\n').collect();
    lines.chunks(3).map(message).collect()
}

fn message<'a>(lines: &[&'a str]) -> (u64, &'a str) {
    let &[id, data, ""] = lines else {
        unreachable!("no message: {lines:?}")
    };
    let id = id.strip_prefix("id: ").expect("a number");
    (
        id.parse().expect("a number"),
        data.strip_prefix("data: ").expect("data"),
    )
}

/// The data of a message.
#[derive(Deserialize)]
pub(super) struct Read {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) ts: i64,
    seq: u64,
    #[serde(flatten)]
    pub(super) fields: Map<String, Value>,
}

/// The data of a message; one with a `type`, `ts` or `seq` twice is refused.
pub(super) fn read(json: &str) -> Read {
    serde_json::from_str(json).expect("an event")
}

impl Read {
    /// Checks that it is `event`, an application's own, as number `seq`.
    pub(super) fn says(&self, event: &Event, seq: u64) {
        let EventKind::Custom { kind, fields } = &event.kind else {
            unreachable!("{event:?}")
        };
        assert_eq!((&self.kind, self.ts, self.seq), (kind, event.ts, seq));
        // Through text, as a client gets it: a float may lose its last bit on the way, and that is not the stream's doing.
        let text = serde_json::to_string(fields).expect("JSON");
        let mut fields: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        fields.retain(|name, _| !matches!(&**name, "type" | "ts" | "seq"));
        assert_eq!(self.fields, fields);
    }
}
