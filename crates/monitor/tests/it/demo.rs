//! `demo`, as somebody would try it who has nothing installed.

use crate::support::{Client, Monitor, binary, run};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(90);

fn lag(client: &Client, replica: &str) -> Option<u64> {
    client.json(&format!("/api/replicas/shop/{replica}"))["lag"].as_u64()
}

/// Until it holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
    }
}

#[test]
fn the_slow_slave_falls_behind_and_catches_up_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary();
    command
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .args(["demo", "--port", "0"]);
    let (within, elsewhere) = (folder.path().to_owned(), tempfile::tempdir().unwrap());
    let monitor = Monitor::spawned(command, elsewhere, within.join("none"));
    let client: &Client = &monitor;
    until("both slaves are filled", || {
        lag(client, "fast").zip(lag(client, "slow")).is_some()
    });
    until("the slow one lags", || {
        lag(client, "slow").is_some_and(|ms| ms > 3000)
    });
    assert!(lag(client, "fast").is_some_and(|ms| ms < 3000));
    until("it has caught up", || {
        lag(client, "slow").is_some_and(|ms| ms < 1000)
    });
    until("every rule has run", || {
        let rules = client.json("/api/rules");
        rules.as_array().is_some_and(|rules| {
            rules.len() == 3
                && rules
                    .iter()
                    .all(|rule| rule["lastStats"]["totalSynced"].as_u64() > Some(0))
        })
    });
    assert_eq!(within.read_dir().unwrap().count(), 1);
    let (code, _) = monitor.terminate("TERM");
    assert_eq!(code, Some(0));
    assert_eq!(within.read_dir().unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_there_is_not_written_into() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = run(
        &[
            "demo",
            "--port",
            "0",
            "--dir",
            &folder.path().display().to_string(),
        ],
        &[],
    );
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--dir") && said.contains("exists"), "{said}");
}
