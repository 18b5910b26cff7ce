//! What happens in the projects that a socket watches.

use serde_json::{Value, json};
use termfleet_session::{record::Patch, role::Role};
use termfleet_store::{Directory, Fence};

use crate::{client::Client, world::World};

async fn subscribed(client: &mut Client) -> Value {
    client.send(json!({ "type": "subscribe", "id": "s", "projectId": "p" })).await;
    client.json("subscribed").await
}

#[tokio::test]
async fn a_watched_projects_sessions_come_and_go() {
    let world = World::open().await;
    let first = world.session().await;
    let mut client = world.canonical().await;
    let told = subscribed(&mut client).await;
    assert_eq!((&told["id"], &told["sessions"][0]["id"]), (&json!("s"), &json!(first)));

    let second = world.session().await;
    assert_eq!(client.json("session_created").await["session"]["id"], second.as_str());
    let id = second.parse().unwrap();
    let patch = Patch { tab_name: Some("build".to_owned()), ..Patch::default() };
    world.server.store.patch(&id, patch).await.unwrap();
    let updated = client.json("session_updated").await;
    assert_eq!(updated["session"]["tabName"], "build");
    let record = world.server.store.get(&id).await.unwrap().unwrap();
    let fence = Fence { owner: record.owner.unwrap(), epoch: record.epoch };
    let exit = termfleet_session::record::Exit { code: Some(3), signal: None };
    world.server.store.close(&id, &fence, Some(exit)).await.unwrap();
    let closed = client.json("session_closed").await;
    assert_eq!((&closed["sessionId"], &closed["exitCode"]), (&json!(second), &json!(3)));

    client.send(json!({ "type": "unsubscribe", "id": "u", "projectId": "p" })).await;
    assert_eq!(client.json("unsubscribed").await["id"], "u");
    world.session().await;
    client.send(json!({ "type": "heartbeat" })).await;
    let crate::client::Got::Json(next) = client.next().await else { panic!() };
    assert_eq!(next["type"], "heartbeat", "nothing more is heard");
}

#[tokio::test]
async fn only_ones_own_sessions_are_heard_of() {
    let world = World::guarded().await;
    let mut bob = world.canonical_as("bob", Role::User).await;
    subscribed(&mut bob).await;
    world.session_of_ann().await;
    let mine = world.server.session("~bob", "bob", "p").await;
    assert_eq!(bob.json("session_created").await["session"]["id"], mine.id.as_str());
}

#[tokio::test]
async fn a_client_of_text_hears_of_the_projects_whose_sessions_it_names() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client("/terminal", "terminal.v1").await;
    client.send(json!({ "type": "subscribe", "projectId": "p" })).await;
    let told = client.json("session:updated").await;
    assert_eq!(told["payload"]["id"], session.as_str());

    let mut client = world.client("/terminal", "terminal.v1").await;
    client.send(json!({ "type": "send_input", "sessionId": session, "payload": "x" })).await;
    client.json("output").await;
    let patch = Patch { tab_name: Some("build".to_owned()), ..Patch::default() };
    // The project is watched from some moment on: until then changes are not heard of.
    let id = session.parse().unwrap();
    loop {
        world.server.store.patch(&id, patch.clone()).await.unwrap();
        if let Some(crate::client::Got::Json(message)) =
            client.next_within(std::time::Duration::from_millis(50)).await
            && message["type"] == "session:updated"
        {
            assert_eq!(message["payload"]["tabName"], "build");
            break;
        }
    }
}
