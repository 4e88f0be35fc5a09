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
    let said = match r {
        0 => with_stranger(plain),
        1 => Observed {
            disagree: Some("Seconds_Behind_Master says 0.0 s, the positions say 9.0 s".into()),
            ..plain
        },
        // It comes and goes, for those who wait for that.
        2 if !(poll / 8).is_multiple_of(2) => Observed {
            drift: vec![writable()],
            ..plain
        },
        4 => without_grant(plain),
        _ => plain,
    };
    Some(Arc::new(Observed {
        links: links(r, masters, sibling)?,
        ..said
    }))
}

/// Who feeds the `r`-th replica; nothing is said of those beyond.
fn links(r: usize, masters: [&ReplicaKey; 2], sibling: Option<&ReplicaKey>) -> Option<Vec<Link>> {
    let fed = |state, reason: Option<&'static str>| Link {
        reason: reason.map(Into::into),
        ..link(state, masters[0])
    };
    let links = match r {
        0 => Vec::new(),
        1 => vec![fed(LinkState::Paused, Some("replay is paused: somebody did it"))],
        2 => vec![fed(
            LinkState::Broken,
            Some("error 1062: a row with that key is there already"),
        )],
        3 => vec![fed(LinkState::Diverged, Some(HOSTILE))],
        4 => vec![fed(LinkState::Unknown, None)],
        5 => vec![
            fed(LinkState::Streaming, None),
            Link {
                name: "other".into(),
                ..link(LinkState::Streaming, masters[1])
            },
        ],
        6 => sibling
            .map(|sibling| link(LinkState::Streaming, sibling))
            .into_iter()
            .collect(),
        _ => return None,
    };
    Some(links)
}

fn with_stranger(plain: Observed) -> Observed {
    Observed {
        strangers: vec![Stranger {
            seen_as: HOSTILE.into(),
            entry: "\"forgotten\": {\"role\":\"slave\"}".to_owned(),
        }],
        ..plain
    }
}

fn without_grant(plain: Observed) -> Observed {
    Observed {
        missing: vec![MissingGrant {
            what: "the link's state",
            grant: "GRANT pg_monitor TO <role>;",
        }],
        ..plain
    }
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
