//! A pool of this process that is nearly lent out.

use super::{Condition, Moment, Seen, Severity, each_replica, wrong};
use std::time::Duration;

pub(super) static POOL: Condition = Condition {
    name: "pool",
    severity: Severity::Warning,
    after: Duration::from_secs(60),
    limit: 90.0,
    about: "More than the limit, in percent, of the connections of the tree's pool is borrowed.",
    see,
    #[cfg(test)]
    sample,
};

fn see(moment: &Moment, percent: f64) -> Vec<Seen> {
    each_replica(moment, |project, replica| {
        let (usage, max) = (replica.pool_usage?, replica.pool?.max?);
        let full = f64::from(usage.borrowed) * 100.0 > f64::from(max) * percent;
        full.then(|| {
            wrong(format!(
                "{} of the {max} connections in the pool of {} / {} are borrowed",
                usage.borrowed, project.name, replica.name
            ))
        })
        .flatten()
    })
}

#[cfg(test)]
fn sample(fires: bool) -> Moment {
    let mut replica = super::tests::slave();
    replica.pool = Some(replica_core::PoolLimits {
        min: None,
        max: Some(10),
    });
    replica.pool_usage = Some(replica_core::PoolUsage {
        idle: 0,
        borrowed: if fires { 10 } else { 9 },
    });
    super::tests::moment(vec![replica])
}
