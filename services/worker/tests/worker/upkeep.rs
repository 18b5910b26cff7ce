//! Records are kept true without anybody asking.

use crate::{
    gateway::Client,
    stage::{Stage, ann},
};
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
