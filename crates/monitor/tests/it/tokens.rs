//! The file of tokens: made, listed and taken back while a monitor runs on it.

use crate::support::{DEADLINE, Monitor, TREE, binary};
use std::path::Path;
use std::time::Instant;

/// Runs `token …` on the file `tokens` of a folder; with the exit code, what it told, and what it complained of.
fn token(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let done = binary()
        .current_dir(folder)
        .arg("token")
        .args(arguments)
        .args(["--file", "tokens"])
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

/// Makes a token and returns its secret.
fn made(folder: &Path, arguments: &[&str]) -> String {
    let (code, told, complained) = token(folder, &[&["new"], arguments].concat());
    assert_eq!((code, complained.as_str()), (Some(0), ""));
    told.trim_end().to_owned()
}

fn served(folder: tempfile::TempDir) -> Monitor {
    let tree = folder.path().join("t.json");
    std::fs::write(&tree, TREE).unwrap();
    Monitor::start_on(folder, tree, &["--token-file", "tokens"], &[])
}

fn status(monitor: &Monitor, secret: &str) -> u16 {
    let bearer = format!("Bearer {secret}");
    monitor
        .request("GET", "/api/health", &[("Authorization", &bearer)], "")
        .status
}

/// Asks until `wanted` is true. It must show a token that is right until then: wrong ones are soon not even looked at.
fn wait_until(wanted: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !wanted() {
        assert!(Instant::now() < end, "the file was never followed");
    }
}

#[test]
fn a_secret_is_told_once_and_kept_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let secret = made(folder.path(), &["maya", "--role", "operator", "--for", "90d"]);
    assert_eq!(secret.len(), 64);
    assert_ne!(secret, made(folder.path(), &["wall"]));
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept.starts_with("maya operator sha256:") && kept.contains(" until=20"));
    assert!(!kept.contains(&secret));
    let (_, told, _) = token(folder.path(), &["list"]);
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("maya: operator, until 20"), "{told}");
    assert_eq!(lines[1], "wall: viewer, no end");

    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn what_somebody_wrote_into_the_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    std::fs::write(
        &path,
        "# who may\n\nold viewer s1\nwall viewer s2 until=2001-01-01T00:00:00Z",
    )
    .unwrap();
    made(folder.path(), &["maya"]);
    let (code, told, _) = token(folder.path(), &["revoke", "old"]);
    assert_eq!(
        (code, told.as_str()),
        (Some(0), "what old had opens nothing any more\n")
    );
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(
        kept.starts_with("# who may\n\nwall viewer s2 until=2001-01-01T00:00:00Z\nmaya viewer sha256:"),
        "{kept}"
    );
    let (_, told, _) = token(folder.path(), &["list"]);
    assert!(
        told.starts_with("wall: viewer, over since 2001-01-01T00:00:00.000Z\n"),
        "{told}"
    );
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    std::fs::write(&path, "maya operator s1\n").unwrap();
    for (arguments, code, why) in [
        (&["new", "maya"][..], 2, "already"),
        (&["new", "two words"], 2, "one word"),
        (&["new", "#maya"], 2, "one word"),
        (&["new", "a\u{202e}b"], 2, "one word"),
        (&["new", ""], 2, "one word"),
        (&["new", "wall", "--for", "0s"], 2, "--for"),
        (&["new", "wall", "--for", "200years"], 2, "--for"),
        (&["new", "wall", "--role", "boss"], 2, "operator"),
        (&["revoke", "nobody"], 1, "token list"),
    ] {
        let (found, told, complained) = token(folder.path(), arguments);
        assert_eq!((found, told.as_str()), (Some(code), ""), "{arguments:?}");
        assert!(complained.contains(why), "{complained}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "maya operator s1\n");

    // A file with a slip in it is shown, and left to whoever wrote it.
    std::fs::write(&path, "maya operator s1\nmaya boss topsecret\n").unwrap();
    for arguments in [&["new", "wall"][..], &["list"], &["revoke", "maya"]] {
        let (code, _, complained) = token(folder.path(), arguments);
        assert!(code == Some(1) && complained.contains("line 2"), "{complained}");
        assert!(!complained.contains("topsecret"));
    }
}

#[test]
fn a_running_monitor_follows_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let first = made(folder.path(), &["wall"]);
    let monitor = served(folder);
    let folder = monitor.folder.path();
    assert_eq!(status(&monitor, &first), 200);
    let bearer = format!("Bearer {first}");
    let has_operators = || {
        let me = monitor.request("GET", "/api/me", &[("Authorization", &bearer)], "");
        me.json()["operators"] == true
    };
    assert!(!has_operators());
    let page = monitor.get(&format!("/?token={first}"));
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap();
    let mut stream = monitor.stream_at("/api/live", &format!("Authorization: {bearer}\r\n"));

    let second = made(folder, &["maya", "--role", "operator"]);
    wait_until(has_operators);
    assert_eq!(status(&monitor, &second), 200);
    token(folder, &["revoke", "wall"]);
    wait_until(|| status(&monitor, &first) == 401);
    let by_cookie = monitor.request("GET", "/api/health", &[("Cookie", cookie)], "");
    assert_eq!(by_cookie.status, 401);
    while stream.next().is_some() {}
    assert_eq!(status(&monitor, &second), 200);
    // Without anybody in it the file opens nothing; the monitor does not become open by that.
    token(folder, &["revoke", "maya"]);
    wait_until(|| status(&monitor, &second) == 401);
    assert_eq!(monitor.get("/api/health").status, 401);
}
