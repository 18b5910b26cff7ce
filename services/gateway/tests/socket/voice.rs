//! `voice.v1`: every question is done and answered once, however often it comes.

use serde_json::{Value, json};
use termfleet_proto::worker_v1::{self as pb, gateway_frame::Frame};
use termfleet_session::code::{Code, Refusal};

use crate::{
    client::{Client, Got},
    world::{World, until},
};

mod adversity;

const SHARED: &str = "/terminal?dialect=voice.v1";

fn command(session: &str, id: &str, payload: impl Into<Value>) -> Value {
    json!({ "type": "command", "sessionId": session, "payload": payload.into(), "messageId": id })
}

fn control(session: &str, id: &str, payload: Value) -> Value {
    json!({ "type": "control", "sessionId": session, "payload": payload, "messageId": id })
}

/// What answers the question of this id.
async fn answer(client: &mut Client, id: &str) -> Value {
    loop {
        let Got::Json(value) = client.next().await else { panic!("no answer") };
        if value["inReplyTo"] == id {
            return value;
        }
    }
}

async fn ask(client: &mut Client, question: Value) -> Value {
    let id = question["messageId"].as_str().unwrap().to_owned();
    client.send(question).await;
    answer(client, &id).await
}

fn actions(world: &World, wanted: pb::Action) -> usize {
    let fits = |frame: &Frame| match frame {
        Frame::Control(control) if control.action == wanted as i32 => Some(()),
        _ => None,
    };
    world.worker.heard(fits).len()
}

#[tokio::test]
async fn a_command_is_typed_once_however_often_it_comes() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(SHARED, "").await;
    let first = ask(&mut client, command(&session, "m1", "ls")).await;
    assert_eq!((&first["type"], &first["payload"]["status"]), (&json!("command"), &json!("typed")));
    assert_eq!((&first["sessionId"], first["timestamp"].is_u64()), (&json!(session), true));
    let again = ask(&mut client, command(&session, "m1", "ls")).await;
    assert_eq!(again, first, "the same answer, word by word");
    let mut other = world.client(&format!("/ws/terminal/{session}"), "voice.v1").await;
    assert_eq!(ask(&mut other, command(&session, "m1", "ls")).await, first);
    let changed = ask(&mut other, command(&session, "m1", "rm")).await;
    assert_eq!((&changed["type"], &changed["payload"]["code"]), (&json!("error"), &json!(1003)));
    assert_eq!(world.worker.input(), b"ls\r");
}

#[tokio::test]
async fn commands_are_typed_in_their_order_and_what_is_printed_is_told() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(&format!("/ws/terminal/{session}"), "voice.v1").await;
    for at in 0..20 {
        client.send(command(&session, &format!("m{at}"), format!("c{at}"))).await;
    }
    for at in 0..20 {
        assert_eq!(answer(&mut client, &format!("m{at}")).await["payload"]["status"], "typed");
    }
    let typed: String = (0..20).map(|at| format!("c{at}\r")).collect();
    assert_eq!(String::from_utf8(world.worker.input()).unwrap(), typed);
    world.worker.print(&session, b"done");
    while !client.json("output").await["payload"].as_str().unwrap().contains("done") {}
}

#[tokio::test]
async fn a_refused_command_was_not_typed_and_may_come_again() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(SHARED, "").await;
    world.worker.refuse_input(&session, Some(Refusal::from(Code::SessionSuspended)));
    let refused = ask(&mut client, command(&session, "m1", "ls")).await;
    assert_eq!(refused["payload"]["code"], 1007);
    world.worker.refuse_input(&session, None);
    let answer = loop {
        // The store hears of it beside the answer.
        let answer = ask(&mut client, command(&session, "m1", "ls")).await;
        if answer["payload"]["code"] != 5003 {
            break answer;
        }
    };
    assert_eq!(answer["payload"]["status"], "typed");
    assert_eq!(world.worker.printed(&session), b"ls\r");
}

#[tokio::test]
async fn controls_are_asked_of_the_worker_once() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(SHARED, "").await;
    for _ in 0..2 {
        for (id, action) in [("m1", "interrupt"), ("m2", "clear")] {
            let done = ask(&mut client, control(&session, id, json!({ "action": action }))).await;
            assert_eq!(done["payload"], json!({ "action": action, "status": "done" }));
        }
    }
    let counts = [pb::Action::Interrupt, pb::Action::Clear].map(|wanted| actions(&world, wanted));
    assert_eq!(counts, [1, 1]);
    let size = json!({ "action": "resize", "parameters": { "cols": 100, "rows": 30 } });
    assert_eq!(ask(&mut client, control(&session, "m3", size)).await["payload"]["status"], "done");
    let none = json!({ "action": "resize", "parameters": { "cols": 0, "rows": 30 } });
    assert_eq!(ask(&mut client, control(&session, "m4", none)).await["payload"]["code"], 2004);
}

#[tokio::test]
async fn a_heartbeat_comes_back_and_what_is_no_question_is_refused() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(SHARED, "").await;
    let beat = json!({ "type": "heartbeat", "payload": { "n": 1 }, "messageId": "b" });
    let beat = ask(&mut client, beat).await;
    assert_eq!((&beat["type"], &beat["payload"]), (&json!("heartbeat"), &json!({ "n": 1 })));
    let nameless = json!({ "type": "command", "payload": "ls", "messageId": "m1" });
    assert_eq!(ask(&mut client, nameless).await["payload"]["code"], 2004, "which session?");
    let unknown = command("nobody", "m2", "ls");
    assert_eq!(ask(&mut client, unknown).await["payload"]["code"], 1001);
    let long = command(&session, "m3", "x".repeat(40_000));
    assert_eq!(ask(&mut client, long).await["payload"]["code"], 2005);
    let id = "m".repeat(129);
    assert_eq!(ask(&mut client, command(&session, &id, "ls")).await["payload"]["code"], 2004);
    assert!(world.worker.input().is_empty());
}

#[tokio::test]
async fn leaving_frees_the_seat_and_ends_a_single_sessions_socket() {
    let world = World::open().await;
    let session = world.session().await;
    let leave = || control(&session, "m2", json!({ "action": "disconnect" }));
    let mut shared = world.client(SHARED, "").await;
    ask(&mut shared, command(&session, "m1", "ls")).await;
    assert_eq!(ask(&mut shared, leave()).await["payload"]["status"], "done");
    until("the seat is free", || world.worker.viewers() == 0).await;
    let mut single = world.client(&format!("/ws/terminal/{session}"), "voice.v1").await;
    let done = control(&session, "m3", json!({ "action": "disconnect" }));
    assert_eq!(ask(&mut single, done).await["payload"]["status"], "done");
    assert_eq!(single.closed().await.0, 1000);
}
