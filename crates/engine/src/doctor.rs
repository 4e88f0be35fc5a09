//! One look at everything, once: what can be reached, what is missing, what will bite.
//!
//! Nothing is kept open and nothing is changed.

use crate::driver::{Advice, probe_of};
use crate::fault::{Fault, FaultKind};
use crate::look::Look;
use crate::target::Target;
use replica_core::observed::MissingGrant;
use replica_core::tree::{Tree, TreeReplica};
use replica_core::{Name, ReplicaKey, Role};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// So many servers are asked at one time.
const AT_ONCE: usize = 32;

/// What was found at one replica.
#[derive(Clone, Debug, PartialEq)]
pub struct Examined {
    /// Which.
    pub key: ReplicaKey,
    /// What it is declared to be.
    pub declared: Role,
    /// What it answered, or why it did not.
    pub answer: Result<Answer, Fault>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Product and version.
    pub version: Option<Name>,
    /// The role it plays.
    pub role: Option<Role>,
    /// How long the look took.
    pub took: Duration,
    /// Its clock minus ours, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// What may not be read.
    pub missing: Vec<MissingGrant>,
    /// What will bite one day.
    pub advice: Vec<Advice>,
}

/// Asks every replica of `tree`, each for at most `deadline`; in the tree's order.
pub async fn examine(tree: &Tree, deadline: Duration) -> Vec<Examined> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut asked = JoinSet::new();
    let replicas = tree.projects.iter().flat_map(|project| {
        project
            .replicas
            .iter()
            .map(|replica| (project.name.clone(), replica.clone()))
    });
    for (place, (project, replica)) in replicas.enumerate() {
        let turns = Arc::clone(&turns);
        asked.spawn(async move {
            // Never closed, so this only waits.
            let _turn = turns.acquire().await;
            let examined = Examined {
                key: ReplicaKey::new(project, replica.name.clone()),
                declared: replica.role,
                answer: ask(&replica, deadline).await,
            };
            (place, examined)
        });
    }
    let mut found = asked.join_all().await;
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, examined)| examined).collect()
}

async fn ask(replica: &TreeReplica, deadline: Duration) -> Result<Answer, Fault> {
    let mut probe = probe_of(Target::declared(replica)?);
    let late = || Fault::new(FaultKind::TimedOut, "no answer within the deadline");
    let look = timeout(deadline, probe.look()).await.map_err(|_| late())??;
    let advice = timeout(deadline, probe.examine()).await.map_err(|_| late())??;
    Ok(Answer {
        clock_offset_ms: look.clock_us.map(|clock| offset_ms(&look, clock)),
        version: look.version,
        role: look.role,
        took: look.took,
        missing: look.missing,
        advice,
    })
}

/// The server's clock minus ours in the middle of the round trip.
fn offset_ms(look: &Look, clock_us: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let then = now.saturating_sub(look.at.elapsed());
    (clock_us - i64::try_from(then.as_micros()).unwrap_or(i64::MAX)) / 1000
}
