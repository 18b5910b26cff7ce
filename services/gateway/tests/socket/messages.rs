//! Bad messages: each is answered with its code, and only too many of them, or one that cannot be a
//! mistake, end the socket.

use std::time::Duration;

use serde_json::json;
use termfleet_proto::worker_v1::gateway_frame::Frame;
use termfleet_session::{
    code::{Code, Refusal},
    role::Role,
};

use crate::{
    client::Got,
    world::{World, until},
};

#[tokio::test]
async fn what_is_no_message_is_told_so_and_the_fifth_ends_the_socket() {
    let world = World::open().await;
    let bad = [
        "hello".to_owned(),
        "[]".to_owned(),
        r#"{"type":"dance"}"#.to_owned(),
        r#"{"type":"detach"}"#.to_owned(),
        r#"{"type":"detach","channel":"1"}"#.to_owned(),
        r#"{"channel":1}"#.to_owned(),
        r#"{"type":"resize","channel":1,"cols":1e400,"rows":2}"#.to_owned(),
        "[".repeat(60_000),
        format!(r#"{{"type":"heartbeat","id":"{}"}}"#, "x".repeat(65)),
        r#"{"type":"attach","sessionId":"x","clientId":"short","attempt":1}"#.to_owned(),
        json!({ "type": "attach", "sessionId": "x", "clientId": "0".repeat(32), "attempt": 1,
                "epoch": 1 })
        .to_string(),
        json!({ "type": "attach", "sessionId": "x", "clientId": "0".repeat(32), "attempt": 1,
                "cols": 0, "rows": 0 })
        .to_string(),
        r#"{"type":"handshake"}"#.to_owned(),
        r#"{"type":"view","channel":3,"visible":true}"#.to_owned(),
    ];
    for four in bad.chunks(4) {
        let mut client = world.canonical().await;
        for text in four {
            client.say(text.clone()).await;
            let Got::Json(error) = client.next().await else { panic!("{text:.80}") };
            assert_eq!(
                (&error["type"], &error["code"]),
                (&json!("error"), &json!(2004)),
                "{text:.80}"
            );
            assert_eq!(error["name"], "BAD_MESSAGE");
        }
    }
    let mut client = world.canonical().await;
    for _ in 0..5 {
        client.say("hello").await;
        assert_eq!(client.error().await, 2004);
    }
    assert_eq!(client.closed().await.0, 1008);
}

#[tokio::test]
async fn an_error_finds_its_request_and_quotes_nobody() {
    let world = World::open().await;
    let mut client = world.canonical().await;
    client.say(r#"{"type":"detach","id":"q1","channel":"secret"}"#).await;
    let error = client.json("error").await;
    assert_eq!(error["id"], "q1");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let world = World::open().await;
    let mut client = world.canonical().await;
    client.say(r#"{"type":"heartbeat","timestamp":1,"from":"the future"}"#).await;
    client.json("heartbeat").await;
}

#[tokio::test]
async fn frames_that_are_none_are_bad_messages() {
    let world = World::open().await;
    let mut client = world.canonical().await;
    for frame in [vec![], vec![0x7F], vec![0x11, 0x80], vec![0x12, 1, 0, 9]] {
        client.binary(frame.clone()).await;
        assert_eq!(client.error().await, 2004, "{frame:?}");
    }
    client.input(1, 0, b"x").await;
    assert_eq!(client.error().await, 2004, "a channel that never was");
    assert_eq!(client.closed().await.0, 1008);
}

#[tokio::test]
async fn sizes_at_their_limits_stand_and_beyond_them_fall() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    for (cols, rows) in [(0, 0), (1_000_000_000, 24), (80, 501)] {
        client.send(json!({ "type": "resize", "channel": 1, "cols": cols, "rows": rows })).await;
        assert_eq!(client.error().await, 2004, "{cols}x{rows}");
    }
    client.send(json!({ "type": "resize", "channel": 1, "cols": -1, "rows": 24 })).await;
    assert_eq!(client.error().await, 2004);
    client.send(json!({ "type": "resize", "channel": 1, "cols": 1000, "rows": 500 })).await;
    let sizes = || {
        world.worker.heard(|frame| match frame {
            Frame::Resize(resize) => resize.size.map(|size| (size.cols, size.rows)),
            _ => None,
        })
    };
    until("the resize", || sizes() == [(1000, 500)]).await;
}

#[tokio::test]
async fn oversized_input_is_refused_and_the_largest_is_taken() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    client.input(1, 0, &vec![b'x'; (32 << 10) + 1]).await;
    assert_eq!(client.error().await, 2005);
    client.input(1, 0, &vec![b'y'; 32 << 10]).await;
    assert_eq!(client.input_ack(1).await, 32 << 10);
    assert!(world.worker.input().iter().all(|byte| *byte == b'y'), "nothing of the first");
}

#[tokio::test]
async fn a_viewer_may_look_and_do_nothing_else() {
    let world = World::guarded().await;
    let session = world.session_of_ann().await;
    world.worker.print(&session, b"secret plans");
    let mut client = world.canonical_as("ann", Role::Viewer).await;
    client.attach(&session).await;
    assert_eq!(client.output(1).await.1, "secret plans");
    client.input(1, 0, b"rm").await;
    assert_eq!(client.error().await, 4002);
    client.send(json!({ "type": "resize", "channel": 1, "cols": 90, "rows": 30 })).await;
    assert_eq!(client.error().await, 4002);
    client.send(json!({ "type": "control", "channel": 1, "action": "kill" })).await;
    assert_eq!(client.error().await, 4002);
    client.send(json!({ "type": "close", "sessionId": session })).await;
    assert_eq!(client.error().await, 4002);
    client.send(json!({ "type": "create", "projectId": "p" })).await;
    assert_eq!(client.error().await, 4002);
    client.send(json!({ "type": "heartbeat" })).await;
    client.json("heartbeat").await;
    assert_eq!(world.worker.input(), b"");
}

#[tokio::test]
async fn anothers_session_and_none_answer_alike() {
    let world = World::guarded().await;
    let session = world.session_of_ann().await;
    let mut client = world.canonical_as("mallory", Role::User).await;
    let random = "abcdefgh-abcdefghijklmnopqrstuvwxyz";
    let mut answers = Vec::new();
    for name in [session.as_str(), random, "no-such-alias"] {
        client
            .send(json!({ "type": "attach", "sessionId": name, "clientId": "0".repeat(32),
                          "attempt": 1 }))
            .await;
        let error = client.json("error").await;
        answers.push((error["code"].clone(), error["message"].clone()));
        client.send(json!({ "type": "close", "sessionId": name })).await;
        let error = client.json("error").await;
        answers.push((error["code"].clone(), error["message"].clone()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].0, 1001);
}

#[tokio::test]
async fn refused_input_tells_where_to_go_on_and_is_no_bad_message() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    client.input(1, 0, b"abc").await;
    assert_eq!(client.input_ack(1).await, 3);
    for code in [
        Code::InputGap,
        Code::InputWindowExceeded,
        Code::Forbidden,
        Code::TakenOver,
        Code::SessionSuspended,
        Code::InputGap,
    ] {
        world.worker.refuse_input(&session, Some(Refusal::from(code)));
        client.input(1, 3, b"d").await;
        let error = client.json("error").await;
        assert_eq!(error["code"], code.number());
        assert_eq!((&error["channel"], &error["nextInputOffset"]), (&json!(1), &json!(3)));
    }
    world.worker.refuse_input(&session, None);
    client.input(1, 3, b"d").await;
    assert_eq!(client.input_ack(1).await, 4);
    assert_eq!(world.worker.printed(&session), b"abcd");
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_never_sent_ends_the_socket() {
    let world = World::open().await;
    let session = world.session().await;
    world.worker.print(&session, b"0123456789");
    let mut client = world.canonical().await;
    client.attach(&session).await;
    client.output(1).await;
    client.ack(1, 11).await;
    assert_eq!(client.closed().await.0, 1008);
}

#[tokio::test]
async fn a_resume_from_the_future_is_told_so_and_gets_a_snapshot() {
    let world = World::open().await;
    let session = world.session().await;
    world.worker.print(&session, b"0123456789");
    let mut client = world.canonical().await;
    client
        .send(json!({ "type": "attach", "id": "a", "sessionId": session,
                      "clientId": "0".repeat(32), "attempt": 1, "epoch": 1, "offset": 99 }))
        .await;
    let error = client.json("error").await;
    assert_eq!((&error["code"], &error["offset"]), (&json!(2007), &json!(10)));
    let attached = client.json("attached").await;
    assert_eq!((&attached["reason"], &attached["id"]), (&json!("bad_offset"), &json!("a")));
}

#[tokio::test]
async fn messages_beyond_their_rate_are_told_when_to_come_back() {
    let world = World::with_limits(|limits| {
        (limits.messages_per_second, limits.messages_burst) = (10, 3);
    })
    .await;
    let mut client = world.canonical().await;
    for _ in 0..20 {
        client.send(json!({ "type": "heartbeat", "id": "h" })).await;
    }
    let error = client.json("error").await;
    assert_eq!((&error["code"], &error["id"]), (&json!(4004), &json!("h")));
    assert!(error["retryAfterMs"].as_u64().unwrap() <= 100, "{error}");
    // Rate is no offence: twenty at once did not end the socket.
    tokio::time::sleep(Duration::from_millis(300)).await;
    client.send(json!({ "type": "heartbeat", "id": "last" })).await;
    while client.json("heartbeat").await["id"] != "last" {}
}

#[tokio::test]
async fn ten_thousand_resizes_reach_the_worker_as_a_few() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    for at in 0..10_000 {
        let cols = if at == 9_999 { 123 } else { 80 + at % 2 };
        client.send(json!({ "type": "resize", "channel": 1, "cols": cols, "rows": 30 })).await;
    }
    let sizes = || {
        world.worker.heard(|frame| match frame {
            Frame::Resize(resize) => resize.size.map(|size| size.cols),
            _ => None,
        })
    };
    until("the last size", || sizes().last() == Some(&123)).await;
    let few = sizes().len();
    assert!(few < 2_000, "{few} sizes reached the worker");
    // Nobody was refused anything.
    client.send(json!({ "type": "nonsense", "id": "after" })).await;
    assert_eq!(client.json("error").await["id"], "after");
}

#[tokio::test]
async fn a_dialect_of_text_takes_no_frames() {
    let world = World::open().await;
    let mut client = world.client("/terminal", "terminal.v1").await;
    client.binary(vec![0x11, 1, 0]).await;
    assert_eq!(client.closed().await.0, 1003);
}
