//! What a socket of `terminal.v1` is told of the sessions that it sits at, while they are focused.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Client, Got},
    world::{World, until},
};

/// Short enough to see several turns, long enough that a busy machine keeps to them.
const INTERVAL: Duration = Duration::from_millis(100);

/// A client that sits at this session.
async fn seated(world: &World, session: &str) -> Client {
    let mut client = world.client("/terminal", "terminal.v1").await;
    client.send(json!({ "type": "send_input", "sessionId": session, "payload": "x" })).await;
    client.json("output").await;
    client
}

async fn set_focus(client: &mut Client, session: &str, focused: bool) {
    let payload = json!({ "focused": focused });
    client.send(json!({ "type": "set_focus", "sessionId": session, "payload": payload })).await;
    // Every socket of the project hears of every session.
    loop {
        let changed = client.json("focus_changed").await;
        if changed["sessionId"] == session {
            return assert_eq!(changed["payload"]["focused"], focused);
        }
    }
}

/// The sessions that the next updates are about.
async fn updates_of(client: &mut Client, count: usize) -> Vec<Value> {
    let mut updates = Vec::new();
    for _ in 0..count {
        updates.push(client.json("metrics_update").await["sessionId"].clone());
    }
    updates
}

#[tokio::test]
async fn a_focused_session_is_told_of_as_rest_does() {
    let world = World::measuring_every(INTERVAL).await;
    let session = world.session().await;
    let mut client = seated(&world, &session).await;
    set_focus(&mut client, &session, true).await;
    let update = client.json("metrics_update").await;
    assert_eq!(update["sessionId"], session.as_str());
    assert!(update["timestamp"].is_u64());
    let payload = &update["payload"];
    assert_eq!((&payload["sessionId"], &payload["viewers"]), (&json!(session), &json!(1)));
    assert_eq!((&payload["memoryBytes"], payload.get("cpuMs")), (&json!(4096), None));
    let next = client.json("metrics_update").await["payload"]["timestamp"].as_u64().unwrap();
    assert!(next > payload["timestamp"].as_u64().unwrap());
}

#[tokio::test]
async fn nothing_is_told_of_what_is_not_focused_or_is_so_no_longer() {
    let world = World::measuring_every(INTERVAL).await;
    let (one, two) = (world.session().await, world.session().await);
    let mut client = seated(&world, &one).await;
    client.send(json!({ "type": "send_input", "sessionId": two, "payload": "x" })).await;
    client.json("output").await;
    set_focus(&mut client, &one, true).await;
    assert_eq!(updates_of(&mut client, 3).await, [json!(one), json!(one), json!(one)]);
    set_focus(&mut client, &two, true).await;
    set_focus(&mut client, &one, false).await;
    assert_eq!(updates_of(&mut client, 3).await, [json!(two), json!(two), json!(two)]);
}

#[tokio::test]
async fn two_sockets_are_one_question_a_turn() {
    let world = World::measuring_every(INTERVAL).await;
    let session = world.session().await;
    let (mut one, mut two) = (seated(&world, &session).await, seated(&world, &session).await);
    set_focus(&mut one, &session, true).await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let (first, second) = tokio::join!(one.json("metrics_update"), two.json("metrics_update"));
        assert_eq!(first["payload"]["timestamp"], second["payload"]["timestamp"]);
        told.push(first["payload"]["timestamp"].as_u64().unwrap());
    }
    assert!(told.is_sorted_by(|one, two| one < two), "{told:?}");
    // One more may be under way.
    assert!((4..=5).contains(&world.worker.described(&session)), "as many questions as turns");
}

#[tokio::test]
async fn nobody_is_asked_about_a_session_that_nobody_sits_at() {
    let world = World::measuring_every(INTERVAL).await;
    let (left, kept) = (world.session().await, world.session().await);
    let mut leaving = seated(&world, &left).await;
    let mut staying = seated(&world, &kept).await;
    set_focus(&mut leaving, &left, true).await;
    set_focus(&mut staying, &kept, true).await;
    leaving.json("metrics_update").await;
    leaving.close().await;
    until("its seat is free", || world.worker.viewers() == 1).await;
    let asked = world.worker.described(&left);
    updates_of(&mut staying, 3).await;
    // A question may have been under way.
    assert!(world.worker.described(&left) <= asked + 1);
}

#[tokio::test]
async fn other_dialects_have_no_word_for_it() {
    let world = World::measuring_every(INTERVAL).await;
    let session = world.session().await;
    let mut text = seated(&world, &session).await;
    let mut canonical = world.canonical().await;
    canonical.attach(&session).await;
    set_focus(&mut text, &session, true).await;
    updates_of(&mut text, 2).await;
    canonical.send(json!({ "type": "heartbeat" })).await;
    loop {
        let Got::Json(next) = canonical.next().await else { continue };
        assert_ne!(next["type"], "metrics_update");
        if next["type"] == "heartbeat" {
            return;
        }
    }
}
