//! A source whose rules are kept going by the monitor itself: what it shows of them is what they do.
//!
//! Rules follow the tree: one that is declared anew is started anew, the others go on. What is known of the replicas turns their valves, and what is
//! known of the rules is the lag of the replicas that they feed.

mod fleet;
mod ledger;
mod verifier;

use crate::clock::now_ms;
use fleet::{Fleet, fed_lag, worse_lag};
use ledger::Ledger;
use replica_core::source::{Pending, Wake};
use replica_core::tree::Tree;
use replica_core::{
    Command, CommandError, Event, EventKind, Lag, Name, ReplicaKey, Rule, Snapshot, Source, SourceError,
    State as ReplicaState, SyncStats, Verdict,
};
use replica_engine::rules::{Kept, Pace, Plan, Reading, Report, Valve, keep};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use verifier::{Found, Verifier};

/// How often a rule that does much is looked at, and that a streaming interval ends though nothing happens.
const GLANCE: Duration = Duration::from_millis(500);

/// Events of rules, for whoever publishes them.
pub type Told = mpsc::UnboundedReceiver<Event>;

/// A source that knows where the databases of its rules are.
pub trait Declares: Source {
    /// The last good tree, the same one while it does not change.
    fn tree(&self) -> Option<Arc<Tree>>;
}

/// How rules are kept going.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    /// Between the end of a mirror and the next one, of rules that are not followed and have no schedule.
    pub every: Duration,
    /// Between two comparisons of both ends of a rule that streams, if there are to be any.
    pub verify: Option<Duration>,
}

/// A source whose rules are kept going.
pub struct KeptRules<S> {
    inner: S,
    keeping: Keeping,
    events: mpsc::UnboundedSender<Event>,
    wake: Arc<Mutex<Option<Wake>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the rules were started from.
    tree: Option<Arc<Tree>>,
    rules: BTreeMap<Name, Going>,
    /// Of each rule that was started: its senders are gone once it has ended.
    started: BTreeMap<Name, watch::Receiver<()>>,
    fleet: Fleet,
    /// What was said last, and what it was made of: the same is said with the same pointer.
    said: Option<(Arc<Snapshot>, Arc<Snapshot>)>,
}

/// A rule that is kept going, or why it is not.
enum Going {
    Kept(Ways),
    Refused(Arc<SyncStats>),
}

struct Ways {
    plan: Arc<Plan>,
    /// Dropped, they end.
    _stop: watch::Sender<bool>,
    ledgers: Vec<Arc<Mutex<Ledger>>>,
    /// What a comparison of both ends found last.
    found: Found,
    valve: Valve,
    /// What turned it last.
    turned: Option<Reading>,
    /// The slaves that it feeds, and how that goes.
    fed: Vec<(ReplicaKey, watch::Receiver<Report>)>,
}

impl Ways {
    /// What it does, and what was found of it.
    fn stats(&self) -> Arc<SyncStats> {
        let mut stats = ledger::merged(&self.ledgers);
        stats
            .verified
            .clone_from(&self.found.lock().unwrap_or_else(PoisonError::into_inner));
        Arc::new(stats)
    }

    /// Turns the valve, if that is something new: one look counts once.
    fn turn(&mut self, reading: Reading) {
        let reading = match (&self.turned, reading) {
            (
                Some(Reading::Known { at_ms: before, .. }),
                Reading::Known {
                    whose,
                    share,
                    at_ms,
                    applied_ms,
                },
            ) if at_ms > *before => Reading::Known {
                whose,
                share,
                at_ms,
                // A lag is true to one look: what was written since the last one may be missing nevertheless.
                applied_ms: applied_ms - (at_ms - before),
            },
            (Some(Reading::Known { .. }), Reading::Known { .. }) => return,
            (_, reading) => reading,
        };
        if self.turned.as_ref() != Some(&reading) {
            self.valve.turn(&reading);
            self.turned = Some(reading);
        }
    }
}

impl<S: Declares> KeptRules<S> {
    /// Keeps the enabled rules of that source going. Must be called on a tokio runtime.
    pub fn of(inner: S, keeping: Keeping) -> (Self, Told) {
        let (events, told) = mpsc::unbounded_channel();
        let kept = Self {
            inner,
            keeping,
            events,
            wake: Arc::default(),
            state: Mutex::default(),
        };
        kept.follow(&mut kept.lock());
        (kept, told)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts, starts anew and stops what the tree declares otherwise than before.
    fn follow(&self, state: &mut State) {
        let Some(tree) = self.inner.tree() else { return };
        if state.tree.as_ref().is_some_and(|known| Arc::ptr_eq(known, &tree)) {
            return;
        }
        let mut before = std::mem::take(&mut state.rules);
        for rule in tree
            .rules
            .iter()
            .filter(|rule| rule.enabled && rule.problem.is_none())
        {
            let going = match Plan::of(&tree, &rule.name) {
                Err(why) => Going::Refused(Arc::new(refused(why.to_string()))),
                Ok(plan) => match before.remove(&rule.name) {
                    Some(Going::Kept(ways)) if ways.plan.is_same(&plan) => Going::Kept(ways),
                    former => {
                        // Dropped, it is asked to end.
                        drop(former);
                        let (here, gone) = watch::channel(());
                        let before = state.started.insert(Arc::clone(&rule.name), gone);
                        Going::Kept(self.start(plan, before, &Arc::new(here)))
                    }
                },
            };
            state.rules.insert(Arc::clone(&rule.name), going);
        }
        state.tree = Some(tree);
    }

    /// Starts a rule, once whoever kept it going `before` has ended. Its own ways hold on to `here` until they have.
    fn start(&self, plan: Plan, before: Option<watch::Receiver<()>>, here: &Arc<watch::Sender<()>>) -> Ways {
        let plan = Arc::new(plan);
        let (stop, asked) = watch::channel(false);
        let valve = Valve::new();
        let pace = Pace {
            valve: Some(valve.allowance()),
            after: before,
            ..Pace::every(self.keeping.every)
        };
        let ways = keep(&plan, &pace, &asked);
        let is_within = plan.rule.source == plan.rule.target;
        let reports = plan.directions.iter().zip(&ways).filter(|_| is_within);
        let fed = reports.map(|(direction, way)| (direction.to.key.clone(), way.report.clone()));
        let fed = fed.collect();
        let alone = ways.len() == 1;
        let ledgers = ways.into_iter().map(|way| {
            let to = (!alone).then(|| way.to.clone());
            let ledger = Arc::new(Mutex::new(Ledger::new(to)));
            let (rule, events) = (Arc::clone(&plan.rule.name), self.events.clone());
            let booked = book(way, Arc::clone(&ledger), rule, events, Arc::clone(&self.wake));
            let here = Arc::clone(here);
            tokio::spawn(async move {
                booked.await;
                drop(here);
            });
            ledger
        });
        let ledgers: Vec<Arc<Mutex<Ledger>>> = ledgers.collect();
        let found = Found::default();
        if let Some(every) = self.keeping.verify {
            let verifier = Verifier {
                plan: Arc::clone(&plan),
                every,
                ledgers: ledgers.clone(),
                found: Arc::clone(&found),
                stop: asked,
                wake: Arc::clone(&self.wake),
            };
            tokio::spawn(verifier.run());
        }
        Ways {
            ledgers,
            found,
            plan: Arc::clone(&plan),
            _stop: stop,
            valve,
            turned: None,
            fed,
        }
    }

    /// The snapshot with what the rules do.
    fn with_rules(&self, bare: Arc<Snapshot>) -> Arc<Snapshot> {
        let mut state = self.lock();
        self.follow(&mut state);
        state.turn_valves(&bare, now_ms());
        let stats = |rule: &Rule| match state.rules.get(&rule.name)? {
            Going::Refused(stats) => Some(Arc::clone(stats)),
            Going::Kept(ways) => Some(ways.stats()),
        };
        let rules: Vec<Option<Arc<SyncStats>>> = bare.rules.iter().map(stats).collect();
        let lags = state.fed_lags(now_ms());
        if let Some((made_of, said)) = &state.said
            && Arc::ptr_eq(made_of, &bare)
            && said
                .rules
                .iter()
                .zip(&rules)
                .all(|(rule, stats)| stats.is_none() || rule.last_stats == *stats)
            && is_told(said, &bare, &lags)
        {
            return Arc::clone(said);
        }
        let mut shown = (*bare).clone();
        for (rule, stats) in shown.rules.iter_mut().zip(rules) {
            if stats.is_some() {
                rule.last_stats = stats;
            }
        }
        tell(&mut shown, &lags);
        let shown = Arc::new(shown);
        state.said = Some((bare, Arc::clone(&shown)));
        shown
    }
}

impl State {
    fn kept(&mut self) -> impl Iterator<Item = (&Name, &mut Ways)> {
        self.rules.iter_mut().filter_map(|(name, going)| match going {
            Going::Kept(ways) => Some((name, ways)),
            Going::Refused(_) => None,
        })
    }

    /// Lets each rule write as much as the replicas bear.
    fn turn_valves(&mut self, bare: &Snapshot, now_ms: i64) {
        let fed: BTreeSet<ReplicaKey> = self
            .kept()
            .flat_map(|(_, ways)| ways.fed.iter().map(|(key, _)| key.clone()))
            .collect();
        let mut fleet = std::mem::take(&mut self.fleet);
        fleet.seen(bare, now_ms);
        for (_, ways) in self.kept() {
            let reading = match bare.capabilities.measures_lag {
                true => fleet.look(bare, &ways.plan.rule, &fed, now_ms),
                // Nobody will ever measure it.
                false => Reading::Nobody,
            };
            ways.turn(reading);
        }
        self.fleet = fleet;
    }

    /// How far those are that are fed.
    fn fed_lags(&mut self, now_ms: i64) -> BTreeMap<ReplicaKey, Lag> {
        let mut lags: BTreeMap<ReplicaKey, Lag> = BTreeMap::new();
        for (name, ways) in self.kept() {
            for (key, report) in &ways.fed {
                let mut lag = fed_lag(name, &report.borrow(), now_ms);
                if let Some(other) = lags.remove(key) {
                    lag = worse_lag(lag, other);
                }
                lags.insert(key.clone(), lag);
            }
        }
        lags
    }
}

/// Whether a lag is what a rule knows, rather than what was measured or cannot be asked for.
fn is_unmeasured(replica: &replica_core::Replica) -> bool {
    replica.state == ReplicaState::Up && matches!(replica.lag.verdict, Verdict::Unknown(_))
}

/// Whether these lags were told in that snapshot already.
fn is_told(said: &Snapshot, bare: &Snapshot, lags: &BTreeMap<ReplicaKey, Lag>) -> bool {
    lags.iter().all(|(key, lag)| {
        bare.replica(key).is_none_or(|replica| !is_unmeasured(replica))
            || said.replica(key).is_some_and(|replica| replica.lag == *lag)
    })
}

fn tell(shown: &mut Snapshot, lags: &BTreeMap<ReplicaKey, Lag>) {
    for project in &mut shown.projects {
        if !lags.keys().any(|key| key.project == project.name) {
            continue;
        }
        let mut told = (**project).clone();
        for replica in told.replicas.iter_mut().filter(|replica| is_unmeasured(replica)) {
            let key = ReplicaKey::new(project.name.clone(), replica.name.clone());
            if let Some(lag) = lags.get(&key) {
                replica.lag = lag.clone();
            }
        }
        *project = Arc::new(told);
    }
}

fn refused(why: String) -> SyncStats {
    SyncStats {
        phase: Some("ended".into()),
        doing: Some(format!("not begun: {why}").into()),
        last_error: Some(why.into()),
        ..SyncStats::default()
    }
}

/// Writes down what one way of a rule does, tells of its runs, and wakes whoever shows it.
async fn book(
    way: Kept,
    ledger: Arc<Mutex<Ledger>>,
    rule: Name,
    events: mpsc::UnboundedSender<Event>,
    wake: Arc<Mutex<Option<Wake>>>,
) {
    loop {
        // Asked first, so that its last report is noted.
        let is_over = way.task.is_finished();
        let report = way.report.borrow().clone();
        let (changed, runs) = {
            let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.note(&report, now_ms())
        };
        for run in runs {
            let rule = Arc::clone(&rule);
            let kind = match run {
                None => EventKind::RuleSyncStart { rule },
                Some(stats) => EventKind::RuleSyncDone { rule, stats },
            };
            // Whoever publishes them may be gone.
            let _ = events.send(Event::new(now_ms(), kind));
        }
        let waking = wake.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(wake) = waking.filter(|_| changed) {
            wake();
        }
        if is_over {
            return;
        }
        // At most so often, however much happens; and again though nothing does, for what ends with time.
        tokio::time::sleep(GLANCE).await;
    }
}

impl<S: Declares> Source for KeptRules<S> {
    fn snapshot(&self) -> Pending<'_, Result<Arc<Snapshot>, SourceError>> {
        Box::pin(async {
            let bare = self.inner.snapshot().await?;
            Ok(self.with_rules(bare))
        })
    }

    fn on_change(&self, wake: Wake) {
        *self.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&wake));
        self.inner.on_change(wake);
    }

    fn addresses(&self) -> Vec<(ReplicaKey, String)> {
        self.inner.addresses()
    }

    fn execute(&self, command: Command) -> Pending<'_, Result<(), CommandError>> {
        self.inner.execute(command)
    }
}
