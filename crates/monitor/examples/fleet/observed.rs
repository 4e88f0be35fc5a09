//! What the made-up servers say of themselves: one of each kind of trouble, for the tests of the page.

use replica_monitor::observed::{Connections, Drift, DriftKind, Evidence, MissingGrant, Stranger};
use replica_monitor::{Lag, Link, LinkState, Observed, ReplicaKey, Role, Runway};
use std::sync::Arc;

/// Text that a careless page would run.
const HOSTILE: &str = "<img src=x onerror=globalThis.__pwned=1>";

/// What the `r`-th replica of a project says at the `poll`-th poll; `masters` names the first of this project and of the next.
pub(crate) fn observed(
    r: usize,
    poll: u64,
    masters: [&ReplicaKey; 2],
    sibling: Option<&ReplicaKey>,
) -> Option<Arc<Observed>> {
    let plain = Observed {
        role: Some(if r == 0 { Role::Master } else { Role::Slave }),
        version: Some("PostgreSQL 15.18".into()),
        position: Some(format!("0/{poll:X}").into()),
        connections: Some(Connections { used: 3, max: 97 }),
        evidence: vec![Evidence {
            source: "position",
            says: format!("0/{poll:X}"),
            age_ms: Some(7),
        }],
        ..Observed::default()
    };
    let fed = |state, reason: Option<&'static str>| Link {
        reason: reason.map(Into::into),
        ..link(state, masters[0])
    };
    let said = match r {
        0 => Observed {
            strangers: vec![Stranger {
                seen_as: HOSTILE.into(),
                entry: "\"forgotten\": {\"role\":\"slave\"}".to_owned(),
            }],
            ..plain
        },
        1 => Observed {
            links: vec![fed(LinkState::Paused, Some("replay is paused: somebody did it"))],
            disagree: Some("Seconds_Behind_Master says 0.0 s, the positions say 9.0 s".into()),
            ..plain
        },
        2 => Observed {
            links: vec![fed(
                LinkState::Broken,
                Some("error 1062: a row with that key is there already"),
            )],
            // It comes and goes, for those who wait for that.
            drift: if (poll / 8).is_multiple_of(2) {
                Vec::new()
            } else {
                vec![writable()]
            },
            ..plain
        },
        3 => Observed {
            links: vec![fed(LinkState::Diverged, Some(HOSTILE))],
            ..plain
        },
        4 => Observed {
            links: vec![fed(LinkState::Unknown, None)],
            missing: vec![MissingGrant {
                what: "the link's state",
                grant: "GRANT pg_monitor TO <role>;",
            }],
            ..plain
        },
        5 => Observed {
            links: vec![
                fed(LinkState::Streaming, None),
                Link {
                    name: "other".into(),
                    ..link(LinkState::Streaming, masters[1])
                },
            ],
            ..plain
        },
        6 => Observed {
            links: sibling
                .map(|sibling| link(LinkState::Streaming, sibling))
                .into_iter()
                .collect(),
            ..plain
        },
        _ => return None,
    };
    Some(Arc::new(said))
}

fn link(state: LinkState, from: &ReplicaKey) -> Link {
    Link {
        name: "".into(),
        state,
        reason: None,
        upstream: Some("10.0.0.7:5432".into()),
        upstream_key: Some(from.clone()),
        lag: Lag::exact(42),
        delay_ms: None,
        runway: Runway::Seconds(11_000),
    }
}

fn writable() -> Drift {
    Drift {
        kind: DriftKind::WritableSlave,
        message: "a slave that takes writes".to_owned(),
    }
}
