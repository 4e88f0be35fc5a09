//! Servers that are not what their tree says: told, and left alone.

use crate::support::*;
use replica_core::observed::DriftKind;
use replica_core::{LinkState, Replica, Role};
use replica_lab::{Lab, MariaDb, Postgres, Redis, Truth, WATCHER, wait_for};

fn has(replica: &Replica, kind: DriftKind) -> bool {
    let observed = replica.observed.as_ref();
    observed.is_some_and(|observed| observed.drift.iter().any(|drift| drift.kind == kind))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_promoted_behind_our_back() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "primary").await?;
        let standby = primary.standby(&lab, "s1", None).await?;
        let other = primary.standby(&lab, "s2", None).await?;
        let uris = [standby.uri(WATCHER), other.uri(WATCHER)];
        let slaves = [("s1", &*uris[0]), ("s2", &*uris[1])];
        let manager = manager("postgres", &primary.uri(WATCHER), &slaves, TICK);
        let truth = Truth::start(&primary, 14.0).await?;
        caught_up(&manager, "s1").await?;
        caught_up(&manager, "s2").await?;
        let upstream = first_link(&said(&manager, "s1"))
            .and_then(|link| link.upstream_key)
            .unwrap();
        assert_eq!(&*upstream.replica, "master");

        standby.promote().await?;
        let promoted = until("two masters", &manager, "s1", |replica| {
            has(replica, DriftKind::TwoMasters)
        })
        .await?;
        assert!(has(&promoted, DriftKind::Role));
        assert_eq!(promoted.observed.as_ref().unwrap().role, Some(Role::Master));
        assert_eq!(
            promoted.lag.ms(),
            None,
            "a figure in another history: {:?}",
            promoted.lag
        );
        until("two masters", &manager, "master", |replica| {
            has(replica, DriftKind::TwoMasters)
        })
        .await?;
        // The one that still follows the declared master is measured against it.
        let case = Case::begin(
            "postgres: beside a second master",
            &manager,
            "s2",
            &truth,
            &other,
            TICK,
        )
        .await?;
        case.looks(4).await?;
        case.end()?.told_exactly()?;

        // The old master dies: the promoted one leads, and the other is on the old branch of the history.
        drop(truth);
        primary.daemon().kill().await?;
        until("no figure", &manager, "s2", |replica| {
            replica.lag.reason().is_some_and(|why| why.contains("branch"))
        })
        .await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_that_the_tree_does_not_name() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "primary").await?;
        let standby = primary.standby(&lab, "s1", None).await?;
        let _unknown = primary.standby(&lab, "forgotten", None).await?;
        let uri = standby.uri(WATCHER);
        let manager = manager("postgres", &primary.uri(WATCHER), &[("s1", &uri)], TICK);
        let master = until("a stranger", &manager, "master", |replica| {
            has(replica, DriftKind::Stranger)
        })
        .await?;
        let strangers = &master.observed.as_ref().unwrap().strangers;
        assert_eq!(strangers.len(), 1, "{strangers:?}");
        assert!(strangers[0].seen_as.contains("forgotten"));
        assert!(
            strangers[0].entry.contains("\"role\":\"slave\"") && strangers[0].entry.contains("127.0.0.1")
        );
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_writable_errant_and_unnamed() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = MariaDb::primary(&lab, "primary").await?;
        let replica = primary.replica(&lab, "r1", None).await?;
        let _unknown = primary.replica(&lab, "r2", None).await?;
        let uri = replica.uri(WATCHER);
        let manager = manager("mariadb", &primary.uri(WATCHER), &[("r1", &uri)], TICK);
        let truth = Truth::start(&primary, 14.0).await?;
        caught_up(&manager, "r1").await?;
        let none = said(&manager, "r1").observed.unwrap().drift.clone();
        assert_eq!(none, Vec::new());
        let master = until("a stranger", &manager, "master", |replica| {
            has(replica, DriftKind::Stranger)
        })
        .await?;
        assert_eq!(master.observed.as_ref().unwrap().strangers.len(), 1);

        replica.execute(&["SET GLOBAL read_only=0"]).await?;
        until("writable", &manager, "r1", |replica| {
            has(replica, DriftKind::WritableSlave)
        })
        .await?;
        // In its master's domain, as a careless script would.
        let domain = master.observed.as_ref().unwrap().position.clone().unwrap();
        let domain = domain.split('-').next().unwrap_or_default().to_owned();
        truth.pause();
        let mut reader = truth.reader(&replica).await?;
        let mut quiet = 0;
        wait_for("the last row, and no other after it", SOON, async || {
            let all = reader.look().await.is_ok_and(|shown| shown.seen == truth.last());
            quiet = if all { quiet + 1 } else { 0 };
            quiet > 20
        })
        .await?;
        let own = format!("SET SESSION gtid_domain_id={domain}");
        replica.execute(&["SET GLOBAL gtid_strict_mode=0"]).await?;
        let mut client = replica.client().await?;
        client.execute(&own).await?;
        client.execute("CREATE TABLE lab.errant (id int)").await?;
        until("diverged", &manager, "r1", |replica| {
            has(replica, DriftKind::Diverged)
        })
        .await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_promoted_and_following_the_wrong_one() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "master").await?;
        let replica = master.replica(&lab, "r1", None).await?;
        let second = master.replica(&lab, "r2", None).await?;
        let uris = [replica.uri(WATCHER), second.uri(WATCHER)];
        let slaves = [("r1", &*uris[0]), ("r2", &*uris[1])];
        let manager = manager("redis", &master.uri(WATCHER), &slaves, TICK);
        caught_up(&manager, "r1").await?;
        caught_up(&manager, "r2").await?;
        wait_for("nothing unnamed", SOON, async || {
            !has(&said(&manager, "master"), DriftKind::Stranger)
        })
        .await?;

        replica.promote().await?;
        until("two masters", &manager, "r1", |replica| {
            has(replica, DriftKind::TwoMasters)
        })
        .await?;
        assert_eq!(said(&manager, "r1").lag.ms(), None);
        // One that follows a replica is measured against the master all the same.
        replica.follow(master.port()).await?;
        second.follow(replica.port()).await?;
        let cascaded = |replica: &Replica| {
            let link = first_link(replica).filter(|link| link.state == LinkState::Streaming);
            link.and_then(|link| link.upstream_key)
                .is_some_and(|key| &*key.replica == "r1")
        };
        until("fed by r1", &manager, "r2", cascaded).await?;
        caught_up(&manager, "r2").await?;
        Ok(())
    })
    .await;
}
