//! Any text that may be an address → the same with everything secret in it hidden.
//!
//! It finds the places that may hold a secret in the text as written, and hides their union: what is a login to one rule and an
//! option to another is hidden by both. It takes nothing apart and never fails; that is [`Uri`](super::Uri)'s business.

use super::{MASK, decode};
use std::ops::Range;

/// A name that holds one of these is that of a secret.
const SECRET_WORDS: [&str; 7] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "api_key",
];

/// Any address with everything secret in it replaced by [`MASK`].
///
/// Hidden are: whatever stands between the user's `:` and the last `@` (also one in the query: that may
/// belong to a raw password), and the values of options whose name speaks of a secret, in `a=b&…`,
/// `a=b;…`, `a=b …` and JDBC forms. A value ends only where another option begins.
pub fn mask(text: &str) -> String {
    let mut secrets: Vec<_> = login(text).into_iter().chain(secret_values(text)).collect();
    secrets.sort_by_key(|secret| secret.start);
    let mut masked = String::with_capacity(text.len());
    let mut dealt_with = 0;
    for secret in secrets {
        if secret.start > dealt_with || masked.is_empty() {
            masked.push_str(&text[dealt_with..secret.start]);
            masked.push_str(MASK);
        }
        dealt_with = dealt_with.max(secret.end);
    }
    masked.push_str(&text[dealt_with..]);
    masked
}

/// Where the password of `user:password@` stands, if one may be there.
fn login(text: &str) -> Option<Range<usize>> {
    let scheme = text
        .find("://")
        .filter(|at| text[..*at].chars().all(|c| is_plain(c) || matches!(c, '+' | ':')));
    let start = match scheme {
        Some(at) => at + "://".len(),
        None if is_path(text) => return None,
        None => 0,
    };
    let end = start + text[start..].rfind('@')?;
    let login = &text[start..end];
    match login.find(':') {
        Some(colon) => Some(start + colon + 1..end),
        // A user alone; but what looks like one may be a password's end, so only a plain name is shown.
        None => (scheme.is_some() && !login.chars().all(is_plain)).then_some(start..end),
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Whether `text` is the path of a file, which may hold `:` and `@` as it likes.
fn is_path(text: &str) -> bool {
    let from_drive = text.get(1..3).is_some_and(|two| matches!(two, ":/" | ":\\"));
    from_drive || text.starts_with(['.', '\\']) || (text.starts_with('/') && !text.starts_with("//"))
}

/// Where the values of options stand whose name speaks of a secret.
fn secret_values(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + text[from..].find('=')?;
            from = at + 1;
            let name = text[..at]
                .trim_end()
                .rsplit(|c| is_separator(c) || matches!(c, '?' | '='))
                .next();
            if name.is_some_and(speaks_of_a_secret) {
                let value = value(text, from);
                from = value.end;
                if !value.is_empty() {
                    return Some(value);
                }
            }
        }
    })
}

fn speaks_of_a_secret(name: &str) -> bool {
    let name = decode(name).to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn is_separator(c: char) -> bool {
    matches!(c, '&' | ';') || c.is_whitespace()
}

/// The value that starts at `from`, white space before it aside.
fn value(text: &str, from: usize) -> Range<usize> {
    let start = text.len() - text[from..].trim_start().len();
    let unquoted = start + quoted(&text[start..]);
    start..unquoted + end_of_value(&text[unquoted..])
}

/// How long the quoted part is that `text` starts with: a separator in there is the value's own.
fn quoted(text: &str) -> usize {
    let close = match text.chars().next() {
        Some(quote @ ('\'' | '"')) => quote,
        Some('{') => '}',
        _ => return 0,
    };
    let closes = |at: &usize| text[at + 1..].is_empty() || text[at + 1..].starts_with(is_separator);
    let mut closing = text.match_indices(close).map(|(at, _)| at).filter(|at| *at > 0);
    closing.find(closes).map_or(text.len(), |at| at + 1)
}

/// Where the value ends that `text` goes on with: before another ` name=`, or before the separators at the end.
fn end_of_value(text: &str) -> usize {
    let in_name = |c| is_plain(c) || matches!(c, ' ' | '%' | '[' | ']');
    let mut from = 0;
    for (equals, _) in text.match_indices('=') {
        let before = text[from..equals].trim_end();
        let name = before.rfind(|c| !in_name(c)).unwrap_or(0);
        match before[name..].find(is_separator) {
            Some(at) if !before.ends_with(is_separator) => {
                return text[..from + name + at].trim_end_matches(is_separator).len();
            }
            _ => from = equals + 1,
        }
    }
    text.trim_end_matches(is_separator).len()
}
