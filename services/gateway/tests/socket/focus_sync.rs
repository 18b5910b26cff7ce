//! `focus-sync.v1`: the third seed's view of one session, with its project's focus.

use std::time::Duration;

use serde_json::{Value, json};
use termfleet_session::code::Code;

use crate::{
    client::{Client, Got},
    world::World,
};

const DIALECT: &str = "focus-sync.v1";

/// A view of one session, open and connected.
async fn view(world: &World, session: &str) -> (Client, Value) {
    let mut client = world.client(&format!("/ws/terminal/{session}"), DIALECT).await;
    let Got::Json(first) = client.next().await else { panic!("nothing was said") };
    (client, first)
}

#[tokio::test]
async fn a_view_is_told_the_way_and_the_focus_before_the_screen() {
    let world = World::open().await;
    let session = world.session().await;
    let (mut client, first) = view(&world, &session).await;
    assert_eq!(first["type"], "connection_status");
    assert_eq!((&first["status"], &first["sessionId"]), (&json!("connected"), &json!(session)));
    assert_eq!((&first["focusedSessions"], &first["version"]), (&json!([]), &json!(0)));
    assert_eq!(first["projectId"], "p");
    assert!(first["timestamp"].is_u64());
    let stream = client.json("stream").await;
    assert!(stream["data"].as_str().unwrap().starts_with("\x1bc"));
    assert_eq!((&stream["sessionId"], &stream["projectId"]), (&json!(session), &json!("p")));
    client.send(json!({ "type": "input", "sessionId": session, "data": "typed" })).await;
    while !client.json("stream").await["data"].as_str().unwrap().contains("typed") {}
    client
        .send(json!({ "type": "resize", "sessionId": session,
        "data": { "cols": 100, "rows": 30 } }))
        .await;
    client.send(json!({ "type": "heartbeat", "sessionId": session })).await;
    let beat = client.json("heartbeat").await;
    assert_eq!((&beat["sessionId"], &beat["projectId"]), (&json!(session), &json!("p")));
}

#[tokio::test]
async fn views_hear_of_each_others_focus_and_sync_on_request() {
    let world = World::open().await;
    let (one, two) = (world.session().await, world.session().await);
    let (mut first, _) = view(&world, &one).await;
    let (mut second, _) = view(&world, &two).await;
    first.send(json!({ "type": "focus", "sessionId": one })).await;
    for client in [&mut first, &mut second] {
        let update = client.json("focus_update").await;
        assert_eq!((&update["sessionId"], &update["focused"]), (&json!(one), &json!(true)));
        assert_eq!(
            (&update["focusedSessions"], &update["projectId"]),
            (&json!([one]), &json!("p"))
        );
    }
    second.send(json!({ "type": "sync_request", "sessionId": two })).await;
    let synced = second.json("sync_complete").await;
    assert_eq!((&synced["focusedSessions"], &synced["sessionId"]), (&json!([one]), &json!(two)));
    // What is so already is answered with how it is.
    first.send(json!({ "type": "focus", "sessionId": one })).await;
    assert_eq!(first.json("focus_update").await["version"], synced["version"]);
    first
        .send(json!({ "type": "blur", "sessionId": one, "expectedVersion": synced["version"] }))
        .await;
    let update = second.json("focus_update").await;
    assert_eq!((&update["focused"], &update["totalFocused"]), (&json!(false), &json!(0)));
    first
        .send(json!({ "type": "focus", "sessionId": one, "expectedVersion": synced["version"] }))
        .await;
    let error = first.json("error").await;
    assert_eq!(
        (&error["code"], &error["focusState"]["version"]),
        (&json!(1005), &update["version"])
    );
    assert!(error["data"].is_string());
}

#[tokio::test]
async fn on_the_shared_endpoint_the_message_names_the_session() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client("/terminal?dialect=focus-sync.v1", "").await;
    client.send(json!({ "type": "focus", "sessionId": session })).await;
    let Got::Json(first) = client.next().await else { panic!() };
    assert_eq!(
        (&first["type"], &first["status"]),
        (&json!("connection_status"), &json!("connected"))
    );
    assert_eq!(client.json("focus_update").await["focusedSessions"], json!([session]));
    client.send(json!({ "type": "sync_request" })).await;
    assert_eq!(client.json("error").await["code"], 2004, "which session?");
}

#[tokio::test]
async fn what_is_asked_of_a_session_that_is_waited_for_is_answered_when_it_comes() {
    let world = World::open().await;
    let mut client = world.client("/ws/terminal/late", DIALECT).await;
    client.send(json!({ "type": "focus", "sessionId": "late" })).await;
    client.send(json!({ "type": "sync_request", "sessionId": "late" })).await;
    let quiet = client.next_within(Duration::from_millis(300)).await;
    assert_eq!(quiet, None, "nothing is said while it is waited for");
    world.server.session_as("~dev", "dev", "p", Some("late")).await;
    assert_eq!(client.json("connection_status").await["status"], "connected");
    assert_eq!(client.json("focus_update").await["focusedSessions"], json!(["late"]));
}

#[tokio::test]
async fn a_way_that_breaks_is_told_and_so_is_its_return() {
    let world = World::open().await;
    let session = world.session().await;
    let (mut client, _) = view(&world, &session).await;
    client.json("stream").await;
    world.worker.cut(true);
    let lost = client.json("connection_status").await;
    assert_eq!((&lost["status"], &lost["retryCount"]), (&json!("disconnected"), &json!(0)));
    let still = client.json("connection_status").await;
    assert_eq!(still["status"], "disconnected");
    assert!(still["retryCount"].as_u64() > Some(0), "{still}");
    world.worker.listen();
    let back = loop {
        let status = client.json("connection_status").await;
        if status["status"] == "connected" {
            break status;
        }
    };
    assert_eq!((&back["focusedSessions"], back.get("retryCount")), (&json!([]), None));
}

#[tokio::test]
async fn an_end_is_told_and_a_single_sessions_socket_closes() {
    let world = World::open().await;
    let session = world.session().await;
    let (mut client, _) = view(&world, &session).await;
    client.json("stream").await;
    world.worker.detach_all(&session, Code::SessionEnded, "closed");
    let status = client.json("connection_status").await;
    assert_eq!((&status["status"], &status["reason"]), (&json!("disconnected"), &json!("closed")));
    assert_eq!(client.closed().await.0, 4010);
}
