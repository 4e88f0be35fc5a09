//! Durations, times and foreign text as a terminal shows them; the durations read as on the page.

/// Each unit in milliseconds, the largest first.
const UNITS: [(&str, u64); 4] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];

/// In at most two units: `42 ms`, `2.38 s`, `3 m 12 s`, `3 d 4 h`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms as f64 / 1000.0;
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..9995 => format!("{seconds:.2} s"),
        9995..59_950 => format!("{seconds:.1} s"),
        _ => two_units(ms),
    }
}

fn two_units(ms: u64) -> String {
    let rounded = (ms + 500) / 1000 * 1000;
    let mut parts = UNITS.iter().scan(rounded, |left, (unit, size)| {
        let whole = *left / size;
        *left %= size;
        Some((whole, unit))
    });
    let Some((whole, unit)) = parts.find(|(whole, _)| *whole > 0) else {
        return "0 s".to_owned();
    };
    match parts.next() {
        Some((next, smaller)) if next > 0 => format!("{whole} {unit} {next} {smaller}"),
        _ => format!("{whole} {unit}"),
    }
}

/// Without fractions where whole seconds were meant: `5 s`, not `5.00 s`.
pub(crate) fn setting(ms: u64) -> String {
    match ms % 1000 {
        0 => rough(ms),
        _ => duration(ms),
    }
}

/// Without fractions: for ages.
pub(crate) fn rough(ms: u64) -> String {
    match ms {
        0..59_500 => format!("{} s", (ms + 500) / 1000),
        _ => two_units(ms),
    }
}

/// Milliseconds since 1970 as RFC 3339 in UTC: `2026-11-23T14:02:31.042Z`.
pub(crate) fn time(ms: i64) -> String {
    const DAY: i64 = 86_400_000;
    let (days, of_day) = (ms.div_euclid(DAY), ms.rem_euclid(DAY));
    // Howard Hinnant's civil_from_days: years begin in March, so that a leap day is the last one.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_based = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_based + 2) / 5 + 1;
    let month = if march_based < 10 {
        march_based + 3
    } else {
        march_based - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hours, minutes) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (seconds, millis) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
}

/// Text of others for a terminal: whatever could steer it is shown as an escape instead.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Those that turn the direction of writing can make a line read as another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.extend(c.escape_unicode()),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Cut to `width` characters, the last one telling that there is more.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match text.chars().count() <= width {
        true => text.to_owned(),
        false => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Broken at spaces into lines of at most `width` characters; a longer word stays whole.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_on_the_page() {
        for (ms, want) in [
            (0, "0 ms"),
            (42, "42 ms"),
            (2380, "2.38 s"),
            (14_000, "14.0 s"),
            (59_949, "59.9 s"),
            (59_950, "1 m"),
            (192_000, "3 m 12 s"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(duration(ms), want);
        }
        assert_eq!((setting(5000), setting(500)), ("5 s".into(), "500 ms".into()));
        assert_eq!((rough(13_600), rough(59_600)), ("14 s".into(), "1 m".into()));
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (ms, want) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_442_551_042, "2026-11-23T14:02:31.042Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(time(ms), want);
        }
    }

    #[test]
    fn foreign_text_cannot_steer_a_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}é"), "a\\u{1b}[2Jb\\nc\\u{202e}é");
        assert_eq!(cut("replica-of-sorts", 8), "replica…");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    }
}
