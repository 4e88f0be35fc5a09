//! The servers' own figures: shown as evidence, and used only where ours cannot reach back far enough.

use super::ask::{Answers, Record};
use super::connect::Flavour;
use super::gtid;
use super::link::{name, runs};
use super::sql::Topic;
use crate::look::{Claim, Look};
use replica_core::Verdict;
use replica_core::observed::Evidence;
use std::time::Duration;

/// Fills in what the rows about the streams tell of lag.
pub(super) fn read(look: &mut Look, answers: &Answers, links: &[Record], flavour: Flavour) {
    let column = match flavour.at_least(8, 0, 22) {
        true => "Seconds_Behind_Source",
        false => "Seconds_Behind_Master",
    };
    let seconds: Vec<Option<u64>> = links
        .iter()
        .map(|row| row.count("seconds_behind_source"))
        .collect();
    let worst = seconds.iter().copied().collect::<Option<Vec<u64>>>();
    let worst = worst.and_then(|seconds| seconds.into_iter().max());
    // Null is never 0: it says that a thread does not run.
    look.claim = worst.map(|seconds| Claim {
        source: column,
        lag: Duration::from_secs(seconds),
    });
    look.native = match answers.rows(Topic::Applier) {
        [] => worst
            .filter(|_| links.iter().all(runs))
            .and_then(of_seconds)
            .map(Verdict::AtMost),
        channels => of_channels(channels).map(Verdict::AtMost),
    };
    look.evidence
        .extend(links.iter().zip(&seconds).map(|(row, seconds)| Evidence {
            source: column,
            says: of_link(
                row,
                seconds.map_or("NULL".to_owned(), |seconds| format!("{seconds} s")),
            ),
            age_ms: None,
        }));
    if flavour == Flavour::MariaDb {
        look.evidence.extend(links.iter().filter_map(received));
    }
    look.evidence
        .extend(answers.rows(Topic::Applier).iter().map(applier));
}

/// Whole seconds, rounded down. A zero is worth nothing: a stream that has silently died shows it too.
fn of_seconds(seconds: u64) -> Option<u64> {
    (seconds > 0).then(|| seconds.saturating_add(1).saturating_mul(1000))
}

/// The worst of the channels; none if any of them cannot tell.
fn of_channels(channels: &[Record]) -> Option<u64> {
    let each: Option<Vec<u64>> = channels.iter().map(of_channel).collect();
    each?.into_iter().max()
}

/// Received but not applied: at most as old as what is being applied, or what was applied last. All applied: nothing, as long
/// as the stream is known to live; a dead one leaves everything applied as well.
fn of_channel(row: &Record) -> Option<u64> {
    let ms = |column| row.int(column).map(|ms| u64::try_from(ms).unwrap_or_default());
    match row.int("caught")? {
        0 => ms("applying_ms").or_else(|| ms("applied_ms")),
        _ => {
            let patience = ms("heartbeat_ms").filter(|ms| *ms > 0)?.saturating_mul(2);
            (ms("receipt_ms")? < patience).then_some(0)
        }
    }
}

/// MariaDB: how much it has received and not yet applied.
fn received(row: &Record) -> Option<Evidence> {
    let (received, applied) = (row.filled("gtid_io_pos")?, row.text("gtid_replica_pos")?);
    let have = gtid::domains(&gtid::list(applied));
    let wanted = gtid::domains(&gtid::list(received));
    let waiting: u64 = wanted
        .iter()
        .map(|(domain, number)| number.saturating_sub(have.get(domain).copied().unwrap_or_default()))
        .sum();
    Some(Evidence {
        source: "Gtid_IO_Pos",
        says: of_link(
            row,
            format!("transactions received and not yet applied: {waiting}"),
        ),
        age_ms: None,
    })
}

fn applier(row: &Record) -> Evidence {
    let caught = match row.int("caught") {
        Some(0) => "has received transactions that it has not applied",
        Some(_) => "has applied all that it has received",
        None => "does not tell what it has received",
    };
    let age = |column| row.int(column).and_then(|ms| u64::try_from(ms).ok());
    let mut says = caught.to_owned();
    if let Some(ms) = age("applying_ms") {
        says.push_str(&format!("; what it applies now was committed {ms} ms ago"));
    }
    if let Some(ms) = age("receipt_ms") {
        says.push_str(&format!("; last heard of its source {ms} ms ago"));
    }
    Evidence {
        source: "performance_schema.replication_applier_status_by_worker",
        says: match row.filled("channel") {
            Some(channel) => format!("{channel}: {says}"),
            None => says,
        },
        age_ms: age("applied_ms"),
    }
}

fn of_link(row: &Record, says: String) -> String {
    match name(row) {
        "" => says,
        name => format!("{name}: {says}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn row(values: &[(&str, Option<&str>)]) -> Record {
        let value = |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(str::to_owned));
        Record::new(values.iter().map(value))
    }

    fn link(seconds: Option<&str>) -> Record {
        row(&[
            ("Slave_IO_Running", Some("Yes")),
            ("Slave_SQL_Running", Some("Yes")),
            ("Seconds_Behind_Master", seconds),
        ])
    }

    fn seen(links: &[Record], channels: Vec<Record>) -> Look {
        let mut look = Look::since(Instant::now());
        let mut answers = Answers::default();
        answers.put(Topic::Applier, channels);
        read(&mut look, &answers, links, Flavour::MariaDb);
        look
    }

    #[test]
    fn null_is_never_zero_and_zero_proves_nothing() {
        let null = seen(&[link(None)], vec![]);
        assert_eq!((null.native, null.claim), (None, None));
        assert_eq!(null.evidence.first().map(|one| one.says.as_str()), Some("NULL"));
        let zero = seen(&[link(Some("0"))], vec![]);
        assert_eq!(zero.native, None);
        assert_eq!(zero.claim.map(|claim| claim.lag), Some(Duration::ZERO));
        let some = seen(&[link(Some("3")), link(Some("1"))], vec![]);
        assert_eq!(some.native, Some(Verdict::AtMost(4000)));
        assert_eq!(seen(&[link(Some("3")), link(None)], vec![]).claim, None);
    }

    #[test]
    fn a_channel_that_has_applied_all_is_believed_only_while_it_is_heard() {
        let channel = |caught: &str, receipt: &str| {
            let values = [
                ("caught", Some(caught)),
                ("receipt_ms", Some(receipt)),
                ("heartbeat_ms", Some("30000")),
                ("applying_ms", None),
                ("applied_ms", Some("5700")),
            ];
            seen(&[link(Some("0"))], vec![row(&values)]).native
        };
        assert_eq!(channel("1", "11000"), Some(Verdict::AtMost(0)));
        assert_eq!(channel("1", "60000"), None);
        assert_eq!(channel("0", "10"), Some(Verdict::AtMost(5700)));
    }
}
