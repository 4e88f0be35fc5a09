//! Redis: replicas in fair and foul weather.

use crate::support::*;
use replica_core::{LinkState, State, Verdict};
use replica_lab::{Lab, Proxy, Redis, Truth, WATCHER};
use std::time::Duration;

const BEHIND: Duration = Duration::from_millis(2500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_cut_and_frozen() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "master").await?;
        let proxy = Proxy::to(master.port()).await?;
        let replica = master.replica(&lab, "r1", Some(&proxy)).await?;
        let uri = replica.uri(WATCHER);
        let manager = manager("redis", &master.uri(WATCHER), &[("r1", &uri)], TICK);
        let truth = Truth::start(&master, 14.0).await?;
        caught_up(&manager, "r1").await?;
        let begin = async |case: &str| {
            Case::begin(&format!("redis: {case}"), &manager, "r1", &truth, &replica, TICK).await
        };

        let case = begin("busy").await?;
        case.looks(6).await?;
        case.end()?.told_exactly()?;

        let case = begin("applying paused").await?;
        replica.pause_writes(Duration::from_secs(4)).await?;
        case.until_behind(BEHIND).await?;
        caught_up(&manager, "r1").await?;
        case.end()?.told_exactly()?;

        let case = begin("idle").await?;
        truth.pause();
        case.looks(6).await?;
        case.end()?.told_exactly()?;
        truth.set_rate(14.0);

        let case = begin("link blackholed").await?;
        proxy.blackhole();
        case.until_behind(BEHIND).await?;
        case.end()?.told_exactly()?;
        proxy.heal();
        caught_up(&manager, "r1").await?;

        let case = begin("link cut").await?;
        proxy.cut();
        case.until_behind(BEHIND).await?;
        until_link(&manager, "r1", LinkState::Connecting).await?;
        case.end()?.told_exactly()?;
        proxy.heal();
        caught_up(&manager, "r1").await?;

        let case = begin("applying paused, then the master idle").await?;
        replica.pause_writes(Duration::from_secs(4)).await?;
        case.until_behind(Duration::from_secs(1)).await?;
        truth.pause();
        case.until_behind(BEHIND).await?;
        caught_up(&manager, "r1").await?;
        case.end()?.told_exactly()?;
        truth.set_rate(14.0);

        // More than the backlog holds, so that everything is loaded anew.
        let case = begin("link back after the backlog was overrun").await?;
        proxy.cut();
        case.until_behind(Duration::from_secs(1)).await?;
        master.overrun_backlog().await?;
        proxy.heal();
        caught_up(&manager, "r1").await?;
        case.end()?.told_no_lie()?;

        let case = begin("slow link").await?;
        proxy.slow(Duration::from_millis(1200));
        case.until_behind(Duration::from_secs(1)).await?;
        case.looks(4).await?;
        case.end()?.told_exactly()?;
        proxy.heal();
        caught_up(&manager, "r1").await?;

        replica.daemon().freeze();
        until("connecting", &manager, "r1", |replica| {
            replica.state == State::Connecting
        })
        .await?;
        until("down", &manager, "r1", |replica| replica.state == State::Down).await?;
        assert_eq!(said(&manager, "r1").lag.ms(), None);
        replica.daemon().thaw();
        caught_up(&manager, "r1").await?;

        master.daemon().kill().await?;
        let frozen = until("frozen as of", &manager, "r1", |replica| {
            replica.lag.as_of_ms.is_some()
        })
        .await?;
        assert!(
            matches!(frozen.lag.verdict, Verdict::Exact(ms) if ms < 400),
            "{:?}",
            frozen.lag
        );
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_history_gives_no_figure() {
    with_servers(async {
        let lab = Lab::new()?;
        let master = Redis::master(&lab, "master").await?;
        let other = Redis::master(&lab, "other").await?;
        let replica = master.replica(&lab, "r1", None).await?;
        let uri = replica.uri(WATCHER);
        let manager = manager("redis", &master.uri(WATCHER), &[("r1", &uri)], TICK);
        let _truth = Truth::start(&master, 14.0).await?;
        let _other = Truth::start(&other, 14.0).await?;
        caught_up(&manager, "r1").await?;
        replica.follow(other.port()).await?;
        let lost = until("no figure", &manager, "r1", |replica| {
            replica.lag.reason().is_some_and(|why| why.contains("history"))
        })
        .await?;
        assert_eq!(lost.state, State::Up);
        until("drift", &manager, "r1", |replica| {
            replica
                .observed
                .as_ref()
                .is_some_and(|observed| !observed.drift.is_empty())
        })
        .await?;
        // It loads everything anew when it comes back, and its figure comes back with it.
        replica.follow(master.port()).await?;
        caught_up(&manager, "r1").await?;
        Ok(())
    })
    .await;
}
