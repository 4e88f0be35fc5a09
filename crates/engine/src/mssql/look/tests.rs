//! Rows as the server's manual describes them.

use super::*;
use tiberius::{ColumnData, ColumnType};
use tokio::time::Instant;

enum Cell {
    Text(&'static str),
    Int(i64),
}

fn row(cells: &[(&str, Cell)]) -> Row {
    let mut builder = Row::builder();
    for (name, cell) in cells {
        builder = match cell {
            Text(text) => builder.column(
                *name,
                ColumnType::NVarchar,
                ColumnData::String(Some((*text).into())),
            ),
            Int(number) => builder.column(*name, ColumnType::Int8, ColumnData::I64(Some(*number))),
        };
    }
    builder.build()
}

use Cell::{Int, Text};

fn server(may_see: i64) -> Row {
    row(&[
        ("kind", Text("server")),
        ("version", Text("16.0.4135.4")),
        ("server", Text("SQL1")),
        ("db", Int(5)),
        ("updateability", Text("READ_WRITE")),
        ("clock_us", Int(1_764_121_000_000_000)),
        ("may_state", Int(may_see)),
        ("may_define", Int(may_see)),
        ("max_connections", Int(0)),
    ])
}

fn sessions() -> Row {
    row(&[("kind", Text("sessions")), ("used", Int(12))])
}

/// One replica of the group: whether it is the server's own, its role, its state, its position, and more.
fn replica(
    local: i64,
    role: &'static str,
    state: &'static str,
    lsn: &'static str,
    more: Vec<(&str, Cell)>,
) -> Row {
    let name = if role == "PRIMARY" { "SQL1" } else { "SQL2\\INST" };
    let mut cells = vec![
        ("kind", Text("group")),
        ("replica", Text(name)),
        ("is_local", Int(local)),
        ("role", Text(role)),
        ("connected", Text("CONNECTED")),
        ("state", Text(state)),
        ("history", Text("6F9619FF-8B86-D011-B42D-00C04FC964FF")),
        ("lsn", Text(lsn)),
        ("leader", Text("SQL1")),
    ];
    cells.extend(more);
    row(&cells)
}

fn look(rows: &[Row]) -> Look {
    let mut look = Look::since(Instant::now());
    read(rows, &mut look).unwrap();
    look
}

fn secondary(state: &'static str, more: Vec<(&str, Cell)>) -> Look {
    let own = replica(1, "SECONDARY", state, "45000000264000001", more);
    look(&[server(1), own, sessions()])
}

#[test]
fn a_primary_tells_its_position_and_its_followers() {
    let own = replica(
        1,
        "PRIMARY",
        "SYNCHRONIZED",
        "45000000264000002",
        vec![("commit_ms", Int(9_500))],
    );
    let more = vec![
        ("commit_ms", Int(8_000)),
        ("send_kb", Int(3)),
        ("redo_kb", Int(40)),
        ("lag_s", Int(1)),
    ];
    let other = replica(0, "SECONDARY", "SYNCHRONIZING", "45000000264000001", more);
    let look = look(&[server(1), own, other, sessions()]);
    assert_eq!((look.role, look.writable), (Some(Role::Master), Some(true)));
    assert_eq!(look.version.as_deref(), Some("SQL Server 16.0.4135.4"));
    assert_eq!(look.position_text.as_deref(), Some("0000002d:00000a50:0002"));
    assert_eq!(look.followers[0].server.as_deref(), Some("SQL2\\INST"));
    assert_eq!(look.followers[0].host.as_deref(), Some("SQL2"));
    assert_eq!(
        look.evidence[1].says,
        "SQL2\\INST: SYNCHRONIZING, 3 kB to send, 40 kB to redo, last_commit_time 1500 ms behind"
    );
    // As many as there can be is no number.
    assert_eq!(look.connections, None);
    assert_eq!(look.evidence[0].says, "12 sessions of users");
    assert!(look.missing.is_empty() && look.links.is_empty() && look.native.is_none());
}

#[test]
fn a_secondary_is_compared_by_its_own_row() {
    let look = secondary("SYNCHRONIZING", vec![("lag_s", Int(4))]);
    assert_eq!((look.role, look.writable), (Some(Role::Slave), Some(false)));
    assert_eq!(
        look.position,
        Position::offset(lsn::packed("45000000264000001").unwrap())
    );
    assert_eq!(look.links[0].state, LinkState::Streaming);
    assert_eq!(look.links[0].upstream_server.as_deref(), Some("SQL1"));
    assert_eq!(look.native, Some(Verdict::AtMost(5000)));
}

#[test]
fn nothing_is_believed_while_data_movement_is_suspended() {
    let more = vec![
        ("suspended", Int(1)),
        ("suspended_why", Text("SUSPEND_FROM_USER")),
        ("lag_s", Int(0)),
    ];
    let look = secondary("NOT SYNCHRONIZING", more);
    assert_eq!(look.links[0].state, LinkState::Paused);
    assert!(
        look.links[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("SUSPEND_FROM_USER")
    );
    assert_eq!(look.native, None);
    // It is held against what is measured, so that the contradiction shows.
    assert_eq!(look.claim.unwrap().lag, Duration::ZERO);
}

#[test]
fn states_of_the_link_are_told() {
    let state = |word| secondary(word, Vec::new()).links[0].state;
    assert_eq!(state("REVERTING"), LinkState::Resyncing);
    assert_eq!(state("NOT SYNCHRONIZING"), LinkState::Connecting);
    assert_eq!(state("SYNCHRONIZED"), LinkState::Streaming);
    assert_eq!(secondary("SYNCHRONIZED", Vec::new()).native, None);
}

#[test]
fn without_a_group_it_leads_and_without_the_right_nothing_is_known() {
    let alone = look(&[server(1), sessions()]);
    assert_eq!(alone.role, Some(Role::Master));
    assert!(alone.position.is_empty() && alone.no_position.is_some());
    let plain = look(&[server(0)]);
    assert_eq!(plain.role, None);
    assert_eq!(plain.missing, [STATE, NAMES]);
}

#[test]
fn a_database_that_is_not_there_is_told() {
    let cells = [("kind", Text("server")), ("version", Text("16.0"))];
    let mut nothing = Look::since(Instant::now());
    let fault = read(&[row(&cells)], &mut nothing).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Misconfigured);
}
