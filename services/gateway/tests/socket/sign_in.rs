//! Who a client is, until when, and what happens to those who do not say.

use std::time::{Duration, Instant};

use serde_json::json;
use termfleet_session::role::Role;

use crate::world::World;

#[tokio::test]
async fn anything_before_the_sign_in_ends_the_socket() {
    let world = World::guarded().await;
    for text in [
        r#"{"type":"heartbeat"}"#,
        r#"{"type":"handshake"}"#,
        r#"{"type":"handshake","auth":{"token":"nonsense"}}"#,
        "not even JSON",
    ] {
        let mut client = world.client("/terminal", "termfleet.v1").await;
        client.say(text).await;
        assert_eq!(client.closed().await.0, 4001, "{text}");
    }
    let mut client = world.client("/terminal", "termfleet.v1").await;
    client.input(1, 0, b"x").await;
    assert_eq!(client.closed().await.0, 4001);
    let mut client = world.client("/terminal", "terminal.v1").await;
    client.say(r#"{"type":"send_input","sessionId":"s","payload":"x"}"#).await;
    assert_eq!(client.closed().await.0, 4001);
}

#[tokio::test]
async fn silence_before_the_sign_in_ends_after_five_seconds() {
    let world = World::guarded().await;
    let started = Instant::now();
    let mut client = world.client("/terminal", "termfleet.v1").await;
    assert_eq!(client.closed().await.0, 4008);
    let took = started.elapsed();
    assert!((Duration::from_millis(4_900)..Duration::from_secs(8)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_first_message_signs_in() {
    let world = World::guarded().await;
    let token = world.server.token("ann", None, Role::User);
    let mut client = world.client("/terminal", "termfleet.v1").await;
    client.send(json!({ "type": "handshake", "auth": { "token": token } })).await;
    let welcome = client.json("welcome").await;
    assert_eq!(welcome["user"], json!({ "id": "ann", "role": "user", "tenant": "~ann" }));
    assert!(welcome["expiresAt"].as_str().unwrap().ends_with('Z'), "{welcome}");

    let mut client = world.client("/terminal", "terminal.v1").await;
    client
        .send(json!({ "type": "handshake", "auth": { "token": token, "userId": "ann" },
                      "client": { "version": "1", "capabilities": [] } }))
        .await;
    let ack = client.json("handshake_ack").await;
    assert_eq!(ack["payload"], json!({ "userId": "ann", "role": "user", "heartbeatMs": 15_000 }));
}

#[tokio::test]
async fn a_user_that_is_not_the_tokens_is_forbidden() {
    let world = World::guarded().await;
    let token = world.server.token("ann", None, Role::User);
    let mut client = world.client("/terminal", "terminal.v1").await;
    client.send(json!({ "type": "handshake", "auth": { "token": token, "userId": "bob" } })).await;
    assert_eq!(client.closed().await.0, 4002);
}

#[tokio::test]
async fn an_expired_token_is_closed_on_and_a_fresh_one_goes_on() {
    let world = World::guarded().await;
    let short = world.server.token_for("ann", None, Role::User, 0, 2);
    let mut client = world.client("/terminal", "termfleet.v1").await;
    client.send(json!({ "type": "handshake", "auth": { "token": short } })).await;
    client.json("welcome").await;
    client.json("token_expiring").await;
    let started = Instant::now();
    assert_eq!(client.closed().await.0, 4003);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());

    let short = world.server.token_for("ann", None, Role::User, 0, 2);
    let mut client = world.client("/terminal", "termfleet.v1").await;
    client.send(json!({ "type": "handshake", "auth": { "token": short } })).await;
    client.json("welcome").await;
    let fresh = world.server.token("ann", None, Role::User);
    client.send(json!({ "type": "auth_refresh", "id": "r", "token": fresh })).await;
    assert_eq!(client.json("auth_refreshed").await["id"], "r");
    assert_eq!(client.next_within(Duration::from_millis(2_500)).await, None, "it lives on");
}

#[tokio::test]
async fn a_refresh_with_anothers_token_or_a_bad_one_changes_nothing() {
    let world = World::guarded().await;
    let mut client = world.canonical_as("ann", Role::User).await;
    let token = world.server.token("bob", None, Role::User);
    client.send(json!({ "type": "auth_refresh", "token": token })).await;
    assert_eq!(client.error().await, 4002);
    client.send(json!({ "type": "auth_refresh", "token": "nonsense" })).await;
    assert_eq!(client.error().await, 4001);
    client.send(json!({ "type": "heartbeat" })).await;
    client.json("heartbeat").await;
}

#[tokio::test]
async fn a_role_that_shrinks_shrinks_at_once() {
    let world = World::guarded().await;
    let session = world.session_of_ann().await;
    let mut client = world.canonical_as("ann", Role::User).await;
    client.attach(&session).await;
    client.input(1, 0, b"x").await;
    client.input_ack(1).await;
    let less = world.server.token("ann", None, Role::Viewer);
    client.send(json!({ "type": "auth_refresh", "token": less })).await;
    client.json("auth_refreshed").await;
    client.input(1, 1, b"y").await;
    assert_eq!(client.error().await, 4002);
    assert_eq!(world.worker.input(), b"x");
}
