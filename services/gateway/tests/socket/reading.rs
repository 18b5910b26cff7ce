//! The screen, rows that have left it, and its check sum: over REST, `termfleet.v1` and
//! `terminal.v1`.

use serde_json::{Value, json};
use termfleet_session::role::Role;

use crate::{
    harness::{Answer, Request},
    world::World,
};

async fn get(world: &World, target: &str) -> Answer {
    world.server.send(Request::new("GET", target).bearer("any")).await
}

#[tokio::test]
async fn a_screen_is_shown_as_asked_for() {
    let world = World::open().await;
    let screen = format!("/api/terminal/sessions/{}/screen", world.session().await);
    for (query, text, kind) in [
        ("", "shown as 1", "text/plain; charset=utf-8"),
        ("?format=text", "shown as 1", "text/plain; charset=utf-8"),
        ("?format=ansi", "shown as 2", "text/plain; charset=utf-8"),
        ("?format=svg", "shown as 3", "image/svg+xml"),
    ] {
        let answer = get(&world, &format!("{screen}{query}")).await;
        assert_eq!((answer.status, &*answer.body), (200, text.as_bytes()), "{query}");
        assert_eq!(answer.header("content-type"), Some(kind), "{query}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(get(&world, &format!("{screen}?format=png")).await.problem(), (400, 2004));
    assert_eq!(get(&world, "/api/terminal/sessions/none/screen").await.problem(), (404, 1001));
}

#[tokio::test]
async fn rows_come_in_pages_from_the_newest_back() {
    let world = World::open().await;
    let history = format!("/api/terminal/sessions/{}/history", world.session().await);
    let newest = get(&world, &format!("{history}?lines=3")).await.json();
    let rows = ["row 997, plain: true", "row 998, plain: true", "row 999, plain: true"];
    assert_eq!(newest, json!({ "lines": rows, "before": 997 }));
    let styled = get(&world, &format!("{history}?lines=2&before=997&format=ansi")).await.json();
    let rows = ["row 995, plain: false", "row 996, plain: false"];
    assert_eq!(styled, json!({ "lines": rows, "before": 995 }));
    let oldest = get(&world, &format!("{history}?before=2")).await.json();
    assert_eq!(oldest, json!({ "lines": ["row 0, plain: true", "row 1, plain: true"] }));
    let usual = get(&world, &history).await.json();
    assert_eq!(usual["lines"].as_array().map(Vec::len), Some(200));
}

#[tokio::test]
async fn a_page_has_1_to_1000_rows() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    for (lines, holds) in [(0, None), (1, Some(1)), (1_000, Some(1_000)), (1_001, None)] {
        let target = format!("/api/terminal/sessions/{session}/history?lines={lines}");
        let answer = get(&world, &target).await;
        let rows = |page: &Value| page["lines"].as_array().map(Vec::len);
        let ask = json!({ "type": "history", "id": "h", "sessionId": session, "lines": lines });
        client.send(ask).await;
        match holds {
            None => {
                assert_eq!(answer.problem(), (400, 2004), "{lines}");
                assert_eq!(client.error().await, 2004, "{lines}");
            }
            Some(_) => {
                assert_eq!(rows(&answer.json()), holds);
                let page = client.json("history").await;
                assert_eq!((rows(&page), &page["id"]), (holds, &json!("h")));
            }
        }
    }
}

#[tokio::test]
async fn a_client_of_text_gets_rows_as_old_output() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client("/terminal", "terminal.v1").await;
    let ask = json!({ "type": "request_history", "sessionId": session, "payload": { "lines": 2 } });
    client.send(ask).await;
    let mut output = client.json("output").await;
    if output.get("history").is_none() {
        // The screen comes as well: asking attaches.
        output = client.json("output").await;
    }
    let text = "row 998, plain: false\r\nrow 999, plain: false";
    assert_eq!((&output["payload"], &output["history"]), (&json!(text), &json!(true)));
    assert_eq!((&output["before"], &output["sessionId"]), (&json!(998), &json!(session)));
}

#[tokio::test]
async fn a_check_answers_what_the_screen_is_like() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    client.send(json!({ "type": "check", "id": "c", "channel": 1 })).await;
    let checked = client.json("checked").await;
    let wanted = json!({
        "type": "checked", "id": "c", "channel": 1, "offset": 5, "hash": "00c0ffee",
    });
    assert_eq!(checked, wanted);
    client.send(json!({ "type": "check", "channel": 9 })).await;
    assert_eq!(client.error().await, 2004);
}

#[tokio::test]
async fn nobody_reads_what_is_not_theirs() {
    let world = World::guarded().await;
    let session = world.session_of_ann().await;
    let bob = world.server.token("bob", None, Role::User);
    for what in ["screen", "history"] {
        let target = format!("/api/terminal/sessions/{session}/{what}");
        let answer = world.server.send(Request::new("GET", &target).bearer(&bob)).await;
        assert_eq!(answer.problem(), (404, 1001), "{what}");
        let nobody = world.server.send(Request::new("GET", &target)).await;
        assert_eq!(nobody.status, 401, "{what}");
    }
    let mut client = world.canonical_as("bob", Role::User).await;
    client.send(json!({ "type": "history", "sessionId": session, "lines": 5 })).await;
    assert_eq!(client.error().await, 1001);
}
