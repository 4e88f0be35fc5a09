//! Adds one script to a package.json without touching a byte of the rest.
//!
//! It never replaces a script, and edits nothing that npm itself would refuse. The new text takes its line ends,
//! indentation and spaces from its neighbour.

use super::error::ScaffoldError;
use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::de::IgnoredAny;

/// The text with the script in it, or nothing if a script of that name is there already.
pub(super) fn with_script(text: &str, name: &str, command: &str) -> Result<Option<String>, ScaffoldError> {
    let bad = |why: String| ScaffoldError::BadPackageJson { why };
    // npm ignores a byte order mark; the parsers do not.
    let (mark, json) = text
        .strip_prefix('\u{feff}')
        .map_or(("", text), |json| ("\u{feff}", json));
    // First the strict reader, since the other one forgives more than npm does.
    serde_json::from_str::<IgnoredAny>(json).map_err(|error| bad(error.to_string()))?;
    let parsed = parse_to_ast(json, &CollectOptions::default(), &ParseOptions::default())
        .map_err(|error| bad(error.to_string()))?;
    let Some(Value::Object(package)) = parsed.value else {
        return Err(bad("it is not an object".to_owned()));
    };
    let command = quoted(command);
    let edited = match property(&package, "scripts") {
        None => add_scripts(json, &package, name, &command),
        Some(property) => match &property.value {
            Value::Object(scripts) => add_script(json, property, scripts, name, &command),
            _ => return Err(bad("its \"scripts\" is not an object".to_owned())),
        },
    };
    Ok(edited.map(|json| format!("{mark}{json}")))
}

/// The command that starts the launcher at `path`, which is relative to the package.
pub(super) fn start_command(path: &str) -> String {
    // A name that begins with a dash would be taken for a flag of node.
    let path = match path.starts_with('-') {
        true => format!("./{path}"),
        false => path.to_owned(),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@+".contains(c);
    match path.chars().all(plain) {
        true => format!("node {path}"),
        false => format!("node \"{}\"", with_backslashes(&path, "\"\\$`")),
    }
}

/// Writes `"scripts": { "name": command }` behind the last property of the package.
fn add_scripts(json: &str, package: &Object<'_>, name: &str, command: &str) -> Option<String> {
    let Some(last) = package.properties.last() else {
        let scripts = Spacing::NPM.property("scripts", &Spacing::NPM.object(name, command));
        let newline = Spacing::NPM.line_end();
        return Some(replaced(
            json,
            package.range,
            &format!("{{{}{scripts}{newline}}}", Spacing::NPM.before),
        ));
    };
    let spacing = Spacing::of(json, last);
    let scripts = spacing.property("scripts", &spacing.object(name, command));
    Some(behind(json, last, &spacing, &scripts))
}

/// Writes `"name": command` behind the last script, unless there is one of that name.
fn add_script(
    json: &str,
    property_of_scripts: &ObjectProp<'_>,
    scripts: &Object<'_>,
    name: &str,
    command: &str,
) -> Option<String> {
    if property(scripts, name).is_some() {
        return None;
    }
    let Some(last) = scripts.properties.last() else {
        let object = Spacing::of(json, property_of_scripts).object(name, command);
        return Some(replaced(json, scripts.range, &object));
    };
    let spacing = Spacing::of(json, last);
    Some(behind(json, last, &spacing, &spacing.property(name, command)))
}

/// The property of that name; of several the last one, as every reader of JSON takes it.
fn property<'o, 't>(object: &'o Object<'t>, name: &str) -> Option<&'o ObjectProp<'t>> {
    object
        .properties
        .iter()
        .rev()
        .find(|property| property.name.as_str() == name)
}

fn behind(json: &str, last: &ObjectProp<'_>, spacing: &Spacing<'_>, property: &str) -> String {
    let end = Range::from_byte_index(last.end());
    replaced(json, end, &format!(",{}{property}", spacing.before))
}

fn replaced(json: &str, range: Range, by: &str) -> String {
    format!("{}{by}{}", &json[..range.start], &json[range.end..])
}

/// How a property is set apart.
struct Spacing<'t> {
    /// What stands before it: the last line end and the indentation, or the spaces on its line.
    before: &'t str,
    /// What stands between its name and its value.
    colon: &'t str,
}

impl<'t> Spacing<'t> {
    /// The first level of what npm writes.
    const NPM: Spacing<'static> = Spacing {
        before: "\n  ",
        colon: ": ",
    };

    fn of(json: &'t str, property: &ObjectProp<'_>) -> Self {
        let ahead = &json[..property.start()];
        let blank = &ahead[ahead.trim_end().len()..];
        let line = blank
            .rfind('\n')
            .map_or(0, |at| at - usize::from(blank[..at].ends_with('\r')));
        Self {
            before: &blank[line..],
            colon: &json[property.name.end()..property.value.start()],
        }
    }

    fn property(&self, name: &str, value: &str) -> String {
        format!("{}{}{value}", quoted(name), self.colon)
    }

    /// An object that is the value of a property spaced like this, which stands at the first level: so its
    /// indentation is one step.
    fn object(&self, name: &str, value: &str) -> String {
        let (before, step) = (self.before, self.before.trim_start_matches(['\r', '\n']));
        let property = self.property(name, value);
        match self.line_end() {
            "" => format!("{{{before}{property}{before}}}"),
            _ => format!("{{{before}{step}{property}{before}}}"),
        }
    }

    fn line_end(&self) -> &'t str {
        &self.before[..self.before.rfind('\n').map_or(0, |at| at + 1)]
    }
}

/// The text as JSON writes it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn with_backslashes(text: &str, special: &str) -> String {
    let escape = |c: char| match special.contains(c) {
        true => format!("\\{c}"),
        false => c.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str) {
        let text = with_script(before, "monitor", "node m.mjs").unwrap();
        assert_eq!(text.as_deref(), Some(after));
    }

    #[test]
    fn formatting_is_kept() {
        check(
            "{\n  \"name\": \"a\",\n  \"scripts\": {\n    \"test\": \"t\"\n  },\n  \"x\": 1.0\n}\n",
            "{\n  \"name\": \"a\",\n  \"scripts\": {\n    \"test\": \"t\",\n    \"monitor\": \"node m.mjs\"\n  },\n  \"x\": 1.0\n}\n",
        );
        check(
            "{\n\t\"scripts\": {\n\t\t\"test\": \"t\"\n\t}\n}",
            "{\n\t\"scripts\": {\n\t\t\"test\": \"t\",\n\t\t\"monitor\": \"node m.mjs\"\n\t}\n}",
        );
        check(
            "{\r\n    \"scripts\": {\r\n        \"test\": \"t\"\r\n    }\r\n}\r\n",
            "{\r\n    \"scripts\": {\r\n        \"test\": \"t\",\r\n        \"monitor\": \"node m.mjs\"\r\n    }\r\n}\r\n",
        );
    }

    #[test]
    fn a_missing_or_empty_scripts_is_made() {
        check(
            "{\n    \"name\": \"a\"\n}\n",
            "{\n    \"name\": \"a\",\n    \"scripts\": {\n        \"monitor\": \"node m.mjs\"\n    }\n}\n",
        );
        check(
            "{\n\t\"name\": \"a\",\n\t\"scripts\": {}\n}\n",
            "{\n\t\"name\": \"a\",\n\t\"scripts\": {\n\t\t\"monitor\": \"node m.mjs\"\n\t}\n}\n",
        );
        check(
            "{}",
            "{\n  \"scripts\": {\n    \"monitor\": \"node m.mjs\"\n  }\n}",
        );
    }

    #[test]
    fn texts_on_one_line_and_a_byte_order_mark_are_kept() {
        check(
            "{\"name\":\"a\",\"scripts\":{\"test\":\"t\"}}",
            "{\"name\":\"a\",\"scripts\":{\"test\":\"t\",\"monitor\":\"node m.mjs\"}}",
        );
        check(
            "{\"name\":\"a\"}",
            "{\"name\":\"a\",\"scripts\":{\"monitor\":\"node m.mjs\"}}",
        );
        check(
            "{ \"a\": 1 }\n",
            "{ \"a\": 1, \"scripts\": { \"monitor\": \"node m.mjs\" } }\n",
        );
        check(
            "\u{feff}{\n  \"scripts\": { \"test\": \"t\" }\n}\n",
            "\u{feff}{\n  \"scripts\": { \"test\": \"t\", \"monitor\": \"node m.mjs\" }\n}\n",
        );
    }

    #[test]
    fn a_script_of_that_name_is_left_alone_even_when_its_name_is_escaped() {
        for scripts in [r#"{"monitor":""}"#, r#"{"monitor":5}"#, r#"{"m\u006fnitor":"x"}"#] {
            let text = format!(r#"{{"scripts":{scripts}}}"#);
            assert!(
                with_script(&text, "monitor", "node m.mjs").unwrap().is_none(),
                "{scripts}"
            );
        }
    }

    #[test]
    fn what_npm_would_refuse_is_refused() {
        for text in [
            "",
            "{",
            "[]",
            "{\"scripts\": 5}",
            "{\"scripts\": null}",
            "{ // no\n}",
            "{\"a\":1,}",
        ] {
            let reason = with_script(text, "monitor", "node m.mjs")
                .unwrap_err()
                .to_string();
            assert!(reason.starts_with("package.json: "), "{text}: {reason}");
        }
    }

    #[test]
    fn a_path_reaches_node_as_one_argument() {
        for (path, command) in [
            ("services/monitor.mjs", "node services/monitor.mjs"),
            ("my services/m.mjs", "node \"my services/m.mjs\""),
            ("-m.mjs", "node ./-m.mjs"),
            ("a$(b)\"`.mjs", "node \"a\\$(b)\\\"\\`.mjs\""),
        ] {
            assert_eq!(start_command(path), command);
        }
    }
}
