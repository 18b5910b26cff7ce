//! What a process exports of its Redis, while that is well and while it is not.

use std::time::Duration;

use termfleet_runtime::{About, Exporter, Metrics, Tasks};
use termfleet_session::ids::{ProjectId, SessionId, Tag, TenantId};
use termfleet_store::{
    Bus, Directory, RedisStore, StoreError,
    redis::{Options, StoreMetrics},
};
use tokio::time;

use crate::servers::{Server, until};

/// A store, and what is exported of it.
async fn measured(url: &str) -> (RedisStore, Exporter) {
    let mut metrics = Metrics::new(About { service: "gateway", version: "0" });
    let options =
        Options { metrics: StoreMetrics::register(metrics.part("store")), ..Options::default() };
    let store = RedisStore::connect(url, options, &Tasks::new()).await.unwrap();
    (store, metrics.export())
}

/// The value of a metric, by its name and labels.
fn value(exporter: &Exporter, name: &str) -> f64 {
    let text = exporter.text().unwrap();
    let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    let found = lines.into_iter().find(|(id, _)| *id == name);
    found.unwrap_or_else(|| panic!("no {name} in\n{text}")).1.parse().unwrap()
}

fn names() -> (TenantId, ProjectId, SessionId) {
    let (tenant, project) = ("acme".parse().unwrap(), "shop".parse().unwrap());
    let id = SessionId::new(&Tag::of(&tenant, &project), [3; 16]);
    (tenant, project, id)
}

#[tokio::test]
async fn calls_are_counted_and_timed_and_so_is_a_server_that_goes_and_comes_back() {
    let mut server = Server::start("").await;
    let (store, exporter) = measured(&server.url()).await;
    let (tenant, project, id) = names();
    assert_eq!(value(&exporter, "termfleet_store_up"), 1.0);
    let reads = "termfleet_store_calls_total{operation=\"read\"}";
    let before = value(&exporter, reads);
    assert_eq!(store.get(&id).await, Ok(None));
    assert_eq!(value(&exporter, reads), before + 1.0);
    assert!(value(&exporter, "termfleet_store_call_seconds_count") >= 1.0);
    let mut hints = store.subscribe(&tenant, &project).await.unwrap();

    server.kill();
    until("a store that is down", async || value(&exporter, "termfleet_store_up") == 0.0).await;
    let refused = store.get(&id).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    let unconnected = "termfleet_store_errors_total{kind=\"unconnected\"}";
    assert!(value(&exporter, unconnected) >= 1.0);

    server.spawn();
    until("a store that is up", async || value(&exporter, "termfleet_store_up") == 1.0).await;
    let again = "termfleet_store_subscription_reconnects_total";
    until("hints again", async || value(&exporter, again) >= 1.0).await;
    let heard = time::timeout(Duration::from_secs(30), hints.recv()).await;
    assert!(heard.unwrap().is_some());
}
