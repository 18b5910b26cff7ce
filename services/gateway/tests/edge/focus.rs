//! Focus over REST: one session, several at once, conflicts, and who may.

use serde_json::{Value, json};
use termfleet_gateway::config;
use termfleet_session::{ids::Epoch, role::Role, state::Status};
use termfleet_store::{Change, Directory, Fence};

use crate::harness::{Answer, Request, Server, Setup, owner};

async fn ann(sessions: usize) -> (Server, String, Vec<String>) {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    let mut ids = Vec::new();
    for _ in 0..sessions {
        ids.push(server.session("~ann", "ann", "p").await.id.to_string());
    }
    (server, token, ids)
}

async fn put(server: &Server, token: &str, path: &str, body: Value) -> Answer {
    let path = format!("/api/terminal/{path}");
    let request = Request::new("PUT", &path).bearer(token).json(&body.to_string());
    server.send(request).await
}

async fn read(server: &Server, token: &str) -> Value {
    server.get("/api/terminal/projects/p/focus", token).await.json()
}

#[tokio::test]
async fn one_session_gains_and_loses_the_focus() {
    let (server, token, ids) = ann(1).await;
    let before = read(&server, &token).await;
    assert_eq!(
        before,
        json!({ "success": true, "projectId": "p", "focusedSessions": [], "totalFocused": 0,
            "maxFocused": 4, "version": 0 })
    );
    let path = format!("sessions/{}/focus", ids[0]);
    let focused = put(&server, &token, &path, json!({ "focused": true })).await;
    let (status, focused) = (focused.status, focused.json());
    assert_eq!((status, &focused["focusedSessions"]), (200, &json!([ids[0]])));
    assert_eq!(focused, read(&server, &token).await);
    let record = server.get(&format!("/api/terminal/sessions/{}", ids[0]), &token).await.json();
    let record = &record["session"];
    assert_eq!((&record["isFocused"], &record["focusOrder"]), (&json!(true), &json!(0)));
    assert!(record["focusedAt"].is_string());
    let blurred = put(&server, &token, &path, json!({ "focused": false })).await.json();
    assert_eq!(blurred["focusedSessions"], json!([]));
    assert!(blurred["version"].as_u64() > focused["version"].as_u64());
    let listed = server.get("/api/terminal/projects/p/sessions", &token).await.json();
    assert_eq!(listed["sessions"][0]["isFocused"], false);
    assert_eq!(listed["sessions"][0].get("focusedAt"), None);
}

#[tokio::test]
async fn several_at_once_are_a_grid_and_the_fifth_evicts_the_least_active() {
    let (server, token, ids) = ann(5).await;
    let grid = json!({ "projectId": "p", "sessionIds": ids[..4], "focused": true });
    let focused = put(&server, &token, "focus", grid).await.json();
    assert_eq!(focused["focusedSessions"], json!(ids[..4]));
    let fifth = json!({ "projectId": "p", "sessionId": ids[4], "focused": true });
    let focused = put(&server, &token, "focus", fifth).await.json();
    assert_eq!((&focused["totalFocused"], &focused["maxFocused"]), (&json!(4), &json!(4)));
    assert_eq!(focused["focusedSessions"], json!(ids[1..]));
    let grid = json!({ "projectId": "p", "sessionIds": ids, "focused": false });
    let blurred = put(&server, &token, "focus", grid).await.json();
    assert_eq!(blurred["totalFocused"], 0);
}

#[tokio::test]
async fn a_version_that_has_moved_on_is_409_with_the_focus_as_it_is() {
    let (server, token, ids) = ann(2).await;
    let change = |at: usize, version: u64| json!({ "projectId": "p", "sessionId": ids[at], "focused": true, "expectedVersion": version });
    let first = put(&server, &token, "focus", change(0, 0)).await.json();
    let stale = put(&server, &token, "focus", change(1, 0)).await;
    assert_eq!(stale.problem(), (409, 1005));
    let state = stale.json()["focusState"].clone();
    assert_eq!(state["version"], first["version"]);
    assert_eq!(state["focusedSessions"], json!([ids[0]]));
    let fresh = change(1, state["version"].as_u64().unwrap());
    assert_eq!(put(&server, &token, "focus", fresh).await.status, 200);
}

#[tokio::test]
async fn what_is_no_change_is_told_so() {
    let (server, token, ids) = ann(1).await;
    let elsewhere = server.session("~ann", "ann", "q").await.id.to_string();
    let many: Vec<_> = std::iter::repeat_n(&ids[0], 65).collect();
    for (body, expected) in [
        (json!({ "projectId": "p", "focused": true }), (400, 2004)),
        (json!({ "projectId": "p", "sessionIds": [], "focused": true }), (400, 2004)),
        (json!({ "projectId": "p", "sessionId": ids[0] }), (400, 2004)),
        (
            json!({ "projectId": "p", "sessionId": ids[0], "sessionIds": ids, "focused": true }),
            (400, 2004),
        ),
        (json!({ "projectId": "p", "sessionIds": many, "focused": true }), (400, 2004)),
        (json!({ "projectId": "p", "sessionId": elsewhere, "focused": true }), (400, 2004)),
        (json!({ "projectId": "p", "sessionId": "unknown", "focused": true }), (404, 1001)),
    ] {
        assert_eq!(put(&server, &token, "focus", body.clone()).await.problem(), expected, "{body}");
    }
    let at_the_limit: Vec<_> = std::iter::repeat_n(&ids[0], 64).collect();
    let body = json!({ "projectId": "p", "sessionIds": at_the_limit, "focused": true });
    assert_eq!(put(&server, &token, "focus", body).await.status, 200);
}

#[tokio::test]
async fn others_sessions_are_unknown_and_viewers_only_look() {
    let (server, token, ids) = ann(1).await;
    let path = format!("sessions/{}/focus", ids[0]);
    let bob = server.token("bob", None, Role::User);
    let answer = put(&server, &bob, &path, json!({ "focused": true })).await;
    assert_eq!(answer.problem(), (404, 1001));
    let viewer = server.token("ann", None, Role::Viewer);
    let answer = put(&server, &viewer, &path, json!({ "focused": true })).await;
    assert_eq!(answer.problem(), (403, 4002));
    put(&server, &token, &path, json!({ "focused": true })).await;
    assert_eq!(read(&server, &viewer).await["focusedSessions"], json!(ids));
    assert_eq!(read(&server, &bob).await["focusedSessions"], json!([]), "another tenant's project");
    let nobody = Request::new("GET", "/api/terminal/projects/p/focus");
    assert_eq!(server.send(nobody).await.problem(), (401, 4001));
}

#[tokio::test]
async fn a_session_that_closes_or_is_suspended_loses_the_focus_and_does_not_gain_it() {
    let (server, token, ids) = ann(3).await;
    let grid = json!({ "projectId": "p", "sessionIds": ids, "focused": true });
    put(&server, &token, "focus", grid).await;
    let fence = Fence { owner: owner(), epoch: Epoch::new(1) };
    let id = |at: usize| ids[at].parse().unwrap();
    server.store.close(&id(0), &fence, None).await.unwrap();
    let suspend = Change { status: Some(Status::Suspended), ..Change::default() };
    server.store.update(&id(1), &fence, suspend).await.unwrap();
    assert_eq!(read(&server, &token).await["focusedSessions"], json!([ids[2]]));
    for (at, expected) in [(0, (410, 1006)), (1, (409, 1007))] {
        let path = format!("sessions/{}/focus", ids[at]);
        let answer = put(&server, &token, &path, json!({ "focused": true })).await;
        assert_eq!(answer.problem(), expected);
        let answer = put(&server, &token, &path, json!({ "focused": false })).await;
        assert_eq!(answer.status, 200, "it may be left as it is");
    }
}

#[tokio::test]
async fn the_limit_is_configured() {
    let focus = config::Focus { max_per_project: 1, ..config::Focus::default() };
    let setup = Setup { focus, ..Setup::with_auth() };
    let server = setup.start().await;
    let token = server.token("ann", None, Role::User);
    let mut last = String::new();
    for _ in 0..2 {
        last = server.session("~ann", "ann", "p").await.id.to_string();
        let path = format!("sessions/{last}/focus");
        put(&server, &token, &path, json!({ "focused": true })).await;
    }
    let focus = read(&server, &token).await;
    assert_eq!((&focus["focusedSessions"], &focus["maxFocused"]), (&json!([last]), &json!(1)));
}
