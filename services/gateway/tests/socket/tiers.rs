//! How a client is fed: as it asks, or as its project's focus decides, on every gateway.

use serde_json::{Value, json};
use termfleet_proto::worker_v1::{self as pb, gateway_frame::Frame};

use crate::{
    client::Client,
    world::{World, until},
};

async fn focus(client: &mut Client, session: &str, focused: bool) {
    let changes = json!([{ "sessionId": session, "focused": focused }]);
    client.send(json!({ "type": "focus", "projectId": "p", "changes": changes })).await;
}

async fn view(client: &mut Client, visible: bool) {
    client.send(json!({ "type": "view", "channel": 1, "visible": visible })).await;
}

/// The next event `tier` of the only session.
async fn tier(client: &mut Client) -> Value {
    loop {
        let event = client.json("event").await;
        if event["kind"] == "tier" {
            return event["tier"].clone();
        }
    }
}

fn asked(world: &World) -> Vec<pb::Tier> {
    world.worker.heard(|frame| match frame {
        Frame::Attach(attach) => Some(attach.tier()),
        Frame::SetTier(set) => Some(set.tier()),
        _ => None,
    })
}

#[tokio::test]
async fn who_leaves_it_to_us_is_fed_by_focus_and_by_what_it_shows() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    let attached = client.attach_with(&session, json!({ "tier": "auto" })).await;
    assert_eq!(attached["tier"], "preview");
    view(&mut client, false).await;
    assert_eq!(tier(&mut client).await, "events");
    focus(&mut client, &session, true).await;
    assert_eq!(tier(&mut client).await, "live");
    view(&mut client, true).await;
    focus(&mut client, &session, false).await;
    assert_eq!(tier(&mut client).await, "preview");
    use pb::Tier::{Events, Live, Preview};
    assert_eq!(asked(&world), [Preview, Events, Live, Preview], "and nothing twice");
}

#[tokio::test]
async fn a_focused_session_is_live_from_the_first_byte() {
    let world = World::open().await;
    let (session, other) = (world.session().await, world.session().await);
    let mut client = world.canonical().await;
    focus(&mut client, &session, true).await;
    client.json("focused").await;
    let attached = client.attach_with(&session, json!({ "tier": "auto" })).await;
    assert_eq!(attached["tier"], "live");
    let attached = client.attach_with(&other, json!({ "tier": "auto" })).await;
    assert_eq!(attached["tier"], "preview");
}

#[tokio::test]
async fn a_change_of_focus_reaches_the_viewers_of_every_gateway() {
    let here = World::open().await;
    let there = here.second_gateway().await;
    let session = here.session().await;
    let mut clients = [here.canonical().await, there.canonical().await];
    for client in &mut clients {
        client.attach_with(&session, json!({ "tier": "auto" })).await;
    }
    for focused in [true, false, true] {
        focus(&mut clients[0], &session, focused).await;
        for client in &mut clients {
            assert_eq!(tier(client).await, if focused { "live" } else { "preview" });
        }
    }
    focus(&mut clients[1], &session, false).await;
    for client in &mut clients {
        assert_eq!(tier(client).await, "preview");
    }
}

#[tokio::test]
async fn the_fifth_focus_takes_the_bytes_of_the_first() {
    let world = World::open().await;
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(world.session().await);
    }
    let (mut first, mut asker) = (world.canonical().await, world.canonical().await);
    focus(&mut asker, &sessions[0], true).await;
    asker.json("focused").await;
    let attached = first.attach_with(&sessions[0], json!({ "tier": "auto" })).await;
    assert_eq!(attached["tier"], "live");
    for session in &sessions[1..] {
        focus(&mut asker, session, true).await;
        asker.json("focused").await;
    }
    assert_eq!(tier(&mut first).await, "preview");
}

#[tokio::test]
async fn who_says_how_is_fed_so_whatever_is_focused() {
    let world = World::open().await;
    let session = world.session().await;
    for (asks, is) in
        [(json!("live"), "live"), (json!("preview"), "preview"), (json!("events"), "events")]
    {
        let mut client = world.canonical().await;
        let attached = client.attach_with(&session, json!({ "tier": asks })).await;
        assert_eq!(attached["tier"], is);
        view(&mut client, false).await;
        focus(&mut client, &session, true).await;
        client.json("focused").await;
        focus(&mut client, &session, false).await;
        client.json("focused").await;
    }
    let mut client = world.canonical().await;
    assert_eq!(client.attach(&session).await["tier"], "live", "without a word it is live");
    use pb::Tier::{Events, Live, Preview};
    assert_eq!(asked(&world), [Live, Preview, Events, Live]);
}

#[tokio::test]
async fn what_a_channel_that_does_not_exist_shows_is_a_mistake() {
    let world = World::open().await;
    let mut client = world.canonical().await;
    view(&mut client, true).await;
    assert_eq!(client.error().await, 2004);
}

#[tokio::test]
async fn a_seat_that_is_asked_for_again_is_asked_for_as_it_is_fed_now() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach_with(&session, json!({ "tier": "auto" })).await;
    view(&mut client, false).await;
    assert_eq!(tier(&mut client).await, "events");
    world.worker.cut(false);
    until("the seat to be back", || world.worker.viewers() == 1).await;
    use pb::Tier::{Events, Preview};
    assert_eq!(asked(&world), [Preview, Events, Events]);
}
