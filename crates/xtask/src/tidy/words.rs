//! Words that may not stand in some files, each with the reason and what to write instead.
//!
//! The needles are put together here, so that this file does not find itself.

use super::{File, Finding, House};

struct Ban {
    needle: &'static str,
    applies: fn(&File) -> bool,
    instead: &'static str,
}

/// Sinks that turn text into markup, script or style.
const SINK: &str = "names are data: build nodes with core/dom.js and set textContent, classes and properties";
const UNFINISHED: &str = "finish it, or file an issue and say there what is missing";
const WAITS: &str = "wait for a condition with a deadline, not for a while";
const PLACE: &str = "a path of one machine; use a relative one, or ask the environment";
const HOST: &str = "name no package registry; the tools know theirs";

static BANS: &[Ban] = &[
    ban(concat!("inner", "HTML"), is_page, SINK),
    ban(concat!("outer", "HTML"), is_page, SINK),
    ban(concat!("insertAdjacent", "HTML"), is_page, SINK),
    ban(concat!("document", ".write"), is_page, SINK),
    ban(concat!("createContextual", "Fragment"), is_page, SINK),
    ban(concat!("DOM", "Parser"), is_page, SINK),
    ban(concat!("ev", "al("), is_page, SINK),
    ban(concat!("new ", "Function"), is_page, SINK),
    ban(concat!("java", "script:"), is_page, SINK),
    ban(concat!("setAttribute('", "style'"), is_page, SINK),
    ban(concat!("TO", "DO"), is_code, UNFINISHED),
    ban(concat!("FIX", "ME"), is_code, UNFINISHED),
    ban(concat!("XX", "X "), is_code, UNFINISHED),
    ban(
        concat!("#[ig", "nore"),
        is_code,
        "a test that nobody runs proves nothing",
    ),
    ban(
        concat!(".sk", "ip("),
        is_code_of_page_tests,
        "a test that nobody runs proves nothing",
    ),
    ban(concat!("thread::", "sleep"), File::is_test, WAITS),
    ban(concat!("time::", "sleep"), File::is_test, WAITS),
    ban(concat!("waitFor", "Timeout"), File::is_test, WAITS),
    ban(concat!("/wo", "rk/"), is_any, PLACE),
    ban(concat!("/ro", "ot/"), is_any, PLACE),
    ban(concat!("/ho", "me/"), is_any, PLACE),
    ban(concat!("registry.", "npmjs"), is_any, HOST),
    ban(concat!("index.", "crates.io"), is_any, HOST),
    ban(concat!("static.", "crates.io"), is_any, HOST),
    ban(concat!("deb.", "debian.org"), is_any, HOST),
    ban(concat!("py", "pi.org"), is_any, HOST),
];

const fn ban(needle: &'static str, applies: fn(&File) -> bool, instead: &'static str) -> Ban {
    Ban {
        needle,
        applies,
        instead,
    }
}

fn is_any(_: &File) -> bool {
    true
}

fn is_page(file: &File) -> bool {
    file.path.starts_with("crates/monitor/web/")
}

fn is_code(file: &File) -> bool {
    [".rs", ".js", ".mjs", ".css", ".html", ".toml"]
        .iter()
        .any(|ending| file.path.ends_with(ending))
}

fn is_code_of_page_tests(file: &File) -> bool {
    file.path.ends_with(".test.mjs")
}

/// Each banned word, wherever it stands.
pub(super) fn banned(house: &House) -> Vec<Finding> {
    house.files.iter().flat_map(banned_in).collect()
}

fn banned_in(file: &File) -> Vec<Finding> {
    let bans: Vec<&Ban> = BANS.iter().filter(|ban| (ban.applies)(file)).collect();
    let mut findings = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        for ban in bans.iter().filter(|ban| line.contains(ban.needle)) {
            findings.push(file.finding(Some(at + 1), format!("`{}`: {}", ban.needle, ban.instead)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ban_finds_its_word_where_it_applies() {
        for ban in BANS {
            let file = |path: &str| File {
                path: path.to_owned(),
                text: format!("//! A file.\nlet x = {} y;", ban.needle),
            };
            let places = [
                "crates/monitor/web/js/x.js",
                "crates/monitor/src/x.rs",
                "ui-tests/unit/x.test.mjs",
            ]
            .map(file);
            let applies = places.iter().filter(|file| (ban.applies)(file));
            let mut tried = 0;
            for file in applies {
                let found = banned_in(file);
                assert_eq!((found.len(), found[0].line), (1, Some(2)), "{}", ban.needle);
                tried += 1;
            }
            assert!(tried > 0, "{} applies nowhere", ban.needle);
        }
    }

    #[test]
    fn a_sink_is_forbidden_in_the_page_and_nowhere_else() {
        let text = concat!("x.inner", "HTML = y;");
        assert_eq!(
            banned(&House::of(&[("crates/monitor/web/js/a.js", text)])).len(),
            1
        );
        assert_eq!(
            banned(&House::of(&[("ui-tests/browser/a.test.mjs", text)])).len(),
            0
        );
    }
}
