//! PostgreSQL: streaming, cascaded and logical, in fair and foul weather.

use crate::support::*;
use replica_core::{LinkState, State, Verdict};
use replica_lab::{Lab, PLAIN, Postgres, Proxy, Truth, WATCHER};
use std::time::Duration;

const BEHIND: Duration = Duration::from_millis(2500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streaming_and_cascaded() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "primary").await?;
        let proxy = Proxy::to(primary.port()).await?;
        let standby = primary.standby(&lab, "s1", Some(&proxy)).await?;
        let cascade = standby.standby(&lab, "c1", None).await?;
        let uris = [standby.uri(WATCHER), cascade.uri(WATCHER), standby.uri(PLAIN)];
        let slaves = [("s1", &*uris[0]), ("c1", &*uris[1]), ("plain", &*uris[2])];
        let manager = manager("postgres", &primary.uri(WATCHER), &slaves, TICK);
        let truth = Truth::start(&primary, 14.0).await?;
        for name in ["s1", "c1", "plain"] {
            caught_up(&manager, name).await?;
        }
        let begin = async |case: &str, name: &str, server: &Postgres| {
            Case::begin(&format!("postgres: {case}"), &manager, name, &truth, server, TICK).await
        };

        let case = begin("busy", "s1", &standby).await?;
        case.looks(6).await?;
        case.end()?.told_exactly()?;

        let (case, plain) = (
            begin("replay paused", "s1", &standby).await?,
            begin("replay paused, seen by a plain role", "plain", &standby).await?,
        );
        standby.pause_replay().await?;
        case.until_behind(BEHIND).await?;
        until_link(&manager, "s1", LinkState::Paused).await?;
        let missing = said(&manager, "plain").observed.unwrap().missing.clone();
        assert_eq!(missing[0].grant, "GRANT pg_monitor TO <role>;");
        case.end()?.told_exactly()?;
        plain.end()?.told_exactly()?;

        let case = begin("paused with a backlog, primary idle", "s1", &standby).await?;
        truth.pause();
        case.looks(5).await?;
        case.end()?.told_exactly()?;

        standby.resume_replay().await?;
        caught_up(&manager, "s1").await?;
        let case = begin("idle", "s1", &standby).await?;
        case.looks(6).await?;
        case.end()?.told_exactly()?;

        truth.set_rate(14.0);
        standby.delay_apply(Duration::from_secs(2)).await?;
        let case = begin("apply delayed", "s1", &standby).await?;
        case.until_behind(Duration::from_millis(1900)).await?;
        case.looks(6).await?;
        case.end()?.told_exactly()?;
        until_link(&manager, "s1", LinkState::Delayed).await?;
        assert_eq!(first_link(&said(&manager, "s1")).unwrap().delay_ms, Some(2000));
        standby.delay_apply(Duration::ZERO).await?;
        caught_up(&manager, "s1").await?;

        let (case, below) = (
            begin("link cut", "s1", &standby).await?,
            begin("below a cut link", "c1", &cascade).await?,
        );
        proxy.cut();
        case.until_behind(BEHIND).await?;
        until_link(&manager, "s1", LinkState::Connecting).await?;
        case.end()?.told_exactly()?;
        below.end()?.told_exactly()?;
        assert_eq!(said(&manager, "s1").state, State::Up);

        let case = begin("link back", "s1", &standby).await?;
        proxy.heal();
        caught_up(&manager, "s1").await?;
        case.looks(3).await?;
        case.end()?.told_exactly()?;
        caught_up(&manager, "c1").await?;

        let (case, below) = (
            begin("link blackholed", "s1", &standby).await?,
            begin("below a blackholed link", "c1", &cascade).await?,
        );
        proxy.blackhole();
        case.until_behind(BEHIND).await?;
        case.end()?.told_exactly()?;
        below.end()?.told_exactly()?;
        proxy.heal();
        caught_up(&manager, "s1").await?;
        assert!(!truth.has_failed());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_and_dead_masters() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "primary").await?;
        let standby = primary.standby(&lab, "s1", None).await?;
        let uri = standby.uri(WATCHER);
        let manager = manager("postgres", &primary.uri(WATCHER), &[("s1", &uri)], TICK);
        let truth = Truth::start(&primary, 14.0).await?;
        caught_up(&manager, "s1").await?;

        truth.pause();
        standby.stop().await?;
        until("down", &manager, "s1", |replica| replica.state == State::Down).await?;
        assert_eq!(said(&manager, "s1").lag.ms(), None);
        standby.start().await?;
        let case = "postgres: standby restarted, primary idle";
        caught_up(&manager, "s1").await?;
        let case = Case::begin(case, &manager, "s1", &truth, &standby, TICK).await?;
        case.looks(4).await?;
        case.end()?.told_exactly()?;

        primary.daemon().freeze();
        let frozen = until("frozen as of", &manager, "s1", |replica| {
            replica.lag.as_of_ms.is_some()
        })
        .await?;
        assert!(
            matches!(frozen.lag.verdict, Verdict::Exact(ms) if ms < 400),
            "{:?}",
            frozen.lag
        );
        primary.daemon().thaw();
        caught_up(&manager, "s1").await?;

        primary.daemon().kill().await?;
        let frozen = until("frozen as of", &manager, "s1", |replica| {
            replica.lag.as_of_ms.is_some()
        })
        .await?;
        assert!(
            matches!(frozen.lag.verdict, Verdict::Exact(ms) if ms < 400),
            "{:?}",
            frozen.lag
        );
        until("down", &manager, "master", |replica| replica.state == State::Down).await?;
        until_link(&manager, "s1", LinkState::Connecting).await?;
        primary.start().await?;
        caught_up(&manager, "s1").await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_up_by_readers_and_by_much_to_do() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "primary").await?;
        let standby = primary.standby(&lab, "s1", None).await?;
        let uri = standby.uri(WATCHER);
        let manager = manager("postgres", &primary.uri(WATCHER), &[("s1", &uri)], TICK);
        let truth = Truth::start(&primary, 14.0).await?;
        caught_up(&manager, "s1").await?;
        let begin = async |case: &str| {
            Case::begin(
                &format!("postgres: {case}"),
                &manager,
                "s1",
                &truth,
                &standby,
                TICK,
            )
            .await
        };

        // A long read on the standby needs rows that the primary has cleaned away.
        let case = begin("recovery conflict").await?;
        let mut reader = standby.client().await?;
        reader
            .execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM truth")
            .await?;
        let old = format!("DELETE FROM truth WHERE id < {}", truth.last() - 5);
        primary.execute(&[&old, "VACUUM truth"]).await?;
        case.until_behind(BEHIND).await?;
        reader.execute("ROLLBACK").await?;
        caught_up(&manager, "s1").await?;
        case.end()?.told_exactly()?;

        let case = begin("a bulk load beside small writes").await?;
        primary
            .execute(&["CREATE TABLE bulk AS SELECT generate_series(1, 600000) AS id"])
            .await?;
        case.looks(4).await?;
        case.end()?.told_exactly()?;

        // Written all at once after a long silence: the worst case of what is interpolated.
        truth.pause();
        let case = begin("a burst after a long idle time, replay paused").await?;
        case.looks(4).await?;
        standby.pause_replay().await?;
        truth.set_rate(200.0);
        case.until_behind(BEHIND).await?;
        standby.resume_replay().await?;
        caught_up(&manager, "s1").await?;
        case.end()?.told_exactly()?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_that_starts_late_knows_what_it_does_not_know() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "primary").await?;
        let standby = primary.standby(&lab, "s1", None).await?;
        let truth = Truth::start(&primary, 14.0).await?;
        let mut reader = truth.reader(&standby).await?;
        standby.pause_replay().await?;
        replica_lab::wait_for("a true lag", SOON, async || {
            reader.look().await.is_ok_and(|shown| shown.lag > BEHIND)
        })
        .await?;
        let uri = standby.uri(WATCHER);
        let manager = manager("postgres", &primary.uri(WATCHER), &[("s1", &uri)], TICK);
        until("a bound", &manager, "s1", |replica| replica.lag.ms().is_some()).await?;
        let name = "postgres: monitor started while replay is paused";
        let case = Case::begin(name, &manager, "s1", &truth, &standby, TICK).await?;
        case.looks(4).await?;
        case.end()?.told_no_lie()?;
        assert!(!matches!(said(&manager, "s1").lag.verdict, Verdict::Exact(_)));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logical() {
    with_servers(async {
        let lab = Lab::new()?;
        let primary = Postgres::primary(&lab, "primary").await?;
        let subscriber = primary.subscriber(&lab, "sub", None).await?;
        let uri = subscriber.uri(WATCHER);
        let manager = manager("postgres", &primary.uri(WATCHER), &[("sub", &uri)], TICK);
        let truth = Truth::start(&primary, 14.0).await?;
        caught_up(&manager, "sub").await?;
        let begin = async |case: &str| {
            Case::begin(
                &format!("postgres logical: {case}"),
                &manager,
                "sub",
                &truth,
                &subscriber,
                TICK,
            )
            .await
        };

        let case = begin("busy").await?;
        case.looks(6).await?;
        case.end()?.told_exactly()?;

        let case = begin("subscription disabled").await?;
        subscriber.subscribe(false).await?;
        case.until_behind(BEHIND).await?;
        case.end()?.told_exactly()?;
        until_link(&manager, "sub", LinkState::Paused).await?;
        subscriber.subscribe(true).await?;
        caught_up(&manager, "sub").await?;

        let case = begin("idle").await?;
        truth.pause();
        case.looks(6).await?;
        case.end()?.told_exactly()?;

        // The row in the way counts as shown, so the truth is off by one row.
        let in_the_way = format!("INSERT INTO truth VALUES ({})", truth.last() + 1);
        subscriber.execute(&[&in_the_way]).await?;
        let case = begin("apply fails over and over").await?;
        truth.set_rate(14.0);
        until_link(&manager, "sub", LinkState::Broken).await?;
        case.until_behind(BEHIND).await?;
        case.end()?.told_exactly()?;
        Ok(())
    })
    .await;
}
