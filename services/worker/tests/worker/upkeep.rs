//! Records are kept true without anybody asking.

use crate::{
    gateway::Client,
    stage::{Stage, ann},
};
use std::{
    cell::RefCell,
    collections::BTreeSet,
    time::{Duration, Instant},
};
use termfleet_session::record::Session;
use termfleet_store::Directory;

#[tokio::test]
async fn counters_and_directories_reach_the_store_by_themselves() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.input(0, "cd /tmp && echo there-$((1+1))\n").await;
    viewer.shows("there-2").await;
    let record = stage.record(&session.id, |record| record.current_path == "/tmp").await;
    let known = stage.record(&session.id, |record| record.counters.bytes_in == 31).await;
    assert!(known.counters.bytes_out > 0 && record.last_activity_at > session.last_activity_at);
}

#[tokio::test]
async fn a_record_that_was_lost_is_asserted_again() {
    let mut stage = Stage::new().await;
    let session = stage.create().await;
    stage.kill_worker();
    stage.lose_store();
    assert_eq!(stage.store.get(&session.id).await.unwrap(), None);
    stage.start_worker().await;
    assert_eq!(stage.store.get(&session.id).await.unwrap().unwrap().id, session.id);
}

/// Sooner than the worker looks by itself, which is every ten seconds.
const SOON: Duration = Duration::from_secs(8);

#[tokio::test]
async fn a_shell_that_says_where_it_is_is_looked_after() {
    let stage = Stage::unhurried().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let (started, writes) = (Instant::now(), RefCell::new(BTreeSet::new()));
    for place in ["/usr/bin", "/usr", "/tmp"] {
        // Many words about it, and none of them true.
        let says = "printf '\\033]7;file://elsewhere/nowhere\\007'";
        let moves = format!("for n in $(seq 50); do cd /; {says}; cd {place}; {says}; done\n");
        viewer.types(moves).await;
        let there = |record: &Session| {
            writes.borrow_mut().insert(record.updated_at);
            record.current_path == place
        };
        stage.record(&session.id, there).await;
    }
    let took = started.elapsed();
    assert!(took < SOON, "after {took:?}");
    let writes = writes.into_inner().len() as u64;
    assert!(writes <= 2 + took.as_secs(), "{writes} writes in {took:?}");
}
