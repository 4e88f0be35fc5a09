//! Rules about the page's markup: no script, style or handler stands in it, because our own policy refuses them.

use super::{Finding, House};

/// Every inline script, style and handler.
pub(super) fn inline(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in house
        .ending(&[".html"])
        .filter(|file| file.path.starts_with("crates/monitor/web/"))
    {
        for (at, line) in file.text.lines().enumerate() {
            let found = tags(line).filter_map(judge);
            findings.extend(found.map(|what| file.finding(Some(at + 1), what)));
        }
    }
    findings
}

/// What stands between `<` and `>`, cut off at the line's end.
fn tags(line: &str) -> impl Iterator<Item = &str> {
    line.split('<').skip(1).filter_map(|tag| tag.split('>').next())
}

fn judge(tag: &str) -> Option<String> {
    let mut words = tag.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let attributes: Vec<&str> = words.filter_map(|word| word.split('=').next()).collect();
    let refused = "is refused by our own content policy";
    if name == "style" || attributes.contains(&"style") {
        return Some(format!("an inline style {refused}; use a class"));
    }
    if name == "script" && !attributes.contains(&"src") {
        return Some(format!("an inline script {refused}; use a module"));
    }
    let handler = attributes.iter().find(|attribute| attribute.starts_with("on"))?;
    Some(format!("`{handler}` {refused}; use addEventListener"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_policy_refuses_is_found() {
        let check = |markup: &str| inline(&House::of(&[("crates/monitor/web/index.html", markup)])).len();
        for bad in [
            "<style>",
            "<p style=\"color: red\">",
            "<script>x()</script>",
            "<script type=\"module\">",
            "<a onclick=\"x()\">",
            "<img src=x onerror=x()>",
        ] {
            assert_eq!(check(bad), 1, "{bad}");
        }
        for good in [
            "<script type=\"module\" src=\"main.js\"></script>",
            "<link rel=\"stylesheet\" href=\"app.css\">",
            "<p class=\"style\">on=off</p>",
        ] {
            assert_eq!(check(good), 0, "{good}");
        }
    }
}
