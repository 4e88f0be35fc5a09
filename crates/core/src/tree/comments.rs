//! Blanks `//` and `/* */` comments, so that people may write them in a tree file.
//!
//! Every other byte keeps its place: positions in problems stay true. What is wrong with the rest is
//! left to the JSON parser.

use std::borrow::Cow;

/// `text` with its comments turned into spaces (line ends stay).
pub(super) fn blank(text: &str) -> Cow<'_, str> {
    let mut blanked: Option<Vec<u8>> = None;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let end = match (bytes[at], bytes.get(at + 1)) {
            (b'"', _) => {
                at = string_end(bytes, at);
                continue;
            }
            (b'/', Some(b'/')) => find(bytes, at, |rest| matches!(rest[0], b'\n' | b'\r')),
            (b'/', Some(b'*')) => (find(bytes, at + 2, |rest| rest.starts_with(b"*/")) + 2).min(bytes.len()),
            _ => {
                at += 1;
                continue;
            }
        };
        let copy = blanked.get_or_insert_with(|| bytes.to_vec());
        copy[at..end]
            .iter_mut()
            .filter(|byte| !matches!(byte, b'\n' | b'\r'))
            .for_each(|byte| *byte = b' ');
        at = end;
    }
    // Only whole comments were replaced, and only by spaces, so the bytes are still UTF-8.
    match blanked.map(String::from_utf8) {
        Some(Ok(text)) => Cow::Owned(text),
        Some(Err(_)) | None => Cow::Borrowed(text),
    }
}

fn find(bytes: &[u8], from: usize, is_end: impl Fn(&[u8]) -> bool) -> usize {
    (from..bytes.len())
        .find(|&at| is_end(&bytes[at..]))
        .unwrap_or(bytes.len())
}

/// The position after the closing quote of the string that opens at `open`.
fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_vanish_and_everything_else_keeps_its_place() {
        let text = "{ // héllo\n \"a//b\": \"/* no */ \\\" // no\", /* é\n */ \"c\": 1 }";
        let blanked = blank(text);
        assert_eq!(blanked.len(), text.len());
        assert_eq!(blanked.find("\"c\""), text.find("\"c\""));
        let value: serde_json::Value = serde_json::from_str(&blanked).unwrap();
        assert_eq!(value["a//b"], "/* no */ \" // no");
        assert!(matches!(blank("{\"uri\":\"postgres://h\"}"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_comment_ends_with_its_line_whatever_ends_the_line() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("// a{end}{{}}");
            assert_eq!(blank(&text), format!("    {end}{{}}"));
        }
    }

    #[test]
    fn unclosed_comments_and_strings_end_with_the_text() {
        for text in ["/*", "//", "\"abc", "\"abc\\", "/* *", "{\"a\":1}/"] {
            assert_eq!(blank(text).len(), text.len());
        }
    }
}
