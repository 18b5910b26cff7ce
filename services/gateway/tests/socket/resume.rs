//! Coming back with a ticket: past the limit of the address, into the place of the socket before.

use std::time::Duration;

use serde_json::{Value, json};
use termfleet_session::role::Role;
use tokio::time;

use crate::{
    client::Client,
    harness::{DEADLINE, Request, Setup, logged},
    world::World,
};

async fn world(handshakes: u32, sockets: u32) -> World {
    World::start(Setup::with_auth().limits(|limits| {
        limits.handshakes_per_minute = handshakes;
        limits.sockets_per_user = sockets;
    }))
    .await
}

/// Signs in by the first message; what the server says to it.
async fn signs_in(world: &World, client: &mut Client, user: &str) -> Value {
    let token = world.server.token(user, None, Role::User);
    client.send(json!({ "type": "handshake", "auth": { "token": token } })).await;
    client.json("welcome").await
}

/// The path that brings the ticket of a welcome.
fn back(welcome: &Value) -> String {
    format!("/terminal?resume={}", welcome["resumeTicket"].as_str().expect("a ticket"))
}

/// The status of an upgrade there as that user.
async fn status(world: &World, target: &str, user: &str) -> u16 {
    let token = world.server.token(user, None, Role::User);
    let upgrade = Request::upgrade(target).with("Sec-WebSocket-Protocol", "termfleet.v1");
    world.server.send(upgrade.bearer(&token)).await.status
}

#[tokio::test]
async fn a_ticket_passes_the_limit_of_the_address_and_a_worthless_one_does_not() {
    let world = world(1, 50).await;
    let mut client = world.client("/terminal", "termfleet.v1").await;
    let welcome = signs_in(&world, &mut client, "ann").await;
    assert_eq!(status(&world, "/terminal", "ann").await, 429);
    let target = back(&welcome);
    assert_eq!(status(&world, &target, "ann").await, 101);
    let mut forged = target.clone();
    forged.replace_range(40..41, if target.as_bytes()[40] == b'A' { "B" } else { "A" });
    assert_eq!(status(&world, &forged, "ann").await, 429);
    assert_eq!(status(&world, &target, "bob").await, 429, "it is ann's");
    assert_eq!(status(&world, &format!("{target}&resume=x"), "ann").await, 400);
    assert_eq!(status(&world, &target, "ann").await, 101, "and stays hers");
    assert!(!logged().contains(&target[30..70]), "a ticket was logged");
}

#[tokio::test]
async fn another_users_ticket_is_counted_once_the_first_message_tells() {
    let world = world(2, 50).await;
    let mut ann = world.client("/terminal", "termfleet.v1").await;
    let target = back(&signs_in(&world, &mut ann, "ann").await);
    let mut bob = world.client(&target, "termfleet.v1").await;
    signs_in(&world, &mut bob, "bob").await;
    let mut bob = world.client(&target, "termfleet.v1").await;
    let token = world.server.token("bob", None, Role::User);
    bob.send(json!({ "type": "handshake", "auth": { "token": token } })).await;
    assert_eq!(bob.closed().await.0, 4029, "the address has no handshake left");
}

#[tokio::test]
async fn a_socket_takes_the_place_of_the_one_before_and_may_sign_in_by_either_way() {
    let world = world(100, 1).await;
    let mut first = world.client("/terminal", "termfleet.v1").await;
    let welcome = signs_in(&world, &mut first, "ann").await;
    // Nobody else has room.
    let mut other = world.client("/terminal", "termfleet.v1").await;
    let token = world.server.token("ann", None, Role::User);
    other.send(json!({ "type": "handshake", "auth": { "token": token } })).await;
    assert_eq!(other.closed().await.0, 4029);

    let mut second = world.client(&back(&welcome), "termfleet.v1").await;
    let welcome = signs_in(&world, &mut second, "ann").await;
    let third = world.client_with(&back(&welcome), "termfleet.v1", Some(&token)).await;
    assert_eq!(status(&world, "/terminal", "ann").await, 429);
    // Both that were replaced are told to go, a while later.
    for mut replaced in [first, second] {
        let told = async {
            loop {
                replaced.send(json!({ "type": "heartbeat" })).await;
                if let Some(got) = replaced.next_within(Duration::from_secs(1)).await
                    && let crate::client::Got::Closed(code, _) = got
                {
                    return code;
                }
            }
        };
        // Two renewals, three times over.
        assert_eq!(time::timeout(DEADLINE * 3, told).await.expect("it is told"), 4006);
    }
    drop(third);
}

#[tokio::test]
async fn what_is_said_before_there_is_a_place_waits_for_it() {
    let world = world(100, 50).await;
    let mut client = world.client("/terminal", "termfleet.v1").await;
    let token = world.server.token("ann", None, Role::User);
    client.send(json!({ "type": "handshake", "auth": { "token": token } })).await;
    // Sent before any welcome can have come.
    client.send(json!({ "id": "1", "type": "heartbeat" })).await;
    client.json("welcome").await;
    assert_eq!(client.json("heartbeat").await["id"], "1");
}

#[tokio::test]
async fn heartbeats_bring_no_ticket_as_long_as_the_last_is_fresh() {
    let world = world(100, 50).await;
    let mut client = world.client("/terminal", "termfleet.v1").await;
    signs_in(&world, &mut client, "ann").await;
    client.send(json!({ "type": "heartbeat" })).await;
    assert_eq!(client.json("heartbeat").await["resumeTicket"], Value::Null);
}

#[tokio::test]
async fn without_auth_there_are_no_tickets_and_any_is_ignored() {
    let world = World::open().await;
    let mut client = world.client("/terminal?resume=nonsense", "termfleet.v1").await;
    client.send(json!({ "type": "handshake" })).await;
    assert_eq!(client.json("welcome").await["resumeTicket"], Value::Null);
}
