//! Several processes on one Redis: limits hold over all of them, and all hear the same.

use std::{sync::Arc, time::Duration};

use termfleet_runtime::Tasks;
use termfleet_session::ids::{SessionId, Tag};
use termfleet_store::{
    Bus, Directory, Hint, Limits, RedisStore, Reservation, StoreError, What, conformance::record,
    redis::Options,
};
use tokio::{task::JoinSet, time};

use crate::servers::{Cluster, Server};

/// Longer than any hint takes.
const DEADLINE: Duration = Duration::from_secs(10);

async fn gateways(url: &str) -> Vec<Arc<RedisStore>> {
    let mut gateways = Vec::new();
    for _ in 0..3 {
        let store = RedisStore::connect(url, Options::default(), &Tasks::new()).await.unwrap();
        gateways.push(Arc::new(store));
    }
    gateways
}

pub(crate) fn wanted(project: usize, limits: Limits) -> Reservation {
    let project = format!("shop-{project}").parse().unwrap();
    let tenant = "acme".parse().unwrap();
    let mut random = [0; 16];
    getrandom::fill(&mut random).unwrap();
    Reservation {
        id: SessionId::new(&Tag::of(&tenant, &project), random),
        tenant,
        project,
        user: "ann".parse().unwrap(),
        alias: None,
        limits,
    }
}

/// A thousand creations at once, over three gateways; answers how many there then are.
async fn race(url: &str, projects: usize, limits: Limits) -> usize {
    let gateways = gateways(url).await;
    let mut tasks = JoinSet::new();
    for n in 0..1_000 {
        let (store, wanted) = (Arc::clone(&gateways[n % 3]), wanted(n % projects, limits));
        tasks.spawn(async move {
            store.reserve(&wanted).await?;
            store.commit(record(&wanted)).await
        });
    }
    let mut made = 0;
    for answer in tasks.join_all().await {
        match answer {
            Ok(_) => made += 1,
            Err(StoreError::ProjectFull { .. } | StoreError::UserFull { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_creates_over_three_gateways_make_exactly_the_projects_limit() {
    let server = Server::start("").await;
    let limits = Limits { per_project: 10, per_user: 2_000 };
    assert_eq!(race(&server.url(), 1, limits).await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_creates_over_three_gateways_make_exactly_the_users_limit() {
    let server = Server::start("").await;
    let limits = Limits { per_project: 10, per_user: 20 };
    assert_eq!(race(&server.url(), 5, limits).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_too_the_limits_are_exact() {
    let cluster = Cluster::start().await;
    let limits = Limits { per_project: 10, per_user: 20 };
    assert_eq!(race(&cluster.url(), 5, limits).await, 20);
}

#[tokio::test]
async fn what_one_gateway_writes_all_hear_and_read() {
    let cluster = Cluster::start().await;
    let gateways = gateways(&cluster.url()).await;
    let wanted = wanted(0, Limits::default());
    let mut hints = Vec::new();
    for gateway in &gateways {
        hints.push(gateway.subscribe(&wanted.tenant, &wanted.project).await.unwrap());
    }
    gateways[0].reserve(&wanted).await.unwrap();
    let made = gateways[0].commit(record(&wanted)).await.unwrap();
    for (gateway, hints) in gateways.iter().zip(&mut hints) {
        let hint = time::timeout(DEADLINE, hints.recv()).await.unwrap();
        let created =
            matches!(&hint, Some(Hint::Session { what: What::Created, id, .. }) if *id == made.id);
        assert!(created, "{hint:?}");
        assert_eq!(gateway.get(&made.id).await, Ok(Some(made.clone())));
    }
}
