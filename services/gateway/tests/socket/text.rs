//! The text dialects beyond what their seeds show: names, gaps, ends, waiting.

use std::time::{Duration, Instant};

use serde_json::json;
use termfleet_proto::worker_v1::{self as pb, gateway_frame::Frame};
use termfleet_session::code::Code;

use crate::{
    client::Got,
    world::{World, until},
};

#[tokio::test]
async fn the_screen_comes_first_and_what_programs_ask_stays_with_the_server() {
    let world = World::open().await;
    let session = world.session().await;
    world.worker.print(&session, b"vim\x1b[6n\x1b]11;?\x07\xE2\x82\xAC ");
    let mut client = world.client("/terminal", "terminal.v1").await;
    client.send(json!({ "type": "resize", "sessionId": session, "payload": { "cols": 90, "rows": 30 } })).await;
    let output = client.json("output").await;
    assert_eq!(output["payload"], "\x1bc");
    assert_eq!(client.json("output").await["payload"], "vim\u{20AC} ");
    world.worker.print(&session, b"live\x1b[6n");
    assert_eq!(client.json("output").await["payload"], "live");
}

#[tokio::test]
async fn a_gap_is_told_before_the_screen() {
    let world = World::open().await;
    let session = world.session().await;
    for (target, protocol) in
        [("/terminal".to_owned(), "terminal.v1"), (format!("/ws/terminal/{session}"), "")]
    {
        let mut client = world.client(&target, protocol).await;
        client
            .send(json!({ "type": "resize", "sessionId": session, "cols": 90, "rows": 30,
                            "payload": { "cols": 90, "rows": 30 } }))
            .await;
        client.json("output").await;
        world.worker.lag(&session);
        let change = client.json("status_change").await;
        let told = if protocol.is_empty() { &change } else { &change["payload"] };
        assert_eq!((&told["status"], &told["reason"]), (&json!("active"), &json!("lagging")));
        let Got::Json(output) = client.next().await else { panic!() };
        let text = if protocol.is_empty() { &output["data"] } else { &output["payload"] };
        assert!(text.as_str().unwrap().starts_with("\x1bcscreen"), "{output}");
    }
}

#[tokio::test]
async fn output_bears_the_name_that_the_client_uses() {
    let world = World::open().await;
    let mut client = world.client("/terminal", "terminal.v1").await;
    client
        .send(json!({ "type": "create_session", "sessionId": "mine",
                      "payload": { "projectId": "p" } }))
        .await;
    // Input that does not wait for the answer is not lost.
    client.send(json!({ "type": "send_input", "sessionId": "mine", "payload": "early" })).await;
    let created = client.json("session_created").await;
    assert_eq!(
        (&created["sessionId"], &created["payload"]["requestId"]),
        (&json!("mine"), &json!("mine"))
    );
    let session = created["payload"]["session"].clone();
    assert_eq!(session["alias"], "mine");
    let id = session["id"].as_str().unwrap();
    while !client.json("output").await["payload"].as_str().unwrap().contains("early") {}
    client.send(json!({ "type": "send_input", "sessionId": id, "payload": "later" })).await;
    let output = client.json("output").await;
    assert_eq!((&output["sessionId"], &output["payload"]), (&json!(id), &json!("later")));
    assert_eq!(world.worker.viewers(), 1, "two names, one attachment");

    let mut other = world.client("/terminal", "terminal.v1").await;
    other.send(json!({ "channel": "mine", "type": "send_input", "payload": "x" })).await;
    let output = other.json("output").await;
    assert_eq!((&output["channel"], output.get("sessionId")), (&json!("mine"), None));
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused() {
    let world = World::open().await;
    let mut client = world.client("/terminal", "terminal.v1").await;
    let create = json!({ "type": "create_session", "sessionId": "mine",
                         "payload": { "projectId": "p" } });
    client.send(create.clone()).await;
    client.json("session_created").await;
    client.send(create.clone()).await;
    assert_eq!(client.json("error").await["payload"]["code"], 1003);
    let mut other = world.client("/terminal", "terminal.v1").await;
    other.send(create).await;
    let error = other.json("error").await;
    assert_eq!((&error["payload"]["code"], &error["sessionId"]), (&json!(1003), &json!("mine")));
}

#[tokio::test]
async fn typing_takes_the_drivers_seat() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client("/terminal", "terminal.v1").await;
    client.send(json!({ "type": "send_input", "sessionId": session, "payload": "a" })).await;
    while !client.json("output").await["payload"].as_str().unwrap().contains('a') {}
    world.worker.unseat_drivers();
    world.worker.print(&session, b"who drives?\x1b[c");
    assert_eq!(client.json("output").await["payload"], "who drives?", "a viewer is not asked");
    client.send(json!({ "type": "send_input", "sessionId": session, "payload": "b" })).await;
    assert_eq!(client.json("output").await["payload"], "b");
    let takes = world.worker.heard(|frame| match frame {
        Frame::Control(control) if control.action == pb::Action::Take as i32 => Some(()),
        _ => None,
    });
    assert_eq!(takes.len(), 1);
}

#[tokio::test]
async fn the_end_of_a_shell_is_told_with_its_code() {
    let world = World::open().await;
    let session = world.session().await;
    let mut shared = world.client("/terminal", "terminal.v1").await;
    shared.send(json!({ "type": "send_input", "sessionId": session, "payload": "x" })).await;
    shared.json("output").await;
    let mut single = world.client(&format!("/ws/terminal/{session}"), "").await;
    single.json("output").await;
    world.worker.print(&session, b"bye\xE2");
    world.worker.exit(&session, 3);
    while !shared.json("output").await["payload"].as_str().unwrap().ends_with('\u{FFFD}') {}
    let closed = shared.json("session_closed").await;
    assert_eq!(closed["payload"], json!({ "reason": "exited", "exitCode": 3 }));
    let ended = single.json("disconnect").await;
    assert_eq!((&ended["reason"], &ended["exitCode"]), (&json!("exited"), &json!(3)));
    assert_eq!(single.closed().await.0, 4010);
    until("both left", || world.worker.viewers() == 0).await;
    shared.send(json!({ "type": "request_history", "sessionId": "nowhere" })).await;
    shared.json("error").await;
}

#[tokio::test]
async fn a_close_on_request_is_told_once() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client("/terminal", "terminal.v1").await;
    client.send(json!({ "type": "send_input", "sessionId": session, "payload": "x" })).await;
    client.json("output").await;
    client.send(json!({ "type": "close_session", "sessionId": session })).await;
    let closed = client.json("session_closed").await;
    assert_eq!(closed["payload"]["reason"], "closed");
    // The project's own notice of it is on its way too: the answer to a later message comes first.
    client.send(json!({ "type": "send_input", "sessionId": "nowhere", "payload": "x" })).await;
    loop {
        let Got::Json(message) = client.next().await else { panic!() };
        assert_ne!(message["type"], "session_closed", "told twice");
        if message["type"] == "error" {
            break;
        }
    }
}

#[tokio::test]
async fn a_session_that_comes_late_is_waited_for() {
    let world = World::open().await;
    let mut client = world.client("/ws/terminal/late", "").await;
    client.say(r#"{"type":"input","data":"typed ahead"}"#).await;
    let quiet = client.next_within(Duration::from_millis(300)).await;
    assert_eq!(quiet, None, "nothing is said while it is waited for");
    world.server.session_as("~dev", "dev", "p", Some("late")).await;
    let connected = client.json("connected").await;
    assert_eq!(connected["sessionId"], "late");
    while !client.json("output").await["data"].as_str().unwrap().contains("typed ahead") {}
}

#[tokio::test]
async fn whoever_waits_is_woken_by_the_creation_and_not_by_the_clock() {
    let world = World::open().await;
    let mut waiting = world.client("/ws/terminal/late", "").await;
    // The next look is due 1.9 s later.
    assert_eq!(waiting.next_within(Duration::from_millis(1_700)).await, None);
    let mut creating = world.canonical().await;
    let create = json!({ "type": "create", "projectId": "p", "config": { "alias": "late" } });
    creating.send(create).await;
    creating.json("created").await;
    let created = Instant::now();
    waiting.json("connected").await;
    let took = created.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn of_a_thousand_and_one_who_wait_the_last_is_refused() {
    let world = World::open().await;
    let others: Vec<_> = (0..999).filter_map(|_| world.server.edge.waiters.take()).collect();
    assert_eq!(others.len(), 999);
    let mut thousandth = world.client("/ws/terminal/late", "").await;
    assert_eq!(thousandth.next_within(Duration::from_millis(200)).await, None);
    let mut refused = world.client("/ws/terminal/late", "").await;
    assert_eq!(refused.json("error").await["code"], 5002);
    assert_eq!(refused.closed().await.0, 1013);
    drop(others);
    let mut next = world.client("/ws/terminal/late", "").await;
    assert_eq!(next.next_within(Duration::from_millis(200)).await, None);
    world.server.session_as("~dev", "dev", "p", Some("late")).await;
    for client in [&mut thousandth, &mut next] {
        assert_eq!(client.json("connected").await["sessionId"], "late");
    }
}

#[tokio::test]
async fn a_session_that_never_comes_is_given_up() {
    let world = World::open().await;
    let started = Instant::now();
    let mut client = world.client("/ws/terminal/never", "").await;
    let error = client.json("error").await;
    assert_eq!(error["code"], 1001);
    let (code, reason) = client.closed().await;
    assert_eq!((code, &*reason), (1008, "Session registration failed after retries"));
    let took = started.elapsed();
    assert!((Duration::from_millis(7_700)..Duration::from_secs(10)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn on_a_sessions_own_socket_there_is_no_other() {
    let world = World::open().await;
    let (mine, other) = (world.session().await, world.session().await);
    let mut client = world.client(&format!("/ws/terminal/{mine}"), "terminal.v1").await;
    client.json("output").await;
    client.send(json!({ "type": "create_session", "payload": { "projectId": "p" } })).await;
    assert_eq!(client.json("error").await["payload"]["code"], 2004);
    client.send(json!({ "type": "send_input", "sessionId": other, "payload": "x" })).await;
    assert_eq!(client.json("error").await["payload"]["code"], 2004);
    assert_eq!(world.worker.input(), b"");
}

#[tokio::test]
async fn disconnect_leaves_and_a_taken_seat_closes() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(&format!("/ws/terminal/{session}"), "").await;
    client.json("output").await;
    client.say(r#"{"type":"disconnect"}"#).await;
    assert_eq!(client.closed().await.0, 1000);
    until("it left", || world.worker.viewers() == 0).await;
    let mut client = world.client(&format!("/ws/terminal/{session}"), "").await;
    client.json("output").await;
    world.worker.detach_all(&session, Code::SessionEnded, "closed");
    assert_eq!(client.json("disconnect").await["reason"], "closed");
    assert_eq!(client.closed().await.0, 4010);
}

#[tokio::test]
async fn bad_texts_are_told_so() {
    let world = World::open().await;
    let mut client = world.client("/terminal", "terminal.v1").await;
    for text in ["hello", r#"{"type":"dance"}"#, r#"{"type":"send_input","payload":"x"}"#, "[]"] {
        client.say(text).await;
        assert_eq!(client.json("error").await["payload"]["code"], 2004, "{text}");
    }
    client.say("{}").await;
    assert_eq!(client.closed().await.0, 1008);
}
