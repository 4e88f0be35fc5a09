//! MariaDB: GTID replicas, in fair and foul weather.

use crate::support::*;
use replica_core::{LinkState, State, Verdict};
use replica_lab::{Lab, MariaDb, PLAIN, Proxy, Truth, WATCHER, wait_for};
use std::time::Duration;

const BEHIND: Duration = Duration::from_millis(2500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_delayed_locked_and_cut() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = MariaDb::primary(&lab, "primary").await?;
        let proxy = Proxy::to(primary.port()).await?;
        let replica = primary.replica(&lab, "r1", Some(&proxy)).await?;
        let uris = [replica.uri(WATCHER), replica.uri(PLAIN)];
        let slaves = [("r1", &*uris[0]), ("plain", &*uris[1])];
        let manager = manager("mysql", &primary.uri(WATCHER), &slaves, TICK);
        let truth = Truth::start(&primary, 14.0).await?;
        wait_for("the table", SOON, async || truth.reader(&replica).await.is_ok()).await?;
        caught_up(&manager, "r1").await?;
        caught_up(&manager, "plain").await?;
        let begin = async |case: &str, name: &str| {
            Case::begin(
                &format!("mariadb: {case}"),
                &manager,
                name,
                &truth,
                &replica,
                TICK,
            )
            .await
        };

        let case = begin("busy", "r1").await?;
        case.looks(6).await?;
        case.end()?.told_exactly()?;

        let (case, plain) = (
            begin("applying stopped", "r1").await?,
            begin("applying stopped, seen by a plain user", "plain").await?,
        );
        replica.stop_sql_thread().await?;
        case.until_behind(BEHIND).await?;
        until_link(&manager, "r1", LinkState::Paused).await?;
        let missing = said(&manager, "plain").observed.unwrap().missing.clone();
        assert_eq!(missing[0].grant, "GRANT SLAVE MONITOR ON *.* TO <user>;");
        case.end()?.told_exactly()?;
        plain.end()?.told_exactly()?;
        replica.start_threads().await?;
        caught_up(&manager, "r1").await?;

        let case = begin("receiving stopped", "r1").await?;
        replica.stop_io_thread().await?;
        case.until_behind(BEHIND).await?;
        until_link(&manager, "r1", LinkState::Stopped).await?;
        case.end()?.told_exactly()?;

        let case = begin("receiving stopped, primary idle", "r1").await?;
        truth.pause();
        case.looks(4).await?;
        case.end()?.told_exactly()?;
        replica.start_threads().await?;
        caught_up(&manager, "r1").await?;

        let case = begin("idle", "r1").await?;
        case.looks(6).await?;
        case.end()?.told_exactly()?;
        truth.set_rate(14.0);

        let case = begin("a table locked", "r1").await?;
        let lock = replica.lock_table().await?;
        case.until_behind(BEHIND).await?;
        let link = first_link(&said(&manager, "r1")).unwrap();
        assert!(link.reason.is_some_and(|reason| reason.contains("lock")));
        case.end()?.told_exactly()?;
        drop(lock);
        caught_up(&manager, "r1").await?;

        // It runs as long on the replica as it did here, and everything after it waits.
        let case = begin("a long statement replayed", "r1").await?;
        primary
            .execute(&[
                "CREATE TABLE lab.slow (v int) ENGINE=InnoDB",
                "SET SESSION binlog_format=STATEMENT",
                "INSERT INTO lab.slow VALUES (SLEEP(3))",
            ])
            .await?;
        case.until_behind(Duration::from_secs(2)).await?;
        caught_up(&manager, "r1").await?;
        case.end()?.told_exactly()?;

        let case = begin("both stopped by an operator", "r1").await?;
        replica.execute(&["STOP SLAVE"]).await?;
        case.until_behind(BEHIND).await?;
        until_link(&manager, "r1", LinkState::Stopped).await?;
        replica.start_threads().await?;
        caught_up(&manager, "r1").await?;
        case.end()?.told_exactly()?;

        let case = begin("link blackholed", "r1").await?;
        proxy.blackhole();
        case.until_behind(BEHIND).await?;
        case.end()?.told_exactly()?;
        proxy.heal();
        caught_up(&manager, "r1").await?;

        let case = begin("link cut", "r1").await?;
        proxy.cut();
        case.until_behind(BEHIND).await?;
        until_link(&manager, "r1", LinkState::Connecting).await?;
        case.end()?.told_exactly()?;
        proxy.heal();
        caught_up(&manager, "r1").await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delayed_broken_and_dead() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = MariaDb::primary(&lab, "primary").await?;
        let replica = primary.replica(&lab, "r1", None).await?;
        let uri = replica.uri(WATCHER);
        let manager = manager("mariadb", &primary.uri(WATCHER), &[("r1", &uri)], TICK);
        let truth = Truth::start(&primary, 14.0).await?;
        wait_for("the table", SOON, async || truth.reader(&replica).await.is_ok()).await?;
        caught_up(&manager, "r1").await?;
        let begin = async |case: &str| {
            Case::begin(
                &format!("mariadb: {case}"),
                &manager,
                "r1",
                &truth,
                &replica,
                TICK,
            )
            .await
        };

        replica.delay_apply(3).await?;
        let case = begin("applying delayed").await?;
        case.until_behind(Duration::from_millis(1900)).await?;
        case.looks(8).await?;
        until_link(&manager, "r1", LinkState::Delayed).await?;
        case.end()?.told_exactly()?;
        let case = begin("burst, then idle, delayed").await?;
        truth.pause();
        case.looks(10).await?;
        case.end()?.told_exactly()?;
        replica.delay_apply(0).await?;
        caught_up(&manager, "r1").await?;

        primary.daemon().freeze();
        until("frozen as of", &manager, "r1", |replica| {
            replica.lag.as_of_ms.is_some()
        })
        .await?;
        primary.daemon().thaw();
        caught_up(&manager, "r1").await?;
        primary.daemon().kill().await?;
        let frozen = until("frozen as of", &manager, "r1", |replica| {
            replica.lag.as_of_ms.is_some()
        })
        .await?;
        assert!(
            matches!(frozen.lag.verdict, Verdict::Exact(ms) if ms < 400),
            "{:?}",
            frozen.lag
        );
        until("down", &manager, "master", |replica| replica.state == State::Down).await?;
        primary.start().await?;
        caught_up(&manager, "r1").await?;

        let truth = Truth::start(&primary, 14.0).await?;
        caught_up(&manager, "r1").await?;
        let name = "mariadb: a duplicate key";
        let case = Case::begin(name, &manager, "r1", &truth, &replica, TICK).await?;
        truth.pause();
        case.looks(2).await?;
        // The row in the way counts as shown, so the truth is off by one row.
        replica.break_with_duplicate_key(truth.last() + 1).await?;
        truth.set_rate(14.0);
        let broken = until_link(&manager, "r1", LinkState::Broken).await?;
        let reason = first_link(&broken)
            .and_then(|link| link.reason)
            .unwrap_or_default();
        assert!(reason.contains("1062"), "{reason}");
        case.until_behind(BEHIND).await?;
        case.end()?.told_exactly()?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_sources() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = MariaDb::primary(&lab, "primary").await?;
        let other = MariaDb::primary(&lab, "other").await?;
        other
            .execute(&["RESET MASTER", "CREATE DATABASE billing"])
            .await?;
        let replica = primary.replica(&lab, "r1", None).await?;
        replica.follow(&other, "billing", None).await?;
        let mut tree = tree("mariadb", &primary.uri(WATCHER), &[("r1", &replica.uri(WATCHER))]);
        let mut second = crate::support::tree("mariadb", &other.uri(WATCHER), &[])
            .projects
            .remove(0);
        second.name = "billing".into();
        tree.projects.push(second);
        let manager = replica_engine::ReplicationManager::of(&tree, replica_engine::Pace::every(TICK));
        caught_up(&manager, "r1").await?;
        let links = said(&manager, "r1").observed.unwrap().links.clone();
        let from: Vec<(&str, &str)> = links
            .iter()
            .filter_map(|link| Some((&*link.name, &*link.upstream_key.as_ref()?.project)))
            .collect();
        assert_eq!(from, [("", "p"), ("billing", "billing")]);

        replica.execute(&["STOP SLAVE 'billing' SQL_THREAD"]).await?;
        other
            .execute(&["CREATE TABLE billing.t (id int primary key)"])
            .await?;
        let behind = |link: &replica_core::Link| link.lag.ms().is_some_and(|ms| ms > 1000);
        let wanted = |replica: &replica_core::Replica| {
            let links = &replica.observed.as_ref().unwrap().links;
            links.iter().any(|link| &*link.name == "billing" && behind(link))
        };
        let seen = until("one link behind", &manager, "r1", wanted).await?;
        // The other project's stream says nothing of how old this project's data are.
        assert!(
            matches!(seen.lag.verdict, Verdict::Exact(ms) if ms < 400),
            "{:?}",
            seen.lag
        );
        Ok(())
    })
    .await;
}
