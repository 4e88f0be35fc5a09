//! A program of the operator's, with the notice as JSON on its standard input.

use super::{DEADLINE, Deliver, Kind, Made, Secrets, Undelivered, fields};
use crate::alert::notice::Notice;
use crate::alert::settings::AlertSettingsError;
use serde::Deserialize;
use serde_json::Value;
use std::io::Write;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub(super) static EXEC: Kind = Kind {
    name: "exec",
    repeat: None,
    make,
    #[cfg(test)]
    sample,
};

/// How often it is looked up whether it has ended.
const GLANCE: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// The program and its arguments. No shell reads them.
    command: Vec<String>,
}

struct Exec {
    command: Vec<String>,
}

fn make(given: Value, _: &Secrets<'_>) -> Made {
    let Fields { command } = fields(given)?;
    match command.first().is_none_or(String::is_empty) {
        true => Err(AlertSettingsError::new("command: name a program")),
        false => Ok(Arc::new(Exec { command })),
    }
}

impl Deliver for Exec {
    fn deliver(&self, notice: &Notice) -> Result<(), Undelivered> {
        let (program, arguments) = self.command.split_first().unwrap_or((&self.command[0], &[]));
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Undelivered::later)?;
        let document = notice.document().to_string();
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read must not hold us; one that has ended already tells by its code.
            thread::spawn(move || drop(stdin.write_all(document.as_bytes())));
        }
        match end(&mut child) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(Undelivered::later(format!("{program}: {status}"))),
            None => Err(Undelivered::later(format!(
                "{program} was stopped: it did not end within {} s",
                DEADLINE.as_secs()
            ))),
        }
    }
}

/// How it ended; nothing if it had to be stopped.
fn end(child: &mut Child) -> Option<ExitStatus> {
    let until = Instant::now() + DEADLINE;
    while Instant::now() < until {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::park_timeout(GLANCE);
    }
    // It is ours, and nobody else waits for it.
    let _ = child.kill();
    let _ = child.wait();
    None
}

#[cfg(test)]
fn sample(listener: &super::tests::Listener) -> (Value, &'static str) {
    let script = format!("cat > /dev/tcp/127.0.0.1/{}", listener.port());
    let given = serde_json::json!({ "command": ["bash", "-c", script] });
    (given, "\"replica\":\"r\"")
}

#[cfg(test)]
mod tests {
    use crate::alert::channel::tests::make;
    use crate::alert::notice::Notice;
    use serde_json::json;

    #[test]
    fn a_program_that_fails_has_delivered_nothing() {
        let exec = make("exec", json!({ "command": ["false"] })).unwrap();
        let undelivered = exec.deliver(&Notice::sample(0)).unwrap_err();
        assert!(undelivered.why.contains("exit status: 1") && !undelivered.for_good);
        assert!(make("exec", json!({ "command": [] })).is_err());
    }
}
