//! Limits of users over all gateways: three stores share one Redis, and nothing is given away twice.

use std::{sync::Arc, time::Duration};

use termfleet_store::{Rate, Rates, RedisStore, Scope, Taken};
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

#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_on_one_redis_give_each_limit_away_once() {
    let server = Server::start("").await;
    rates_are_exact(&Three::of(&server.url()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_on_a_cluster_give_each_limit_away_once() {
    let cluster = Cluster::start().await;
    rates_are_exact(&Three::of(&cluster.url()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_at_rest_vanishes_from_redis() {
    let server = Server::start("").await;
    let three = Three::of(&server.url()).await;
    let rate = Rate::new(10, Duration::from_secs(10));
    three.stores[0].take(&scope(), rate, 10).await.unwrap();
    let left: i64 = server.ask("PTTL tf:{l:requests:acme/ann}:rate").await;
    // Ten seconds until it is at rest, and a minute for a clock that is another one's.
    assert!((60_000..=70_000).contains(&left), "{left}");
}
