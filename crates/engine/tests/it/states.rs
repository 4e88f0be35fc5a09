//! Servers that refuse, hang, fill up or want another password: the right state and the right reason, soon, and nobody else delayed.

use crate::support::*;
use anyhow::Result;
use replica_core::tree::Tree;
use replica_core::{Replica, Role, State};
use replica_engine::{Pace, ReplicationManager};
use replica_lab::lab::free_port;
use replica_lab::{ClickHouse, Lab, MariaDb, PLAIN, Postgres, Proxy, Redis, WATCHER};
use std::time::Duration;

/// Waits for a state and a word of its reason.
async fn until_state(
    manager: &ReplicationManager,
    name: &str,
    state: State,
    reason: &str,
) -> Result<Replica> {
    let wanted = |replica: &Replica| {
        replica.state == state
            && replica
                .state_reason()
                .unwrap_or_default()
                .to_lowercase()
                .contains(reason)
    };
    until(
        &format!("{} because of {reason:?}", state.word()),
        manager,
        name,
        wanted,
    )
    .await
}

/// Every way in which a server can turn us away or fall silent, for one product.
async fn turned_away(
    dialect: &str,
    uri: &str,
    through: &str,
    wrong_password: &str,
    proxy: &Proxy,
) -> Result<()> {
    let refused = uri_at_dead_port(uri)?;
    let slaves = [
        ("through", through),
        ("password", wrong_password),
        ("refused", &refused),
    ];
    let manager = manager(dialect, uri, &slaves, TICK);
    until("up", &manager, "through", |replica| replica.state == State::Up).await?;
    until_state(&manager, "refused", State::Down, "refused").await?;
    let denied = until("denied", &manager, "password", |replica| {
        replica.state == State::Up && replica.state_reason().is_some()
    })
    .await?;
    assert_eq!(denied.lag.ms(), None, "{denied:?}");
    proxy.blackhole();
    until_state(&manager, "through", State::Connecting, "no answer").await?;
    until_state(&manager, "through", State::Down, "no answer").await?;
    proxy.heal();
    until("up again", &manager, "through", |replica| {
        replica.state == State::Up
    })
    .await?;
    proxy.cut();
    let gone = |replica: &Replica| matches!(replica.state, State::Connecting | State::Down);
    until("gone", &manager, "through", gone).await?;
    proxy.heal();
    until("up again", &manager, "through", |replica| {
        replica.state == State::Up
    })
    .await?;
    // What a server says in refusing must not hold the password.
    let text = format!("{:?}", manager.status());
    assert!(
        !text.contains("wr0ng-s3cret") && !text.contains(replica_lab::PASSWORD),
        "{text}"
    );
    Ok(())
}

fn uri_at_dead_port(uri: &str) -> Result<String> {
    let port = free_port()?;
    let (before, rest) = uri.rsplit_once(':').unwrap_or((uri, ""));
    let after = rest.find('/').map_or("", |at| &rest[at..]);
    Ok(format!("{before}:{port}{after}"))
}

fn wrong(uri: &str) -> String {
    uri.replace(replica_lab::PASSWORD, "wr0ng-s3cret")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    with_servers(async {
        let lab = Lab::new()?;
        let server = Postgres::primary(&lab, "p").await?;
        let proxy = Proxy::to(server.port()).await?;
        let uri = server.uri(WATCHER);
        let through = server.uri_through(WATCHER, proxy.port());
        turned_away("postgres", &uri, &through, &wrong(&uri), &proxy).await?;

        let held = server.fill_connections().await?;
        let manager = manager("postgres", &uri, &[], TICK);
        until_state(&manager, "master", State::Up, "connection").await?;
        drop(held);
        until("up and read", &manager, "master", |replica| {
            replica.state_reason().is_none()
        })
        .await?;

        let nowhere = uri.replace("/postgres", "/no_such_database");
        let manager = crate::support::manager("postgres", &nowhere, &[], TICK);
        until_state(&manager, "master", State::Up, "no_such_database").await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb() {
    with_servers(async {
        let lab = Lab::new()?;
        let server = MariaDb::primary(&lab, "p").await?;
        let proxy = Proxy::to(server.port()).await?;
        let uri = server.uri(WATCHER);
        let through = server.uri_through(WATCHER, proxy.port());
        turned_away("mysql", &uri, &through, &wrong(&uri), &proxy).await?;

        let held = server.fill_connections().await?;
        let manager = manager("mysql", &uri, &[], TICK);
        until_state(&manager, "master", State::Up, "too many connections").await?;
        drop(held);
        until("up and read", &manager, "master", |replica| {
            replica.state_reason().is_none()
        })
        .await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis() {
    with_servers(async {
        let lab = Lab::new()?;
        let server = Redis::master(&lab, "p").await?;
        let proxy = Proxy::to(server.port()).await?;
        let uri = server.uri(WATCHER);
        let through = server.uri_through(WATCHER, proxy.port());
        turned_away("redis", &uri, &through, &wrong(&uri), &proxy).await?;

        let held = server.fill_connections().await?;
        let manager = manager("redis", &uri, &[], TICK);
        until_state(&manager, "master", State::Up, "max number of clients").await?;
        drop(held);
        until("up and read", &manager, "master", |replica| {
            replica.state_reason().is_none()
        })
        .await?;

        let manager = crate::support::manager("redis", &server.uri(PLAIN), &[], TICK);
        until_state(&manager, "master", State::Up, "+info").await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clickhouse() {
    with_servers(async {
        let lab = Lab::new()?;
        let server = ClickHouse::start(&lab, "p").await?;
        let proxy = Proxy::to(server.port()).await?;
        let uri = server.uri();
        turned_away(
            "clickhouse",
            &uri,
            &server.uri_through(proxy.port()),
            &wrong(&uri),
            &proxy,
        )
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_hangs_delays_nobody() {
    with_servers(async {
        let lab = Lab::new()?;
        let server = Redis::master(&lab, "p").await?;
        let proxy = Proxy::to(server.port()).await?;
        proxy.blackhole();
        let hung = server.uri_through(WATCHER, proxy.port());
        let healthy = server.uri(WATCHER);
        let mut tree = Tree::default();
        for number in 0..20 {
            let mut project = tree_of(&healthy, &hung).projects.remove(0);
            project.name = format!("p{number}").into();
            tree.projects.push(project);
        }
        let tick = Duration::from_millis(300);
        let manager = ReplicationManager::of(&tree, Pace::every(tick));
        let pings = |name: &str| -> Vec<i64> {
            let snapshot = manager.status();
            let found = snapshot.replicas().filter(|(_, replica)| &*replica.name == name);
            found.filter_map(|(_, replica)| replica.last_ping_ms).collect()
        };
        replica_lab::wait_for("all healthy ones to answer", SOON, async || {
            pings("well").len() == 20
        })
        .await?;
        let first = pings("well");
        // Each goes on at its own pace, though its master and its neighbour never answer.
        replica_lab::wait_for("all of them to answer again and again", SOON, async || {
            let now = pings("well");
            now.iter().zip(&first).all(|(now, first)| now - first >= 2000)
        })
        .await?;
        assert_eq!(pings("hung"), Vec::<i64>::new());
        Ok(())
    })
    .await;
}

fn tree_of(healthy: &str, hung: &str) -> Tree {
    let mut tree = tree("redis", hung, &[("well", healthy), ("hung", hung)]);
    tree.projects[0].replicas[0].role = Role::Master;
    tree
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_driver_the_address_is_knocked_at() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let open = format!(
        "oracle://u:p@127.0.0.1:{}/X",
        listener.local_addr().unwrap().port()
    );
    let closed = format!("oracle://u:p@127.0.0.1:{}/X", free_port().unwrap());
    let manager = manager("oracle", &open, &[("closed", &closed)], TICK);
    until_state(
        &manager,
        "master",
        State::Unknown,
        "no driver for oracle, only its address is checked",
    )
    .await
    .unwrap();
    until_state(&manager, "closed", State::Down, "refused")
        .await
        .unwrap();
}
