//! The event stream, read to no end: when it is cut, it is taken up again after the last event that came.

use crate::cli::Failure;
use crate::cli::remote::Client;
use serde_json::Value;
use std::io::{self, BufRead, Write};
use std::time::Duration;

/// How long to wait before asking again: twice as long each time, up to the second.
const WAIT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// A line that is longer is no event: the monitor bounds what it is told.
const LONGEST_LINE: u64 = 16 << 20;

type Tell<'t> = &'t mut dyn FnMut(&Value) -> Result<(), Failure>;

/// Tells every event after `last`; without one, from the last few on. Ends only when telling fails, or asking again cannot help.
pub(super) fn follow(client: &Client, mut last: Option<u64>, tell: Tell<'_>) -> Result<(), Failure> {
    let mut wait = WAIT.0;
    let mut cut = false;
    loop {
        match client.stream("/api/stream", last) {
            Ok(mut lines) => {
                if cut {
                    say("connected again");
                }
                wait = WAIT.0;
                let why = read(&mut lines, &mut last, tell)?;
                say(&format!("the stream was cut ({why}); trying again"));
            }
            // Who was never there need not be waited for.
            Err(why) if why.lasting || !cut => return Err(why.into()),
            // That it was cut has been said; until it is back there is nothing to add.
            Err(_) => {}
        }
        cut = true;
        // To wake too early only means to ask too early.
        std::thread::park_timeout(wait);
        wait = (wait * 2).min(WAIT.1);
    }
}

fn say(what: &str) {
    // Nobody is left to tell if standard error is closed.
    let _ = writeln!(io::stderr(), "replica-monitor: {what}");
}

/// Tells what comes until the stream ends, and returns why it did.
fn read(lines: &mut impl BufRead, last: &mut Option<u64>, tell: Tell<'_>) -> Result<String, Failure> {
    let (mut named, mut data) = (String::new(), String::new());
    loop {
        let mut line = Vec::new();
        match io::Read::take(&mut *lines, LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return Ok("it ended".to_owned()),
            Ok(_) => {}
            Err(error) => return Ok(error.to_string()),
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        if let Some(name) = line.strip_prefix("event:") {
            named = name.trim().to_owned();
        } else if let Some(text) = line.strip_prefix("data:") {
            data.push_str(text.trim_start());
        } else if line.is_empty() && !data.is_empty() {
            if let Ok(message) = serde_json::from_str(&data) {
                hear(&named, &message, last, tell)?;
            }
            named.clear();
            data.clear();
        }
    }
}

fn hear(named: &str, message: &Value, last: &mut Option<u64>, tell: Tell<'_>) -> Result<(), Failure> {
    let seq = message["seq"].as_u64();
    match named {
        // After a gap the last few come again.
        "" if seq > *last || seq.is_none() => {
            *last = seq.or(*last);
            return tell(message);
        }
        "resync" => {
            say("some events were missed: the monitor no longer has them, or was started anew");
            if seq < *last {
                *last = None;
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that are told of a stream to somebody who has heard up to `last`.
    fn told(stream: &str, mut last: Option<u64>) -> (Vec<u64>, Option<u64>) {
        let mut told = Vec::new();
        let read = read(&mut stream.as_bytes(), &mut last, &mut |event| {
            told.push(event["seq"].as_u64().unwrap());
            Ok(())
        });
        assert!(read.is_ok_and(|why| why == "it ended"));
        (told, last)
    }

    #[test]
    fn nothing_is_told_twice_and_nothing_is_left_out() {
        let events = |of: &[u64]| -> String {
            of.iter()
                .map(|seq| format!("id: {seq}\ndata: {{\"seq\":{seq}}}\n\n"))
                .collect()
        };
        assert_eq!(told(&events(&[4, 5]), None), (vec![4, 5], Some(5)));
        let gap = format!(
            "event: resync\r\ndata: {{\"seq\":9}}\r\n\r\n:ping\n\n{}",
            events(&[4, 8, 9])
        );
        assert_eq!(told(&gap, Some(4)), (vec![8, 9], Some(9)));
        let restarted = format!("event: resync\ndata: {{\"seq\":2}}\n\n{}", events(&[1, 2]));
        assert_eq!(told(&restarted, Some(700)), (vec![1, 2], Some(2)));
        assert_eq!(
            told("event: other\ndata: {\"seq\":3}\n\ndata: x\n\n", None),
            (vec![], None)
        );
    }
}
