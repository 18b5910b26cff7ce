//! Limits of users over all gateways: three stores share one Redis, and nothing is given away twice.

use std::{sync::Arc, time::Duration};

use termfleet_store::{Rate, Rates, RedisStore, Scope, SocketUser, Sockets, Taken};
use tokio::task::JoinSet;

use crate::{
    once::Three,
    servers::{Cluster, Server},
};

/// So many at once, of which none comes back while a test runs.
fn a_burst(count: u32) -> Rate {
    Rate::new(1, Duration::from_secs(3_600)).with_burst(count)
}

fn scope() -> Scope {
    Scope { limit: "requests", tenant: "acme".parse().unwrap(), user: "ann".parse().unwrap() }
}

fn user(name: &str) -> SocketUser {
    SocketUser { tenant: "acme".parse().unwrap(), user: name.parse().unwrap() }
}

/// Does something a thousand times at once, on each store in turn; answers how often it was granted.
async fn granted<F>(three: &Three, act: impl Fn(Arc<RedisStore>, usize) -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for n in 0..1_000 {
        tasks.spawn(act(three.stores[n % 3].clone(), n));
    }
    tasks.join_all().await.into_iter().filter(|granted| *granted).count()
}

async fn rates_are_exact(three: &Three) {
    let taken = granted(three, async |store, _| {
        store.take(&scope(), a_burst(100), 1).await.unwrap() == Taken::Yes
    });
    assert_eq!(taken.await, 100);
}

async fn places_are_exact(three: &Three) {
    let taken = granted(three, async |store, n| {
        let socket = format!("socket-{n}");
        store.take_place(&user("ann"), &socket, None, 50).await.unwrap()
    });
    assert_eq!(taken.await, 50);
    // Whoever comes in the place of one of them: of a thousand one gets it.
    let first = [String::from("old")];
    three.stores[0].renew_places(&user("bob"), &first).await.unwrap();
    let taken = granted(three, async |store, n| {
        let socket = format!("socket-{n}");
        store.take_place(&user("bob"), &socket, Some("old"), 1).await.unwrap()
    });
    assert_eq!(taken.await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_on_one_redis_give_each_limit_away_once() {
    let server = Server::start("").await;
    let three = Three::of(&server.url()).await;
    rates_are_exact(&three).await;
    places_are_exact(&three).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_on_a_cluster_give_each_limit_away_once() {
    let cluster = Cluster::start().await;
    let three = Three::of(&cluster.url()).await;
    rates_are_exact(&three).await;
    places_are_exact(&three).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_at_rest_vanishes_from_redis() {
    let server = Server::start("").await;
    let three = Three::of(&server.url()).await;
    let rate = Rate::new(10, Duration::from_secs(10));
    three.stores[0].take(&scope(), rate, 10).await.unwrap();
    let left: i64 = server.ask("PTTL tf:{l:requests:acme/ann}:rate").await;
    // Ten seconds until it is at rest, and a minute for a clock that is another one's.
    assert!((60_000..=70_000).contains(&left), "{left}");
    for (socket, replaces) in [("a", None), ("b", Some("a"))] {
        assert!(three.stores[0].take_place(&user("ann"), socket, replaces, 1).await.unwrap());
    }
    for key in ["sockets", "replaced"] {
        let left: i64 = server.ask(&format!("PTTL tf:{{u:acme/ann}}:{key}")).await;
        // As long as the place, and again a minute.
        assert!((80_000..=90_000).contains(&left), "{key}: {left}");
    }
}
