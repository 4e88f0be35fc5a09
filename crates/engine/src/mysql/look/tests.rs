//! Looks at answers as servers give them.

use super::*;
use crate::lag::Intervals;
use replica_core::LinkState;

const MYSQL: Flavour = Flavour::MySql { version: (8, 4, 0) };
const MYSQL_57: Flavour = Flavour::MySql { version: (5, 7, 44) };

fn row(values: &[(&str, &str)]) -> Record {
    let value = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
    Record::new(values.iter().map(value))
}

fn seen(flavour: Flavour, topics: &[(Topic, Vec<Record>)]) -> Look {
    let mut answers = Answers::default();
    for (topic, rows) in topics {
        answers.put(*topic, rows.clone());
    }
    let mut memory = Memory::default();
    memory.take(&answers, flavour);
    let mut look = Look::since(Instant::now());
    read(&mut look, &answers, &memory, flavour).unwrap();
    look
}

fn mariadb(written: &str, applied: &str, current: &str, running: &str) -> Record {
    row(&[
        ("written", written),
        ("applied", applied),
        ("current", current),
        ("running", running),
        ("server", "2"),
        ("read_only", "1"),
        ("version", "10.11.19-MariaDB-0+deb12u1-log"),
    ])
}

fn streaming() -> Vec<Record> {
    vec![row(&[
        ("Slave_IO_Running", "Yes"),
        ("Slave_SQL_Running", "Yes"),
        ("Master_Server_Id", "1"),
    ])]
}

fn domain(look: &Look) -> Option<u64> {
    look.position.source("0").map(Intervals::last)
}

#[test]
fn a_mariadb_master_is_where_its_log_ends_and_a_replica_where_it_has_applied() {
    let server = || vec![mariadb("0-2-30", "0-1-24", "0-2-30", "0")];
    let master = seen(MYSQL_57, &[(Topic::Server, server()), (Topic::Links, vec![])]);
    assert_eq!(master.role, Some(Role::Master));
    let master = seen(
        Flavour::MariaDb,
        &[(Topic::Server, server()), (Topic::Links, vec![])],
    );
    assert_eq!((master.role, domain(&master)), (Some(Role::Master), Some(30)));
    assert_eq!(master.writable, Some(false));
    assert_eq!(master.version.as_deref(), Some("MariaDB 10.11.19"));
    let replica = seen(
        Flavour::MariaDb,
        &[(Topic::Server, server()), (Topic::Links, streaming())],
    );
    assert_eq!((replica.role, domain(&replica)), (Some(Role::Slave), Some(24)));
    assert_eq!(replica.own_writes.source("0").map(Intervals::last), Some(30));
}

#[test]
fn a_replica_whose_rows_may_not_be_read_is_guessed_and_says_so() {
    let guessed = |written: &str, current: &str, running: &str| {
        let server = vec![mariadb(written, "0-1-24", current, running)];
        seen(Flavour::MariaDb, &[(Topic::Server, server)])
    };
    let replica = guessed("0-1-24", "0-1-24", "1");
    assert_eq!((replica.role, domain(&replica)), (Some(Role::Slave), Some(24)));
    assert_eq!(
        replica.links.first().map(|link| link.state),
        Some(LinkState::Unknown)
    );
    assert_eq!(replica.evidence.len(), 1);
    assert_eq!(guessed("0-1-24", "0-1-24", "0").role, Some(Role::Slave));
    // Promoted: it has written since.
    assert_eq!(guessed("0-2-26", "0-2-26", "0").role, Some(Role::Master));
}

#[test]
fn a_mysql_set_is_a_position_and_rows_decide_the_role() {
    let server = || {
        vec![row(&[
            ("executed", "u-1:1-23,\nu-2:1-5"),
            ("server", "u-2"),
            ("read_only", "0"),
        ])]
    };
    let master = seen(MYSQL, &[(Topic::Server, server()), (Topic::Links, vec![])]);
    assert_eq!(master.role, Some(Role::Master));
    assert_eq!(master.position.source("u-1").map(Intervals::last), Some(23));
    assert_eq!(master.position_text.as_deref(), Some("u-1:1-23,u-2:1-5"));
    assert_eq!((master.unit, master.writable), ("transactions", Some(true)));
    // Denied: nothing is claimed.
    assert_eq!(seen(MYSQL, &[(Topic::Server, server())]).role, None);
}

#[test]
fn channels_of_group_replication_make_no_slave() {
    let server = vec![row(&[("executed", "u-1:1-23"), ("server", "u-2")])];
    let group = vec![row(&[("Channel_Name", "group_replication_applier")])];
    let look = seen(MYSQL, &[(Topic::Server, server), (Topic::Links, group)]);
    assert_eq!((look.role, look.links.len()), (Some(Role::Master), 0));
}

#[test]
fn without_gtids_files_of_one_master_are_compared() {
    let server = |uuid: &str| vec![row(&[("executed", ""), ("server", uuid)])];
    let log = vec![row(&[("File", "b.000003"), ("Position", "154")])];
    let master = seen(
        MYSQL_57,
        &[
            (Topic::Server, server("u-1")),
            (Topic::Links, vec![]),
            (Topic::Log, log),
        ],
    );
    let link = vec![row(&[
        ("Slave_IO_Running", "Yes"),
        ("Slave_SQL_Running", "Yes"),
        ("Master_UUID", "u-1"),
        ("Relay_Master_Log_File", "b.000003"),
        ("Exec_Master_Log_Pos", "154"),
    ])];
    let replica = seen(MYSQL_57, &[(Topic::Server, server("u-2")), (Topic::Links, link)]);
    assert!(!master.position.is_empty());
    assert_eq!(
        (&master.position, &master.epoch),
        (&replica.position, &replica.epoch)
    );
    assert_eq!(replica.position_text.as_deref(), Some("b.000003:154"));
    // Denied: no position rather than a wrong one.
    let denied = seen(
        MYSQL_57,
        &[(Topic::Server, server("u-1")), (Topic::Links, vec![])],
    );
    assert!(denied.position.is_empty() && denied.epoch.is_none() && denied.no_position.is_some());
}

#[test]
fn a_long_position_is_cut_for_people() {
    assert_eq!(short(&"ä".repeat(999)).chars().count(), LONGEST_POSITION + 1);
}
