//! Focus on sockets: asked for in one dialect, heard in all, one message a session, eviction first.

use serde_json::{Value, json};
use termfleet_session::role::Role;

use crate::{
    client::{Client, Got},
    world::World,
};

async fn sessions(world: &World, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(world.session().await);
    }
    ids
}

/// A canonical client that watches the project; with the focus that it was told.
async fn watcher(world: &World) -> (Client, Value) {
    let mut client = world.canonical().await;
    client.send(json!({ "type": "subscribe", "projectId": "p" })).await;
    let told = client.json("subscribed").await;
    (client, told["focusState"].clone())
}

fn grid(ids: &[String]) -> Value {
    let change = |id: &String| json!({ "sessionId": id, "focused": true });
    let changes: Vec<_> = ids.iter().map(change).collect();
    json!({ "type": "focus", "id": "g", "projectId": "p", "changes": changes })
}

#[tokio::test]
async fn the_asker_is_answered_and_every_watcher_hears_of_each_session() {
    let world = World::open().await;
    let ids = sessions(&world, 5).await;
    let (mut one, state) = watcher(&world).await;
    assert_eq!(
        state,
        json!({ "projectId": "p", "focusedSessions": [], "totalFocused": 0, "maxFocused": 4,
            "version": 0 })
    );
    let (mut two, _) = watcher(&world).await;
    one.send(grid(&ids[..4])).await;
    let focused = one.json("focused").await;
    assert_eq!(focused["id"], "g");
    assert_eq!(focused["focusState"]["focusedSessions"], json!(ids[..4]));
    let mut version = 0;
    for (at, id) in ids[..4].iter().enumerate() {
        let update = two.json("focus_update").await;
        assert_eq!((&update["sessionId"], &update["focused"]), (&json!(id), &json!(true)));
        assert_eq!(update["focusedSessions"], json!(ids[..=at]));
        assert_eq!((&update["totalFocused"], &update["maxFocused"]), (&json!(at + 1), &json!(4)));
        assert!(update["version"].as_u64().unwrap() > version && update["timestamp"].is_u64());
        version = update["version"].as_u64().unwrap();
    }
    assert_eq!(focused["focusState"]["version"], version);

    two.send(grid(&ids[4..])).await;
    two.json("focused").await;
    for _ in 0..4 {
        one.json("focus_update").await;
    }
    let evicted = one.json("focus_update").await;
    assert_eq!((&evicted["sessionId"], &evicted["focused"]), (&json!(ids[0]), &json!(false)));
    assert_eq!(evicted["totalFocused"], 3);
    let gained = one.json("focus_update").await;
    assert_eq!((&gained["sessionId"], &gained["focused"]), (&json!(ids[4]), &json!(true)));
    assert!(gained["version"].as_u64() > evicted["version"].as_u64());
    // Whoever comes later is told how it is.
    let (_, state) = watcher(&world).await;
    assert_eq!(state["focusedSessions"], json!(ids[1..]));
}

#[tokio::test]
async fn a_conflict_brings_the_focus_along_and_changes_nothing() {
    let world = World::open().await;
    let ids = sessions(&world, 2).await;
    let (mut client, _) = watcher(&world).await;
    client.send(grid(&ids[..1])).await;
    let version = client.json("focused").await["focusState"]["version"].clone();
    let mut stale = grid(&ids[1..]);
    stale["expectedVersion"] = json!(1);
    client.send(stale.clone()).await;
    let error = client.json("error").await;
    assert_eq!((&error["code"], &error["id"]), (&json!(1005), &json!("g")));
    assert_eq!(error["focusState"]["version"], version);
    stale["expectedVersion"] = version;
    client.send(stale).await;
    assert_eq!(client.json("focused").await["focusState"]["totalFocused"], 2);
}

#[tokio::test]
async fn what_a_client_may_not_focus_is_refused() {
    let world = World::guarded().await;
    let session = world.session_of_ann().await;
    for (user, role, code) in [("bob", Role::User, 1001), ("ann", Role::Viewer, 4002)] {
        let mut client = world.canonical_as(user, role).await;
        client.send(grid(std::slice::from_ref(&session))).await;
        assert_eq!(client.error().await, code, "{user}");
    }
    let mut client = world.canonical_as("ann", Role::User).await;
    client.send(json!({ "type": "focus", "projectId": "p", "changes": [] })).await;
    assert_eq!(client.error().await, 2004);
    client
        .send(json!({ "type": "focus", "projectId": "q",
        "changes": [{ "sessionId": session, "focused": true }] }))
        .await;
    assert_eq!(client.error().await, 2004);
}

#[tokio::test]
async fn on_a_sessions_own_socket_no_other_is_focused() {
    let world = World::open().await;
    let ids = sessions(&world, 2).await;
    let mut client = world.client(&format!("/ws/terminal/{}", ids[0]), "termfleet.v1").await;
    client.say(r#"{"type":"handshake"}"#).await;
    client.json("welcome").await;
    client.send(grid(&ids)).await;
    assert_eq!(client.error().await, 2004);
    client.send(grid(&ids[..1])).await;
    assert_eq!(client.json("focused").await["focusState"]["focusedSessions"], json!(ids[..1]));
}

#[tokio::test]
async fn a_text_client_sets_the_focus_and_hears_it_by_its_own_names() {
    let world = World::open().await;
    world.server.session_as("~dev", "dev", "p", Some("build")).await;
    let other = world.session().await;
    let mut client = world.client("/terminal", "terminal.v1").await;
    let set_focus = |focused: bool| json!({ "type": "set_focus", "sessionId": "build", "payload": { "focused": focused } });
    client.send(set_focus(true)).await;
    let changed = client.json("focus_changed").await;
    assert_eq!(changed["sessionId"], "build");
    assert_eq!(changed["payload"]["focusedSessions"], json!(["build"]));
    assert_eq!(
        (&changed["payload"]["focused"], &changed["payload"]["maxFocused"]),
        (&json!(true), &json!(4))
    );
    // Again is no change, and is answered all the same.
    client.send(set_focus(true)).await;
    let again = client.json("focus_changed").await;
    assert_eq!(again["payload"]["version"], changed["payload"]["version"]);

    let (mut canonical, _) = watcher(&world).await;
    canonical.send(grid(std::slice::from_ref(&other))).await;
    let heard = loop {
        let heard = client.json("focus_changed").await;
        if heard["sessionId"] == other.as_str() {
            break heard;
        }
    };
    assert_eq!(heard["payload"]["focusedSessions"], json!(["build", other]));
    client.send(set_focus(false)).await;
    let lost = canonical.json("focus_update").await;
    assert_eq!(lost["sessionId"], other.as_str());
    let lost = canonical.json("focus_update").await;
    assert_eq!((&lost["focused"], &lost["focusedSessions"]), (&json!(false), &json!([other])));
}

#[tokio::test]
async fn a_text_clients_conflict_brings_the_focus_along() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client("/terminal", "terminal.v1").await;
    client
        .send(json!({ "type": "set_focus", "sessionId": session,
        "payload": { "focused": true, "expectedVersion": 1 } }))
        .await;
    let error = client.json("error").await;
    assert_eq!(error["payload"]["code"], 1005);
    assert_eq!(error["payload"]["focusState"]["version"], 0);
}

#[tokio::test]
async fn records_that_are_told_say_whether_they_are_focused() {
    let world = World::open().await;
    let ids = sessions(&world, 1).await;
    let (mut client, _) = watcher(&world).await;
    client.send(grid(&ids)).await;
    client.json("focused").await;
    let patch = termfleet_session::record::Patch {
        tab_name: Some("build".to_owned()),
        ..Default::default()
    };
    use termfleet_store::Directory;
    world.server.store.patch(&ids[0].parse().unwrap(), patch).await.unwrap();
    let updated = client.json("session_updated").await;
    assert_eq!(updated["session"]["isFocused"], true);
    client.send(json!({ "type": "subscribe", "projectId": "p" })).await;
    let Got::Json(told) = client.next().await else { panic!() };
    assert_eq!(told["sessions"][0]["focusOrder"], 0);
}

#[tokio::test]
async fn a_new_session_is_focused_where_that_is_configured_and_only_there() {
    for (world, focused) in [(World::open().await, false), (World::focusing_new().await, true)] {
        let (mut client, _) = watcher(&world).await;
        client.send(json!({ "type": "create", "projectId": "p" })).await;
        let session = client.json("created").await["session"].clone();
        assert_eq!(session["isFocused"], focused);
        let (_, state) = watcher(&world).await;
        assert_eq!(state["focusedSessions"] == json!([session["id"]]), focused, "{state}");
    }
}
