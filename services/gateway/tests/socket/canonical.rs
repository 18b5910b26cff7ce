//! `termfleet.v1` as its clients use it.

use serde_json::json;
use termfleet_proto::{
    worker_v1::gateway_frame::Frame,
    ws::frame::{Reason, ServerFrame},
};

use crate::{
    client::Got,
    world::{World, until},
};

#[tokio::test]
async fn a_socket_starts_with_a_welcome() {
    let world = World::open().await;
    let mut client = world.client("/terminal", "termfleet.v1").await;
    client.send(json!({ "type": "handshake", "id": "h1", "client": { "name": "t" } })).await;
    let Got::Json(welcome) = client.next().await else { panic!() };
    assert_eq!((&welcome["type"], &welcome["id"]), (&json!("welcome"), &json!("h1")));
    assert_eq!(welcome["user"], json!({ "id": "dev", "role": "admin", "tenant": "~dev" }));
    assert_eq!(welcome["limits"]["windowBytes"], 512 << 10);
    assert_eq!(welcome["limits"]["maxChannels"], 64);
    assert_eq!(welcome["server"], json!({ "version": "1.2.3", "instance": "test" }));
    assert_eq!(welcome["heartbeatMs"], 15_000);
    assert!(welcome.get("expiresAt").is_none(), "{welcome}");
}

#[tokio::test]
async fn a_keystroke_comes_back_as_output() {
    let world = World::open().await;
    let session = world.session().await;
    world.worker.print(&session, b"$ ");
    let mut client = world.canonical().await;
    let attached = client.attach_with(&session, json!({ "id": "a", "tier": "live" })).await;
    assert_eq!(attached["id"], "a");
    assert_eq!((&attached["channel"], &attached["recovered"]), (&json!(1), &json!(false)));
    assert_eq!((&attached["reason"], &attached["tier"]), (&json!("new_client"), &json!("live")));
    let Got::Frame(ServerFrame::Snapshot { reason, data, .. }) = client.next().await else {
        panic!("a snapshot comes first")
    };
    assert_eq!((reason, &data[..]), (Reason::NewClient, &b"\x1bc"[..]));
    assert_eq!(client.output(1).await, (0, "$ ".into()));
    client.input(1, 0, b"x").await;
    assert_eq!(client.input_ack(1).await, 1);
    assert_eq!(client.output(1).await, (2, "x".into()));
}

#[tokio::test]
async fn who_knows_where_it_was_gets_the_rest() {
    let world = World::open().await;
    let session = world.session().await;
    world.worker.print(&session, b"0123456789");
    let mut client = world.canonical().await;
    let attached = client.attach_with(&session, json!({ "epoch": 1, "offset": 4 })).await;
    assert_eq!((&attached["recovered"], &attached["offset"]), (&json!(true), &json!(4)));
    assert_eq!(client.output(1).await, (4, "456789".into()));
}

#[tokio::test]
async fn channels_are_never_used_again_and_their_frames_fall_silent() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    assert_eq!(client.attach(&session).await["channel"], 1);
    client.send(json!({ "type": "detach", "id": "d", "channel": 1 })).await;
    let detached = client.json("detached").await;
    assert_eq!((&detached["id"], &detached["channel"]), (&json!("d"), &json!(1)));
    assert_eq!(client.attach(&session).await["channel"], 2);

    client.input(1, 0, b"late").await;
    client.ack(1, 1 << 40).await;
    client.send(json!({ "type": "resize", "channel": 1, "cols": 90, "rows": 30 })).await;
    client.input(2, 0, b"now").await;
    assert_eq!(client.input_ack(2).await, 3);
    assert_eq!(world.worker.input(), b"now");
    let left = |frame: &Frame| match frame {
        Frame::Detach(detach) => Some(detach.lost),
        _ => None,
    };
    assert_eq!(world.worker.heard(left), [false], "a detach is no lost socket");
}

#[tokio::test]
async fn a_lost_socket_holds_its_seat_and_a_closed_one_does_not() {
    let world = World::open().await;
    let session = world.session().await;
    let lost = |frame: &Frame| match frame {
        Frame::Detach(detach) => Some(detach.lost),
        _ => None,
    };
    let mut client = world.canonical().await;
    client.attach(&session).await;
    drop(client);
    until("the first detach", || world.worker.heard(lost) == [true]).await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    client.close().await;
    until("the second detach", || world.worker.heard(lost) == [true, false]).await;
}

#[tokio::test]
async fn a_session_is_created_and_closed() {
    let world = World::open().await;
    let mut client = world.canonical().await;
    let create = json!({
        "type": "create", "id": "c", "projectId": "p", "config": { "alias": "build" },
        "cols": 100, "rows": 30,
    });
    client.send(create).await;
    let created = client.json("created").await;
    assert_eq!((&created["id"], &created["session"]["cols"]), (&json!("c"), &json!(100)));
    let id = created["session"]["id"].as_str().unwrap().to_owned();
    assert_eq!(client.attach("build").await["sessionId"], id.as_str(), "by its alias");
    client.send(json!({ "type": "close", "id": "x", "sessionId": id })).await;
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Got::Json(message) = client.next().await {
            told.push(message["type"].as_str().unwrap().to_owned());
        }
    }
    told.sort();
    assert_eq!(told, ["closed", "detached"]);
}

#[tokio::test]
async fn controls_and_syncs_are_answered_with_their_ids() {
    let world = World::open().await;
    let session = world.session().await;
    world.worker.print(&session, b"0123456789");
    let mut client = world.canonical().await;
    client.attach(&session).await;
    for action in ["take", "release", "interrupt", "clear", "kill", "restart"] {
        client
            .send(json!({ "type": "control", "id": action, "channel": 1, "action": action }))
            .await;
        let done = client.json("done").await;
        assert_eq!((&done["id"], &done["action"]), (&json!(action), &json!(action)));
    }
    client.send(json!({ "type": "sync", "id": "s", "channel": 1, "offset": 7 })).await;
    let synced = client.json("synced").await;
    assert_eq!((&synced["id"], &synced["channel"]), (&json!("s"), &json!(1)));
    assert_eq!(client.output(1).await, (7, "789".into()));
    client.send(json!({ "type": "sync", "channel": 1 })).await;
    assert_eq!(client.json("synced").await["reason"], "asked");
}

#[tokio::test]
async fn acknowledgements_that_cross_a_sync_do_no_harm() {
    let world = World::open().await;
    let session = world.session().await;
    world.worker.print(&session, &[b'x'; 1000]);
    let mut client = world.canonical().await;
    client.attach(&session).await;
    assert_eq!(client.output(1).await.1.len(), 1000);
    client.send(json!({ "type": "sync", "channel": 1, "offset": 10 })).await;
    // The scripted worker ends the test when it hears of more than it has sent.
    client.ack(1, 1000).await;
    client.json("synced").await;
    assert_eq!(client.output(1).await.0, 10);
    client.ack(1, 1000).await;
    until("the acknowledgement", || world.worker.unacknowledged() == 0).await;
}

#[tokio::test]
async fn a_view_is_taken_note_of_and_a_heartbeat_comes_back() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    client.send(json!({ "type": "view", "channel": 1, "visible": false })).await;
    client.send(json!({ "type": "heartbeat", "id": "b", "timestamp": 12.5 })).await;
    let Got::Frame(ServerFrame::Snapshot { .. }) = client.next().await else { panic!() };
    let Got::Json(beat) = client.next().await else { panic!("a view is not answered") };
    assert_eq!((&beat["type"], &beat["id"]), (&json!("heartbeat"), &json!("b")));
    assert_eq!(beat["timestamp"], 12.5);
    assert!(beat["serverTime"].as_u64().unwrap() > 1_700_000_000_000);
}

#[tokio::test]
async fn a_sixty_fifth_channel_is_refused() {
    let world = World::with_limits(|limits| limits.messages_per_second = 1_000).await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    for channel in 1..=64 {
        assert_eq!(client.attach(&session).await["channel"], channel);
    }
    let attach = json!({
        "type": "attach", "sessionId": session, "clientId": "0".repeat(32), "attempt": 1,
    });
    client.send(attach.clone()).await;
    assert_eq!(client.error().await, 5002);
    client.send(json!({ "type": "detach", "channel": 7 })).await;
    client.json("detached").await;
    client.send(attach).await;
    assert_eq!(client.json("attached").await["channel"], 65);
}

#[tokio::test]
async fn a_new_shell_gets_a_new_channel() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    client.input(1, 0, b"exit\n").await;
    client.input_ack(1).await;
    world.worker.new_epoch(&session);
    let attached = client.json("attached").await;
    assert_eq!((&attached["channel"], &attached["replaces"]), (&json!(2), &json!(1)));
    assert_eq!((&attached["epoch"], &attached["nextInputOffset"]), (&json!(2), &json!(0)));
    client.input(1, 5, b"late").await;
    client.input(2, 0, b"new").await;
    assert_eq!(client.input_ack(2).await, 3);
    assert_eq!(world.worker.printed(&session), b"new");
}

#[tokio::test]
async fn on_its_own_socket_a_sessions_end_is_the_sockets() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(&format!("/ws/terminal/{session}"), "termfleet.v1").await;
    client.say(r#"{"type":"handshake"}"#).await;
    client.json("welcome").await;
    client.attach(&session).await;
    world.worker.detach_all(&session, termfleet_session::code::Code::TakenOver, "taken over");
    assert_eq!(client.json("detached").await["code"], 4006);
    assert_eq!(client.closed().await.0, 4006);

    let mut shared = world.canonical().await;
    shared.attach(&session).await;
    world.worker.detach_all(&session, termfleet_session::code::Code::TakenOver, "taken over");
    assert_eq!(shared.json("detached").await["code"], 4006);
    assert_eq!(shared.attach(&session).await["channel"], 2, "a shared one goes on");
}
