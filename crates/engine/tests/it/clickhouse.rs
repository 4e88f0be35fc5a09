//! ClickHouse: a server without Keeper tells who it is and that nothing of it is replicated.

use crate::support::*;
use replica_core::tree::Uri;
use replica_core::{Dialect, State, Verdict};
use replica_engine::{Connection, FaultKind, Target, driver_of};
use replica_lab::{ClickHouse, Lab, PASSWORD};

fn target(uri: &str) -> Target {
    let dialect = Dialect::new("clickhouse");
    Target::new(Uri::parse(uri, Some(&dialect)).unwrap(), dialect, Some(8123)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_what_it_is_and_has_no_lag() {
    with_servers(async {
        let lab = Lab::new()?;
        let server = ClickHouse::start(&lab, "c").await?;
        let other = ClickHouse::start(&lab, "d").await?;
        let manager = manager("clickhouse", &server.uri(), &[("r1", &other.uri())], TICK);
        let seen = until("read", &manager, "r1", |replica| {
            replica.state == State::Up
                && replica
                    .observed
                    .as_ref()
                    .is_some_and(|seen| seen.version.is_some())
        })
        .await?;
        let observed = seen.observed.unwrap();
        assert!(observed.version.as_ref().unwrap().starts_with("ClickHouse "));
        assert!(
            matches!(&seen.lag.verdict, Verdict::NotApplicable(why) if why.contains("no replicated tables")),
            "{:?}",
            seen.lag
        );
        // Every server takes writes, and none of them plays a role that could differ from the tree.
        assert_eq!(observed.role, None);
        assert_eq!(observed.drift, Vec::new());
        assert_eq!(observed.missing, Vec::new());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_lent_and_refusals_quote_nothing() {
    with_servers(async {
        let lab = Lab::new()?;
        let server = ClickHouse::start(&lab, "c").await?;
        let driver = driver_of(&Dialect::new("clickhouse")).unwrap();
        let Connection::ClickHouse(client) = (driver.connect)(target(&server.uri())).await? else {
            panic!("a connection of another product")
        };
        let answer = client
            .query("SELECT 40 + 2")
            .fetch_bytes("TSV")?
            .collect()
            .await?;
        assert_eq!(&*answer, b"42\n");

        let wrong = server.uri().replace(PASSWORD, "wr0ng-s3cret");
        let refused = (driver.connect)(target(&wrong)).await.unwrap_err();
        assert_eq!(refused.kind, FaultKind::Misconfigured);
        assert!(!refused.message.contains("wr0ng") && !refused.message.contains("watcher"));

        let nowhere = server.uri().replace("/default", "/no_such_database");
        let refused = (driver.connect)(target(&nowhere)).await.unwrap_err();
        assert_eq!(refused.kind, FaultKind::Misconfigured, "{refused}");
        Ok(())
    })
    .await;
}
