//! What becomes of a question when its session, its link or its socket does not last, and where the
//! bounds are.

use super::*;

/// The line editor's Enter key stands at the end of a typed line.
const ENTER: usize = 1;
/// The longest line of the default configuration.
const LONGEST: usize = 32 << 10;
/// Questions of one socket that may wait.
const WAITING: usize = 64;

/// A client that has one command on its way to a terminal that takes nothing.
async fn stuck(world: &World) -> (String, Client) {
    let session = world.session().await;
    let mut client = world.client(SHARED, "").await;
    ask(&mut client, command(&session, "m0", "true")).await;
    world.worker.stick(&session);
    client.send(command(&session, "m1", "sleep 1")).await;
    until("the command is with the worker", || world.worker.input().ends_with(b"sleep 1\r")).await;
    (session, client)
}

#[tokio::test]
async fn a_command_on_its_way_when_the_link_breaks_is_never_typed_again() {
    let world = World::open().await;
    let (session, mut client) = stuck(&world).await;
    world.worker.cut(false);
    let lost = answer(&mut client, "m1").await;
    assert_eq!((&lost["type"], &lost["payload"]["code"]), (&json!("error"), &json!(2001)));
    let mut other = world.client(&format!("/ws/terminal/{session}"), "voice.v1").await;
    assert_eq!(ask(&mut other, command(&session, "m1", "sleep 1")).await, lost);
    assert_eq!(world.worker.input(), b"true\rsleep 1\r");
}

#[tokio::test]
async fn a_shell_that_ends_answers_the_command_that_was_on_its_way() {
    let world = World::open().await;
    let (session, mut client) = stuck(&world).await;
    world.worker.detach_all(&session, Code::SessionEnded, "ended");
    let ended = answer(&mut client, "m1").await;
    assert_eq!((&ended["type"], &ended["payload"]["code"]), (&json!("error"), &json!(1006)));
    assert_eq!(ask(&mut client, command(&session, "m1", "sleep 1")).await, ended);
    assert_eq!(world.worker.input(), b"true\rsleep 1\r");
}

#[tokio::test]
async fn a_socket_that_ends_leaves_an_answer_for_who_asks_again() {
    let world = World::open().await;
    let (session, client) = stuck(&world).await;
    drop(client);
    let mut other = world.client(SHARED, "").await;
    let again = loop {
        // Until the first socket's end is noticed, the command is under way.
        let again = ask(&mut other, command(&session, "m1", "sleep 1")).await;
        if again["payload"]["code"] != 5003 {
            break again;
        }
    };
    assert_eq!((&again["type"], &again["payload"]["status"]), (&json!("command"), &json!("sent")));
    assert_eq!(world.worker.input(), b"true\rsleep 1\r");
}

#[tokio::test]
async fn so_many_questions_wait_and_the_next_is_refused() {
    let world = World::open().await;
    let (session, mut client) = stuck(&world).await;
    for at in 0..WAITING {
        client.send(command(&session, &format!("w{at}"), "ls")).await;
    }
    let over = ask(&mut client, command(&session, "over", "ls")).await;
    assert_eq!(over["payload"]["code"], 4004, "{over}");
    assert!(over["payload"]["retryAfterMs"].as_u64() > Some(0), "{over}");
    // Those that wait are not refused with it: each is typed once the terminal takes it.
    world.worker.loosen(&session);
    world.worker.cut(false);
    answer(&mut client, "m1").await;
    for at in 0..WAITING {
        let typed = answer(&mut client, &format!("w{at}")).await;
        assert_eq!(typed["payload"]["status"], "typed", "{typed}");
    }
}

#[tokio::test]
async fn the_longest_line_is_typed_and_a_byte_more_is_refused() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(SHARED, "").await;
    let longest = "x".repeat(LONGEST - ENTER);
    let typed = ask(&mut client, command(&session, "m1", longest.as_str())).await;
    assert_eq!(typed["payload"]["status"], "typed", "{typed}");
    let over = ask(&mut client, command(&session, "m2", format!("{longest}x"))).await;
    assert_eq!(over["payload"]["code"], 2005, "{over}");
    assert_eq!(world.worker.input().len(), LONGEST);
}

#[tokio::test]
async fn a_status_tells_of_a_session_that_nobody_is_attached_to() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(SHARED, "").await;
    let status = control(&session, "s1", json!({ "action": "status" }));
    let state = ask(&mut client, status).await;
    assert_eq!(state["type"], "control", "{state}");
    let state = &state["payload"]["state"];
    assert_eq!((&state["status"], &state["connectionCount"]), (&json!("disconnected"), &json!(0)));
    assert_eq!((&state["sessionId"], &state["userId"]), (&json!(session), &json!("dev")));
    assert_eq!(
        (&state["backendId"], &state["workingDirectory"]),
        (&json!("worker"), &json!("/tmp"))
    );
}

#[tokio::test]
async fn a_viewer_may_look_and_not_type() {
    let world = World::guarded().await;
    let session = world.session_of_ann().await;
    let token = world.server.token("ann", None, termfleet_session::role::Role::Viewer);
    let mut viewer = world.client_with(SHARED, "", Some(&token)).await;
    let questions = [
        command(&session, "m1", "ls"),
        control(&session, "m2", json!({ "action": "interrupt" })),
        control(
            &session,
            "m3",
            json!({ "action": "disconnect", "parameters": { "destroy": true } }),
        ),
    ];
    for question in questions {
        let refused = ask(&mut viewer, question).await;
        assert_eq!(refused["payload"]["code"], 4002, "{refused}");
    }
    let look = control(&session, "m4", json!({ "action": "status" }));
    assert_eq!(ask(&mut viewer, look).await["type"], "control");
    assert!(world.worker.input().is_empty());
}
