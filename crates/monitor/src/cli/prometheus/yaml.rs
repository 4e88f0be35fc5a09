//! Text inside YAML and inside PromQL, whatever it holds.

/// A double-quoted YAML string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            // Besides what steers: line ends of other alphabets, which YAML folds, and what it does not take for text.
            letter
                if letter.is_control()
                    || matches!(
                        letter,
                        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
                    ) =>
            {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// A mapping on one line.
pub(super) fn mapping<'l>(pairs: impl IntoIterator<Item = (&'l str, String)>) -> String {
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}: {}", quoted(&value)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}
