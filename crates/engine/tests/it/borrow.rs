//! The manager as a library: borrowing by routing, pools that are counted, trees that change under it.

use crate::support::*;
use replica_core::{PoolLimits, PoolUsage, ReplicaKey, Routing, State};
use replica_engine::{Connection, ReplicationManager, ResolveError};
use replica_lab::{ADMIN, Lab, Postgres, Redis, Truth, WATCHER};
use std::collections::HashSet;

async fn ask(connection: &mut Connection) -> String {
    match connection {
        Connection::Postgres(client) => {
            let row = client
                .query_one("SELECT pg_is_in_recovery()::text", &[])
                .await
                .unwrap();
            row.get(0)
        }
        other => panic!("{other:?}"),
    }
}

fn usage(manager: &ReplicationManager, name: &str) -> Option<PoolUsage> {
    said(manager, name).pool_usage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_to_fit_replicas_and_writes_to_the_master() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "primary").await?;
        let one = primary.standby(&lab, "s1", None).await?;
        let two = primary.standby(&lab, "s2", None).await?;
        let uris = [one.uri(ADMIN), two.uri(ADMIN)];
        let mut tree = tree(
            "postgres",
            &primary.uri(ADMIN),
            &[("s1", &uris[0]), ("s2", &uris[1])],
        );
        for replica in &mut tree.projects[0].replicas {
            replica.pool = Some(PoolLimits {
                min: Some(1),
                max: Some(2),
            });
        }
        let manager = ReplicationManager::of(&tree, replica_engine::Pace::every(TICK));
        let truth = Truth::start(&primary, 14.0).await?;
        caught_up(&manager, "s1").await?;
        caught_up(&manager, "s2").await?;

        let mut seen = HashSet::new();
        for _ in 0..2 {
            let mut read = manager.resolve_read("p").await?;
            seen.insert(read.replica().replica.to_string());
            assert_eq!(ask(&mut read).await, "true");
        }
        assert_eq!(seen, HashSet::from(["s1".to_owned(), "s2".to_owned()]));
        let mut write = manager.resolve_write("p").await?;
        assert_eq!(ask(&mut write).await, "false");
        until("one borrowed", &manager, "master", |replica| {
            replica.pool_usage == Some(PoolUsage { idle: 0, borrowed: 1 })
        })
        .await?;
        drop(write);
        until("given back", &manager, "master", |replica| {
            replica.pool_usage == Some(PoolUsage { idle: 1, borrowed: 0 })
        })
        .await?;

        // One that is late is left out; when both are, the master answers.
        one.pause_replay().await?;
        until("late", &manager, "s1", |replica| {
            replica.lag.ms().is_some_and(|ms| ms > 1000)
        })
        .await?;
        for _ in 0..4 {
            assert_eq!(&*manager.resolve_read("p").await?.replica().replica, "s2");
        }
        two.daemon().freeze();
        until("not up", &manager, "s2", |replica| replica.state != State::Up).await?;
        assert_eq!(&*manager.resolve_read("p").await?.replica().replica, "master");
        two.daemon().thaw();
        one.resume_replay().await?;
        caught_up(&manager, "s1").await?;
        caught_up(&manager, "s2").await?;

        assert!(manager.set_routing("p", Routing::LeastLag)?);
        two.pause_replay().await?;
        until("late", &manager, "s2", |replica| {
            replica.lag.ms().is_some_and(|ms| ms > 700)
        })
        .await?;
        assert_eq!(&*manager.resolve_read("p").await?.replica().replica, "s1");
        assert!(!truth.has_failed());

        assert_eq!(manager.warm_pools().await, Vec::new());
        assert!(matches!(
            manager.resolve_read("q").await,
            Err(ResolveError::NoProject(_))
        ));
        manager.disconnect_all();
        assert!(manager.resolve_read("p").await.is_err());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_tree_is_taken_over_without_forgetting() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "master").await?;
        let replica = master.replica(&lab, "r1", None).await?;
        let uri = replica.uri(WATCHER);
        let manager = manager("redis", &master.uri(WATCHER), &[("r1", &uri)], TICK);
        caught_up(&manager, "r1").await?;
        assert_eq!(usage(&manager, "r1"), None);

        let mut tree = manager.tree();
        tree.projects[0].replicas[1].lag_tolerance_ms = Some(7);
        manager.apply(&tree);
        let kept = said(&manager, "r1");
        assert_eq!((kept.lag_tolerance_ms, kept.state), (Some(7), State::Up));

        let key = ReplicaKey::new("p", "r1");
        assert!(manager.remove_replica(&key)?);
        assert!(manager.status().replica(&key).is_none());
        assert!(!manager.remove_replica(&key)?);
        manager.add_replica("p", entry("r1", replica_core::Role::Slave, "redis", &uri))?;
        caught_up(&manager, "r1").await?;

        let mut moved = manager.tree();
        moved.projects[0].replicas[1].uri = Some(replica_core::Secret::new("redis://127.0.0.1:1/".into()));
        manager.apply(&moved);
        until("down at its new address", &manager, "r1", |replica| {
            replica.state == State::Down
        })
        .await?;
        Ok(())
    })
    .await;
}
