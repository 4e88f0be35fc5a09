//! From what was seen of a project's replicas to the project as it is shown.

use super::drift::drift;
use super::heart::Heart;
use super::measure::{Against, lag};
use super::runway::runway;
use super::strangers::strangers;
use super::view::{View, root, upstream};
use crate::look::{LinkSeen, Look};
use replica_core::observed::{Behind, Connections, Evidence, Observed};
use replica_core::{Lag, Link, Name, PoolUsage, Replica, Role, State, Verdict};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A server's own figure may differ by this much before that is said.
const MAY_DIFFER: Duration = Duration::from_secs(3);

/// A project's replicas, in order. `others` are those of all other projects: a link may come from one of them.
pub(super) fn replicas(
    views: &[View],
    others: &[&View],
    heart: Option<&Heart>,
    tick: Duration,
    pools: impl Fn(&View) -> Option<PoolUsage>,
) -> Vec<Replica> {
    let everybody: Vec<&View> = views.iter().chain(others.iter().copied()).collect();
    let root = root(views);
    views
        .iter()
        .map(|view| {
            let whole = Whole {
                view,
                views,
                everybody: &everybody,
                root,
                heart,
                tick,
            };
            Replica {
                pool_usage: pools(view),
                ..whole.replica()
            }
        })
        .collect()
}

/// One replica among all.
struct Whole<'a> {
    view: &'a View,
    views: &'a [View],
    everybody: &'a [&'a View],
    root: Result<usize, &'static str>,
    heart: Option<&'a Heart>,
    tick: Duration,
}

impl Whole<'_> {
    fn replica(&self) -> Replica {
        let declared = &self.view.declared;
        let state = self.view.state();
        let (lag, observed) = match self.view.answer() {
            Some(look) => self.answered(look),
            None => self.silent(state),
        };
        Replica {
            dialect: declared.dialect.clone(),
            state,
            lag,
            last_ping_ms: self.view.look_ms,
            lag_tolerance_ms: declared.lag_tolerance_ms,
            pool: declared.pool,
            problem: declared.problem.clone(),
            observed: Some(Arc::new(observed)),
            ..Replica::new(declared.name.clone(), declared.role)
        }
    }

    /// It did not answer at the last look, or was never looked at.
    fn silent(&self, state: State) -> (Lag, Observed) {
        let reason = match &self.view.fault {
            Some(fault) => fault.message.clone(),
            None => "not asked yet".into(),
        };
        let known = self.view.look.as_deref();
        let lag = match known.filter(|_| state == State::Connecting) {
            // What was true a moment ago is told as such, while it may only be slow.
            Some(look) => Lag {
                as_of_ms: self.view.look_ms,
                ..self.answered(look).0
            },
            None if self.view.is_declared(Role::Master) => Lag::not_applicable(MASTER),
            None => Lag::unknown(reason.clone()),
        };
        let lag = match lag.ms() {
            None => Lag {
                as_of_ms: None,
                ..lag
            },
            Some(_) => lag,
        };
        let observed = Observed {
            version: known.and_then(|look| look.version.clone()),
            connections: self.saturated(known),
            reason: Some(reason),
            ..Observed::default()
        };
        (lag, observed)
    }

    /// A server that turned us away for want of connections has used them all.
    fn saturated(&self, known: Option<&Look>) -> Option<Connections> {
        let full = self.view.fault.as_ref()?.kind == crate::fault::FaultKind::Saturated;
        let max = known?.connections?.max;
        full.then_some(Connections { used: max, max })
    }

    fn answered(&self, look: &Look) -> (Lag, Observed) {
        let links: Vec<Link> = look.links.iter().map(|link| self.link(look, link)).collect();
        let (beat, by_beat) = self.heart.map_or((None, None), |heart| heart.tell(look));
        let lag = second_source(self.lag(look, &links), by_beat.as_ref(), look);
        let strangers = strangers(self.view, look, self.everybody);
        let root = self.root.ok();
        let observed = Observed {
            reason: None,
            role: self.observed_role(look),
            writable: look.writable,
            version: look.version.clone(),
            identity: look.identity.clone(),
            position: look.position_text.clone(),
            behind: self.behind(look),
            evidence: self.evidence(look).into_iter().chain(beat).collect(),
            disagree: disagreement(look, &lag)
                .or_else(|| by_beat.and_then(|beat| contradiction(&beat, &lag))),
            connections: look.connections,
            clock_offset_ms: self.view.clock_offset_ms,
            probe_us: u64::try_from(look.took.as_micros()).ok(),
            missing: look.missing.clone(),
            drift: drift(self.view, look, &links, self.views, root, &strangers),
            strangers,
            links,
        };
        (lag, observed)
    }

    /// A logical subscriber writes like a master and follows like a slave.
    fn observed_role(&self, look: &Look) -> Option<Role> {
        match look.role {
            Some(Role::Master) if !look.links.is_empty() && !self.view.leads() => Some(Role::Slave),
            role => role,
        }
    }

    /// Whether its project is measured against it.
    fn leads(&self) -> bool {
        self.root
            .is_ok_and(|root| self.views[root].name() == self.view.name())
    }

    /// Its project's leading server, unless that is itself.
    fn master(&self) -> Result<&View, &'static str> {
        match self.leads() {
            true => Err(MASTER),
            false => Ok(&self.views[self.root?]),
        }
    }

    fn link(&self, look: &Look, seen: &LinkSeen) -> Link {
        let from = upstream(seen, self.everybody).map(|place| self.everybody[place]);
        let lag = match self.against(from) {
            Ok(master) => lag(
                look,
                self.view.before.as_deref(),
                seen,
                &Against {
                    master,
                    tick: self.tick,
                },
            ),
            Err(why) => Lag::unknown(why),
        };
        let runway = match self.against(from) {
            Ok(master) => runway(look, seen, &lag, from.unwrap_or(master), master),
            Err(why) => replica_core::Runway::Unknown(why.into()),
        };
        Link {
            name: seen.name.clone(),
            state: seen.state,
            reason: seen.reason.clone(),
            upstream: seen.upstream.clone(),
            upstream_key: from.map(|from| from.slot.key.clone()),
            lag,
            delay_ms: seen.delay.and_then(|delay| u64::try_from(delay.as_millis()).ok()),
            runway,
        }
    }

    /// What a link from there is measured against: never the upstream itself where that follows too, since it may be as far behind.
    fn against<'b>(&'b self, from: Option<&'b View>) -> Result<&'b View, &'static str> {
        match from {
            Some(from) if from.leads() => Ok(from),
            Some(from) if from.slot.key.project != self.view.slot.key.project => {
                Err("its source is of another project, and follows too")
            }
            _ => self.master(),
        }
    }

    /// The worst of the links from its own project; those from others speak for themselves.
    fn lag(&self, look: &Look, links: &[Link]) -> Lag {
        if let Some(why) = &look.no_lag {
            return Lag::not_applicable(why.clone());
        }
        // Even one that also follows something: its project is measured against it.
        if self.leads() {
            return Lag::not_applicable(MASTER);
        }
        let own = |link: &&Link| {
            let elsewhere = |key: &replica_core::ReplicaKey| key.project != self.view.slot.key.project;
            !link.upstream_key.as_ref().is_some_and(elsewhere)
        };
        let own: Vec<&Link> = links.iter().filter(own).collect();
        let counted = if own.is_empty() {
            links.iter().collect()
        } else {
            own
        };
        match worst(counted) {
            Some(lag) => lag,
            None => self.without_links(look),
        }
    }

    fn without_links(&self, look: &Look) -> Lag {
        match self.master() {
            Err(why) => Lag::unknown(why),
            Ok(_) if look.role == Some(Role::Master) => match self.view.is_declared(Role::Master) {
                true => Lag::not_applicable(MASTER),
                false => Lag::unknown("it follows nobody"),
            },
            Ok(master) => {
                // A file, or a server that does not tell of its links, may still tell a position.
                let link = LinkSeen::only(replica_core::LinkState::Unknown);
                lag(
                    look,
                    self.view.before.as_deref(),
                    &link,
                    &Against {
                        master,
                        tick: self.tick,
                    },
                )
            }
        }
    }

    fn behind(&self, look: &Look) -> Option<Behind> {
        let master = self.master().ok()?.answer()?;
        let same = match (&master.epoch, &look.epoch) {
            (Some(ours), Some(theirs)) => ours.compare(theirs) == crate::lag::SameHistory::Yes,
            _ => false,
        };
        (same && !look.unit.is_empty() && !look.position.is_empty()).then(|| Behind {
            amount: look.position.behind(&master.position),
            unit: look.unit,
        })
    }

    fn evidence(&self, look: &Look) -> Vec<Evidence> {
        let mut evidence = Vec::new();
        let age = |at: Instant| u64::try_from(at.elapsed().as_millis()).ok();
        if let Some(position) = &look.position_text {
            evidence.push(Evidence {
                source: "position",
                says: position.to_string(),
                age_ms: age(look.at),
            });
        }
        let master = self.master().ok().and_then(|master| {
            let position = master.look.as_ref()?.position_text.as_ref()?;
            Some(Evidence {
                source: "position of the master",
                says: format!("{}: {position}", master.name()),
                age_ms: age(master.recorded()?),
            })
        });
        evidence.extend(master);
        evidence.extend(look.evidence.iter().cloned());
        evidence
    }
}

const MASTER: &str = "a master has nothing to lag behind";

/// An unknown one hides what the others say; of the known ones the largest counts.
fn worst(links: Vec<&Link>) -> Option<Lag> {
    let rank = |lag: &Lag| match lag.verdict {
        Verdict::NotApplicable(_) => 0,
        Verdict::Exact(ms) | Verdict::AtMost(ms) | Verdict::AtLeast(ms) => ms.saturating_add(1),
        Verdict::Unknown(_) => u64::MAX,
    };
    links
        .into_iter()
        .map(|link| &link.lag)
        .max_by_key(|lag| rank(lag))
        .cloned()
}

/// The heartbeat's figure where the positions give none, or only a bound. A replica whose history is not its master's has no lag,
/// whatever rows it shows.
fn second_source(lag: Lag, by_beat: Option<&Lag>, look: &Look) -> Lag {
    let wanting = match lag.verdict {
        Verdict::AtMost(_) | Verdict::AtLeast(_) => true,
        Verdict::Unknown(_) => look.position.is_empty(),
        Verdict::Exact(_) | Verdict::NotApplicable(_) => false,
    };
    let better = by_beat.filter(|beat| wanting && matches!(beat.verdict, Verdict::Exact(_)));
    better.cloned().unwrap_or(lag)
}

/// What to say when the heartbeat and the positions are far apart.
fn contradiction(beat: &Lag, lag: &Lag) -> Option<Name> {
    let (Verdict::Exact(by_beat), Verdict::Exact(measured), None) =
        (&beat.verdict, &lag.verdict, lag.as_of_ms)
    else {
        return None;
    };
    (u128::from(by_beat.abs_diff(*measured)) > MAY_DIFFER.as_millis()).then(|| {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        let (beat, lag) = (seconds(*by_beat), seconds(*measured));
        format!("the heartbeat says {beat:.1} s, the positions say {lag:.1} s").into()
    })
}

/// What to say when the server's own figure and ours are far apart.
fn disagreement(look: &Look, lag: &Lag) -> Option<Name> {
    let Verdict::Exact(measured) = lag.verdict else {
        return None;
    };
    let claim = look.claim?;
    let claimed = u64::try_from(claim.lag.as_millis()).ok()?;
    let apart = Duration::from_millis(measured.abs_diff(claimed));
    let much = apart > MAY_DIFFER && apart > Duration::from_millis(measured.max(claimed) / 2);
    much.then(|| {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        format!(
            "{} says {:.1} s, the positions say {:.1} s",
            claim.source,
            seconds(claimed),
            seconds(measured)
        )
        .into()
    })
}
