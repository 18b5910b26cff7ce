//! A gateway that goes tells its sockets first.

use std::time::Duration;

use serde_json::json;

use crate::{harness::DEADLINE, world::World};

#[tokio::test]
async fn sockets_are_told_when_to_move_and_closed_on_in_time() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    let mut text = world.client(&format!("/ws/terminal/{session}"), "").await;
    text.json("connected").await;
    world.server.drain.trigger();
    let draining = client.json("draining").await;
    assert!(draining["retryAfterMs"].as_u64().unwrap() < 8_000, "{draining}");
    client.input(1, 0, b"still served").await;
    assert_eq!(client.input_ack(1).await, 12);
    client.send(json!({ "type": "heartbeat" })).await;
    client.json("heartbeat").await;
    assert_eq!(client.closed().await.0, 1012);
    assert_eq!(text.closed().await.0, 1012);
    tokio::time::timeout(DEADLINE, world.server.serving).await.unwrap().unwrap();
    assert!(world.server.edge.tasks.is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn a_client_that_answers_nothing_leaves_nothing_behind() {
    // Shorter than a close frame's answer is waited for.
    let world = World::draining_within(Duration::from_millis(200)).await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    world.server.drain.trigger();
    tokio::time::timeout(DEADLINE, world.server.serving).await.unwrap().unwrap();
    assert!(world.server.edge.tasks.is_empty(), "nothing is left behind");
    drop(client);
}
